//! The formats that a source may send, by their content types.

/// What a source says that it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// MPEG audio.
    Mp3,
    /// AAC in ADTS.
    Aac,
    /// Vorbis or FLAC in Ogg, or Opus that is not said to be.
    Ogg,
    /// Opus in Ogg.
    Opus,
    /// FLAC as in a file.
    Flac,
    /// PCM in WAVE.
    Wav,
    /// Whatever its bytes are.
    Unknown,
}

/// The list that is told to who sends another.
pub const READABLE: &str = "this tower reads audio/mpeg (MP3), audio/aac (ADTS, HE-AAC too), application/ogg or audio/ogg with Vorbis, FLAC or \
     Opus, audio/flac and audio/wav; choose one of these in the source";
/// The same where FFmpeg is not installed.
pub const READABLE_WITHOUT_FFMPEG: &str = "this tower reads audio/mpeg (MP3), audio/aac (ADTS above 24 kHz), application/ogg or audio/ogg with \
     Vorbis, FLAC or Opus, audio/flac and audio/wav; choose one of these in the source, or install FFmpeg beside the tower \
     (Debian: apt install ffmpeg; or set encoder.ffmpeg to its path), which reads HE-AAC";

/// The list that holds here.
#[must_use]
pub const fn readable(has_ffmpeg: bool) -> &'static str {
    if has_ffmpeg { READABLE } else { READABLE_WITHOUT_FFMPEG }
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Mp3, Self::Aac, Self::Ogg, Self::Opus, Self::Flac, Self::Wav, Self::Unknown];

    /// The format of a `Content-Type`. Its bytes decide.
    #[must_use]
    pub fn of(content_type: &str) -> Self {
        let lower = content_type.to_ascii_lowercase();
        let (media_type, parameters) = lower.split_once(';').unwrap_or((&lower, ""));
        let format = match media_type.trim() {
            "audio/mpeg" | "audio/mp3" | "audio/x-mpeg" | "audio/x-mp3" | "audio/mpeg3" => Self::Mp3,
            "audio/aac" | "audio/aacp" | "audio/x-aac" | "audio/x-hx-aac-adts" => Self::Aac,
            "application/ogg" | "audio/ogg" | "application/x-ogg" | "audio/x-ogg" | "audio/vorbis" => Self::Ogg,
            "audio/opus" | "audio/x-opus" => Self::Opus,
            "audio/flac" | "audio/x-flac" => Self::Flac,
            "audio/wav" | "audio/x-wav" | "audio/wave" | "audio/vnd.wave" => Self::Wav,
            _ => Self::Unknown,
        };
        // `codecs=opus` says at once what would otherwise be found out later.
        if format == Self::Ogg && parameters.contains("opus") { Self::Opus } else { format }
    }

    /// Its name on the command line of `tower decode`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            other => other.extension(),
        }
    }

    /// The ending that files of it have.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Aac => "aac",
            Self::Ogg | Self::Opus => "ogg",
            Self::Flac => "flac",
            Self::Wav => "wav",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_taken_as_programs_write_them() {
        assert_eq!(Format::of("audio/mpeg"), Format::Mp3);
        assert_eq!(Format::of("Application/OGG"), Format::Ogg);
        assert_eq!(Format::of("audio/ogg; codecs=vorbis"), Format::Ogg);
        assert_eq!(Format::of("audio/aacp"), Format::Aac);
        assert_eq!(Format::of("audio/ogg; codecs=opus"), Format::Opus);
        assert_eq!(Format::of("audio/opus"), Format::Opus);
        for other in ["audio/mp4a-latm", "video/mp4", "application/octet-stream", ""] {
            assert_eq!(Format::of(other), Format::Unknown, "{other}");
        }
    }
}
