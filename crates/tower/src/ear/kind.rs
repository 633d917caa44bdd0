//! The alarms there are.

use serde::Serialize;

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Listeners hear nothing.
    Silence,
    /// Listeners hear something other than the programme.
    Differs,
    /// Some frames cannot be decoded, or hold what does not belong there.
    DamagedFrames,
    /// Frames are late, or silence is sent in their place.
    FramesLate,
    /// The encoder is FAILED, and nobody stands in for it.
    EncoderFailed,
    /// The encoder is FAILED, and the built-in one stands in for it.
    EncoderStandIn,
    /// Neither station nor files have been on air for long.
    NoProgramme,
    /// The clock does not tick.
    ClockStopped,
    /// Many listeners lag together: the uplink that they share is full.
    UplinkFull,
    /// The limit of the uplink does not admit newcomers.
    UplinkLimit,
    /// The machine is too busy for the encoders.
    MachineBusy,
    /// Files or folders that are configured are not there.
    MediaMissing,
    /// There is nearly no room on a disk.
    DiskFull,
    /// A part of the decoders' sandbox is missing on this machine, or no decoder can be started.
    DecoderSandbox,
    /// A file has killed its decoder and is not played any more.
    DecoderKilled,
    /// The tower does not listen to itself any more, or only now and then.
    Deaf,
}

/// How bad an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// What is sent is not what should be: `/healthz` is 503.
    Failing,
    /// Listeners notice little or nothing yet.
    Warning,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Silence,
        Self::Differs,
        Self::DamagedFrames,
        Self::FramesLate,
        Self::EncoderFailed,
        Self::EncoderStandIn,
        Self::NoProgramme,
        Self::ClockStopped,
        Self::UplinkFull,
        Self::UplinkLimit,
        Self::MachineBusy,
        Self::MediaMissing,
        Self::DiskFull,
        Self::DecoderSandbox,
        Self::DecoderKilled,
        Self::Deaf,
    ];

    /// Its name for scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Silence => "silence",
            Self::Differs => "differs",
            Self::DamagedFrames => "damaged_frames",
            Self::FramesLate => "frames_late",
            Self::EncoderFailed => "encoder_failed",
            Self::EncoderStandIn => "encoder_stand_in",
            Self::NoProgramme => "no_programme",
            Self::ClockStopped => "clock_stopped",
            Self::UplinkFull => "uplink_full",
            Self::UplinkLimit => "uplink_limit",
            Self::MachineBusy => "machine_busy",
            Self::MediaMissing => "media_missing",
            Self::DiskFull => "disk_full",
            Self::DecoderSandbox => "decoder_sandbox",
            Self::DecoderKilled => "decoder_killed",
            Self::Deaf => "deaf",
        }
    }

    /// How bad it is at its worst.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::DamagedFrames
            | Self::EncoderStandIn
            | Self::UplinkLimit
            | Self::MediaMissing
            | Self::MachineBusy
            | Self::DecoderSandbox
            | Self::DecoderKilled => Severity::Warning,
            _ => Severity::Failing,
        }
    }

    /// Whether each output has one of its own.
    #[must_use]
    pub const fn is_of_output(self) -> bool {
        !matches!(
            self,
            Self::NoProgramme
                | Self::ClockStopped
                | Self::UplinkFull
                | Self::UplinkLimit
                | Self::MachineBusy
                | Self::MediaMissing
                | Self::DiskFull
                | Self::DecoderSandbox
                | Self::DecoderKilled
                | Self::Deaf
        )
    }
}

impl Severity {
    /// Its name for scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Warning => "warning",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_everywhere() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.name().into()));
            assert_eq!(serde_json::to_value(kind.severity()).ok(), Some(kind.severity().name().into()));
        }
    }
}
