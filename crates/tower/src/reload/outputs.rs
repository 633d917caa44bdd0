//! Outputs that come and go. A new one is on air, with a whole burst in its ring, before an old one leaves.

use super::plan::goes_on;
use crate::auth::credentials::Credentials;
use crate::broadcast::OutputId;
use crate::playout::outputs::{self, Beginning, burst_frames, mount_config};
use crate::pump::Order;
use crate::setup::{OutputState, Setup};
use crate::state::Tower;
use anyhow::{Context, bail};
use radio_config::{Config, Output};
use radio_signal::units::{Serial, TICK_MS};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// The first frame of a new output lies so many ticks ahead: its encoder has started by then, and has been fed what its
/// first frames lean on.
const AHEAD_TICKS: Serial = 42;
/// How much longer than its delay and its burst a new output may take.
const LATE_MAX: Duration = Duration::from_secs(5);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(TICK_MS);
/// Listeners of an output that goes are given so many ticks to take the rest of their frame.
const FAREWELL_TICKS: u64 = 42;

/// The outputs as they are to be.
pub(super) struct NewOutputs {
    /// Those that are new, or another than before.
    begun: Vec<Arc<OutputState>>,
    /// Those that go on.
    kept: Vec<Arc<OutputState>>,
    /// Those that go.
    leaving: Vec<Arc<OutputState>>,
}

impl NewOutputs {
    /// Starts what is new, and waits until it is on air.
    ///
    /// # Errors
    /// An encoder cannot be started or delivers nothing; then none of them is there any more.
    pub(super) async fn prepare(tower: &Arc<Tower>, old: &Setup, config: &Config) -> anyhow::Result<Self> {
        let before = |output: &Output| old.outputs.iter().find(|state| state.config.mount == output.mount);
        let kept_of = |output: &Output| before(output).filter(|state| goes_on(&state.config, output));
        let kept: Vec<_> = config.output.iter().filter_map(kept_of).cloned().collect();
        let is_kept = |state: &&Arc<OutputState>| kept.iter().any(|kept| kept.id == state.id);
        let leaving = old.outputs.iter().filter(|state| !is_kept(state)).cloned().collect();
        let mut new = Self { begun: Vec::new(), kept: kept.clone(), leaving };
        let wanted: Vec<Output> = config.output.iter().filter(|output| kept_of(output).is_none()).cloned().collect();
        for output in wanted {
            match begin(tower, config, &output).await {
                Ok(state) => new.begun.push(state),
                Err(error) => {
                    new.give_up(tower).await;
                    return Err(error);
                }
            }
        }
        if let Err(error) = new.wait_until_on_air(config).await {
            new.give_up(tower).await;
            return Err(error);
        }
        Ok(new)
    }

    /// All that are to be there, in the order of the configuration.
    pub(super) fn all(&self, config: &Config) -> Vec<Arc<OutputState>> {
        let state = |output: &Output| {
            let mut states = self.begun.iter().chain(&self.kept);
            let state = states.find(|state| state.config.mount == output.mount)?;
            let is_same = state.config == *output;
            Some(if is_same {
                Arc::clone(state)
            } else {
                let credentials = Credentials::of_listeners(&output.password);
                Arc::new(OutputState { config: output.clone(), credentials, ..(**state).clone() })
            })
        };
        config.output.iter().filter_map(state).collect()
    }

    /// Sends the listeners of those that go away; newcomers find the new ones already.
    pub(super) async fn put_into_force(self, tower: &Arc<Tower>) {
        leave(tower, self.leaving).await;
    }

    /// Ends what was started.
    pub(super) async fn give_up(self, tower: &Arc<Tower>) {
        let ids: Vec<OutputId> = self.begun.iter().map(|state| state.id).collect();
        leave(tower, self.begun).await;
        tower.titles.forget(&ids);
    }

    async fn wait_until_on_air(&self, config: &Config) -> anyhow::Result<()> {
        for state in &self.begun {
            let first = state.mount.config().first_frame;
            let burst = burst_frames(config, &state.config);
            let ticks = AHEAD_TICKS + state.delay_ticks + burst;
            let until = Instant::now() + Duration::from_millis(ticks * TICK_MS) + LATE_MAX;
            while state.mount.frames().end < first + burst {
                if Instant::now() >= until {
                    bail!("the output {} does not come on air; the log says why", state.config.mount);
                }
                tokio::time::sleep(LOOK).await;
            }
            if config.encoder.enabled && state.figures.silent_frames.load(Relaxed) > 0 {
                let status = state.manager.lock().unwrap_or_else(PoisonError::into_inner).status();
                let why = status.last_error.unwrap_or_else(|| format!("it is {}", status.state));
                bail!("the encoder of {} delivers nothing: {why}", state.config.mount);
            }
        }
        Ok(())
    }
}

/// Starts an output and hands it to the pump.
async fn begin(tower: &Arc<Tower>, config: &Config, output: &Output) -> anyhow::Result<Arc<OutputState>> {
    let first = tower.figures.tick().context("the clock does not tick")? + AHEAD_TICKS;
    let (mount, mut publisher) = tower.fanout.open_mount(mount_config(config, output, first))?;
    let title_publisher = publisher.take_titles();
    let (config, output, starting, opened) = (config.clone(), output.clone(), Arc::clone(tower), mount.clone());
    let started = tokio::task::spawn_blocking(move || {
        let beginning = Beginning { first, first_present: 0, journal: &starting.journal, figures: &starting.figures };
        outputs::start(&config, &output, (opened, publisher), &beginning)
    });
    let (state, stage) = match started.await.context("it could not be started").flatten() {
        Ok(started) => started,
        Err(error) => {
            tower.fanout.close_mount(&mount, 0);
            return Err(error);
        }
    };
    if let Some(publisher) = title_publisher {
        tower.titles.write_to(state.id, publisher, state.config.title_charset, first);
    }
    if let Err(error) = tower.desk.order(Order::Join(stage)).await {
        leave(tower, vec![state]).await;
        return Err(error.into());
    }
    Ok(state)
}

/// Takes outputs from the pump, gives their listeners the rest of their frames, and ends their encoders.
async fn leave(tower: &Arc<Tower>, states: Vec<Arc<OutputState>>) {
    if states.is_empty() {
        return;
    }
    for state in &states {
        if let Err(error) = tower.desk.order(Order::Leave(state.id)).await {
            tracing::error!(%error, output = state.config.mount, "an output cannot leave the clock's thread");
        }
    }
    let ordered = tower.figures.tick();
    let until = Instant::now() + LATE_MAX;
    // Once the clock has taken the order, nothing more is published.
    while tower.figures.tick() <= ordered.map(|tick| tick + 1) && Instant::now() < until {
        tokio::time::sleep(LOOK).await;
    }
    for state in &states {
        tower.fanout.close_mount(&state.mount, FAREWELL_TICKS);
    }
    tokio::task::spawn_blocking(move || {
        for state in states {
            state.manager.lock().unwrap_or_else(PoisonError::into_inner).stop();
        }
    });
}
