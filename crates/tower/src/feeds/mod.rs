//! Inputs that the tower tends itself, as it does not those of DJ software: an address or a socket that takes PCM, files that
//! it plays, a stream of another server that it pulls, a program that it runs (SPEC ROUTER-1).
//!
//! - [`pcm`]: PCM over TCP or a Unix socket. [`pull`]: a stream of another server, asked for as [`request`] does, its titles taken out by
//!   [`titles`]. [`command`]: a program. Playlists are players of files, beside those of `[play]` and the fallback.
//! - this file: which of them run, and how they come and go with the configuration.
//!
//! Called by `serve` and `reload`. It knows nothing of requests, nor of what else is on air.

pub mod command;
pub mod pcm;
pub mod pull;
pub mod request;
pub mod titles;

use crate::files::PlayerHandle;
use crate::ingest::RunningInput;
use crate::ingest::names::InputNames;
use crate::playout::players::{self, GoOn};
use crate::state::Tower;
use radio_config::{Config, Input, InputKind};
use std::sync::{Arc, PoisonError};

/// Those that are to run, with all that can be refused.
#[derive(Default)]
pub struct NewFeeds {
    inputs: Vec<(Input, Option<pcm::Listening>)>,
    /// Those that run and are to run no more, at least not as they do.
    gone: Vec<Input>,
}

impl NewFeeds {
    /// What has to come and to go when `after` follows `before`.
    ///
    /// # Errors
    /// An address or a path at which the tower cannot listen, with the remedy.
    pub fn open(before: &Config, after: &Config) -> anyhow::Result<Self> {
        let is_in = |config: &Config, input: &Input| config.input.iter().any(|other| other.goes_on_as(input));
        let listen = |input: &Input| match input.kind {
            kind if kind.is_pcm() => Ok((input.clone(), Some(pcm::listen(input)?))),
            _ => Ok((input.clone(), None)),
        };
        let is_fed = |input: &&Input| input.kind != InputKind::Icecast;
        let new = after.input.iter().filter(is_fed).filter(|input| !is_in(before, input));
        let gone = before.input.iter().filter(is_fed).filter(|input| !is_in(after, input));
        Ok(Self { gone: gone.cloned().collect(), inputs: new.map(listen).collect::<anyhow::Result<_>>()? })
    }

    /// Starts the players of the lists that come; those of before still play.
    ///
    /// # Errors
    /// The router has no place for them.
    pub fn start_players(
        &self,
        tower: &Tower,
        config: &Config,
        names: &InputNames,
    ) -> anyhow::Result<Vec<PlayerHandle>> {
        let lists = self.inputs.iter().map(|(input, _)| input).filter(|input| input.kind == InputKind::Playlist);
        let ids = lists.filter_map(|input| Some((input, names.id(&input.name)?)));
        let shared = (&tower.inputs, &tower.titles, &tower.backing);
        ids.map(|(input, id)| players::start_list(config, id, input, shared, GoOn::Kept)).collect()
    }

    /// Ends those that go, and starts those that come. `tower` has their configuration.
    pub fn put_into_force(self, tower: &Arc<Tower>, players: Vec<PlayerHandle>) {
        for input in &self.gone {
            tower.feeds.stop(&input.name);
            if input.kind == InputKind::Playlist {
                players::stop(tower, &input.name);
            }
        }
        tower.players.lock().unwrap_or_else(PoisonError::into_inner).extend(players);
        for (input, listening) in self.inputs {
            let running: Box<dyn RunningInput> = match (input.kind, listening) {
                (_, Some(listening)) => Box::new(pcm::PcmDoor::open(tower, &input.name, listening)),
                (InputKind::Command, _) => Box::new(command::Program::start(tower, &input.name)),
                (InputKind::Url, _) => Box::new(pull::Pull::start(tower, &input.name)),
                _ => continue,
            };
            tower.feeds.keep(input.name, running);
        }
    }
}
