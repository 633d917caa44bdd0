//! What an alarm says to whoever is woken by it: what listeners hear, and what to do.

use super::watch::seconds;
use crate::encoder::State;
use radio_signal::likeness::Second;
use radio_signal::router::OnAir;
use radio_signal::units::TICK_MS;
use std::path::Path;

pub(super) fn silence(heard_ms: u64, programme_ms: u64, on_air: OnAir) -> String {
    let heard = seconds(heard_ms);
    if programme_ms.saturating_mul(2) < heard_ms {
        return format!(
            "listeners have heard silence for {heard}, while the programme has sound: the encoder is at fault. Kill its process \
             (`tower status` names it), another one follows at once; if that is silent too, configure encoder = \"builtin\""
        );
    }
    match on_air {
        OnAir::Source(_) => format!(
            "listeners have heard silence for {heard}: the source on air is connected and sends silence. Look at its player and \
             mixer; stop it, and the fallback is heard"
        ),
        _ => format!(
            "listeners have heard silence for {heard}: there is no programme, and the fallback is silent. Start the station, or \
             fill in with `tower feed FILE`; configure fallback.paths"
        ),
    }
}

/// What of a second is not as it should be: the likeness and the level are far off.
pub(super) fn differs(second: &Second, lasted_ms: u64) -> String {
    let (lasted, louder_db) = (seconds(lasted_ms), second.louder_db);
    let what = match second.likeness {
        Some(likeness) if likeness < super::LIKENESS_MIN => {
            format!("has not been the programme for {lasted} (likeness {likeness:.2}): another sound, speed or order")
        }
        _ if louder_db < 0.0 => format!("has been {:.0} dB quieter than the programme for {lasted}", -louder_db),
        _ => format!("has been {louder_db:.0} dB louder than the programme for {lasted}"),
    };
    format!(
        "what is sent {what}. Listen to the monitor and to the stream; kill the encoder's process (`tower status` names it), \
         another one follows at once; if that does not help, configure encoder = \"builtin\""
    )
}

pub(super) fn damaged_frames(count: u64) -> String {
    format!(
        "{count} frames could not be decoded, or held what does not belong there: listeners heard a click or a hole. Once: \
         nothing to do. Again and again: the encoder or the memory of this machine is at fault; configure another encoder"
    )
}

pub(super) fn frames_late(behind_ticks: u64, lasted_ms: u64) -> String {
    format!(
        "frames are {} ms late and have not been in time for {}: listeners wait, or hear silence. See the encoder's last_error \
         in `tower status --json`, and whether this machine is too busy (top)",
        behind_ticks * TICK_MS,
        seconds(lasted_ms)
    )
}

pub(super) fn encoder_failed(state: State, last_error: Option<&str>) -> String {
    format!(
        "the encoder is {state} and nobody stands in for it: listeners hear silence. Its last words: {}. Mend that; \
         `tower doctor` tries the encoders; or configure encoder = \"builtin\" and restart",
        last_error.unwrap_or("none")
    )
}

pub(super) fn encoder_stand_in(state: State, last_error: Option<&str>) -> String {
    format!(
        "the encoder is {state}; the built-in one carries the programme, and listeners notice nothing. By day, mend what its last \
         words say: {}. It is tried again by itself",
        last_error.unwrap_or("none")
    )
}

pub(super) fn no_programme(lasted_ms: u64, on_air: &str) -> String {
    format!(
        "there has been no programme for {}; {on_air} is on air. Is the station running, and connected (inputs in \
         `tower status`)? `tower feed FILE` fills in",
        seconds(lasted_ms)
    )
}

pub(super) fn clock_stopped(age_ms: u64) -> String {
    format!(
        "the clock has not ticked for {age_ms} ms: nothing is sent. This machine stands still or is overloaded; under systemd the \
         watchdog restarts the tower, else restart it"
    )
}

pub(super) fn disk_full(place: &Path, free_mib: u64) -> String {
    format!(
        "only {free_mib} MiB are free on a disk: the stream goes on, but logs and sockets may fail. It is the disk of {}; delete \
         what is not needed there (journalctl --vacuum-size=100M, du -xh /)",
        place.display()
    )
}
