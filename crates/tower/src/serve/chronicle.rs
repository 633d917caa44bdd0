//! Carries what the pump has to tell into the journal, and frees what the pump must not free.

use crate::broadcast::BroadcastEvent;
use crate::ear::Surroundings;
use crate::pump::{PumpEvent, Retired};
use crate::state::{OnAirNow, Tower};
use crate::titles::Heard;
use radio_base::journal::event::Event;
use radio_signal::units::{TICK_MS, ms_in_samples};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// How often the rings are emptied. They hold what the pump can tell in many times this.
const PERIOD: Duration = Duration::from_millis(200);

/// The ends of the pump's two outgoing rings.
pub(super) struct Chronicle {
    /// Events.
    pub events: rtrb::Consumer<PumpEvent>,
    /// What the pump must not free.
    pub leavers: rtrb::Consumer<Retired>,
}

impl Chronicle {
    /// Follows the pump until the task is dropped.
    pub(super) async fn follow(mut self, tower: Arc<Tower>) {
        let mut period = tokio::time::interval(PERIOD);
        loop {
            period.tick().await;
            while let Ok(event) = self.events.pop() {
                note(&tower, event);
            }
            if let Some(tick) = tower.figures.tick() {
                note_titles(&tower, &tower.titles.advance(tick));
                let (setup, figures, journal) = (tower.setup(), &tower.figures, &tower.journal);
                let around = Surroundings { setup: &setup, figures, journal, started: tower.started };
                tower.ear.look_after(&around, tick);
            }
            while self.leavers.pop().is_ok() {}
        }
    }
}

fn note_titles(tower: &Tower, heard: &[Heard]) {
    for Heard { serial, source, title } in heard {
        let label = title.as_ref().map(|title| title.label());
        tower.journal.note(*serial, Event::Title { label, source: tower.on_air_name(*source) });
    }
}

fn note(tower: &Tower, event: PumpEvent) {
    match event {
        PumpEvent::Router(event) => {
            let on_air = Event::OnAir {
                source: tower.on_air_name(event.to),
                before: tower.on_air_name(event.from),
                reason: event.reason,
                shortened_fade_ms: event.shortened_fade_samples.map(ms_in_samples),
                raised_preroll_ticks: event.raised_preroll_ticks.map(|ticks| ticks as u64),
            };
            tower.journal.note(event.tick, on_air);
            let now = OnAirNow { source: event.to, reason: event.reason.to_string(), since_tick: event.tick };
            *tower.on_air.lock().unwrap_or_else(PoisonError::into_inner) = now;
            note_titles(tower, &tower.titles.on_air(event.to, event.tick));
        }
        PumpEvent::Broadcast { output, tick, event } => {
            let setup = tower.setup();
            let output = setup.output(output);
            let mount = output.map_or_else(|| "an output that is leaving".into(), |output| output.config.mount.clone());
            let event = match event {
                BroadcastEvent::HoldBegan { frame } => Event::HoldBegan { mount, frame },
                BroadcastEvent::HoldEnded { frame, ticks, silent_frames } => {
                    Event::HoldEnded { mount, frame, held_ms: ticks * TICK_MS, silent_frames }
                }
            };
            tower.journal.note(tick, event);
        }
        PumpEvent::Reanchored { tick, lost_ms } => {
            tower.journal.note(tick, Event::Reanchored { lost_ms });
        }
    }
}
