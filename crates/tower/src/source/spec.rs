//! How the router treats the sources of an `[[input]]`.

use radio_config::{Input, InputKind};
use radio_signal::ingest::{Gain, SilenceGate};
use radio_signal::router::{InputId, Jitter, SourceSpec};
use radio_signal::units::{samples_in_ms, ticks_in_ms};

/// The longest lump in which audio arrives: Ogg pages hold a second, and a network adds to that.
const LUMP_TICKS: usize = 60;

/// How the router is to treat the sources of an input.
#[must_use]
pub fn of(input: InputId, config: &Input) -> SourceSpec {
    let live = live(input, config);
    match config.kind {
        InputKind::Playlist => {
            SourceSpec { when_full: radio_signal::router::WhenFull::Wait, jitter: Jitter::NONE, ..live }
        }
        // No network lies between it and the tower.
        InputKind::PcmUnix => SourceSpec { jitter: Jitter::NONE, ..live },
        InputKind::Icecast | InputKind::PcmTcp | InputKind::Url | InputKind::Command => live,
    }
}

fn live(input: InputId, config: &Input) -> SourceSpec {
    let when_full = config.when_full.into();
    SourceSpec {
        input,
        priority: config.priority(),
        preroll_ticks: config.preroll_ticks,
        when_full,
        grace_ticks: config.grace_ms.map(ticks_in_ms),
        fade_samples: config.fade_ms.map(samples_in_ms),
        jitter: Jitter {
            settle_ticks: config.preroll_ticks as u64,
            lump_ticks: LUMP_TICKS.min(config.capacity_ticks / 2),
        },
        gate: SilenceGate::new(ticks_in_ms(config.silence_gate_ms), config.silence_gate_dbfs),
        gain: Gain::from_db(config.gain_db),
    }
}
