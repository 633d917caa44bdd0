//! One change, one event, one fade: whatever leaves, for whatever follows, with whatever fades
//! (SPEC ROUTER-6, ROUTER-8).

mod support;

use proptest::prelude::*;
use radio_signal::ingest::BufferWriter;
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{Command, OnAir, Reason, RouterConfig, SourceId, SourceSpec};
use radio_signal::units::{TICK_SAMPLES, TICK_VALUES};
use support::*;

const LEVEL: i16 = 12_000;
/// What dither adds at most.
const DITHER: i16 = 2;
const FADES_MS: [usize; 6] = [1, 20, 30, 100, 500, 3000];
const SAMPLES_PER_MS: usize = 48;

/// Frames with sound on one channel only, so that the fades of two sources are seen apart.
fn on(channel: usize) -> PcmFrame {
    let mut frame = PcmFrame([0; TICK_VALUES]);
    frame.0.iter_mut().skip(channel).step_by(2).for_each(|value| *value = LEVEL);
    frame
}

fn channel(frames: &[PcmFrame], channel: usize) -> Vec<i16> {
    frames.iter().flat_map(|frame| frame.0.iter().skip(channel).step_by(2).copied()).collect()
}

fn only_falls(values: &[i16]) -> bool {
    let mut least = i16::MAX;
    values.iter().all(|&value| {
        let falls = value <= least.saturating_add(2 * DITHER);
        least = least.min(value);
        falls
    })
}

/// How what is on air leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    Ends,
    EndsWithinAFrame,
    EndsWithSilence,
    RunsDry,
    TakenOffAir,
    Outranked,
}

const LEAVINGS: [Leaving; 6] = [
    Leaving::Ends,
    Leaving::EndsWithinAFrame,
    Leaving::EndsWithSilence,
    Leaving::RunsDry,
    Leaving::TakenOffAir,
    Leaving::Outranked,
];

/// A studio on air before a station that is there; each sends a tick each tick.
struct Pair {
    desk: Desk,
    studio: (SourceId, Option<BufferWriter>),
    station: (SourceId, BufferWriter),
    heard: Vec<PcmFrame>,
    /// Ticks after which every fade is over.
    over_ticks: usize,
}

fn spec(input: radio_signal::router::InputId, priority: i32, fade_ms: usize) -> SourceSpec {
    SourceSpec { input, priority, fade_samples: Some(fade_ms * SAMPLES_PER_MS), ..station() }
}

impl Pair {
    fn new(leaver_ms: usize, follower_ms: usize, held_ticks: usize) -> Self {
        let mut desk = Desk::new(RouterConfig { grace_ticks: 0, ..CONFIG }, None, None);
        let (studio, mut studio_writer) = desk.producer(spec(PLAY, 30, leaver_ms));
        let (station, mut writer) = desk.producer(spec(STATION, 20, follower_ms));
        feed(&mut studio_writer, std::iter::repeat_n(on(0), held_ticks));
        feed(&mut writer, std::iter::repeat_n(on(1), 12));
        let over_ticks = leaver_ms.max(follower_ms) * SAMPLES_PER_MS / TICK_SAMPLES + held_ticks + 20;
        let (studio, station) = ((studio, Some(studio_writer)), (station, writer));
        let mut pair = Self { desk, studio, station, heard: Vec::new(), over_ticks };
        // Until its fade in is over.
        pair.run(leaver_ms * SAMPLES_PER_MS / TICK_SAMPLES + 30);
        assert_eq!(pair.desk.router.on_air_now(), OnAir::Source(pair.studio.0));
        pair.desk.events();
        pair.heard.clear();
        pair
    }

    fn run(&mut self, ticks: usize) {
        for _ in 0..ticks {
            if let Some(studio) = &mut self.studio.1 {
                studio.offer_pcm(&on(0));
            }
            self.station.1.offer_pcm(&on(1));
            self.heard.push(self.desk.tick().1);
        }
    }

    /// Lets the studio leave, and plays until all is over.
    fn leave(&mut self, leaving: Leaving) {
        match leaving {
            Leaving::EndsWithinAFrame => {
                let mut partial = on(0);
                partial.0[2 * 300..].fill(0);
                self.studio.1.as_mut().expect("it is there").offer_pcm(&partial);
            }
            Leaving::EndsWithSilence => {
                let writer = self.studio.1.as_mut().expect("it is there");
                (0..3).for_each(|_| _ = writer.offer_pcm(&PcmFrame::SILENCE));
            }
            Leaving::TakenOffAir => self.desk.router.command(Command::Allow { input: PLAY, allowed: false }),
            Leaving::Outranked => {
                self.desk.router.command(Command::Prefer { input: Some(STATION) });
                return self.run(self.over_ticks);
            }
            Leaving::Ends | Leaving::RunsDry => {}
        }
        match leaving {
            // Silent, and connected.
            Leaving::RunsDry => {
                let writer = self.studio.1.take();
                self.run(self.over_ticks);
                drop(writer);
            }
            Leaving::TakenOffAir => self.run(600),
            _ => {
                self.studio.1 = None;
                self.run(self.over_ticks);
            }
        }
    }
}

#[track_caller]
fn assert_one_change(leaving: Leaving, leaver_ms: usize, follower_ms: usize, held_ticks: usize) {
    let case = format!("{leaving:?}, {leaver_ms} ms to {follower_ms} ms, {held_ticks} ticks held");
    let mut pair = Pair::new(leaver_ms, follower_ms, held_ticks);
    pair.leave(leaving);
    let told: Vec<(OnAir, OnAir, Reason)> =
        pair.desk.events().iter().map(|event| (event.from, event.to, event.reason)).collect();
    let reason = match leaving {
        Leaving::Ends | Leaving::EndsWithinAFrame | Leaving::EndsWithSilence => Reason::Ended,
        Leaving::RunsDry => Reason::RanDry,
        Leaving::TakenOffAir => Reason::TakenOffAir,
        Leaving::Outranked => Reason::Preferred,
    };
    assert_eq!(told, [(OnAir::Source(pair.studio.0), OnAir::Source(pair.station.0), reason)], "{case}");
    let (left, came) = (channel(&pair.heard, 0), channel(&pair.heard, 1));
    assert!(only_falls(&left), "{case}: what leaves is faded out once");
    assert!(only_falls(&came.iter().map(|value| -value).collect::<Vec<_>>()), "{case}: what comes is faded in once");
    assert_eq!((left.last(), came.last()), (Some(&0), Some(&LEVEL)), "{case}: and both are over");
}

#[test]
fn all_pairs_of_fades_and_ways_to_leave_are_one_change_with_one_event_and_one_fade() {
    for leaving in LEAVINGS {
        for leaver_ms in FADES_MS {
            for follower_ms in FADES_MS {
                assert_one_change(leaving, leaver_ms, follower_ms, 20);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pair_is_one_change(
        leaving in proptest::sample::select(LEAVINGS.as_slice()),
        leaver_ms in 1usize..=10_000,
        follower_ms in 1usize..=10_000,
        held_ticks in 10usize..80,
    ) {
        assert_one_change(leaving, leaver_ms, follower_ms, held_ticks);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each is heard once, one after the other, and nothing of it comes back.
    #[test]
    fn several_that_end_at_once_are_heard_one_after_the_other(
        inputs in proptest::collection::vec((1usize..=2000, 1usize..60), 2..6),
        grace_ticks in 0u64..3,
    ) {
        let mut desk = Desk::new(RouterConfig { grace_ticks, ..CONFIG }, Some(-20.0), None);
        let mut ids = Vec::new();
        for (number, &(fade_ms, ticks)) in inputs.iter().enumerate() {
            let input = radio_signal::router::InputId(number as u16);
            let when_full = radio_signal::router::WhenFull::Wait;
            let (id, mut writer) =
                desk.producer(SourceSpec { when_full, ..spec(input, 100 - number as i32, fade_ms) });
            feed(&mut writer, std::iter::repeat_n(on(0), ticks));
            ids.push(OnAir::Source(id));
        }
        let held: usize = inputs.iter().map(|(_, ticks)| ticks).sum();
        let mut heard: Vec<OnAir> = (0..held + 200).map(|_| desk.tick().0).collect();
        heard.dedup();
        heard.retain(|on_air| matches!(on_air, OnAir::Source(_)));
        prop_assert_eq!(heard, ids);
        prop_assert_eq!(desk.router.on_air_now(), OnAir::Tone);
        prop_assert_eq!(std::iter::from_fn(|| desk.router.poll_detached()).count(), inputs.len());
    }
}
