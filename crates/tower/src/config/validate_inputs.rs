//! What must hold for `[[input]]` beyond the types.

use super::input::Input;
use super::mount::mount_syntax_error;
use super::schema::Config;
use super::validate::{Check, FADE_MS_MAX, PASSWORD_BYTES_MAX, TITLE_BYTES_MAX};
use radio_signal::units::TICK_MS;

/// What can be on air besides the configured inputs: their names would be ambiguous.
const NAMES_TAKEN: [&str; 5] = ["station", "play", "fallback file", "tone", "silence"];

impl Check {
    pub(super) fn inputs(&mut self, config: &Config) {
        for (i, input) in config.input.iter().enumerate() {
            self.input_name(config, i, &input.name);
            self.input_mount(config, i, &input.mount);
            self.input_credentials(i, input);
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
            let earlier = config.input[..index].iter().position(|other| other.mount == mount)?;
            Some(format!("is taken by input {earlier}; give each input its own"))
        });
        if let Some(wrong) = wrong {
            self.add(&[&key], format!("`{key}` = \"{}\" {wrong}", mount.escape_debug()));
        }
    }

    fn input_credentials(&mut self, index: usize, input: &Input) {
        let (user, password) = (format!("input.{index}.user"), format!("input.{index}.password"));
        self.line(&user, &input.user, TITLE_BYTES_MAX);
        if input.user.contains(':') {
            self.add(&[&user], format!("`{user}` cannot have a colon: it ends the user in what a source sends"));
        }
        self.line(&password, &input.password, PASSWORD_BYTES_MAX);
        if input.password.is_empty() {
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
        // As for the station: on air a source must always hold its fade (SPEC ROUTER-5, ROUTER-6).
        let fade_ms_max = (input.capacity_ticks as u64).saturating_sub(2) * TICK_MS;
        if (fade_ms_max + 1..=FADE_MS_MAX).contains(&config.router.fade_ms) {
            let message = format!(
                "`router.fade_ms` is {} and `{capacity}` {}: a buffer holds fades of at most {fade_ms_max} ms; shorten \
                 the fade or enlarge the buffer",
                config.router.fade_ms, input.capacity_ticks
            );
            self.add(&["router.fade_ms", &capacity], message);
        }
    }
}
