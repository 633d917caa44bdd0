//! A listener against a socket that takes whatever the test says, a writer that overtakes it at will, and deaths between a
//! send and its count.

use proptest::prelude::*;

use super::*;
use crate::config::{FanoutConfig, MountConfig};
use crate::guests::Guest;
use crate::layout;
use crate::memory::Memory;
use crate::mount::{Publisher, TitlePublisher};
use crate::record::RECORD_WORDS;
use crate::sync::Ordering;

const POLICY: LagPolicy = LagPolicy { stall_ticks_max: 50, skips_max: 2, skips_window_ticks: 100 };
const HEAD: &[u8] = b"head";
const METAINT: u16 = 11;

/// Frame `number` is so many bytes of its number, the first of them marked.
fn frame(number: u64) -> Vec<u8> {
    let mut bytes = vec![number as u8 & 0x7f; 1 + (number * 7 % 9) as usize];
    bytes[0] |= 0x80;
    bytes
}

struct Bench {
    parts: layout::Parts,
    mount: Mount,
    publisher: Publisher,
    titles: TitlePublisher,
    guests: Guests,
    figures: ShardFigures,
    scratch: Scratch,
    tick: u64,
    is_behind: bool,
}

impl Bench {
    /// A ring of 40 frames; a skip goes 4 behind the newest; the brink is 5 frames wide.
    fn new(joined: u64, metaint: u16) -> Self {
        let config = FanoutConfig { listeners_max: 1, ..FanoutConfig::default() };
        let mounts =
            [MountConfig { skip_back_frames: 4, period_ticks: 1, crowd_stretch: 1, ..MountConfig::new("m", 9, 40) }];
        let memory = Memory::zeroed(layout::words(&config, &mounts));
        let (parts, mut mount_parts) = layout::open(&memory, &config, &mounts).unwrap();
        let [mount_config] = mounts;
        let (mount, mut publisher) = Mount::new(0, mount_config, mount_parts.remove(0));
        let titles = publisher.take_titles().unwrap();
        let guests = Guests::new(1);
        *guests.lock(0) = Some(Box::new(Guest { address: None, user_agent: "".into(), head: HEAD.into(), shard: 0 }));
        Record::new(1, 0, HEAD.len() as u16, metaint, joined, 0).create(parts.record(0));
        Lag::new(0).store(parts.lag(0));
        let (figures, scratch) = (ShardFigures::default(), Scratch::default());
        Self { parts, mount, publisher, titles, guests, figures, scratch, tick: 0, is_behind: false }
    }

    fn publish(&mut self, frames: u64) {
        for _ in 0..frames {
            let number = self.publisher.next_frame();
            self.publisher.publish(number, &frame(number)).unwrap();
        }
    }

    /// One turn with this socket.
    fn turn(&mut self, is_writable: bool, send: impl FnMut(&Slices<'_>) -> Result<usize, Errno>) -> Served {
        let turn = Turn {
            record: self.parts.record(0),
            lag: self.parts.lag(0),
            guests: &self.guests,
            seat: 0,
            mount: &self.mount,
            tick: self.tick,
            live: self.mount.ring().live(),
            is_behind: self.is_behind,
            policy: &POLICY,
            asides: &self.parts.asides,
            figures: &self.figures,
        };
        let watched = self.is_behind && !is_writable && !turn.is_stalled();
        let served = if watched { turn.watch(&mut self.scratch) } else { turn.serve(&mut self.scratch, send) };
        self.is_behind = served == Served::Behind;
        served
    }

    fn record(&self) -> Record {
        Record::load(self.parts.record(0))
    }

    /// As if the process had died when these were the words, and the next one had been told the bytes written.
    fn resume(&mut self, words: &[u64], written: u64) {
        let all = self.parts.record(0).iter().chain(self.parts.lag(0));
        words.iter().zip(all).for_each(|(value, word)| word.store(*value, Ordering::Relaxed));
        let before = self.record();
        let mut record = Record { written, ..before };
        record.complete();
        record.store(self.parts.record(0), &before);
        self.scratch = Scratch::default();
        if let Some(guest) = self.guests.lock(0).as_mut() {
            guest.head = HEAD.into();
        }
    }
}

/// Takes the blocks out; gives the audio, and each block with the number of audio bytes before it.
fn without_blocks(mut bytes: &[u8], metaint: u16) -> (Vec<u8>, Vec<(usize, Vec<u8>)>) {
    let (mut audio, mut blocks) = (Vec::new(), Vec::new());
    let interval = if metaint == 0 { usize::MAX } else { metaint.into() };
    while bytes.len() > interval {
        audio.extend(&bytes[..interval]);
        let length = 1 + 16 * usize::from(bytes[interval]);
        let end = (interval + length).min(bytes.len());
        if end == interval + length {
            blocks.push((audio.len(), bytes[interval + 1..end].to_vec()));
        }
        bytes = &bytes[end..];
    }
    audio.extend(bytes);
    (audio, blocks)
}

/// One step: frames published, a title set or not, the room in the socket, and whether the process dies in this send.
type Step = (u64, bool, usize, bool);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let room = prop_oneof![3 => Just(0), 3 => 0usize..8, 3 => 0usize..80, 1 => 0usize..2000];
    prop::collection::vec((0u64..5, any::<bool>(), room, any::<bool>()), 1..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn whatever_the_socket_takes_it_receives_its_head_and_whole_frames_and_every_gap_is_counted(
        steps in steps(),
        metaint in prop_oneof![Just(0u16), Just(METAINT)],
    ) {
        let mut bench = Bench::new(0, metaint);
        let mut received = Vec::new();
        let mut titles = Vec::new();
        let mut end = None;
        for (frames, is_titled, room, dies) in steps {
            bench.tick += 1;
            if is_titled {
                let number = bench.publisher.next_frame();
                bench.titles.set(number, format!("{number}").as_bytes()).unwrap();
                titles.push(number);
            }
            bench.publish(frames);
            let mut left = room;
            let mut died = None;
            let (records, lags) = (bench.parts.records.clone(), bench.parts.lags.clone());
            let served = bench.turn(room > 0, |slices| {
                let offered = slices.concat();
                let taken = left.min(offered.len());
                if taken == 0 {
                    return Err(Errno::AGAIN);
                }
                if dies && died.is_none() {
                    let now: Vec<u64> = records.iter().chain(lags.iter()).map(|w| w.load(Ordering::Relaxed)).collect();
                    let written = now[1] + taken as u64;
                    died = Some((now, written));
                    left = taken;
                }
                received.extend(&offered[..taken]);
                left -= taken;
                Ok(taken)
            });
            prop_assert_ne!(served, Served::Faulty(LagFault::Lost));
            if served == Served::Live {
                prop_assert_eq!(bench.record().position(), bench.mount.ring().live());
            }
            if let Served::Faulty(fault) = served {
                end = Some(fault);
                break;
            }
            if let Some((words, written)) = died {
                bench.resume(&words, written);
            }
        }
        prop_assert_eq!(bench.record().written, received.len() as u64);
        let head = HEAD.len().min(received.len());
        prop_assert_eq!(&received[..head], &HEAD[..head]);
        let (audio, blocks) = without_blocks(&received[head..], metaint);

        // Whole frames in order; the last may still be on its way. `at` says where in the audio each frame begins.
        let (mut rest, mut next, mut skipped, mut at) = (&audio[..], 0u64, 0, Vec::new());
        while !rest.is_empty() {
            let is_next = |number: u64| {
                let bytes = frame(number);
                let n = bytes.len().min(rest.len());
                rest[..n] == bytes[..n]
            };
            let found = (next..next + 127).find(|&number| is_next(number));
            prop_assert!(found.is_some(), "no frame after {next}");
            let number = found.unwrap();
            skipped += number - next;
            at.push((audio.len() - rest.len(), number));
            rest = &rest[frame(number).len().min(rest.len())..];
            next = number + 1;
        }
        let lag = Lag::load(bench.parts.lag(0));
        let counted = if lag.target != NO_TARGET && bench.record().position() > lag.target {
            lag.skipped_frames_then
        } else {
            lag.skipped_frames
        };
        prop_assert_eq!(counted, skipped);
        if end == Some(LagFault::SkippedTooOften) {
            prop_assert_eq!(bench.record().position(), bench.record().jump);
        }

        // Each block tells the title of the frame that follows it, if that is a new one.
        let mut shown = None;
        for (before, block) in blocks {
            let Some(&(_, number)) = at.iter().rfind(|(begins, _)| *begins <= before) else { continue };
            let is_at_the_end = before == audio.len();
            let title = titles.iter().rfind(|&&title| title <= number + u64::from(is_at_the_end));
            let told = if block.is_empty() { shown } else {
                let text: Vec<u8> = block.into_iter().take_while(|&byte| byte != 0).collect();
                Some(String::from_utf8(text).unwrap().parse::<u64>().unwrap())
            };
            if !is_at_the_end && skipped == 0 {
                prop_assert_eq!(told, title.copied());
            }
            shown = told;
        }
    }
}

#[test]
fn head_and_burst_are_offered_in_one_send() {
    let mut bench = Bench::new(0, 0);
    bench.publish(6);
    let mut sends = Vec::new();
    let served = bench.turn(true, |slices| {
        sends.push(slices.concat());
        Ok(slices.concat().len())
    });
    assert_eq!(served, Served::Live);
    assert_eq!(sends, [[HEAD.to_vec(), (0..6).flat_map(frame).collect()].concat()]);
    assert!(bench.guests.lock(0).as_ref().unwrap().head.is_empty(), "a head that has gone is not kept");
}

#[test]
fn a_dead_socket_is_a_hang_up_and_no_fault() {
    for error in [Errno::PIPE, Errno::CONNRESET] {
        assert_eq!(Bench::new(0, 0).turn(true, |_| Err(error)), Served::HungUp);
    }
}

#[test]
fn a_listener_that_stays_behind_is_not_tried_again_until_its_time_is_up() {
    let mut bench = Bench::new(0, 0);
    let mut attempts = Vec::new();
    for tick in 0..=POLICY.stall_ticks_max {
        bench.tick = tick;
        let served = bench.turn(false, |_| {
            attempts.push(tick);
            Err(Errno::AGAIN)
        });
        let is_over = tick == POLICY.stall_ticks_max;
        assert_eq!(served, if is_over { Served::Faulty(LagFault::Stalled) } else { Served::Behind });
    }
    assert_eq!(attempts, [0, POLICY.stall_ticks_max]);
}

#[test]
fn the_words_of_a_listener_are_two_cache_lines() {
    assert_eq!((RECORD_WORDS + crate::lag::LAG_WORDS) * size_of::<u64>(), 128);
}

#[test]
fn who_has_had_one_frame_when_the_ring_overwrites_for_the_first_time_loses_nothing_without_a_skip() {
    let mut bench = Bench::new(0, 0);
    for (frames, room) in [(34, HEAD.len() + frame(0).len()), (4, 0), (4, 0)] {
        bench.tick += 1;
        bench.publish(frames);
        // The whole room at once; what is left over is refused.
        let mut left = room;
        let served = bench.turn(room > 0, |slices| {
            let taken = left.min(slices.concat().len());
            left -= taken;
            if taken == 0 { Err(Errno::AGAIN) } else { Ok(taken) }
        });
        assert_eq!(served, Served::Behind, "after {} frames", bench.publisher.next_frame());
    }
}

#[test]
fn a_death_right_behind_a_skip_does_not_make_the_listener_lose_its_place_later() {
    let mut bench = Bench::new(0, 0);
    let mut step = |frames, room: usize, dies_at_skip| {
        bench.tick += 1;
        bench.publish(frames);
        let (records, lags) = (bench.parts.records.clone(), bench.parts.lags.clone());
        let (mut left, mut died) = (room, None);
        let served = bench.turn(room > 0, |slices| {
            let taken = left.min(slices.concat().len());
            left -= taken;
            if taken == 0 {
                return Err(Errno::AGAIN);
            }
            let words: Vec<u64> = records.iter().chain(lags.iter()).map(|word| word.load(Ordering::Relaxed)).collect();
            let is_behind_the_skip = Lag::load(&lags).target != NO_TARGET;
            if dies_at_skip && is_behind_the_skip && died.is_none() {
                died = Some((words, records[1].load(Ordering::Relaxed) + 1));
                left = 0;
                return Ok(1);
            }
            Ok(taken)
        });
        if let Some((words, written)) = &died {
            bench.resume(words, *written);
        }
        (served, died.is_some())
    };
    step(34, HEAD.len() + frame(0).len() + 1, false);
    for _ in 0..3 {
        assert_eq!(step(4, 0, false), (Served::Behind, false));
    }
    assert_eq!(step(1, 1000, true), (Served::Behind, true), "it dies with the first byte behind the skip");
    for _ in 0..12 {
        assert_eq!(step(4, 0, false), (Served::Behind, false));
    }
    assert_eq!(step(0, 1000, false), (Served::Live, false));
}
