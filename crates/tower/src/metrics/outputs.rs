//! The outputs: encoders, frame buffers, what was sent.

use super::seconds;
use super::text::{Exposition, Kind};
use crate::state::Tower;
use radio_encoder::{EncoderStatus, State};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const STATES: [State; 6] =
    [State::Stopped, State::Starting, State::Booting, State::Running, State::Restarting, State::Failed];

/// One output as it is now.
struct Row<'a> {
    mount: &'a str,
    encoder: EncoderStatus,
    buffer_count: u64,
    buffer_capacity: u64,
    dropped: u64,
    frames: u64,
    holds: u64,
    silent_frames: u64,
    behind_ticks: u64,
    behind_ticks_max: u64,
    listeners_max: u32,
}

type Value = fn(&Row<'_>) -> u64;

/// Name, help and value of each counter.
const COUNTERS: [(&str, &str, Value); 18] = [
    ("tower_encoder_starts_total", "Processes of the configured encoder started, or tried to.", |row| {
        row.encoder.starts
    }),
    ("tower_encoder_stand_in_starts_total", "Processes of the built-in encoder started to stand in.", |row| {
        row.encoder.stand_in_starts
    }),
    ("tower_encoder_deaths_total", "Processes that ended unasked or were given up.", |row| row.encoder.deaths),
    ("tower_encoder_suspicions_total", "Times a process was late enough for a replacement beside it.", |row| {
        row.encoder.suspicions
    }),
    (
        "tower_encoder_shortages_total",
        "Times a late process was left in peace, because it waited for the processor.",
        |row| row.encoder.shortages,
    ),
    ("tower_encoder_replays_total", "Replacements that delivered after a replay.", |row| row.encoder.replays),
    ("tower_encoder_replays_proved_total", "Replays of which not a byte of the stream shows.", |row| {
        row.encoder.replays_proved
    }),
    (
        "tower_encoder_replays_unmatched_total",
        "Replays of which no frame was equal, of at least 40 compared with those sent before.",
        |row| row.encoder.replays_unmatched,
    ),
    ("tower_encoder_poisoned_ticks_total", "Ticks of PCM that killed encoders and were replaced by silence.", |row| {
        row.encoder.poisoned_count
    }),
    ("tower_encoder_lost_ticks_total", "Ticks that the encoder's driver could not take in time.", |row| {
        row.encoder.ticks_lost
    }),
    ("tower_encoder_late_frames_total", "Encoded frames whose number had been passed.", |row| row.encoder.late),
    ("tower_encoder_duplicate_frames_total", "Encoded frames that were there already.", |row| row.encoder.duplicates),
    ("tower_encoder_mismatched_frames_total", "Of those, frames that differed.", |row| row.encoder.mismatches),
    ("tower_output_dropped_frames_total", "Encoded frames that nobody fetched.", |row| row.dropped),
    ("tower_output_frames_total", "Frames released to listeners.", |row| row.frames),
    ("tower_output_holds_total", "Times a frame was due and not there.", |row| row.holds),
    ("tower_output_silent_frames_total", "Frames of silence sent because no encoder had delivered.", |row| {
        row.silent_frames
    }),
    ("tower_encoder_frames_total", "Encoded frames that were new.", |row| row.encoder.frames),
];

pub(super) fn tell(tower: &Tower, all: &mut Exposition) {
    let setup = tower.setup();
    let enabled = u8::from(setup.config.encoder.enabled);
    all.gauge("tower_encoder_enabled", "0 when the configuration wants no encoder process.", enabled);
    let rows: Vec<Row<'_>> = setup.outputs.iter().map(|output| row(output)).collect();
    let mut family =
        all.family(Kind::Gauge, "tower_encoder_state", "1 for the state of the encoder, 0 for the others.");
    for row in &rows {
        for state in STATES {
            let labels = [("mount", row.mount), ("state", &state.to_string())];
            family.sample(&labels, u8::from(row.encoder.state == state));
        }
    }
    for (name, help, value) in COUNTERS {
        let mut family = all.family(Kind::Counter, name, help);
        rows.iter().for_each(|row| family.sample(&[("mount", row.mount)], value(row)));
    }
    let mut gauge = |name, help, value: fn(&Row<'_>) -> f64| {
        let mut family = all.family(Kind::Gauge, name, help);
        rows.iter().for_each(|row| family.sample(&[("mount", row.mount)], value(row)));
    };
    gauge("tower_encoder_processes", "Encoder processes that live.", |row| row.encoder.processes.len() as f64);
    gauge("tower_encoder_stand_in", "1 while the built-in encoder carries the programme for another.", |row| {
        f64::from(u8::from(row.encoder.is_carried_by_stand_in()))
    });
    gauge("tower_output_behind_seconds", "How far the frame that listeners wait for is behind.", |row| {
        seconds(row.behind_ticks)
    });
    gauge("tower_output_behind_max_seconds", "The most that ever was.", |row| seconds(row.behind_ticks_max));
    gauge("tower_output_buffer_seconds", "Sound in the frame buffer.", |row| seconds(row.buffer_count));
    gauge("tower_output_buffer_capacity_seconds", "Sound that the frame buffer holds at most.", |row| {
        seconds(row.buffer_capacity)
    });
    gauge("tower_output_listeners_limit", "Listeners that this mount admits; 0: no limit of its own.", |row| {
        f64::from(row.listeners_max)
    });
}

fn row(output: &crate::setup::OutputState) -> Row<'_> {
    let get = |figure: &AtomicU64| figure.load(Relaxed);
    // Held while an encoder is started or stopped, and never by the pump.
    let manager = output.manager.lock().unwrap_or_else(PoisonError::into_inner);
    let buffer = manager.frame_buffer();
    Row {
        mount: &output.config.mount,
        encoder: manager.status(),
        buffer_count: buffer.count() as u64,
        buffer_capacity: buffer.capacity() as u64,
        dropped: buffer.dropped_count(),
        frames: get(&output.figures.frames),
        holds: get(&output.figures.holds),
        silent_frames: get(&output.figures.silent_frames),
        behind_ticks: get(&output.figures.behind_ticks),
        behind_ticks_max: get(&output.figures.behind_ticks_max),
        listeners_max: output.config.listeners_max,
    }
}
