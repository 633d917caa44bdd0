//! The formats that FFmpeg reads for a decoder process: named by it, started by the tower.

use std::fmt;

/// FFmpeg's names of demuxers that read one file or stream and nothing else: none that opens other
/// files or addresses, reads text as a list, or is a device.
const KNOWN: [&str; 44] = [
    "aac", "ac3", "aiff", "amr", "ape", "asf", "ast", "au", "avi", "caf", "dsf", "dts", "eac3", "flac", "flv", "g722",
    "gsm", "iff", "latm", "loas", "matroska", "mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts", "nut", "oga", "ogg",
    "oma", "paf", "qcp", "rm", "shn", "sox", "spdif", "tak", "tta", "voc", "w64", "wav", "wv", "xwma",
];

/// One of FFmpeg's demuxers, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Demuxer(&'static str);

impl Demuxer {
    /// The demuxer of this name; `None`: it is none that may be used.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        KNOWN.into_iter().find(|known| *known == name).map(Self)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for Demuxer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_reads_one_file_is_known() {
        assert_eq!(Demuxer::named("aiff").map(Demuxer::name), Some("aiff"));
        for other in ["concat", "hls", "dash", "image2", "rtsp", "lavfi", "tee", "-i", ""] {
            assert_eq!(Demuxer::named(other), None, "{other}");
        }
    }
}
