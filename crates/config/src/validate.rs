//! What must hold in a configuration beyond the types: ranges, syntax, and rules between values.

use super::check::{Check, Invalid};
use super::key::Valid;
use super::key_table::KEYS;
use super::limits::*;
use super::mount::mount_syntax_error;
use super::output::{Codec, EncoderKind, Output};
use super::schema::{Config, Server};
use super::validate_webhooks::url_error;
use crate::host;
use radio_base::child_process::environment;
use radio_signal::units::{SAMPLE_RATE_HZ, TICK_MS, ticks_in_ms};
use toml::Value;

/// Everything that is wrong with `config`; empty if it is good.
#[must_use]
pub fn validate(config: &Config) -> Vec<Invalid> {
    let mut check = Check::default();
    check.ranges(config);
    check.server(config);
    check.station(config);
    check.files_and_log(config);
    if config.output.is_empty() || config.output.len() > OUTPUTS_MAX {
        check.add(&["output"], format!("`output`: {} outputs; there must be 1 to {OUTPUTS_MAX}", config.output.len()));
    }
    for (i, output) in config.output.iter().enumerate() {
        check.output(config, i, output);
    }
    check.inputs(config);
    check.users(config);
    check.webhooks(config);
    check.tls(&config.tls, config.server.host, config.server.port);
    check.found
}

/// Smallest playout delay with which the encoder of `output` can deliver in time (SPEC ENC-12).
#[must_use]
pub const fn playout_delay_ticks_min(output: &Output) -> u64 {
    match output.encoder {
        EncoderKind::Builtin => match output.codec {
            Codec::Mp3 | Codec::Aac | Codec::HeAac => 2,
            Codec::Opus => 3,
        },
        EncoderKind::Ffmpeg => match output.codec {
            Codec::Mp3 if output.sample_rate_hz == SAMPLE_RATE_HZ => 3,
            Codec::Mp3 | Codec::Aac | Codec::HeAac | Codec::Opus => 6,
        },
        EncoderKind::Command => output.command_delay_ms.div_ceil(TICK_MS),
    }
}

/// Largest playout delay that fits the frame buffer beside `hold_max` and two ticks (SPEC ENC-12); None if none does.
#[must_use]
pub fn playout_delay_ms_max(config: &Config) -> Option<u64> {
    let taken = ticks_in_ms(config.encoder.hold_max_ms) + 2;
    let ticks = (config.encoder.buffer_frames as u64).checked_sub(taken)?;
    (ticks > 0).then_some(ticks * TICK_MS)
}

impl Check {
    /// Every number against the range that the table of keys states.
    fn ranges(&mut self, config: &Config) {
        let tree = match Value::try_from(config) {
            Ok(tree) => tree,
            Err(error) => return self.add(&[], format!("a value is out of all range: {error}")),
        };
        for key in KEYS {
            let Valid::Range(min, max, _) = key.valid else { continue };
            let (table, name) = key.path.rsplit_once('.').unwrap_or(("", key.path));
            match table.strip_suffix(".*") {
                None => self.range(key.path, tree.get(table).and_then(|table| table.get(name)), min, max, &key.valid),
                Some(list) => {
                    for (i, item) in tree.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
                        self.range(&format!("{list}.{i}.{name}"), item.get(name), min, max, &key.valid);
                    }
                }
            }
        }
    }

    fn range(&mut self, path: &str, value: Option<&Value>, min: i64, max: i64, valid: &Valid) {
        let within = |value: &Value| match value {
            Value::Integer(n) => (min..=max).contains(n),
            // Also false for NaN.
            Value::Float(x) => (min as f64..=max as f64).contains(x),
            _ => true,
        };
        let good = match value {
            None => true,
            Some(Value::Array(steps)) => (1..=BACKOFF_STEPS_MAX).contains(&steps.len()) && steps.iter().all(within),
            Some(value) => within(value),
        };
        if let (false, Some(value)) = (good, value) {
            self.add(&[path], format!("`{path}` cannot be {value}; valid is {valid}"));
        }
    }

    fn server(&mut self, config: &Config) {
        self.line("server.location", &config.server.location, TITLE_BYTES_MAX);
        self.line("server.admin_contact", &config.server.admin_contact, TITLE_BYTES_MAX);
        self.names("server.names", &config.server.names);
        self.overflow_url(&config.server);
        let (above, below) = (config.server.crowd_above, config.server.crowd_below);
        if below > above {
            let message = format!(
                "`server.crowd_below` cannot be {below}: with `server.crowd_above` = {above} it is at most {above}"
            );
            self.add(&["server.crowd_below", "server.crowd_above"], message);
        }
        let proxies = config.server.trusted_proxies.len();
        if proxies > TRUSTED_PROXIES_MAX {
            let message = format!("`server.trusted_proxies`: {proxies} networks; there may be {TRUSTED_PROXIES_MAX}");
            self.add(&["server.trusted_proxies"], message);
        }
        if config.server.proxy_protocol && proxies == 0 {
            let message = "`server.proxy_protocol` is for trusted proxies only; name them in `server.trusted_proxies`";
            self.add(&["server.proxy_protocol", "server.trusted_proxies"], message.into());
        }
    }

    fn overflow_url(&mut self, server: &Server) {
        const KEYS: [&str; 2] = ["server.overflow_url", "server.mbit_max"];
        let url = &server.overflow_url;
        if url.is_empty() {
            return;
        }
        let has_query = url.contains(['?', '#']);
        if let Some(wrong) =
            url_error(url).or(has_query.then_some("cannot have a query: that of the listener is appended"))
        {
            self.add(&KEYS[..1], format!("`{}` {wrong}", KEYS[0]));
        } else if server.mbit_max == 0.0 {
            self.add(&KEYS, format!("`{}` is given but not used; set `{}`, or take it out", KEYS[0], KEYS[1]));
        }
    }

    fn station(&mut self, config: &Config) {
        let station = &config.station;
        if station.preroll_ticks >= station.capacity_ticks {
            self.add(
                &["station.preroll_ticks", "station.capacity_ticks"],
                format!(
                    "`station.preroll_ticks` is {} and `station.capacity_ticks` {}; the pre-roll must be at least one tick \
                     smaller than the buffer, so at most {} here",
                    station.preroll_ticks,
                    station.capacity_ticks,
                    station.capacity_ticks.saturating_sub(1)
                ),
            );
        }
        // A fade that its buffer can never hold would always be shortened (SPEC ROUTER-5).
        let fade_ms_max = (station.capacity_ticks as u64).saturating_sub(2) * TICK_MS;
        let fade = if station.fade_ms.is_some() { "station.fade_ms" } else { "router.fade_ms" };
        let fade_ms = station.fade_ms.unwrap_or(config.router.fade_ms);
        if (fade_ms_max + 1..=FADE_MS_MAX).contains(&fade_ms) {
            let message = format!(
                "`{fade}` is {fade_ms} and `station.capacity_ticks` {}: a buffer holds fades of at most {fade_ms_max} ms; \
                 shorten the fade or enlarge the buffer",
                station.capacity_ticks
            );
            self.add(&[fade, "station.capacity_ticks"], message);
        }
        self.socket_path("station.socket", &station.socket);
        self.socket_path("server.admin_socket", &config.server.admin_socket);
        if !station.socket.as_os_str().is_empty() && station.socket == config.server.admin_socket {
            let message = "`station.socket` and `server.admin_socket` are the same path; give each its own";
            self.add(&["station.socket", "server.admin_socket"], message.into());
        }
    }

    fn files_and_log(&mut self, config: &Config) {
        for (key, paths) in [("play.paths", &config.play.paths), ("fallback.paths", &config.fallback.paths)] {
            if paths.len() > PATHS_MAX {
                self.add(
                    &[key],
                    format!("`{key}` has {} entries, at most {PATHS_MAX}; name their folder instead", paths.len()),
                );
            }
            if paths.iter().any(|path| path.as_os_str().is_empty()) {
                self.add(&[key], format!("`{key}` has an empty entry; take it out"));
            }
        }
        if config.encoder.ffmpeg.as_os_str().is_empty() {
            self.add(&["encoder.ffmpeg"], "`encoder.ffmpeg` is empty; write \"ffmpeg\" or its path".into());
        }
        self.environment("encoder.environment", &config.encoder.environment);
        self.password("admin.password", &config.admin.password);
        self.password("station.password", &config.station.password);
        if let Err(error) = tracing_subscriber::EnvFilter::builder().parse(&config.log.level) {
            let message = format!("`log.level`: {error}; write \"info\" or \"info,radio_encoder=debug\"");
            self.add(&["log.level"], message);
        }
    }

    fn names(&mut self, key: &str, names: &[String]) {
        if names.len() > NAMES_MAX {
            self.add(&[key], format!("`{key}` has {} names, at most {NAMES_MAX}", names.len()));
        }
        if let Some((name, wrong)) = names.iter().find_map(|name| Some((name, host::name_error(name)?))) {
            self.add(&[key], format!("`{key}`: \"{}\" {wrong}", name.escape_debug()));
        }
    }

    /// Names of variables, none of which is a secret of the tower's own.
    fn environment(&mut self, key: &str, names: &[String]) {
        if names.len() > environment::NAMES_MAX {
            self.add(&[key], format!("`{key}` has {} names, at most {}", names.len(), environment::NAMES_MAX));
        }
        if let Some((name, wrong)) = names.iter().find_map(|name| Some((name, environment::name_error(name)?))) {
            self.add(&[key], format!("`{key}`: \"{}\" {wrong}", name.escape_debug()));
        }
    }

    fn output(&mut self, config: &Config, index: usize, output: &Output) {
        let key = |name: &str| format!("output.{index}.{name}");
        self.mount(config, index, &output.mount);
        self.aliases(config, index, output);
        let texts = [
            ("name", &output.name),
            ("genre", &output.genre),
            ("description", &output.description),
            ("url", &output.url),
        ];
        for (name, text) in texts {
            self.line(&key(name), text, TITLE_BYTES_MAX);
        }
        self.codec(index, output);
        self.password(&key("password"), &output.password);
        self.command(&key("command"), &key("encoder"), output);
        self.playout_delay(config, &key("playout_delay_ms"), &key("encoder"), output);
    }

    fn command(&mut self, key: &str, encoder_key: &str, output: &Output) {
        let words = output.command.len();
        if output.encoder == EncoderKind::Command && output.command.first().is_none_or(String::is_empty) {
            let message =
                format!("`{encoder_key}` is \"command\", so `{key}` must name an executable and its arguments");
            self.add(&[key, encoder_key], message);
        } else if output.encoder != EncoderKind::Command && words > 0 {
            let message = format!("`{key}` is given but not used; write `encoder = \"command\"`, or take it out");
            self.add(&[key, encoder_key], message);
        } else if words > COMMAND_WORDS_MAX || output.command.iter().any(|word| word.contains('\0')) {
            self.add(&[key], format!("`{key}` must be at most {COMMAND_WORDS_MAX} words without NUL"));
        }
    }

    /// SPEC ENC-12.
    fn playout_delay(&mut self, config: &Config, key: &str, encoder_key: &str, output: &Output) {
        let min = playout_delay_ticks_min(output);
        let min_ms = min * TICK_MS;
        if ticks_in_ms(output.playout_delay_ms) < min {
            let message = format!(
                "`{key}` is {} ms; with this encoder it must be at least {min} ticks, {min_ms} ms",
                output.playout_delay_ms
            );
            self.add(&[key, encoder_key], message);
        }
        let keys = [key, "encoder.buffer_frames", "encoder.hold_max_ms"];
        let (frames, hold_ms) = (config.encoder.buffer_frames, config.encoder.hold_max_ms);
        match playout_delay_ms_max(config).filter(|&max_ms| max_ms >= min_ms) {
            Some(max_ms) if ticks_in_ms(output.playout_delay_ms) <= ticks_in_ms(max_ms) => {}
            Some(max_ms) => {
                let message = format!(
                    "`{key}` is {} ms; with `encoder.buffer_frames` = {frames} and `encoder.hold_max_ms` = {hold_ms} the \
                     largest that fits is {max_ms} ms",
                    output.playout_delay_ms
                );
                self.add(&keys, message);
            }
            None => {
                let needed = ticks_in_ms(hold_ms) + 2 + min.max(ticks_in_ms(output.playout_delay_ms));
                let message = format!(
                    "`encoder.buffer_frames` = {frames} leaves no room for any playout delay beside `encoder.hold_max_ms` = \
                     {hold_ms}; make it {needed} at least, or hold for a shorter time"
                );
                self.add(&["encoder.buffer_frames", "encoder.hold_max_ms", key], message);
            }
        }
    }

    fn mount(&mut self, config: &Config, index: usize, mount: &str) {
        let key = format!("output.{index}.mount");
        let wrong = mount_syntax_error(mount).map(str::to_owned).or_else(|| {
            // `/a` is served as `/a.mp3` too, so these two are one.
            let output = config.output.get(index)?;
            let same = |other: &Output| {
                other.mount == mount || (other.codec == output.codec && other.bare_mount() == output.bare_mount())
            };
            let earlier = config.output[..index].iter().position(same)?;
            Some(format!("is taken by output {earlier}; give each output its own"))
        });
        if let Some(wrong) = wrong {
            self.add(&[&key], format!("`{key}` = \"{}\" {wrong}", mount.escape_debug()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overflow_url_has_no_query_and_a_limit_that_makes_use_of_it() {
        let found = |mbit_max, url: &str| {
            let mut check = Check::default();
            check.overflow_url(&Server { mbit_max, overflow_url: url.into(), ..Server::default() });
            check.found.into_iter().map(|invalid| invalid.keys.join(" ")).collect::<Vec<_>>()
        };
        for good in ["", "https://edge.example.org", "http://127.0.0.1:8001/radio/"] {
            assert!(found(0.3, good).is_empty(), "{good}");
        }
        for bad in ["edge.example.org", "https://edge/?a=b", "https://me:pw@edge/", "https://edge/#a", "http://a\r\nb"]
        {
            assert_eq!(found(0.3, bad), ["server.overflow_url"], "{bad}");
        }
        assert_eq!(found(0.0, "https://edge.example.org"), ["server.overflow_url server.mbit_max"]);
    }
}
