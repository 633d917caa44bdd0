//! `~` at the beginning of a path: the home directory, as in a shell, which expands it in arguments
//! but not in files.

use super::schema::Config;
use std::path::{Path, PathBuf};

/// Writes `home` for `~` in every path of `config`.
pub(super) fn expand(config: &mut Config, home: &Path) {
    let Config { server, tls, station, input, play, fallback, encoder, .. } = config;
    let single = [
        &mut server.state_dir,
        &mut server.admin_socket,
        &mut tls.certificate,
        &mut tls.key,
        &mut station.socket,
        &mut encoder.ffmpeg,
    ];
    let lists = play.paths.iter_mut().chain(&mut fallback.paths);
    let inputs = input.iter_mut().flat_map(|input| input.paths.iter_mut().chain([&mut input.socket]));
    for path in single.into_iter().chain(lists).chain(inputs) {
        expand_one(path, home);
    }
}

fn expand_one(path: &mut PathBuf, home: &Path) {
    if let Ok(rest) = path.strip_prefix("~") {
        // An empty rest would leave a slash at the end.
        *path = if rest.as_os_str().is_empty() { home.into() } else { home.join(rest) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tilde_is_the_home_directory_only_as_the_first_part() {
        let mut config = Config::default();
        config.play.paths = ["~/Music", "~", "/srv/~/x", "~other/x", "a~"].map(PathBuf::from).to_vec();
        config.server.state_dir = "~/state".into();
        expand(&mut config, Path::new("/home/dj"));
        let wanted = ["/home/dj/Music", "/home/dj", "/srv/~/x", "~other/x", "a~"].map(PathBuf::from);
        assert_eq!(config.play.paths, wanted);
        assert_eq!(config.server.state_dir, Path::new("/home/dj/state"));
        assert!(config.station.socket.as_os_str().is_empty());
    }
}
