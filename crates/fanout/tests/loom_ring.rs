//! Every interleaving of the ring's one writer and a reader: a copy that the reader accepts is right, byte for byte.
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p radio-fanout --test loom_ring --release`.
#![cfg(loom)]

use radio_fanout::ring::{FrameRun, ring};

/// Frame `n` is `n + 1`, so many times as its length says; lengths that straddle words.
fn frame(n: u64) -> Vec<u8> {
    vec![n as u8 + 1; [5, 6, 7][n as usize % 3]]
}

fn check(run: &FrameRun) {
    let expected: Vec<u8> = run.frames().flat_map(frame).collect();
    assert_eq!(run.bytes(), expected);
}

/// All interleavings with at most three preemptions: enough to show each of the ring's orderings when it is taken away.
fn model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(f);
}

#[test]
fn a_copy_that_is_accepted_is_never_torn() {
    model(|| {
        let (mut writer, reader) = ring(16, 3, 0);
        writer.push(&frame(0)).unwrap();
        let thread = loom::thread::spawn(move || {
            for n in 1..4 {
                writer.push(&frame(n)).unwrap();
            }
        });
        let mut run = FrameRun::default();
        let there = reader.frames();
        if reader.copy(there.start..u64::MAX, 64, &mut run).is_ok() {
            check(&run);
        }
        thread.join().unwrap();
        let there = reader.frames();
        reader.copy(there.clone(), 64, &mut run).unwrap();
        assert_eq!((run.frames(), there.end), (there, 4));
        check(&run);
    });
}

#[test]
fn a_position_that_is_accepted_is_that_of_its_frame() {
    model(|| {
        let (mut writer, reader) = ring(16, 2, 0);
        let thread = loom::thread::spawn(move || {
            for n in 0..3 {
                writer.push(&frame(n)).unwrap();
            }
        });
        let there = reader.frames();
        if let Ok(position) = reader.position(there.start) {
            assert_eq!(position, (0..there.start).map(|n| frame(n).len() as u64).sum::<u64>());
        }
        thread.join().unwrap();
    });
}
