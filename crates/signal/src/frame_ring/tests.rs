use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn frame(ring: &FrameRingBuffer, n: FrameNumber) -> Result<Vec<u8>, Get> {
    let mut out = FrameBuf::new();
    match ring.get_frame(n, &mut out) {
        Get::Frame => Ok(out.as_slice().to_vec()),
        other => Err(other),
    }
}

#[test]
fn a_frame_comes_back_under_its_number_whatever_its_length() {
    let ring = FrameRingBuffer::new(DEFAULT_CAPACITY_FRAMES, FRAME_BYTES_MAX);
    for (n, len) in [0, 1, 7, 8, 9, 384, 1440, FRAME_BYTES_MAX].into_iter().enumerate() {
        let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + n) as u8).collect();
        assert_eq!(ring.push(n as u64, &bytes), Push::Filled);
        assert_eq!(frame(&ring, n as u64), Ok(bytes));
    }
    assert_eq!((ring.count(), ring.newest()), (8, Some(7)));
}

#[test]
fn a_frame_longer_than_a_slot_is_refused() {
    let ring = FrameRingBuffer::new(4, 10);
    assert_eq!(ring.push(0, &[0; 11]), Push::TooLong);
    assert_eq!((frame(&ring, 0), ring.newest()), (Err(Get::NotYet), None));
}

#[test]
fn a_slot_is_written_once_and_later_frames_of_its_number_are_compared() {
    let ring = FrameRingBuffer::new(4, 16);
    assert_eq!(ring.push(2, b"first"), Push::Filled);
    assert_eq!(ring.push(2, b"first"), Push::Duplicate { equal: Some(true) });
    assert_eq!(ring.push(2, b"firsT"), Push::Duplicate { equal: Some(false) });
    assert_eq!(ring.push(2, b"firs"), Push::Duplicate { equal: Some(false) });
    assert_eq!(frame(&ring, 2), Ok(b"first".to_vec()));
    assert_eq!((ring.duplicate_count(), ring.mismatch_count()), (3, 2));
}

#[test]
fn a_number_below_the_read_position_is_late() {
    let ring = FrameRingBuffer::new(4, 16);
    ring.push(0, b"0");
    ring.advance_to(1);
    assert_eq!(ring.push(0, b"0"), Push::Late);
    assert_eq!(frame(&ring, 0), Err(Get::Dropped));
    assert_eq!((ring.late_count(), ring.dropped_count()), (1, 0));
}

#[test]
fn the_read_position_never_goes_back() {
    let ring = FrameRingBuffer::new(4, 16);
    ring.advance_to(9);
    ring.advance_to(3);
    assert_eq!(ring.read_position(), 9);
}

#[test]
fn a_number_beyond_the_window_drops_the_oldest_and_counts_it() {
    let ring = FrameRingBuffer::new(3, 16);
    for n in 0..3 {
        assert_eq!(ring.push(n, &[n as u8]), Push::Filled);
    }
    assert_eq!(ring.push(3, &[3]), Push::FilledDroppingOldest { dropped: 1 });
    assert_eq!((ring.read_position(), ring.count(), ring.dropped_count(), ring.gap_count()), (1, 3, 1, 1));
    assert_eq!((frame(&ring, 0), frame(&ring, 1), frame(&ring, 3)), (Err(Get::Dropped), Ok(vec![1]), Ok(vec![3])));
}

#[test]
fn a_leap_of_the_numbers_gives_up_what_was_filled_and_no_more() {
    let ring = FrameRingBuffer::new(3, 16);
    ring.push(0, b"0");
    ring.push(2, b"2");
    assert_eq!(ring.push(1 << 40, b"far"), Push::FilledDroppingOldest { dropped: 2 });
    assert_eq!(ring.read_position(), (1 << 40) - 2);
    assert_eq!(ring.push(FRAME_NUMBER_MAX, b"end"), Push::FilledDroppingOldest { dropped: 1 });
    assert_eq!(frame(&ring, FRAME_NUMBER_MAX), Ok(b"end".to_vec()));
    assert_eq!(ring.push(FRAME_NUMBER_MAX + 1, b""), Push::Late);
    assert_eq!((ring.count(), frame(&ring, u64::MAX)), (1, Err(Get::NotYet)));
    ring.advance_to(u64::MAX);
    assert_eq!((ring.push(5, b""), ring.count()), (Push::Late, 0));
}

#[test]
fn an_older_number_in_mid_write_is_neither_waited_for_nor_overwritten() {
    let ring = FrameRingBuffer::new(2, 16);
    assert!(matches!(ring.slot(1).claim(1), Claim::Mine));
    assert_eq!(ring.push(1, b"one"), Push::Duplicate { equal: None });
    assert_eq!(frame(&ring, 1), Err(Get::NotYet));
    assert_eq!(ring.push(3, b"three"), Push::Busy);
    ring.slot(1).write(1, b"one");
    assert_eq!(ring.push(3, b"three"), Push::Filled);
    assert_eq!((frame(&ring, 1), frame(&ring, 3)), (Err(Get::Dropped), Ok(b"three".to_vec())));
}

#[test]
fn sizes_outside_their_limits_are_brought_inside() {
    let ring = FrameRingBuffer::new(0, usize::MAX);
    assert_eq!(ring.capacity(), 1);
    assert_eq!(ring.push(0, &[0; FRAME_BYTES_MAX + 1]), Push::TooLong);
    assert_eq!(ring.push(0, &[0; FRAME_BYTES_MAX]), Push::Filled);
}

/// A frame that betrays mixing: every byte depends on number and place, the length on the number.
fn telling_frame(n: FrameNumber) -> Vec<u8> {
    (0..64 + n % 320).map(|i| (n.wrapping_mul(31) ^ (i * 7)) as u8).collect()
}

#[test]
fn under_threads_every_frame_read_is_whole_and_every_number_filled_once() {
    const FRAMES: u64 = 20_000;
    let ring = FrameRingBuffer::new(8, 400);
    let filled = |ring: &FrameRingBuffer| {
        let mut filled = 0u64;
        let mut n = 0;
        while n < FRAMES {
            match ring.push(n, &telling_frame(n)) {
                Push::Filled | Push::FilledDroppingOldest { .. } => filled += 1,
                Push::Duplicate { equal } => assert_ne!(equal, Some(false), "frame {n}"),
                Push::Late => {}
                Push::Busy => continue,
                Push::TooLong => unreachable!(),
            }
            n += 1;
        }
        filled
    };
    let (read, filled) = std::thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let (mut out, mut n, mut read) = (FrameBuf::new(), 0, 0u64);
            while n < FRAMES {
                match ring.get_frame(n, &mut out) {
                    Get::Frame => {
                        assert_eq!(out.as_slice(), telling_frame(n), "frame {n}");
                        read += 1;
                        n += 1;
                        ring.advance_to(n);
                    }
                    Get::Dropped => n = n.max(ring.read_position()),
                    Get::NotYet => std::thread::yield_now(),
                }
            }
            read
        });
        let writers = [threads.spawn(|| filled(&ring)), threads.spawn(|| filled(&ring))];
        let filled: u64 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        (reader.join().unwrap(), filled)
    });
    assert!(filled <= FRAMES, "{filled} fills of {FRAMES} numbers");
    assert!(0 < read && read <= filled, "{read} read of {filled}");
    assert_eq!(ring.newest(), Some(FRAMES - 1));
}

/// What the buffer is, said without atomics: a map cut to a window.
#[derive(Default)]
struct Shadow {
    frames: BTreeMap<FrameNumber, Vec<u8>>,
    read: FrameNumber,
    dropped: u64,
}

impl Shadow {
    fn push(&mut self, capacity: u64, n: FrameNumber, bytes: &[u8]) -> Push {
        if n < self.read {
            return Push::Late;
        }
        if let Some(held) = self.frames.get(&n) {
            return Push::Duplicate { equal: Some(held == bytes) };
        }
        self.frames.insert(n, bytes.to_vec());
        if n - self.read < capacity {
            return Push::Filled;
        }
        let before = self.frames.len();
        self.advance_to(n - capacity + 1);
        let dropped = (before - self.frames.len()) as u64;
        self.dropped += dropped;
        Push::FilledDroppingOldest { dropped }
    }

    fn get(&self, n: FrameNumber) -> Result<Vec<u8>, Get> {
        if n < self.read { Err(Get::Dropped) } else { self.frames.get(&n).cloned().ok_or(Get::NotYet) }
    }

    fn advance_to(&mut self, n: FrameNumber) {
        self.read = self.read.max(n);
        self.frames = self.frames.split_off(&self.read);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push { ahead: i64, bytes: Vec<u8> },
    Get { ahead: i64 },
    Advance { ahead: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ahead = || prop_oneof![20 => -4i64..14, 1 => -40i64..2_000_000_000];
    let bytes = prop::collection::vec(0u8..2, 0..20);
    let step = prop_oneof![
        4 => (ahead(), bytes).prop_map(|(ahead, bytes)| Step::Push { ahead, bytes }),
        2 => ahead().prop_map(|ahead| Step::Get { ahead }),
        1 => (-4i64..6).prop_map(|ahead| Step::Advance { ahead }),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn step_by_step_the_buffer_is_a_map_cut_to_a_window(capacity in 1usize..9, steps in steps()) {
        let ring = FrameRingBuffer::new(capacity, 20);
        let mut shadow = Shadow::default();
        for step in steps {
            let at = |ahead: i64| ring.read_position().saturating_add_signed(ahead);
            match step {
                Step::Push { ahead, bytes } => {
                    let n = at(ahead);
                    prop_assert_eq!(ring.push(n, &bytes), shadow.push(capacity as u64, n, &bytes));
                }
                Step::Get { ahead } => prop_assert_eq!(frame(&ring, at(ahead)), shadow.get(at(ahead))),
                Step::Advance { ahead } => {
                    let n = at(ahead);
                    ring.advance_to(n);
                    shadow.advance_to(n);
                }
            }
            prop_assert_eq!(ring.read_position(), shadow.read);
            prop_assert_eq!(ring.count(), shadow.frames.len());
            prop_assert_eq!(ring.dropped_count(), shadow.dropped);
        }
    }
}
