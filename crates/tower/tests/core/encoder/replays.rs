//! Random replays of every encoder, offline: what a restarted process makes of PCM that another
//! process had (SPEC ENC-4, ENC-9; docs/adr/0016).
//!
//! Each case encodes one programme without interruption, with the command that is on air. Then a
//! process starts at random ticks, again and again, and its frames are compared with those of the
//! uninterrupted encode: four replays a case, one of them on busy cores; 200 and 100 of them at full
//! length (`RADIO_PROVE=1`). `RADIO_SEED` chooses other ticks.

use super::replay_case::{Case, Joined, fallback_and_programme, on_busy_cores};
use radio_config::{Codec, EncoderKind, Replay};
use radio_proof::alarm::full_length;
use radio_proof::chance::Chance;
use radio_proof::material;

/// Every encoder of MP3 that is promised exact, at the least, the usual and the most bitrate, in
/// stereo and in mono.
const EXACT: [Case; 12] = [
    case(EncoderKind::Builtin, Codec::Mp3, 48_000, 32, 2),
    case(EncoderKind::Builtin, Codec::Mp3, 48_000, 128, 2),
    case(EncoderKind::Builtin, Codec::Mp3, 48_000, 320, 2),
    case(EncoderKind::Builtin, Codec::Mp3, 48_000, 64, 1),
    case(EncoderKind::Ffmpeg, Codec::Mp3, 48_000, 32, 2),
    case(EncoderKind::Ffmpeg, Codec::Mp3, 48_000, 128, 2),
    case(EncoderKind::Ffmpeg, Codec::Mp3, 48_000, 320, 2),
    case(EncoderKind::Ffmpeg, Codec::Mp3, 48_000, 64, 1),
    case(EncoderKind::Ffmpeg, Codec::Mp3, 44_100, 32, 2),
    case(EncoderKind::Ffmpeg, Codec::Mp3, 44_100, 128, 2),
    case(EncoderKind::Ffmpeg, Codec::Mp3, 44_100, 320, 2),
    case(EncoderKind::Ffmpeg, Codec::Mp3, 44_100, 64, 1),
];

/// The same of Opus, which is exact by its segments (docs/adr/0018).
const EXACT_OPUS: [Case; 4] = [
    case(EncoderKind::Builtin, Codec::Opus, 48_000, 48, 1),
    case(EncoderKind::Builtin, Codec::Opus, 48_000, 256, 1),
    case(EncoderKind::Builtin, Codec::Opus, 48_000, 96, 2),
    case(EncoderKind::Builtin, Codec::Opus, 48_000, 320, 2),
];

/// Opus by FFmpeg, and how much noisier than an uninterrupted encode the 240 ms after a join may be,
/// in dB. Below 60 kbit/s libopus chooses between two ways of coding, and a replacement may choose
/// the other one.
const OPUS: [(Case, f64); 4] = [
    (case(EncoderKind::Ffmpeg, Codec::Opus, 48_000, 48, 1), 12.0),
    (case(EncoderKind::Ffmpeg, Codec::Opus, 48_000, 256, 1), 1.5),
    (case(EncoderKind::Ffmpeg, Codec::Opus, 48_000, 96, 2), 1.5),
    (case(EncoderKind::Ffmpeg, Codec::Opus, 48_000, 320, 2), 1.5),
];

const fn case(kind: EncoderKind, codec: Codec, rate_hz: u32, kbps: u32, channels: u8) -> Case {
    Case { kind, codec, rate_hz, kbps, channels }
}

/// Replays `case` at random ticks, first on cores that have nothing else to do, then on busy ones;
/// gives how each joined.
fn replays(case: &Case, pcm: &[u8], reference: &[Vec<u8>]) -> Vec<Joined> {
    let given = std::env::var("RADIO_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut chance = Chance::new(given.unwrap_or(85));
    let (idle, busy) = if full_length() { (100, 100) } else { (3, 1) };
    println!("{case}: seed {}", chance.seed());
    let mut some =
        |count: usize| -> Vec<Joined> { (0..count).map(|_| case.replay(pcm, reference, &mut chance)).collect() };
    let mut joined = some(idle);
    joined.extend(on_busy_cores(|| some(busy)));
    joined
}

#[test]
fn every_replay_of_an_encoder_that_is_promised_exact_ends_in_the_same_bytes() {
    assert_exact(&EXACT);
}

#[test]
fn every_replay_of_the_builtin_opus_encoder_ends_in_the_same_bytes() {
    assert_exact(&EXACT_OPUS);
}

#[track_caller]
fn assert_exact(cases: &[Case]) {
    let pcm = fallback_and_programme();
    for case in cases {
        assert_eq!(case.config().main.replay, Replay::Exact, "{case}");
        let reference = case.encode(&pcm);
        let joined = replays(case, &pcm, &reference);
        let latest = joined.iter().map(|one| one.converged_after).max();
        println!("{case}: {} replays, converged after {latest:?} frames at the latest", joined.len());
        for one in joined {
            let Joined { start_tick, next_tick, .. } = one;
            assert!(
                one.last_ten_equal && one.all_equal_afterwards,
                "{case}: the replay of ticks {start_tick} to {next_tick} ends in other bytes: {one:?}"
            );
        }
    }
}

#[test]
fn every_replay_of_opus_is_as_near_to_the_programme_as_its_guarantee_says() {
    let pcm = fallback_and_programme();
    for (case, excess_db_max) in OPUS {
        assert_eq!(case.config().main.replay, Replay::Approx, "{case}");
        let reference = case.encode(&pcm);
        let joined = replays(&case, &pcm, &reference);
        let lag = case.lag_samples(&pcm, &reference);
        let excess: Vec<f64> = joined.iter().map(|one| case.excess_db(one, &pcm, &reference, lag)).collect();
        let (worst, at) = excess.iter().zip(&joined).max_by(|a, b| a.0.total_cmp(b.0)).expect("replays");
        let same = joined.iter().filter(|one| one.last_ten_equal && one.all_equal_afterwards).count();
        let unmatched = joined.iter().filter(|one| one.equal == 0).count();
        println!(
            "{case}: {} replays, {same} in the same bytes, {unmatched} without one equal frame, at most {worst:.2} dB \
             noisier than an uninterrupted encode, at tick {}",
            joined.len(),
            at.next_tick
        );
        assert!(*worst <= excess_db_max, "{case}: {worst:.2} dB noisier at tick {}", at.next_tick);
    }
}

/// What was seen on air: 0 of 204 frames equal. The replay begins 13 ticks after the music, so its
/// classifier has never heard the fallback before it, takes the music for speech, and codes every
/// frame otherwise.
#[test]
fn a_replay_of_opus_that_begins_with_the_music_equals_no_frame_of_an_encoder_that_heard_the_fallback() {
    let case = case(EncoderKind::Ffmpeg, Codec::Opus, 48_000, 48, 1);
    let music = material::music(0, 20, 20);
    let fallback = &fallback_and_programme()[..72 * radio_proof::TICK_BYTES];
    let pcm = [fallback, &music[..300 * radio_proof::TICK_BYTES]].concat();
    let reference = case.encode(&pcm);
    let joined = case.replay_of(&pcm, &reference, 85, 85 + 204, &mut Chance::new(1));
    println!("{joined:?}");
    assert_eq!(joined.equal, 0, "libopus forgets its past here: see whether Opus may be promised exact");
    assert!(joined.compared >= 240, "204 ticks: {joined:?}");
}
