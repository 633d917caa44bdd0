//! Faults made on purpose, each alone, and random ones in any order of arrival.

use super::*;
use proptest::prelude::*;

/// A frame like no other.
fn frame(number: u64) -> Vec<u8> {
    let mut frame = vec![0xAA; 8];
    frame.extend_from_slice(&number.to_be_bytes());
    frame
}

fn frames(numbers: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
    numbers.into_iter().map(frame).collect()
}

/// Compares `received`, the first of which is said to be 100, with a reference 50..400, counted from 60 on.
fn compare(received: &[Vec<u8>]) -> Tally {
    let mut comparison = Comparison::new(100, 50, 60);
    frames(50..400).iter().for_each(|frame| comparison.push_reference(frame).unwrap());
    received.iter().for_each(|frame| comparison.push_received(frame).unwrap());
    comparison.finish()
}

fn first(frame: u64, byte: usize) -> Option<FirstDifference> {
    Some(FirstDifference { frame, byte })
}

#[test]
fn the_reference_itself_is_clean() {
    let tally = compare(&frames(100..300));
    assert!(tally.is_clean(), "{tally:?}");
    assert_eq!((tally.compared(), tally.identical, tally.numbers), (200, 200, Some((100, 300))));
}

#[test]
fn a_flipped_byte_is_one_altered_frame_at_its_place() {
    let mut received = frames(100..300);
    received[17][5] ^= 1;
    let tally = compare(&received);
    assert_eq!((tally.identical, tally.altered, tally.missing, tally.repeated), (199, 1, 0, 0));
    assert_eq!((tally.first_difference, tally.is_clean()), (first(117, 5), false));
}

#[test]
fn a_shorter_frame_differs_where_it_ends() {
    let mut received = frames(100..300);
    received[17].truncate(12);
    assert_eq!(compare(&received).first_difference, first(117, 12));
}

#[test]
fn a_dropped_frame_is_missing_and_the_rest_is_found_again() {
    let tally = compare(&frames((100..300).filter(|&n| n != 150)));
    assert_eq!((tally.identical, tally.missing, tally.altered, tally.compared()), (199, 1, 0, 199));
    assert_eq!((tally.first_difference, tally.numbers), (first(150, 15), Some((100, 300))));
}

#[test]
fn a_leap_of_a_listener_that_was_too_slow_is_that_many_missing() {
    let tally = compare(&frames((100..120).chain(290..320)));
    assert_eq!((tally.identical, tally.missing, tally.altered), (50, 170, 0));
}

#[test]
fn frames_sent_again_are_repeated() {
    let twice = compare(&frames((100..151).chain(150..300)));
    assert_eq!((twice.identical, twice.repeated, twice.missing), (200, 1, 0));
    assert_eq!(twice.first_difference.unwrap().frame, 151);
    let stretch = compare(&frames((100..151).chain(120..300)));
    assert_eq!((stretch.identical, stretch.repeated, stretch.missing, stretch.altered), (200, 31, 0, 0));
    let late = compare(&frames((100..151).chain([140]).chain(151..300)));
    assert_eq!((late.identical, late.repeated, late.altered), (200, 1, 0));
}

#[test]
fn a_reference_that_comes_late_is_waited_for() {
    let mut comparison = Comparison::new(0, 0, 0);
    let received = frames([1, 0].into_iter().chain(2..400));
    received.iter().for_each(|frame| comparison.push_received(frame).unwrap());
    frames(0..400).iter().for_each(|frame| comparison.push_reference(frame).unwrap());
    let tally = comparison.finish();
    assert_eq!((tally.altered, tally.missing, tally.repeated, tally.out_of_order), (0, 0, 0, 1));
}

#[test]
fn two_frames_that_changed_places_are_one_out_of_order() {
    let tally = compare(&frames((100..150).chain([151, 150]).chain(152..300)));
    assert_eq!((tally.identical, tally.out_of_order, tally.missing, tally.altered), (199, 1, 0, 0));
    assert_eq!(tally.first_difference.unwrap().frame, 150);
}

#[test]
fn a_frame_too_many_is_foreign() {
    let tally = compare(&frames((100..150).chain([9999]).chain(150..300)));
    assert_eq!((tally.identical, tally.foreign, tally.missing, tally.altered), (200, 1, 0, 0));
}

#[test]
fn silence_in_the_place_of_programme_is_one_stretch() {
    let mut silence =
        radio_encoder::SilentFrames::new(radio_encoder::Format::of(&radio_config::Output::default())).unwrap();
    let mut received = frames(100..300);
    received[50..91].fill(silence.frame(0).to_vec());
    received[120..121].fill(silence.frame(0).to_vec());
    let tally = compare(&received);
    assert_eq!((tally.identical, tally.altered, tally.silent, tally.silent_stretches), (158, 42, 42, 2));
    assert_eq!((tally.missing, tally.foreign), (0, 0));
}

#[test]
fn silence_is_not_taken_for_silence_elsewhere() {
    let mut silent_frames =
        radio_encoder::SilentFrames::new(radio_encoder::Format::of(&radio_config::Output::default())).unwrap();
    let silence = silent_frames.frame(0).to_vec();
    let programme = |n: u64| match n {
        0..50 | 130..135 | 250.. => silence.clone(),
        n => frame(n),
    };
    let mut comparison = Comparison::new(40, 0, 0);
    (0..300).for_each(|n| comparison.push_reference(&programme(n)).unwrap());
    for n in 40..280 {
        let held = (100..141).contains(&n);
        comparison.push_received(&if held { silence.clone() } else { programme(n) }).unwrap();
    }
    let tally = comparison.finish();
    assert_eq!((tally.identical, tally.altered, tally.silent, tally.silent_stretches), (204, 36, 36, 2));
    assert_eq!((tally.missing, tally.repeated, tally.out_of_order, tally.foreign), (0, 0, 0, 0));
}

#[test]
fn a_wrong_number_at_the_start_is_found() {
    let tally = compare(&frames(101..300));
    assert_eq!((tally.identical, tally.missing, tally.first_difference.unwrap().frame), (199, 1, 100));
}

#[test]
fn digital_silence_moves_nothing() {
    let mut comparison = Comparison::new(0, 0, 0);
    let music_and_silence = |n: u64| if (50..150).contains(&n) { vec![7; 16] } else { frame(n) };
    (0..200).for_each(|n| comparison.push_reference(&music_and_silence(n)).unwrap());
    for n in 0..190 {
        let mut frame = music_and_silence(n);
        if n == 20 || n == 100 {
            frame[0] ^= 1;
        }
        comparison.push_received(&frame).unwrap();
    }
    let tally = comparison.finish();
    assert_eq!((tally.identical, tally.altered, tally.compared()), (188, 2, 190));
}

#[test]
fn the_warm_up_is_not_counted() {
    let mut comparison = Comparison::new(100, 80, 150);
    let warming_up = |n: u64| if n < 150 { frame(n + 10_000) } else { frame(n) };
    (80..200).for_each(|n| comparison.push_reference(&warming_up(n)).unwrap());
    (100..190).for_each(|n| comparison.push_received(&frame(n)).unwrap());
    let tally = comparison.finish();
    assert!(tally.is_clean());
    assert_eq!((tally.identical, tally.numbers), (40, Some((150, 190))));
}

#[test]
fn nothing_like_the_reference_is_all_altered() {
    let mut comparison = Comparison::new(0, 0, 0);
    for n in 0..3000 {
        comparison.push_reference(&frame(n)).unwrap();
        comparison.push_received(&frame(n + 1_000_000)).unwrap();
        assert!(comparison.received.len() <= SEARCH_FRAMES_MAX);
    }
    let tally = comparison.finish();
    assert_eq!((tally.altered, tally.identical, tally.first_difference.unwrap().frame), (3000, 0, 0));
}

#[test]
fn a_side_that_never_comes_is_told_not_waited_for() {
    let mut comparison = Comparison::new(0, 0, 0);
    let taken = (0..).take_while(|&n| comparison.push_received(&frame(n)).is_ok()).count();
    assert_eq!(taken, WAITING_FRAMES_MAX);
    let mut comparison = Comparison::new(0, 0, 0);
    let taken = (0..).take_while(|&n| comparison.push_reference(&frame(n)).is_ok()).count();
    assert_eq!(taken, WAITING_FRAMES_MAX + BEHIND_FRAMES_MAX);
}

/// One fault, with good frames enough between it and the next to be told from it.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Altered,
    Missing(u64),
    Repeated(u64),
    Foreign,
    Swapped,
}

fn fault() -> impl Strategy<Value = (u64, Fault)> {
    let kind = prop_oneof![
        Just(Fault::Altered),
        (1..50u64).prop_map(Fault::Missing),
        (1..5u64).prop_map(Fault::Repeated),
        Just(Fault::Foreign),
        Just(Fault::Swapped),
    ];
    (6..40u64, kind)
}

proptest! {
    #[test]
    fn any_faults_are_counted_in_any_order_of_arrival(
        faults in prop::collection::vec(fault(), 0..12),
        turns in prop::collection::vec((0..40usize, 0..40usize), 1..40),
    ) {
        let mut wanted = Tally::default();
        let (mut received, mut next, mut first_frame) = (Vec::new(), 0, None);
        for (good, fault) in faults {
            received.extend(frames(next..next + good));
            next += good;
            first_frame = first_frame.or(Some(next));
            match fault {
                Fault::Altered => {
                    received.push(frame(1_000_000 + next));
                    (next, wanted.altered) = (next + 1, wanted.altered + 1);
                }
                Fault::Missing(count) => (next, wanted.missing) = (next + count, wanted.missing + count),
                Fault::Repeated(count) => {
                    received.extend(frames(next - count..next));
                    wanted.repeated += count;
                }
                Fault::Foreign => {
                    received.push(frame(2_000_000 + next));
                    wanted.foreign += 1;
                }
                Fault::Swapped => {
                    received.extend(frames([next + 1, next]));
                    (next, wanted.out_of_order) = (next + 2, wanted.out_of_order + 1);
                }
            }
        }
        received.extend(frames(next..next + 10));
        let reference = frames(0..next + 10);

        let mut comparison = Comparison::new(0, 0, 0);
        let (mut to_come, mut to_receive) = (reference.iter(), received.iter());
        for (ahead, behind) in turns.iter().cycle().copied().chain([(1, 1)]) {
            to_come.by_ref().take(ahead + 1).for_each(|frame| comparison.push_reference(frame).unwrap());
            to_receive.by_ref().take(behind + 1).for_each(|frame| comparison.push_received(frame).unwrap());
            if to_come.len() + to_receive.len() == 0 {
                break;
            }
        }
        prop_assert_eq!(comparison.received.len(), 0);
        let tally = comparison.finish();
        let counts = |t: &Tally| (t.altered, t.missing, t.repeated, t.out_of_order, t.foreign);
        prop_assert_eq!(counts(&tally), counts(&wanted));
        prop_assert_eq!(tally.compared(), received.len() as u64);
        prop_assert_eq!(tally.first_difference.map(|difference| difference.frame), first_frame);
    }

    #[test]
    fn whatever_comes_every_frame_is_counted_once(
        reference in prop::collection::vec(0..6u64, 0..400),
        received in prop::collection::vec(0..6u64, 0..400),
    ) {
        let mut comparison = Comparison::new(0, 0, 0);
        for index in 0..reference.len().max(received.len()) {
            if let Some(&number) = reference.get(index) {
                comparison.push_reference(&frame(number)).unwrap();
            }
            if let Some(&number) = received.get(index) {
                comparison.push_received(&frame(number)).unwrap();
            }
        }
        let tally = comparison.finish();
        prop_assert_eq!(tally.compared() + tally.not_compared, received.len() as u64);
        prop_assert_eq!(tally.is_clean(), tally.compared() == tally.identical && tally.missing == 0);
    }
}
