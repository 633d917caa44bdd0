//! The kinds of events: by these they are filtered, and sent to webhooks.

use super::Event;
use serde::{Serialize, Serializer};

/// A kind of event; docs/operating.md says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a user did, or tried.
    Action,
    /// An alarm is raised.
    Alarm,
    /// An alarm is over.
    AlarmOver,
    /// An encoder.
    Encoder,
    /// The limit of open files.
    Files,
    /// Frames that are late.
    Hold,
    /// What is on air.
    OnAir,
    /// The clock.
    Reanchor,
    /// Silence in place of frames.
    Silence,
    /// The station's socket.
    Socket,
    /// A source.
    Source,
    /// A title.
    Title,
    /// The certificate.
    Tls,
    /// The uplink.
    Uplink,
}

/// The names of all kinds, for scripts.
pub const KINDS: [&str; 14] = [
    "action",
    "alarm",
    "alarm_over",
    "encoder",
    "files",
    "hold",
    "on_air",
    "reanchor",
    "silence",
    "socket",
    "source",
    "title",
    "tls",
    "uplink",
];

impl Kind {
    /// Its name, one of [`KINDS`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        KINDS[self as usize]
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Event {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::OnAir { .. } => Kind::OnAir,
            Self::Title { .. } => Kind::Title,
            Self::HoldEnded { silent_frames: 1.., .. } => Kind::Silence,
            Self::HoldBegan { .. } | Self::HoldEnded { .. } => Kind::Hold,
            Self::Reanchored { .. } => Kind::Reanchor,
            Self::EncoderState { .. } | Self::EncoderCompared { .. } => Kind::Encoder,
            Self::EncoderMissing { .. }
            | Self::Poison { .. }
            | Self::ReplayUnmatched { .. }
            | Self::AlarmRaised { .. }
            | Self::CertificateBad { .. } => Kind::Alarm,
            Self::AlarmOver { .. }
            | Self::AlarmUnwatched { .. }
            | Self::CertificateNew { was_bad: true }
            | Self::CertificateBack => Kind::AlarmOver,
            Self::CertificateNew { was_bad: false } => Kind::Tls,
            Self::SourceConnected { .. }
            | Self::SourceLeft { .. }
            | Self::SourceTakeovers { .. }
            | Self::ProducerConnected { .. }
            | Self::ProducerLeft { .. }
            | Self::ProducerRefused { .. }
            | Self::PullConnected { .. }
            | Self::PullEnded { .. }
            | Self::ProgramStarted { .. }
            | Self::ProgramEnded { .. } => Kind::Source,
            Self::SocketPutBack { .. } | Self::SocketGone { .. } | Self::SocketReplaced { .. } => Kind::Socket,
            Self::FilesNearLimit { .. } => Kind::Files,
            Self::ListenersTurnedAway { .. } => Kind::Uplink,
            Self::InputAllowed { .. }
            | Self::InputPreferred { .. }
            | Self::FallbackForced { .. }
            | Self::EncoderRestarted { .. }
            | Self::SongSkipped { .. }
            | Self::ListenerDropped { .. }
            | Self::SourceEnded { .. }
            | Self::TitleSet { .. }
            | Self::LoggedIn
            | Self::WrongPasswords { .. }
            | Self::Reloaded { .. }
            | Self::ReloadRefused { .. } => Kind::Action,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name() {
        let names: Vec<&str> = [Kind::Action, Kind::AlarmOver, Kind::OnAir, Kind::Silence, Kind::Tls, Kind::Uplink]
            .into_iter()
            .map(Kind::name)
            .collect();
        assert_eq!(names, ["action", "alarm_over", "on_air", "silence", "tls", "uplink"]);
    }
}
