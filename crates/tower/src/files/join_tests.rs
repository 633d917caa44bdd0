use super::*;
use radio_proof::chance::Chance;
use std::f32::consts::TAU;

/// A song: its samples, its gain, and whether it follows without a gap.
#[derive(Clone)]
struct Song {
    values: Vec<f32>,
    gain: f32,
    follows: bool,
}

fn song(samples: usize, value: impl Fn(usize) -> f32) -> Song {
    let values = (0..samples).flat_map(|n| [value(n), -value(n)]).collect();
    Song { values, gain: 1.0, follows: false }
}

/// All of it, as it is heard, and the samples at which songs begin; in pieces of so many samples.
fn joined(crossfade: usize, songs: &[Song], piece: usize) -> (Vec<f32>, Vec<(u64, usize)>) {
    let (mut join, mut out, mut heard) = (Join::new(crossfade), Vec::new(), Vec::new());
    for (number, song) in songs.iter().enumerate() {
        join.begin(0, Begin { song: number, gain: song.gain, follows: song.follows, kept: 0..u64::MAX });
        for values in song.values.chunks(piece * CHANNELS) {
            join.push(values, &mut out);
            heard.extend(std::iter::from_fn(|| join.heard()));
            assert!(join.held.len() <= crossfade * CHANNELS, "the end of a song is bounded");
            let head = join.incoming.as_ref().map_or(0, |incoming| incoming.head.len());
            assert!(head <= 2 * crossfade * CHANNELS, "and so is the beginning");
        }
    }
    join.finish(&mut out);
    heard.extend(std::iter::from_fn(|| join.heard()));
    assert!(!join.holds());
    assert_eq!(join.given(), (out.len() / CHANNELS) as u64);
    (out, heard)
}

#[test]
fn without_a_crossfade_songs_are_what_they_are_and_each_begins_at_its_sample() {
    let songs: Vec<Song> = [1000, 1, 7, 0, 480].map(|samples| song(samples, |n| n as f32 * 0.1)).into();
    let (out, heard) = joined(0, &songs, 100);
    assert_eq!(out, songs.iter().flat_map(|song| song.values.clone()).collect::<Vec<_>>());
    assert_eq!(heard, [(0, 0), (1000, 1), (1001, 2), (1008, 3), (1008, 4)]);
}

#[test]
fn whatever_the_songs_nothing_is_lost_or_inserted_and_each_is_heard_where_its_crossfade_begins() {
    let mut chance = Chance::new(7);
    for round in 0..300 {
        let crossfade = chance.below(200);
        let songs: Vec<Song> = (0..1 + chance.below(12))
            .map(|_| {
                let mut song = song(chance.below(700), |_| 1.0);
                (song.gain, song.follows) = (0.5 + chance.below(3) as f32, chance.below(4) == 0);
                song
            })
            .collect();
        // What must come out: the rules once more, with the whole songs at hand.
        let (mut expected, mut begins) = (Vec::<f32>::new(), Vec::new());
        let mut before: Option<(usize, usize)> = None;
        for song in &songs {
            let samples = song.values.len() / CHANNELS;
            // A song lends at most its half to the one behind it, and has what the one before left.
            let (whole, own) = before.unwrap_or_default();
            let half = if song.follows { 0 } else { crossfade.min(whole / 2).min(own) };
            let overlap = half.min(samples / 2);
            let at = expected.len() / CHANNELS - overlap;
            begins.push(at as u64);
            for (n, frame) in song.values.chunks_exact(CHANNELS).enumerate() {
                let (fade_out, fade_in) = if n < overlap { gains(n, overlap) } else { (0.0, 1.0) };
                for (channel, value) in frame.iter().enumerate() {
                    let index = (at + n) * CHANNELS + channel;
                    match expected.get_mut(index) {
                        Some(old) => *old = *old * fade_out + value * song.gain * fade_in,
                        None => expected.push(value * song.gain),
                    }
                }
            }
            before = Some((samples, samples - overlap));
        }
        for piece in [1 + chance.below(50), 4096] {
            let (out, heard) = joined(crossfade, &songs, piece);
            assert_eq!(heard.iter().map(|(at, _)| *at).collect::<Vec<_>>(), begins, "round {round}");
            assert_eq!(heard.iter().map(|(_, song)| *song).collect::<Vec<_>>(), (0..songs.len()).collect::<Vec<_>>());
            assert_eq!(out.len(), expected.len(), "round {round}");
            assert!(out.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "round {round}");
        }
    }
}

/// The largest second difference of the left channel.
fn bend(values: &[f32]) -> f32 {
    let left: Vec<f32> = values.iter().step_by(CHANNELS).copied().collect();
    left.windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn a_crossfade_of_sines_bends_no_harder_than_twice_the_steadier_of_them() {
    for (one, two) in [(100.0, 100.0), (100.0, 1000.0), (440.0, 100.0), (1000.0, 1000.0)] {
        for phase in 0..8 {
            let sine = |hz: f32, phase: f32| song(48_000, move |n| (TAU * (hz * n as f32 / 48_000.0 + phase)).sin());
            let (first, second) = (sine(one, 0.0), sine(two, phase as f32 / 8.0));
            let steady = bend(&first.values).max(bend(&second.values));
            for crossfade in [960, 4800, 20_000] {
                let (out, _) = joined(crossfade, &[first.clone(), second.clone()], 512);
                assert!(bend(&out) < 2.0 * steady, "{one} Hz to {two} Hz: {} against {steady}", bend(&out));
            }
            let (cut, _) = joined(0, &[first.clone(), second], 512);
            assert!(phase == 0 || bend(&cut) > 2.0 * steady, "the measurement sees a hard cut");
        }
    }
}

#[test]
fn two_songs_at_full_scale_6_db_louder_are_summed_and_not_clamped() {
    let mut songs = [song(20_000, |_| 1.0), song(20_000, |_| 1.0)];
    songs.iter_mut().for_each(|song| song.gain = 2.0);
    let (out, heard) = joined(4800, &songs, 777);
    let loudest = out.iter().copied().fold(0.0, f32::max);
    assert!((loudest - 2.0 * 2.0_f32.sqrt()).abs() < 1e-3, "equal power of equal sounds: {loudest}");
    assert_eq!((out.len() / CHANNELS, heard[1].0), (40_000 - 4800, 20_000 - 4800));
}

#[test]
fn a_song_that_is_late_costs_its_crossfade_and_nothing_else() {
    let (mut join, mut out) = (Join::new(1000), Vec::new());
    join.push(&song(3000, |_| 1.0).values, &mut out);
    assert_eq!(out.len() / CHANNELS, 2000);
    join.release(600, &mut out);
    assert_eq!(out.len() / CHANNELS, 2600);
    join.begin(0, Begin { song: "late", gain: 1.0, follows: false, kept: 0..u64::MAX });
    join.push(&song(3000, |_| 0.5).values, &mut out);
    assert_eq!(join.heard(), Some((2600, "late")), "400 samples are left to be crossfaded");
    join.release(usize::MAX / 4, &mut out);
    assert!(!join.holds());
    assert_eq!(out.len() / CHANNELS, 5600);
}

#[test]
fn a_song_may_begin_behind_samples_that_are_still_to_come() {
    let (mut join, mut out) = (Join::new(0), Vec::new());
    join.begin(0, Begin { song: 1, gain: 1.0, follows: false, kept: 0..u64::MAX });
    join.begin(960, Begin { song: 2, gain: 0.5, follows: false, kept: 0..u64::MAX });
    join.push(&[1.0; 2000 * CHANNELS], &mut out);
    assert_eq!((join.heard(), join.heard(), join.heard()), (Some((0, 1)), Some((960, 2)), None));
    assert_eq!((out[960 * CHANNELS - 1], out[960 * CHANNELS]), (1.0, 0.5));
}

#[test]
fn what_is_not_kept_of_a_song_is_left_out_whatever_the_pieces() {
    for piece in [1, 7, 1000] {
        let (mut join, mut out) = (Join::new(0), Vec::new());
        join.begin(0, Begin { song: 1, gain: 1.0, follows: false, kept: 100..250 });
        song(400, |n| n as f32).values.chunks(piece * CHANNELS).for_each(|values| join.push(values, &mut out));
        join.begin(0, Begin { song: 2, gain: 1.0, follows: false, kept: 0..u64::MAX });
        join.push(&song(10, |n| n as f32).values, &mut out);
        join.finish(&mut out);
        let left: Vec<f32> = out.iter().step_by(CHANNELS).copied().collect();
        assert!(left.iter().copied().eq((100..250_u16).chain(0..10).map(f32::from)), "{left:?}");
        assert_eq!((join.heard(), join.heard()), (Some((0, 1)), Some((150, 2))));
    }
}
