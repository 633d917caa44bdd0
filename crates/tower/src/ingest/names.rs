//! The inputs of this tower: a number for the router, a name for everybody else.

use crate::config::Config;
use radio_signal::router::InputId;

/// Name of the input behind the PCM socket.
pub const STATION: &str = "station";
/// Number of the input behind the PCM socket.
pub const STATION_ID: InputId = InputId(0);
/// Name of the input that plays files.
pub const PLAY: &str = "play";
/// Number of the input that plays files.
pub const PLAY_ID: InputId = InputId(1);
/// Number of the first `[[input]]`; the others follow.
const FIRST_CONFIGURED: u16 = 2;

/// Number of the `[[input]]` with this index.
#[must_use]
pub fn configured_id(index: usize) -> InputId {
    // There are never more than `INPUTS_MAX`.
    InputId(FIRST_CONFIGURED.saturating_add(index as u16))
}

/// What the inputs are called.
#[derive(Clone, Debug)]
pub struct InputNames {
    plays: bool,
    /// By number.
    names: Vec<String>,
}

impl InputNames {
    /// The names that the configuration gives.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let configured = config.input.iter().map(|input| input.name.clone());
        let names = [STATION.into(), PLAY.into()].into_iter().chain(configured).collect();
        Self { plays: !config.play.paths.is_empty(), names }
    }

    /// The name of an input.
    #[must_use]
    pub fn of(&self, id: InputId) -> &str {
        self.names.get(usize::from(id.0)).map_or("?", String::as_str)
    }

    /// The number of the input called `name`, if this tower has it.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<InputId> {
        self.iter().find(|(_, known)| *known == name).map(|(id, _)| id)
    }

    /// The inputs that this tower has.
    pub fn iter(&self) -> impl Iterator<Item = (InputId, &str)> {
        let all = self.names.iter().zip(0..).map(|(name, number)| (InputId(number), name.as_str()));
        all.filter(|(id, _)| self.plays || *id != PLAY_ID)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Input;

    #[test]
    fn an_input_is_found_by_number_and_by_name() {
        let input = Input { name: "dj".into(), ..Input::default() };
        let names = InputNames::new(&Config { input: vec![input], ..Config::default() });
        assert_eq!(names.iter().collect::<Vec<_>>(), [(STATION_ID, "station"), (configured_id(0), "dj")]);
        assert_eq!((names.id("dj"), names.of(configured_id(0))), (Some(InputId(2)), "dj"));
        assert_eq!((names.id("play"), names.id("nobody")), (None, None));
        assert_eq!(names.of(InputId(77)), "?");
    }
}
