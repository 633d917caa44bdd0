//! The formats of the corpus: who makes them, and who reads them.

/// A program, and how it is called with the files `IN` and `OUT`.
pub(super) type Maker = &'static [&'static str];

/// How close the sound is to that of FFmpeg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Like {
    /// To the bit where nothing is resampled, and as long.
    Lossless,
    /// Two decoders of one stream differ by rounding; as long.
    Lossy,
    /// As [`Lossy`](Self::Lossy), and as long as what was encoded: FFmpeg is not at both ends.
    Exact,
}

/// Who decodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Tower,
    /// FFmpeg for it, as this demuxer: it is the same to the bit.
    Ffmpeg(&'static str),
}

pub(super) struct Format {
    pub(super) extension: &'static str,
    pub(super) maker: Maker,
    pub(super) like: Like,
    pub(super) by: By,
    pub(super) rates_hz: &'static [u32],
    pub(super) channels: &'static [u16],
}

const fn format(extension: &'static str, maker: Maker, like: Like, by: By) -> Format {
    Format { extension, maker, like, by, rates_hz: &[44_100, 48_000], channels: &[1, 2] }
}

const fn lossless(extension: &'static str, maker: Maker) -> Format {
    let rates_hz = &[8000, 22_050, 44_100, 48_000, 96_000, 192_000];
    Format { rates_hz, ..format(extension, maker, Like::Lossless, By::Tower) }
}

const fn foreign(extension: &'static str, demuxer: &'static str, maker: Maker) -> Format {
    format(extension, maker, Like::Lossy, By::Ffmpeg(demuxer))
}

/// Arguments of ffmpeg between the files.
macro_rules! ffmpeg {
    ($($word:literal)*) => { &["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", "IN", $($word,)* "OUT"] };
}

pub(super) const FORMATS: &[Format] = &[
    lossless("u8.wav", ffmpeg!("-c:a" "pcm_u8")),
    Format { channels: &[1, 2, 6], ..lossless("s16.wav", ffmpeg!("-c:a" "pcm_s16le")) },
    lossless("s24.wav", ffmpeg!("-c:a" "pcm_s24le")),
    lossless("s32.wav", ffmpeg!("-c:a" "pcm_s32le")),
    lossless("f32.wav", ffmpeg!("-c:a" "pcm_f32le")),
    lossless("f64.wav", ffmpeg!("-c:a" "pcm_f64le")),
    lossless("alaw.wav", ffmpeg!("-c:a" "pcm_alaw")),
    lossless("mulaw.wav", ffmpeg!("-c:a" "pcm_mulaw")),
    lossless("rf64.wav", ffmpeg!("-rf64" "always")),
    lossless("s16.w64", ffmpeg!("-c:a" "pcm_s16le")),
    lossless("s24.w64", ffmpeg!("-c:a" "pcm_s24le")),
    lossless("sox.wav", &["sox", "IN", "-b", "24", "OUT"]),
    format("ms.wav", ffmpeg!("-c:a" "adpcm_ms"), Like::Lossless, By::Tower),
    format("ima.wav", ffmpeg!("-c:a" "adpcm_ima_wav"), Like::Lossless, By::Tower),
    lossless("s16.aiff", ffmpeg!("-c:a" "pcm_s16be")),
    lossless("s24.aif", ffmpeg!("-c:a" "pcm_s24be")),
    lossless("f32.aiff", ffmpeg!("-c:a" "pcm_f32be")),
    lossless("sox.aifc", &["sox", "IN", "OUT"]),
    lossless("s16.caf", ffmpeg!("-c:a" "pcm_s16be")),
    lossless("s24.caf", ffmpeg!("-c:a" "pcm_s24le")),
    lossless("f32.caf", ffmpeg!("-c:a" "pcm_f32le")),
    format("alac.caf", ffmpeg!("-c:a" "alac"), Like::Lossless, By::Tower),
    Format { channels: &[1, 2, 6], ..lossless("s16.flac", ffmpeg!("-c:a" "flac")) },
    lossless("s24.flac", ffmpeg!("-c:a" "flac" "-sample_fmt" "s32")),
    lossless("fixed.flac", &["flac", "-s", "-f", "-8", "--no-padding", "-o", "OUT", "IN"]),
    lossless("flac.ogg", ffmpeg!("-c:a" "flac")),
    lossless("flac.mka", ffmpeg!("-c:a" "flac")),
    lossless("pcm.mka", ffmpeg!("-c:a" "pcm_s16le")),
    format("alac.m4a", ffmpeg!("-c:a" "alac"), Like::Lossless, By::Tower),
    Format {
        rates_hz: &[32_000, 44_100, 48_000, 96_000],
        ..format("aac.m4a", ffmpeg!("-b:a" "96k"), Like::Exact, By::Tower)
    },
    format("fast.m4a", ffmpeg!("-movflags" "+faststart" "-b:a" "192k"), Like::Exact, By::Tower),
    format("aac.mp4", ffmpeg!("-b:a" "64k"), Like::Exact, By::Tower),
    format("adts.aac", ffmpeg!("-b:a" "128k"), Like::Lossy, By::Tower),
    Format {
        rates_hz: &[8000, 11_025, 16_000, 24_000, 32_000, 44_100, 48_000],
        ..format("cbr.mp3", ffmpeg!("-b:a" "64k"), Like::Exact, By::Tower)
    },
    format("vbr.mp3", &["lame", "--quiet", "-V", "4", "IN", "OUT"], Like::Exact, By::Tower),
    format("untagged.mp3", ffmpeg!("-write_xing" "0" "-id3v2_version" "0"), Like::Lossy, By::Tower),
    Format {
        rates_hz: &[16_000, 24_000, 44_100, 48_000],
        ..format("layer.mp2", ffmpeg!("-b:a" "128k"), Like::Lossy, By::Tower)
    },
    format("two.mp2", &["twolame", "--quiet", "IN", "OUT"], Like::Lossy, By::Tower),
    Format {
        rates_hz: &[8000, 44_100, 48_000, 96_000],
        ..format("vorbis.ogg", ffmpeg!("-c:a" "libvorbis"), Like::Exact, By::Tower)
    },
    format("enc.oga", &["oggenc", "-Q", "-q", "5", "-o", "OUT", "IN"], Like::Exact, By::Tower),
    format("vorbis.webm", ffmpeg!("-c:a" "libvorbis"), Like::Lossy, By::Tower),
    // In stereo the tower decodes it.
    Format { channels: &[1], ..foreign("mp2.mka", "matroska", ffmpeg!("-c:a" "mp2")) },
    format("enc.opus", &["opusenc", "--quiet", "IN", "OUT"], Like::Exact, By::Tower),
    foreign("opus.webm", "matroska", ffmpeg!("-c:a" "libopus" "-ar" "48000")),
    foreign("speex.ogg", "ogg", ffmpeg!("-c:a" "libspeex" "-ar" "16000")),
    foreign("v2.wma", "asf", ffmpeg!("-c:a" "wmav2")),
    foreign("v1.wma", "asf", ffmpeg!("-c:a" "wmav1")),
    foreign("pack.wv", "wv", ffmpeg!("-c:a" "wavpack")),
    foreign("tool.wv", "wv", &["wavpack", "-q", "-y", "IN", "-o", "OUT"]),
    foreign("true.tta", "tta", ffmpeg!("-c:a" "tta")),
    foreign("dolby.ac3", "ac3", ffmpeg!("-c:a" "ac3")),
    foreign("dolby.eac3", "eac3", ffmpeg!("-c:a" "eac3")),
    foreign("sun.au", "au", ffmpeg!("-c:a" "pcm_s16be")),
    foreign("blaster.voc", "voc", &["sox", "IN", "OUT"]),
    foreign("mp3.wav", "wav", ffmpeg!("-c:a" "libmp3lame")),
    foreign("low.aac", "aac", ffmpeg!("-ar" "22050")),
    foreign("surround.m4a", "mov", ffmpeg!("-ac" "6" "-b:a" "192k")),
    foreign("stream.ts", "mpegts", ffmpeg!("-c:a" "mp2")),
    foreign("alac.mov", "mov", ffmpeg!("-c:a" "alac")),
    foreign("old.mov", "mov", ffmpeg!("-c:a" "pcm_mulaw")),
];
