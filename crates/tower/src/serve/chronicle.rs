//! Carries what the pump has to tell into the journal, and frees what the pump must not free.

use crate::broadcast::BroadcastEvent;
use crate::pump::{PumpEvent, Retired};
use crate::state::{OnAirNow, Tower};
use crate::titles::Heard;
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
                tower.ear.look_after(tick, &tower.journal);
            }
            while self.leavers.pop().is_ok() {}
        }
    }
}

fn note_titles(tower: &Tower, heard: &[Heard]) {
    for Heard { serial, source, title } in heard {
        let text = match title {
            Some(title) => format!("now playing: {}", title.label()),
            None => format!("now playing: {}, which has no title", tower.on_air_name(*source)),
        };
        tower.journal.note(*serial, "title", text);
    }
}

fn note(tower: &Tower, event: PumpEvent) {
    match event {
        PumpEvent::Router(event) => {
            let (from, to) = (tower.on_air_name(event.from), tower.on_air_name(event.to));
            let fade = event.shortened_fade_samples.map_or_else(String::new, |samples| {
                format!("; the fade was shortened to {} ms: {from} held no more", ms_in_samples(samples))
            });
            let preroll = event.raised_preroll_ticks.map_or_else(String::new, |ticks| {
                format!(
                    "; it ran dry because it sends in lumps longer than its pre-roll, which is {} ms from now on: configure \
                     preroll_ticks = {ticks}",
                    ticks as u64 * TICK_MS
                )
            });
            let text = format!("{to} is on air after {from}: {}{fade}{preroll}", event.reason);
            tower.journal.note(event.tick, "on_air", text);
            let now = OnAirNow { source: event.to, reason: event.reason.to_string(), since_tick: event.tick };
            *tower.on_air.lock().unwrap_or_else(PoisonError::into_inner) = now;
            note_titles(tower, &tower.titles.on_air(event.to, event.tick));
        }
        PumpEvent::Broadcast { output, tick, event } => {
            let setup = tower.setup();
            let mount = setup.output(output).map_or("an output that is leaving", |output| output.config.mount.as_str());
            match event {
                BroadcastEvent::HoldBegan { frame } => {
                    tower.journal.note(
                        tick,
                        "hold",
                        format!("{mount}: frame {frame} is due and not there; listeners hold"),
                    );
                }
                BroadcastEvent::HoldEnded { frame, ticks, silent_frames } => {
                    let kind = if silent_frames > 0 { "silence" } else { "hold" };
                    let held_ms = ticks * TICK_MS;
                    let text = format!(
                        "{mount}: after frame {frame} listeners held for {held_ms} ms and got {silent_frames} silent frames"
                    );
                    tower.journal.note(tick, kind, text);
                }
            }
        }
        PumpEvent::Reanchored { tick, lost_ms } => {
            let text = format!("the clock was re-anchored: this machine had stood still for {lost_ms} ms");
            tower.journal.note(tick, "reanchor", text);
        }
    }
}
