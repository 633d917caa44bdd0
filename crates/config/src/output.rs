//! `[[output]]`: encoded streams of the one programme, each with an encoder and listeners of its own.

use radio_signal::units::SAMPLE_RATE_HZ;
use serde::{Deserialize, Serialize};

/// How a mount's titles are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Charset {
    /// What players of today expect.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// For old hardware; what it lacks becomes `?`.
    Latin1,
}

/// `[[output]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// Path of the mount, beginning with `/`.
    pub mount: String,
    /// Other paths at which it is served.
    pub aliases: Vec<String>,
    /// Name shown to players.
    pub name: String,
    /// Genre shown to players.
    pub genre: String,
    /// Description shown to players.
    pub description: String,
    /// Page of the programme, shown to players; empty: none.
    pub url: String,
    /// Which encoder makes the frames.
    pub encoder: EncoderKind,
    /// For `command`: the executable and its arguments.
    pub command: Vec<String>,
    /// For `command`: how long after its PCM a frame comes at the latest, in ms.
    pub command_delay_ms: u64,
    /// For `command`: what a restarted process makes of the same PCM.
    pub replay: Replay,
    /// Whether the built-in encoder carries the programme while another one cannot.
    pub stand_in: bool,
    /// What its frames are.
    pub codec: Codec,
    /// Constant bitrate in kbit/s: for MP3 one of MPEG-1 Layer III's, for AAC and Opus 16 to 320, for
    /// Opus in mono 16 to 256, for HE-AAC 16 to 128. AAC varies around it.
    pub bitrate_kbps: u32,
    /// Sample rate of the frames: 48000, or for MP3 44100.
    pub sample_rate_hz: u32,
    /// Channels of the frames: 2, or 1 for the mean of both.
    pub channels: u8,
    /// Playout delay in ms; acts in whole ticks.
    pub playout_delay_ms: u64,
    /// What a new listener gets at once, in ms.
    pub burst_ms: u64,
    /// How often a listener is sent to.
    pub latency: Latency,
    /// Charset of its ICY titles.
    pub title_charset: Charset,
    /// What listeners must give, with the name `listener`: in plain or as a hash; empty: nothing.
    pub password: String,
    /// Listeners of this output; 0 means no limit but that in all.
    pub listeners_max: u32,
}

/// What the frames of an output are (SPEC SIG-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// MPEG-1 Layer III.
    Mp3,
    /// AAC-LC in ADTS.
    Aac,
    /// HE-AAC in ADTS: AAC-LC at half the rate, beside which SBR carries the upper half.
    #[serde(rename = "he-aac")]
    HeAac,
    /// Opus in Ogg.
    Opus,
}

/// Who makes the frames (SPEC ENC-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderKind {
    /// The tower's own executable as `tower encode`: LAME, or Opus.
    Builtin,
    /// FFmpeg with libmp3lame, its own AAC, or libopus.
    Ffmpeg,
    /// Any program that reads PCM and writes frames.
    Command,
}

/// What a restarted encoder makes of PCM that one before it had (SPEC ENC-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Replay {
    /// After enough of it, the same bytes.
    Exact,
    /// After a little of it, the same sound.
    Approx,
    /// Nothing that would be worth the time.
    None,
}

/// How often a listener is sent to (SPEC LIS-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Latency {
    /// Every 504 ms.
    Normal,
    /// Every frame.
    Low,
}

impl Codec {
    /// Ending of a mount of it, which a listener may write or leave out.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => ".mp3",
            Self::Aac | Self::HeAac => ".aac",
            Self::Opus => ".opus",
        }
    }
}

impl Output {
    /// Path of the mount without its codec's ending.
    #[must_use]
    pub fn bare_mount(&self) -> &str {
        self.mount.strip_suffix(self.codec.extension()).unwrap_or(&self.mount)
    }

    /// Whether the built-in encoder makes its frames: MP3 at the tower's own rate, and Opus.
    #[must_use]
    pub const fn has_builtin(&self) -> bool {
        match self.codec {
            Codec::Mp3 => self.sample_rate_hz == SAMPLE_RATE_HZ,
            Codec::Opus => true,
            Codec::Aac | Codec::HeAac => false,
        }
    }

    /// Whether a listener of `path` means this one: by its mount, with or without its ending, or by
    /// an alias.
    #[must_use]
    pub fn answers_to(&self, path: &str) -> bool {
        let is_alias = self.aliases.iter().any(|alias| alias == path);
        is_alias || path == self.mount || path.strip_suffix(self.codec.extension()).unwrap_or(path) == self.bare_mount()
    }
}

impl Default for Output {
    fn default() -> Self {
        Self {
            mount: "/stream".into(),
            aliases: Vec::new(),
            name: "Radio Tower".into(),
            genre: String::new(),
            description: String::new(),
            url: String::new(),
            encoder: EncoderKind::Builtin,
            command: Vec::new(),
            command_delay_ms: 72,
            replay: Replay::Approx,
            stand_in: true,
            codec: Codec::Mp3,
            bitrate_kbps: 128,
            sample_rate_hz: 48_000,
            channels: 2,
            playout_delay_ms: 500,
            burst_ms: 2000,
            latency: Latency::Normal,
            title_charset: Charset::Utf8,
            password: String::new(),
            listeners_max: 0,
        }
    }
}
