//! Of frames that are corrupted, how many the ear finds; and of those that are not, none (SPEC API-2).

use super::*;
use radio_config::{Codec, Output};
use radio_proof::{TICK_BYTES, material, mp3};
use radio_signal::mpeg::{AdtsHeader, FrameHeader, Header};

/// Header and side information of a stereo frame of MP3; more than an ADTS header.
const SIDE_BYTES: usize = 36;
/// Frames that are corrupted, of those of forty seconds.
const CORRUPTED: usize = 20;

fn format(codec: Codec, sample_rate_hz: u32, bitrate_kbps: u32) -> Format {
    Format::of(&Output { codec, sample_rate_hz, bitrate_kbps, ..Output::default() })
}

/// The frames that FFmpeg makes of a programme.
fn frames(format: &Format, programme: &[u8]) -> Vec<Vec<u8>> {
    let codec = match format.codec {
        Codec::Mp3 => "-c:a libmp3lame -reservoir 0 -write_xing 0 -id3v2_version 0 -f mp3",
        _ => "-c:a aac -f adts",
    };
    let line = format!(
        "-v error -f s16le -ar 48000 -ac 2 -i pipe:0 -ar {} -b:a {}k {codec} pipe:1",
        format.sample_rate_hz, format.bitrate_kbps
    );
    let (stream, _) = mp3::filter("ffmpeg", &line.split(' ').collect::<Vec<_>>(), programme);
    let (mut rest, mut frames) = (&stream[..], Vec::new());
    while !rest.is_empty() {
        let length = match format.codec {
            Codec::Mp3 => FrameHeader::read(rest).expect("a header").frame_bytes(),
            _ => AdtsHeader::read(rest).expect("a header").frame_bytes,
        };
        let (frame, others) = rest.split_at(length);
        frames.push(frame.to_vec());
        rest = others;
    }
    frames
}

/// What the ear finds in each second: ticks that are damaged or could not be decoded.
fn damage(format: Format, frames: &[Vec<u8>], programme: &[u8]) -> Vec<u64> {
    damage_from(0, format, frames, programme)
}

/// The same, where it begins to listen with the frames of this slot.
fn damage_from(first: u64, format: Format, frames: &[Vec<u8>], programme: &[u8]) -> Vec<u64> {
    let (grid, limit) = (format.grid(), error_max(&format));
    let mut sound = Sound::new(format).expect("it is built in");
    let mut follow = Follow::from(first, sound.begin(first), limit);
    let (mut undecoded, mut seconds) = (0, Vec::new());
    for slot in first.. {
        let range = grid.first_frame(slot) as usize..grid.first_frame(slot + 1) as usize;
        let Some(bytes) = frames.get(range) else { return seconds };
        sound.push(slot, &bytes.concat());
        while let Some((planes, is_good)) = sound.next_tick() {
            undecoded += u64::from(!is_good && follow.ticks >= WARM_UP_TICKS);
            follow.ticks += 1;
            let samples = planes[0].iter().zip(planes[1]).map(|(left, right)| [*left, *right]);
            follow.thin_frames.push(samples, follow.comparison.is());
        }
        while follow.next_tick < slot + AHEAD_TICKS {
            let from = follow.next_tick as usize * TICK_BYTES;
            let tick = programme.get(from..from + TICK_BYTES).unwrap_or_default();
            follow.thin_ticks.push(pcm_samples(tick), follow.comparison.should());
            follow.next_tick += 1;
        }
        if let Some(second) = follow.comparison.take() {
            seconds.push(second.damaged_ticks + std::mem::take(&mut undecoded));
        }
    }
    seconds
}

#[test]
fn frames_of_other_bytes_are_found_and_good_ones_are_let_be() {
    // A tower begins with silence.
    let silence = vec![0; 40 * TICK_BYTES];
    let programme = [silence, material::music(0, 40, 40), material::speech(), material::programme(0)].concat();
    let mut state = 1u32;
    let mut other_byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for (codec, rate_hz, kbps) in [(Codec::Mp3, 48_000, 128), (Codec::Aac, 48_000, 64), (Codec::Aac, 44_100, 192)] {
        let format = format(codec, rate_hz, kbps);
        let good = frames(&format, &programme);
        let found = damage(format, &good, &programme);
        assert!(found.len() > 80 && found.iter().all(|&ticks| ticks == 0), "{codec:?} {kbps}: {found:?}");
        // One and a half seconds apart, so that none are in the same second; in the music, which has no pauses.
        let mut bad = good;
        for frame in bad.iter_mut().skip(90).step_by(60).take(CORRUPTED) {
            frame[SIDE_BYTES..].fill_with(&mut other_byte);
        }
        let found = damage(format, &bad, &programme);
        let seconds = found.iter().filter(|&&ticks| ticks > 0).count();
        println!("{codec:?}, {rate_hz} Hz, {kbps} kbit/s: in {seconds} seconds, for {CORRUPTED} frames");
        // One at the edge of two is found in both.
        assert!(seconds >= CORRUPTED * 9 / 10, "{found:?}");
    }
}

#[test]
fn an_ear_that_begins_in_the_middle_finds_no_damage_where_there_is_none() {
    let programme = material::music(0, 8, 12);
    for (codec, rate_hz, kbps) in
        [(Codec::Mp3, 48_000, 32), (Codec::Mp3, 48_000, 128), (Codec::Mp3, 44_100, 192), (Codec::Aac, 44_100, 192)]
    {
        let format = format(codec, rate_hz, kbps);
        let good = frames(&format, &programme);
        for first in (30..70).step_by(5) {
            let found = damage_from(first, format, &good, &programme);
            assert!(found.len() > 5 && found.iter().all(|&ticks| ticks == 0), "{codec:?} {kbps}, {first}: {found:?}");
        }
    }
}
