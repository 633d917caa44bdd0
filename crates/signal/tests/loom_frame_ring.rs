//! Every interleaving (up to five preemptions) of small schedules on the frame buffer (SPEC ENC-2, ENC-3).
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p radio-signal --test loom_frame_ring --release --target-dir target/loom`
#![cfg(loom)]

use loom::{sync::Arc, thread};
use radio_signal::frame_ring::{FrameBuf, FrameRingBuffer, Get, Push};

/// Two words: enough to be torn.
const FRAME_BYTES: usize = 16;

fn check(schedule: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(5);
    model.check(schedule);
}

fn whole(byte: u8) -> [u8; FRAME_BYTES] {
    [byte; FRAME_BYTES]
}

fn filled(push: Push) -> bool {
    matches!(push, Push::Filled | Push::FilledDroppingOldest { .. })
}

#[test]
fn a_reader_beside_a_writer_sees_a_whole_frame_or_none() {
    check(|| {
        let ring = Arc::new(FrameRingBuffer::new(2, FRAME_BYTES));
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || {
                assert_eq!(ring.push(0, &whole(1)), Push::Filled);
                assert_eq!(ring.push(1, &whole(2)), Push::Filled);
            })
        };
        let mut out = FrameBuf::new();
        let mut seen = [false; 2];
        for n in [1, 0] {
            match ring.get_frame(n, &mut out) {
                Get::Frame => {
                    assert_eq!(out.as_slice(), whole(n as u8 + 1));
                    seen[n as usize] = true;
                }
                Get::NotYet => {}
                Get::Dropped => panic!("nothing was dropped"),
            }
        }
        assert!(!seen[1] || seen[0], "frame 1 was seen, and afterwards frame 0 was not");
        writer.join().unwrap();
        assert_eq!(ring.get_frame(1, &mut out), Get::Frame);
    });
}

#[test]
fn of_two_writers_of_one_number_exactly_one_fills_it() {
    check(|| {
        let ring = Arc::new(FrameRingBuffer::new(1, FRAME_BYTES));
        let writers = [1u8, 2].map(|byte| {
            let ring = ring.clone();
            thread::spawn(move || ring.push(0, &whole(byte)))
        });
        let mut out = FrameBuf::new();
        let early = (ring.get_frame(0, &mut out) == Get::Frame).then(|| out.as_slice().to_vec());
        let pushes = writers.map(|writer| writer.join().unwrap());
        assert_eq!(pushes.iter().filter(|&&push| filled(push)).count(), 1, "{pushes:?}");
        let winner = if filled(pushes[0]) { 1 } else { 2 };
        let loser = pushes[2 - winner];
        assert!(matches!(loser, Push::Duplicate { equal: None | Some(false) }), "{loser:?}");
        assert_eq!(ring.get_frame(0, &mut out), Get::Frame);
        assert_eq!(out.as_slice(), whole(winner as u8));
        assert!(early.is_none_or(|bytes| bytes == whole(winner as u8)), "the frame changed after it was read");
        assert_eq!(ring.duplicate_count(), 1);
    });
}

#[test]
fn a_reader_lapped_in_mid_copy_never_sees_a_torn_frame() {
    check(|| {
        let ring = Arc::new(FrameRingBuffer::new(1, FRAME_BYTES));
        ring.push(0, &whole(1));
        let writer = {
            let ring = ring.clone();
            thread::spawn(move || ring.push(1, &whole(2)[..12]))
        };
        let mut out = FrameBuf::new();
        match ring.get_frame(0, &mut out) {
            Get::Frame => assert_eq!(out.as_slice(), whole(1)),
            Get::Dropped => assert!(ring.read_position() >= 1),
            Get::NotYet => panic!("it was there"),
        }
        assert_eq!(writer.join().unwrap(), Push::FilledDroppingOldest { dropped: 1 });
        assert_eq!(ring.get_frame(1, &mut out), Get::Frame);
        assert_eq!(out.as_slice(), &whole(2)[..12]);
    });
}

#[test]
fn two_numbers_of_one_slot_never_mix() {
    check(|| {
        let ring = Arc::new(FrameRingBuffer::new(1, FRAME_BYTES));
        let writers = [0u64, 1].map(|n| {
            let ring = ring.clone();
            thread::spawn(move || ring.push(n, &whole(n as u8 + 1)))
        });
        let [older, newer] = writers.map(|writer| writer.join().unwrap());
        assert!(matches!(older, Push::Filled | Push::Late), "{older:?}");
        let mut out = FrameBuf::new();
        assert_eq!(ring.read_position(), 1);
        match newer {
            Push::FilledDroppingOldest { .. } => {
                assert_eq!(ring.get_frame(1, &mut out), Get::Frame);
                assert_eq!(out.as_slice(), whole(2));
            }
            // The older number was in mid-write: the newer one is not kept, and says so.
            Push::Busy => {
                assert_eq!(ring.get_frame(1, &mut out), Get::NotYet);
                assert_eq!(ring.push(1, &whole(2)), Push::Filled);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn two_encoders_and_a_reader_that_follows_them() {
    check(|| {
        let ring = Arc::new(FrameRingBuffer::new(1, FRAME_BYTES));
        let encoders = [(); 2].map(|()| {
            let ring = ring.clone();
            thread::spawn(move || [0, 1].map(|n| ring.push(n, &whole(n as u8 + 1))))
        });
        let mut out = FrameBuf::new();
        for n in [0, 1] {
            if ring.get_frame(n, &mut out) == Get::Frame {
                assert_eq!(out.as_slice(), whole(n as u8 + 1));
                ring.advance_to(n + 1);
            }
        }
        let [a, b] = encoders.map(|encoder| encoder.join().unwrap());
        for n in [0, 1] {
            assert!(u8::from(filled(a[n])) + u8::from(filled(b[n])) <= 1, "{a:?} {b:?}");
        }
        assert_eq!(ring.mismatch_count(), 0);
        assert!(ring.dropped_count() <= 1);
        assert!(ring.read_position() >= 1);
    });
}
