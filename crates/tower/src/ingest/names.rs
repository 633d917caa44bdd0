//! The inputs of this tower: a number for the router, a name for everybody else.

use radio_config::Config;
use radio_signal::router::{INPUTS_MAX, InputId};

/// Name of the input behind the PCM socket.
pub const STATION: &str = "station";
/// Number of the input behind the PCM socket.
pub const STATION_ID: InputId = InputId(0);
/// Name of the input that plays files.
pub const PLAY: &str = "play";
/// Number of the input that plays files.
pub const PLAY_ID: InputId = InputId(1);

/// What the inputs are called.
#[derive(Clone, Debug)]
pub struct InputNames {
    /// By number. An input that is configured no more keeps its number: it may come back, and what it did is still told.
    names: Vec<Named>,
}

#[derive(Clone, Debug)]
struct Named {
    name: String,
    is_there: bool,
}

/// There have been as many inputs as can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there have been {INPUTS_MAX} different inputs since the tower started: restart it, or use a name again")]
pub struct TooManyNames;

impl InputNames {
    /// The names that the configuration gives.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let fixed = [STATION, PLAY].map(|name| Named { name: name.into(), is_there: true });
        let empty = Self { names: fixed.into() };
        // A configuration that is good has fewer than there may be.
        empty.renamed(config).unwrap_or(empty)
    }

    /// The names that another configuration gives; those that were there before keep their numbers.
    ///
    /// # Errors
    /// Too many, with those that are there no more.
    pub fn renamed(&self, config: &Config) -> Result<Self, TooManyNames> {
        let mut names = self.names.clone();
        names.iter_mut().for_each(|named| named.is_there = named.name == STATION);
        let plays = (!config.play.paths.is_empty()).then_some(PLAY);
        for name in config.input.iter().map(|input| input.name.as_str()).chain(plays) {
            match names.iter_mut().find(|named| named.name == name) {
                Some(named) => named.is_there = true,
                None => names.push(Named { name: name.into(), is_there: true }),
            }
        }
        if names.len() > usize::from(INPUTS_MAX) { Err(TooManyNames) } else { Ok(Self { names }) }
    }

    /// The name of an input.
    #[must_use]
    pub fn of(&self, id: InputId) -> &str {
        self.names.get(usize::from(id.0)).map_or("?", |named| named.name.as_str())
    }

    /// The number of the input called `name`, if this tower has it.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<InputId> {
        self.iter().find(|(_, known)| *known == name).map(|(id, _)| id)
    }

    /// The inputs that this tower has.
    pub fn iter(&self) -> impl Iterator<Item = (InputId, &str)> {
        let all = self.names.iter().zip(0..).filter(|(named, _)| named.is_there);
        all.map(|(named, number)| (InputId(number), named.name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_config::Input;

    fn with(names: &[&str]) -> Config {
        let input = |name: &&str| Input { name: (*name).into(), ..Input::default() };
        Config { input: names.iter().map(input).collect(), ..Config::default() }
    }

    #[test]
    fn an_input_is_found_by_number_and_by_name() {
        let names = InputNames::new(&with(&["dj"]));
        assert_eq!(names.iter().collect::<Vec<_>>(), [(STATION_ID, "station"), (InputId(2), "dj")]);
        assert_eq!((names.id("dj"), names.of(InputId(2))), (Some(InputId(2)), "dj"));
        assert_eq!((names.id("play"), names.id("nobody")), (None, None));
        assert_eq!(names.of(InputId(77)), "?");
    }

    #[test]
    fn a_number_stays_with_its_name_and_one_that_is_gone_is_still_told() {
        let names = InputNames::new(&with(&["dj", "guest"]));
        let later = names.renamed(&with(&["studio", "guest"])).unwrap();
        assert_eq!((later.id("guest"), later.id("dj"), later.id("studio")), (Some(InputId(3)), None, Some(InputId(4))));
        assert_eq!(later.of(InputId(2)), "dj");
        assert_eq!(later.renamed(&with(&["dj"])).unwrap().id("dj"), Some(InputId(2)));
        let many: Vec<String> = (0..70).map(|number| format!("input-{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(names.renamed(&with(&many)).err(), Some(TooManyNames));
    }
}
