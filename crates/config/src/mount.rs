//! Which paths a stream may have.

use super::check::Check;
use super::output::Output;
use super::schema::Config;

const MOUNT_BYTES_MAX: usize = 255;
/// Paths of one output beside its mount.
const ALIASES_MAX: usize = 16;

/// Paths that are not free for a mount.
const ROUTES: &[&str] =
    &["/", "/healthz", "/status", "/status-json.xsl", "/metrics", "/events", "/admin.cgi", "/favicon.ico"];

/// Paths under which no mount may lie.
const ROUTE_FOLDERS: &[&str] = &["/tower", "/admin", "/api"];

/// Whether `path` belongs to the tower's own pages and API, so that no mount can have it.
#[must_use]
pub fn is_reserved_route(path: &str) -> bool {
    let within =
        |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    ROUTES.contains(&path) || ROUTE_FOLDERS.iter().any(within)
}

/// Why `alias` cannot be another path of a stream. Old servers have paths that no mount may have.
fn alias_syntax_error(alias: &str) -> Option<&'static str> {
    syntax_error(alias, "._~-/;,=:@!$'()*", "may have letters, digits, and . _ ~ - / ; , = : @ ! $ ' ( ) * only")
}

/// Why `mount` cannot be the path of a stream.
pub(super) fn mount_syntax_error(mount: &str) -> Option<&'static str> {
    syntax_error(mount, "._~-/", "may have letters, digits, and . _ ~ - / only")
}

fn syntax_error(mount: &str, marks: &str, what_it_may_have: &'static str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    let bare = mount.strip_suffix(".mp3").unwrap_or(mount);
    if !mount.starts_with('/') {
        Some("must begin with /, such as \"/stream\"")
    } else if mount.len() > MOUNT_BYTES_MAX {
        Some("is longer than 255 bytes")
    } else if !mount.chars().all(plain) {
        Some(what_it_may_have)
    } else if is_reserved_route(mount) || is_reserved_route(bare) {
        Some("is a page or part of the API of the tower; choose another, such as \"/stream\"")
    } else if mount.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        Some("has an empty part, or one of dots")
    } else if [".m3u", ".m3u8", ".pls", ".xspf"].iter().any(|suffix| bare.ends_with(suffix)) {
        Some("ends like a playlist, and players would take it for one")
    } else {
        None
    }
}

impl Check {
    /// Paths beside the mount, none of which means anything else.
    pub(super) fn aliases(&mut self, config: &Config, index: usize, output: &Output) {
        let key = format!("output.{index}.aliases");
        let count = output.aliases.len();
        if count > ALIASES_MAX {
            self.add(&[&key], format!("`{key}` has {count} paths, at most {ALIASES_MAX}"));
        }
        for alias in &output.aliases {
            let of_output = || {
                let other = config.output.iter().position(|other| other != output && other.answers_to(alias))?;
                Some(format!("is a path of output {other} too; leave it to one of them"))
            };
            let of_input = || {
                let input = config.input.iter().find(|input| input.mount == *alias)?;
                Some(format!("is where sources of input \"{}\" connect; choose another", input.name.escape_debug()))
            };
            let wrong = alias_syntax_error(alias).map(str::to_owned).or_else(of_output).or_else(of_input);
            if let Some(wrong) = wrong {
                self.add(&[&key], format!("`{key}`: \"{}\" {wrong}", alias.escape_debug()));
            }
        }
    }
}
