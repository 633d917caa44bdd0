//! What must hold for `[[input]]` beyond the types.

use super::check::Check;
use super::input::{Input, InputKind};
use super::limits::{COMMAND_WORDS_MAX, FADE_MS_MAX, PATHS_MAX, TITLE_BYTES_MAX};
use super::mount::mount_syntax_error;
use super::schema::Config;
use super::validate_webhooks::url_error;
use radio_signal::units::TICK_MS;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What can be on air besides the configured inputs: their names would be ambiguous.
const NAMES_TAKEN: [&str; 6] = ["station", "play", "fallback", "fallback file", "tone", "silence"];

impl Check {
    pub(super) fn inputs(&mut self, config: &Config) {
        for (i, input) in config.input.iter().enumerate() {
            self.input_name(config, i, &input.name);
            self.input_credentials(i, input);
            match input.kind {
                InputKind::Icecast => self.input_mount(config, i, &input.mount),
                InputKind::PcmTcp => self.input_address(config, i, input.address),
                InputKind::PcmUnix => self.input_socket(config, i, &input.socket),
                InputKind::Playlist => self.input_paths(i, &input.paths),
                InputKind::Url => self.input_url(i, &input.url),
                InputKind::Command => self.input_command(i, &input.command),
            }
            self.keys_of_other_kinds(i, input);
            self.input_buffer(config, i, input);
        }
    }

    fn input_name(&mut self, config: &Config, index: usize, name: &str) {
        let key = format!("input.{index}.name");
        self.line(&key, name, TITLE_BYTES_MAX);
        if name.is_empty() || NAMES_TAKEN.contains(&name) {
            self.add(&[&key], format!("`{key}` cannot be {name:?}: the tower uses that itself; choose another"));
        } else if let Some(earlier) = config.input[..index].iter().position(|other| other.name == name) {
            self.add(&[&key], format!("`{key}`: input {earlier} has that name; give each input its own"));
        }
    }

    fn input_mount(&mut self, config: &Config, index: usize, mount: &str) {
        let key = format!("input.{index}.mount");
        let wrong = mount_syntax_error(mount).map(str::to_owned).or_else(|| {
            let is_same = |other: &Input| other.kind == InputKind::Icecast && other.mount == mount;
            let earlier = config.input[..index].iter().position(is_same)?;
            Some(format!("is taken by input {earlier}; give each input its own"))
        });
        if let Some(wrong) = wrong {
            self.add(&[&key], format!("`{key}` = \"{}\" {wrong}", mount.escape_debug()));
        }
    }

    fn input_address(&mut self, config: &Config, index: usize, address: SocketAddr) {
        let key = format!("input.{index}.address");
        let is_same =
            |other: &Input| other.kind == InputKind::PcmTcp && other.address == address && address.port() != 0;
        if let Some(earlier) = config.input[..index].iter().position(is_same) {
            self.add(&[&key], format!("`{key}` = \"{address}\" is taken by input {earlier}; give each input its own"));
        }
    }

    fn input_socket(&mut self, config: &Config, index: usize, path: &Path) {
        let key = format!("input.{index}.socket");
        self.socket_path(&key, path);
        let same = |other: &Input| other.kind == InputKind::PcmUnix && other.socket == path;
        if path.as_os_str().is_empty() {
            self.add(&[&key], format!("`{key}` is empty; name a path, such as \"/run/radio-tower/studio.sock\""));
        } else if path == config.station.socket || path == config.server.admin_socket {
            self.add(&[&key], format!("`{key}` is the path of another socket of the tower; give each its own"));
        } else if let Some(earlier) = config.input[..index].iter().position(same) {
            self.add(&[&key], format!("`{key}` is taken by input {earlier}; give each input its own"));
        }
    }

    fn input_paths(&mut self, index: usize, paths: &[PathBuf]) {
        let key = format!("input.{index}.paths");
        if paths.is_empty() || paths.iter().any(|path| path.as_os_str().is_empty()) {
            self.add(&[&key], format!("`{key}` is empty; name a folder, an .m3u list or files, each with its path"));
        } else if paths.len() > PATHS_MAX {
            let message =
                format!("`{key}` has {} entries, at most {PATHS_MAX}; name their folder instead", paths.len());
            self.add(&[&key], message);
        }
    }

    fn input_url(&mut self, index: usize, url: &str) {
        let key = format!("input.{index}.url");
        if let Some(wrong) = url_error(url) {
            self.add(&[&key], format!("`{key}` {wrong}"));
        }
    }

    fn input_command(&mut self, index: usize, command: &[String]) {
        let key = format!("input.{index}.command");
        if command.first().is_none_or(String::is_empty) {
            self.add(&[&key], format!("`{key}` is empty; write a list of words: an executable and its arguments"));
        } else if command.len() > COMMAND_WORDS_MAX || command.iter().any(|word| word.contains('\0')) {
            self.add(&[&key], format!("`{key}` must be at most {COMMAND_WORDS_MAX} words without NUL"));
        }
    }

    /// What would do nothing is a mistake, and the kind may be the wrong one.
    fn keys_of_other_kinds(&mut self, index: usize, input: &Input) {
        use InputKind::{Command, Icecast, PcmTcp, PcmUnix, Playlist, Url};
        let no = Input::default();
        let keys: [(&str, &[InputKind], bool); 14] = [
            ("mount", &[Icecast], input.mount != no.mount),
            ("user", &[Icecast, Url], input.user != no.user),
            ("password", &[Icecast, Url], input.password != no.password),
            ("second_source", &[Icecast], input.second_source != no.second_source),
            ("address", &[PcmTcp], input.address != no.address),
            ("socket", &[PcmUnix], input.socket != no.socket),
            ("pacing", &[PcmTcp, PcmUnix, Command], input.pacing != no.pacing),
            ("producers_max", &[PcmTcp, PcmUnix], input.producers_max != no.producers_max),
            ("paths", &[Playlist], input.paths != no.paths),
            ("shuffle", &[Playlist], input.shuffle != no.shuffle),
            ("crossfade_ms", &[Playlist], input.crossfade_ms != no.crossfade_ms),
            ("loudness_lufs", &[Playlist], input.loudness_lufs != no.loudness_lufs),
            ("url", &[Url], input.url != no.url),
            ("command", &[Command], input.command != no.command),
        ];
        for (name, kinds, is_given) in keys {
            if is_given && !kinds.contains(&input.kind) {
                let key = format!("input.{index}.{name}");
                let kinds: Vec<String> = kinds.iter().map(|kind| format!("\"{}\"", kind.name())).collect();
                let message = format!(
                    "`{key}` means nothing with kind = \"{}\": it is for {}; take it out, or choose that kind",
                    input.kind.name(),
                    kinds.join(" and ")
                );
                self.add(&[&key], message);
            }
        }
    }

    fn input_credentials(&mut self, index: usize, input: &Input) {
        let (user, password) = (format!("input.{index}.user"), format!("input.{index}.password"));
        self.line(&user, &input.user, TITLE_BYTES_MAX);
        if input.user.contains(':') {
            self.add(&[&user], format!("`{user}` cannot have a colon: it ends the user in what a source sends"));
        }
        self.password(&password, &input.password);
        if input.kind == InputKind::Icecast && input.password.is_empty() {
            self.add(&[&password], format!("`{password}` must be given: whoever knows it can go on air"));
        }
    }

    fn input_buffer(&mut self, config: &Config, index: usize, input: &Input) {
        let (preroll, capacity) = (format!("input.{index}.preroll_ticks"), format!("input.{index}.capacity_ticks"));
        // Audio in lumps, as Ogg pages are, waits beside the pre-roll.
        let preroll_max = (input.capacity_ticks / 2).saturating_sub(1);
        if input.preroll_ticks > preroll_max {
            let message = format!(
                "`{preroll}` is {} and `{capacity}` {}; the pre-roll must be less than half the buffer, so at most \
                 {preroll_max} here",
                input.preroll_ticks, input.capacity_ticks
            );
            self.add(&[&preroll, &capacity], message);
        }
        // As for the station: its buffer must be able to hold its fade (SPEC ROUTER-5).
        let fade_ms_max = (input.capacity_ticks as u64).saturating_sub(2) * TICK_MS;
        let fade = if input.fade_ms.is_some() { format!("input.{index}.fade_ms") } else { "router.fade_ms".into() };
        let fade_ms = input.fade_ms(config.router.fade_ms);
        if (fade_ms_max + 1..=FADE_MS_MAX).contains(&fade_ms) {
            let message = format!(
                "`{fade}` is {fade_ms} and `{capacity}` {}: a buffer holds fades of at most {fade_ms_max} ms; shorten \
                 the fade or enlarge the buffer",
                input.capacity_ticks
            );
            self.add(&[&fade, &capacity], message);
        }
    }
}
