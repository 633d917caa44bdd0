//! Which codec, bitrate, sample rate and encoder go together (SPEC SIG-4, ENC-4).

use super::check::Check;
use super::key::BITRATES_KBPS;
use super::output::{Codec, EncoderKind, Output};
use radio_signal::units::SAMPLE_RATE_HZ;
use std::ops::RangeInclusive;

/// Bitrates of AAC and Opus, in kbit/s.
const OTHER_BITRATES_KBPS: RangeInclusive<u32> = 16..=320;
/// Bitrates of Opus in mono: libopus refuses more than 256 kbit/s in one channel.
const OPUS_MONO_BITRATES_KBPS: RangeInclusive<u32> = 16..=256;
/// Bitrates of HE-AAC: its core has half the rate, and is good for no more.
const HE_AAC_BITRATES_KBPS: RangeInclusive<u32> = 16..=128;

impl Check {
    pub(super) fn codec(&mut self, index: usize, output: &Output) {
        let key = |name: &str| format!("output.{index}.{name}");
        let (bitrate_key, rate_key) = (key("bitrate_kbps"), key("sample_rate_hz"));
        let bitrate_kbps = output.bitrate_kbps;
        if output.codec == Codec::Mp3 && !BITRATES_KBPS.contains(&bitrate_kbps) {
            let nearest = BITRATES_KBPS.iter().min_by_key(|known| known.abs_diff(bitrate_kbps)).unwrap_or(&128);
            let all = BITRATES_KBPS.map(|rate| rate.to_string()).join(", ");
            let message = format!(
                "`{bitrate_key}` cannot be {bitrate_kbps}; the nearest bitrate of MPEG-1 Layer III is {nearest} (all of them: \
                 {all})"
            );
            self.add(&[&bitrate_key], message);
        }
        let others = match (output.codec, output.channels) {
            (Codec::Mp3, _) => None,
            (Codec::Opus, 1) => Some((OPUS_MONO_BITRATES_KBPS, "Opus in mono")),
            (Codec::HeAac, _) => Some((HE_AAC_BITRATES_KBPS, "HE-AAC")),
            (Codec::Aac | Codec::Opus, _) => Some((OTHER_BITRATES_KBPS, "this codec")),
        };
        if let Some((bitrates, what)) = others.filter(|(bitrates, _)| !bitrates.contains(&bitrate_kbps)) {
            let (min, max) = bitrates.into_inner();
            let message = format!("`{bitrate_key}` cannot be {bitrate_kbps}; with {what} it is {min} to {max}");
            self.add(&[&bitrate_key, &key("codec")], message);
        }
        let rate_hz = output.sample_rate_hz;
        if rate_hz != SAMPLE_RATE_HZ && (output.codec != Codec::Mp3 || rate_hz != 44_100) {
            let message = format!("`{rate_key}` cannot be {rate_hz}; write 48000, or for mp3 44100");
            self.add(&[&rate_key, &key("codec")], message);
        }
        if output.codec == Codec::HeAac {
            if output.encoder != EncoderKind::Command {
                let message = format!(
                    "`{}` is \"he-aac\", which neither the tower nor FFmpeg encodes; write `encoder = \"command\"` and the \
                     `command` of a program that does",
                    key("codec")
                );
                self.add(&[&key("codec"), &key("encoder")], message);
            }
        } else if output.encoder == EncoderKind::Builtin && !output.has_builtin() {
            let message = format!(
                "`{}` is \"builtin\", which makes MP3 and Opus at 48000 Hz alone; write `encoder = \"ffmpeg\"` (Debian: \
                 apt install ffmpeg)",
                key("encoder")
            );
            self.add(&[&key("encoder"), &key("codec"), &rate_key], message);
        }
    }
}
