//! Players of files that come and go: the tower's own programme, and the fallback.

use crate::feeds::NewFeeds;
use crate::files::PlayerHandle;
use crate::files::media::{self, MediaPath};
use crate::ingest::names::{InputNames, PLAY};
use crate::playout::players::{self, FALLBACK, GoOn};
use crate::pump::Order;
use crate::state::Tower;
use anyhow::bail;
use radio_config::Config;
use radio_signal::ingest::BufferReader;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A file must be there to be heard within this time.
const READY_MAX: Duration = Duration::from_secs(5);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// Ticks that must have been decoded of a fallback before the other is given up: half a second.
const READY_TICKS: usize = 21;

/// Players that have something to play, and wait to be heard.
pub(super) struct NewFiles {
    /// None: the fallback's files are as before. Some of none: it is to have none.
    fallback: Option<Option<(PlayerHandle, BufferReader)>>,
    /// As above; its source is on its way to the router already, and waits behind the old one.
    play: Option<Option<PlayerHandle>>,
    /// Those of inputs, and what else feeds inputs.
    feeds: (NewFeeds, Vec<PlayerHandle>),
}

impl NewFiles {
    /// Starts the players whose files have changed.
    ///
    /// # Errors
    /// None of the files can be played, or there is no place for them.
    pub(super) async fn prepare(
        tower: &Tower,
        old: &Config,
        config: &Config,
        names: &InputNames,
    ) -> anyhow::Result<Self> {
        are_there(old, config).await?;
        let feeds = NewFeeds::open(old, config)?;
        let has_changed = old.fallback != config.fallback;
        let fallback = has_changed.then(|| players::start_fallback(config, &tower.titles, &tower.backing, GoOn::Kept));
        if let Some(Some((_, reader))) = &fallback {
            let gauge = reader.gauge();
            wait_for("fallback.paths", || gauge.offered() as usize >= READY_TICKS).await?;
        }
        let play = (old.play != config.play)
            .then(|| players::start_play(config, &tower.inputs, &tower.titles, &tower.backing, GoOn::Kept));
        let play = play.transpose()?;
        if let Some(Some(player)) = &play {
            wait_for("play.paths", || player.now_playing().is_some()).await?;
        }
        let lists = feeds.start_players(tower, config, names)?;
        for player in &lists {
            wait_for(&format!("input.{}.paths", player.name()), || player.now_playing().is_some()).await?;
        }
        Ok(Self { fallback, play, feeds: (feeds, lists) })
    }

    /// Has them heard, and stops those that were.
    pub(super) async fn put_into_force(self, tower: &Arc<Tower>) {
        let (feeds, lists) = self.feeds;
        feeds.put_into_force(tower, lists);
        if let Some(fallback) = self.fallback {
            players::stop(tower, FALLBACK);
            let (player, reader) = fallback.unzip();
            tower.fallback_gauge.store(reader.as_ref().map(|reader| Arc::new(reader.gauge())));
            if let Err(error) = tower.desk.order(Order::FallbackFile(reader)).await {
                tracing::error!(%error, "the fallback's file is not heard");
            }
            tower.players.lock().unwrap_or_else(PoisonError::into_inner).extend(player);
        }
        if let Some(player) = self.play {
            players::stop(tower, PLAY);
            tower.players.lock().unwrap_or_else(PoisonError::into_inner).extend(player);
        }
    }
}

/// Files and folders that are new in the configuration must be there; those that were configured
/// before may be missing, and are looked for.
async fn are_there(old: &Config, config: &Config) -> anyhow::Result<()> {
    let before = media::configured(old);
    let is_new = |media: &MediaPath| !before.iter().any(|other| other.path == media.path);
    let new: Vec<MediaPath> = media::configured(config).into_iter().filter(is_new).collect();
    let look = tokio::task::spawn_blocking(move || media::missing(&new));
    let Ok(missing) = tokio::time::timeout(READY_MAX, look).await else {
        bail!("the disk of the files does not answer; is it mounted?");
    };
    let missing: Vec<String> = missing?.iter().map(ToString::to_string).collect();
    if !missing.is_empty() {
        bail!("there is nothing at {}; correct the path", missing.join(", nor at "));
    }
    Ok(())
}

async fn wait_for(key: &str, is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
    let until = Instant::now() + READY_MAX;
    while !is_ready() {
        if Instant::now() >= until {
            bail!("nothing of `{key}` can be played; the log says why");
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
