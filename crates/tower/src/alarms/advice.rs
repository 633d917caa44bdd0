//! What an alarm says to whoever is woken by it: what listeners hear, and what to do.

use crate::ear::watch::AlarmText;
use crate::files::media::MissingMedia;
use radio_base::text::seconds;
use radio_config::EncoderKind;
use radio_encoder::State;
use radio_signal::likeness::Second;
use radio_signal::router::OnAir;
use radio_signal::units::TICK_MS;
use std::path::Path;

/// An output's encoder, as far as the advice depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder<'a> {
    pub kind: EncoderKind,
    pub state: State,
    pub last_error: Option<&'a str>,
    /// For how long it has been short of the processor, now and then; none if it is not.
    pub busy_ms: Option<u64>,
}

impl Encoder<'_> {
    fn last_error(&self) -> &str {
        self.last_error.unwrap_or("none")
    }

    /// What to try when the encoder itself is at fault.
    fn another(&self) -> &'static str {
        match self.kind {
            EncoderKind::Builtin => "report it with the log of that time",
            _ => "configure encoder = \"builtin\" if its codec is MP3 or Opus",
        }
    }
}

/// Why frames are late on a machine that has too little to give.
fn busy(busy_ms: u64) -> String {
    format!(
        "this machine is too busy: the encoder has waited for a processor for {}. End other programs, or give the tower more \
         of the machine (`tower doctor` names each priority that it lacks); it comes back by itself",
        seconds(busy_ms)
    )
}

pub(super) fn silence(heard_ms: u64, programme_ms: u64, on_air: OnAir, encoder: Encoder<'_>) -> AlarmText {
    let heard = seconds(heard_ms);
    if let Some(busy_ms) = encoder.busy_ms {
        return AlarmText::public(format!("listeners have heard silence for {heard}: {}", busy(busy_ms)));
    }
    if programme_ms.saturating_mul(2) < heard_ms {
        return AlarmText::public(format!(
            "listeners have heard silence for {heard}, while the programme has sound: the encoder is at fault. Restart the \
             encoder on the dashboard, which no other output notices; if the next one is silent too, {}",
            encoder.another()
        ));
    }
    AlarmText::public(match on_air {
        OnAir::Source(_) => format!(
            "listeners have heard silence for {heard}: the source on air is connected and sends silence. Look at its player and \
             mixer; stop it, and the fallback is heard"
        ),
        _ => format!(
            "listeners have heard silence for {heard}: there is no programme, and the fallback is silent. Start the station, or \
             fill in with `tower feed FILE`; configure fallback.paths"
        ),
    })
}

/// What of a second is not as it should be: the likeness and the level are far off.
pub(super) fn differs(second: &Second, lasted_ms: u64, encoder: Encoder<'_>) -> AlarmText {
    let (lasted, louder_db) = (seconds(lasted_ms), second.louder_db);
    let what = match second.likeness {
        Some(likeness) if likeness < crate::ear::LIKENESS_MIN => {
            format!("has not been the programme for {lasted} (likeness {likeness:.2}): another sound, speed or order")
        }
        _ if louder_db < 0.0 => format!("has been {:.0} dB quieter than the programme for {lasted}", -louder_db),
        _ => format!("has been {louder_db:.0} dB louder than the programme for {lasted}"),
    };
    AlarmText::public(format!(
        "what is sent {what}. Listen to the monitor and to the stream; restart the encoder on the dashboard, which no other output \
         notices; if that does not help, {}",
        encoder.another()
    ))
}

pub(super) fn damaged_frames(count: u64) -> AlarmText {
    AlarmText::public(format!(
        "{count} frames could not be decoded, or held what does not belong there: listeners heard a click or a hole. Once: \
         nothing to do. Again and again: the encoder or the memory of this machine is at fault; configure another encoder"
    ))
}

pub(super) fn frames_late(behind_ticks: u64, lasted_ms: u64, encoder: Encoder<'_>) -> AlarmText {
    let lasted = seconds(lasted_ms);
    let what = match behind_ticks {
        0 => format!("frames have come late again and again for {lasted}, though not at this moment"),
        ticks => format!("frames are {} ms late, and others were in the last {lasted}", ticks * TICK_MS),
    };
    AlarmText::public(match encoder.busy_ms {
        Some(busy_ms) => format!("{what}: listeners wait, or hear silence, for {}", busy(busy_ms)),
        None => format!(
            "{what}: listeners wait, or hear silence. See the encoder's last_error in `tower status --json`, whether this \
             machine is too busy (top), and what `tower doctor` says"
        ),
    })
}

pub(super) fn encoder_failed(encoder: Encoder<'_>) -> AlarmText {
    let public = format!("the encoder is {} and nothing stands in for it: listeners hear silence", encoder.state);
    if let Some(busy_ms) = encoder.busy_ms {
        return AlarmText::private(public, busy(busy_ms));
    }
    let private = format!(
        "Its last words: {}. Mend what they say; `tower doctor` tries the encoders; it is tried again by itself; if it never \
         comes back, {}",
        encoder.last_error(),
        encoder.another()
    );
    AlarmText::private(public, private)
}

pub(super) fn encoder_stand_in(encoder: Encoder<'_>) -> AlarmText {
    let public = format!(
        "the encoder is {}; the built-in one carries the programme, and listeners notice nothing",
        encoder.state
    );
    if let Some(busy_ms) = encoder.busy_ms {
        return AlarmText::private(public, busy(busy_ms));
    }
    let last_error = encoder.last_error();
    AlarmText::private(
        public,
        format!("By day, mend what its last words say: {last_error}. It is tried again by itself"),
    )
}

pub(super) fn no_programme(lasted_ms: u64, on_air: &str) -> AlarmText {
    AlarmText::public(format!(
        "there has been no programme for {}; {on_air} is on air. Is the station running, and connected (inputs in \
         `tower status`)? `tower feed FILE` fills in",
        seconds(lasted_ms)
    ))
}

pub(super) fn clock_stopped(age_ms: u64) -> AlarmText {
    AlarmText::public(format!(
        "the clock has not ticked for {age_ms} ms: nothing is sent. This machine stands still or is overloaded; see what else \
         runs on it (top). Under systemd the watchdog starts the tower anew"
    ))
}

pub(super) fn media_missing(missing: &[MissingMedia]) -> AlarmText {
    let (one, more) = (missing.first().map(ToString::to_string).unwrap_or_default(), missing.len().saturating_sub(1));
    let more = if more > 0 { format!(", and {more} more (the log names them)") } else { String::new() };
    AlarmText::private(
        "files that are configured are not there; the rest is played",
        format!(
            "Missing: {one}{more}. Mount the disk or correct the path (`tower reload`); it is looked for every 5 s and played \
             when it is there"
        ),
    )
}

pub(super) fn disk_full(place: &Path, free_mib: u64) -> AlarmText {
    AlarmText::private(
        format!("only {free_mib} MiB are free on a disk: the stream goes on, but logs and sockets may fail"),
        format!(
            "It is the disk of {}; delete what is not needed there (journalctl --vacuum-size=100M, du -xh /)",
            place.display()
        ),
    )
}

pub(super) fn decoder_sandbox(problem: &str) -> AlarmText {
    AlarmText::public(format!(
        "the decoders of files and sources are not closed in as they should be: {problem}. They decode all the same, and a file \
         made to attack a decoder could do more. Use the shipped systemd unit and a kernel of 5.13 or newer with Landlock and \
         seccomp; `tower doctor` tries it"
    ))
}

/// `count` files, of which `path` is the last.
pub(super) fn decoder_killed(count: u64, path: &Path, reason: &str) -> AlarmText {
    let what = if count == 1 { "a file has".to_owned() } else { format!("{count} files have") };
    AlarmText::private(
        format!("{what} killed the decoder and will not be played until changed"),
        format!("The last is {} (the decoder {reason}); replace it or encode it anew", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODER: Encoder<'static> =
        Encoder { kind: EncoderKind::Builtin, state: State::Failed, last_error: Some("words"), busy_ms: None };

    fn all(encoder: Encoder<'_>) -> [String; 5] {
        let second = Second { likeness: Some(0.1), louder_db: 0.0, damaged_ticks: 0 };
        [
            silence(15_000, 0, OnAir::Tone, encoder),
            differs(&second, 5000, encoder),
            frames_late(0, 7900, encoder),
            encoder_failed(encoder),
            frames_late(3, 2000, encoder),
        ]
        .map(|text| text.whole())
    }

    #[test]
    fn no_advice_cuts_listeners_or_sends_the_builtin_encoder_to_itself() {
        for text in all(ENCODER).into_iter().chain([clock_stopped(2000).whole()]) {
            assert!(!text.contains("ill the") && !text.contains("restart it"), "{text}");
            assert!(!text.contains("builtin"), "{text}");
        }
        let external = Encoder { kind: EncoderKind::Ffmpeg, ..ENCODER };
        let said = encoder_failed(external);
        assert!(said.whole().contains("words") && said.whole().contains("builtin"));
        assert!(!said.shortened().contains("words"), "they are not for everybody");
    }

    #[test]
    fn on_a_busy_machine_the_advice_is_about_the_machine() {
        let busy = all(Encoder { busy_ms: Some(12_000), ..ENCODER });
        for text in [&busy[0], &busy[2], &busy[3], &busy[4]] {
            assert!(text.contains("this machine is too busy") && text.contains("12 s"), "{text}");
            assert!(!text.contains("words") && !text.contains("builtin"), "{text}");
        }
    }

    #[test]
    fn frames_that_are_in_time_now_are_not_called_late() {
        let late = |ticks, ms| frames_late(ticks, ms, ENCODER).whole();
        assert!(!late(0, 7900).contains(" 0 ms"), "{}", late(0, 7900));
        assert!(late(3, 2000).contains("72 ms late"));
    }
}
