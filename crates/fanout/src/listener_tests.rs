//! A listener against a socket that takes whatever the test says, and a writer that overtakes it at will.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use proptest::prelude::*;
use rustix::event::{EventfdFlags, eventfd};

use super::*;
use crate::config::{FanoutConfig, MountConfig};
use crate::mount::Publisher;
use crate::shared::{ShardShared, Shared};

const POLICY: LagPolicy = LagPolicy { stall_ticks_max: 50, skips_max: 3, skips_window_ticks: 100 };
const HEAD: &[u8] = b"head";

/// Frame `number` is so many bytes of its number, the first of them marked.
fn frame(number: u64) -> Vec<u8> {
    let mut bytes = vec![number as u8 & 0x7f; 1 + (number * 7 % 5) as usize];
    bytes[0] |= 0x80;
    bytes
}

fn record(frame: u64) -> (Record, Mount, Publisher, Arc<Shared>) {
    let config = MountConfig { skip_back_frames: 4, ..MountConfig::new("m", 3, 12) };
    let (mount, publisher) = Mount::new(0, config);
    let wake: OwnedFd = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
    let shard =
        ShardShared { wake, next_due: AtomicU64::new(0), load: AtomicUsize::new(0), figures: ShardFigures::new(1) };
    let shared = Arc::new(Shared {
        config: FanoutConfig::default(),
        mounts: [mount.clone()].into(),
        tick: AtomicU64::new(0),
        stop: OnceLock::new(),
        listeners: AtomicUsize::new(0),
        neighbourhoods: std::sync::Mutex::default(),
        shards: [shard].into(),
    });
    let record = Record {
        id: ListenerId(1),
        mount: 0,
        joined_frame: frame,
        frame,
        pending: HEAD.to_vec(),
        lag: Lag::default(),
        skipped_frames: 0,
        bytes: 0,
        admitted_tick: 0,
        address: None,
        user_agent: "".into(),
        _seat: Seat::take(&shared, None).unwrap(),
    };
    (record, mount, publisher, shared)
}

proptest! {
    #[test]
    fn whatever_the_socket_takes_it_receives_its_head_and_whole_frames_and_every_gap_is_counted(
        rounds in prop::collection::vec((0u64..20, 0usize..60), 1..80),
    ) {
        let (mut record, mount, mut publisher, shared) = record(0);
        let mut scratch = Scratch::default();
        let mut received = Vec::new();
        let mut end = None;
        for (tick, (frames, room)) in rounds.into_iter().enumerate() {
            for _ in 0..frames {
                let number = publisher.next_frame();
                publisher.publish(number, &frame(number)).unwrap();
            }
            let figures = &shared.shards[0].figures;
            let live = mount.frames().end;
            let context = Context { mount: &mount, tick: tick as u64, live, policy: &POLICY, figures };
            let mut room = room;
            let served = record.serve(&context, &mut scratch, |first, second| {
                let offered = [first, second].concat();
                let taken = room.min(offered.len());
                if taken == 0 && !offered.is_empty() {
                    return Err(Errno::AGAIN);
                }
                received.extend(&offered[..taken]);
                room -= taken;
                Ok(taken)
            });
            if served == Served::Live {
                prop_assert_eq!(record.frame, live);
                prop_assert!(record.pending.is_empty());
            }
            if let Served::Faulty(fault) = served {
                end = Some(fault);
                break;
            }
        }
        prop_assert_eq!(record.bytes, received.len() as u64);
        let row = record.row(&mount, 0, 24);

        // What was received and what is kept aside are the head and whole frames, in order.
        if end == Some(LagFault::SkippedTooOften) {
            prop_assert!(record.pending.is_empty());
        }
        received.extend(&record.pending);
        prop_assert_eq!(&received[..HEAD.len()], HEAD);
        let mut rest = &received[HEAD.len()..];
        let (mut next, mut skipped, mut skips) = (0u64, 0, 0);
        while !rest.is_empty() {
            if !rest.starts_with(&frame(next)) {
                let found = (next..next + 128).find(|&number| rest[0] == frame(number)[0]);
                let found = found.unwrap();
                prop_assert!(rest.starts_with(&frame(found)));
                skipped += found - next;
                skips += 1;
                next = found;
            }
            rest = &rest[frame(next).len()..];
            next += 1;
        }
        prop_assert_eq!(record.frame, next);
        prop_assert_eq!(record.skipped_frames, skipped);
        let totals = shared.shards[0].figures.totals();
        prop_assert_eq!((totals.skips, totals.skipped_frames), (skips, skipped));
        prop_assert!(row.sent_through_frame.is_none_or(|through| through < next));
    }
}

#[test]
fn head_and_burst_are_offered_in_one_send() {
    let (mut record, mount, mut publisher, shared) = record(2);
    (0..6).for_each(|number| publisher.publish(number, &frame(number)).unwrap());
    let context = Context { mount: &mount, tick: 0, live: 6, policy: &POLICY, figures: &shared.shards[0].figures };
    let mut sends = Vec::new();
    let served = record.serve(&context, &mut Scratch::default(), |first, second| {
        sends.push([first, second].concat());
        Ok(first.len() + second.len())
    });
    assert_eq!(served, Served::Live);
    assert_eq!(sends, [[HEAD.to_vec(), (2..6).flat_map(frame).collect()].concat()]);
}

#[test]
fn a_dead_socket_is_a_hang_up_and_no_fault() {
    let (mut record, mount, _publisher, shared) = record(0);
    let context = Context { mount: &mount, tick: 0, live: 0, policy: &POLICY, figures: &shared.shards[0].figures };
    for error in [Errno::PIPE, Errno::CONNRESET] {
        assert_eq!(record.serve(&context, &mut Scratch::default(), |_, _| Err(error)), Served::HungUp);
    }
}

#[test]
fn a_listener_costs_little_memory() {
    assert!(size_of::<Record>() <= 192, "a record is {} bytes", size_of::<Record>());
}
