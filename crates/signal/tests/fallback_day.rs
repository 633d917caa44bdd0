//! A whole day of fallback, stepped in virtual time: the serial is right, the tone is right, and nothing grows
//! (SPEC FALL-2, OPS-6, PUMP-4).

mod support;

use radio_signal::ingest::{Gain, SilenceGate};
use radio_signal::pcm::PcmFrame;
use radio_signal::router::{Command, OnAir, RouterConfig, SourceSpec};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use support::*;

const DAY_TICKS: u64 = 86_400_000 / 24;

/// Counts what is allocated and freed.
struct Counting;

thread_local! {
    /// Of this thread alone: tests run beside each other.
    static CALLS: Cell<u64> = const { Cell::new(0) };
}

fn calls() -> u64 {
    CALLS.get()
}

// SAFETY: every call goes on to the system's allocator unchanged.
#[allow(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_day_of_fallback_neither_allocates_nor_drifts() {
    let mut desk = Desk::new(CONFIG, Some(-20.0), None);
    desk.ticks_until(|on_air| on_air == OnAir::Tone);
    desk.events();
    let (_, mut first) = desk.tick();
    let calls_before = calls();
    // The tone repeats after 25 ticks, so the tick before every 25th is the one before the first.
    for tick in 1..=DAY_TICKS {
        let (on_air, frame) = desk.tick();
        assert_eq!(on_air, OnAir::Tone);
        if tick % 25 == 0 {
            assert!(frame == first, "the tone of tick {tick} is out of phase");
            first = frame;
        }
    }
    assert_eq!(calls(), calls_before, "nothing was allocated or freed in a day");
    assert_eq!(desk.router.events_lost(), 0);
}

#[test]
fn a_day_of_comings_and_goings_neither_allocates_nor_loses_an_event() {
    let mut desk = Desk::new(RouterConfig { grace_ticks: 5, ..CONFIG }, Some(-20.0), None);
    let (id, mut writer) = desk.producer(station());
    desk.tick();
    let (mut calls_before, mut changes) = (0, 0);
    for tick in 0..DAY_TICKS / 10 {
        // By now the producer has made all the frames that it needs.
        if tick == 100 {
            calls_before = calls();
        }
        if tick % 50 < 20 {
            writer.offer_pcm(&numbered(tick as usize % 1000));
        }
        desk.tick();
        while let Some(event) = desk.router.poll_event() {
            changes += 1;
            assert!(event.from != event.to);
        }
    }
    assert_eq!(calls(), calls_before);
    assert_eq!(desk.router.events_lost(), 0);
    assert!(changes as u64 > DAY_TICKS / 10 / 50 * 3 - 5, "{changes} changes of {id:?}");
}

#[test]
fn gates_gains_long_fades_and_an_operator_neither_allocate_nor_lose_an_event() {
    let config = RouterConfig { grace_ticks: 5, fade_samples: 100_000, ..CONFIG };
    let mut desk = Desk::new(config, Some(-20.0), None);
    let gate = SilenceGate { ticks: 20, peak: 0.001 };
    let spec = |db: f32| SourceSpec { gate, gain: Gain::from_db(db), ..station() };
    let (_, mut gated) = desk.producer(spec(0.0));
    let (_, mut other) = desk.producer(play());
    // A full buffer is all that a producer ever makes.
    for writer in [&mut gated, &mut other] {
        while writer.offer_pcm(&PcmFrame::SILENCE) {}
    }
    desk.tick();
    (0..2).for_each(|_| _ = (gated.offer_pcm(&PcmFrame::SILENCE), other.offer_pcm(&PcmFrame::SILENCE)));
    let calls_before = calls();
    for tick in 0..30_000usize {
        let frame = if tick % 300 < 200 { numbered(tick % 1000) } else { PcmFrame::SILENCE };
        gated.offer_pcm(&frame);
        if tick % 700 < 500 {
            other.offer_pcm(&numbered(7));
        }
        desk.router.treat(spec([0.0, -6.0, 3.0][tick / 50 % 3]));
        desk.router.command(Command::ForceFallback { forced: tick % 900 > 880 });
        desk.router.command(Command::Prefer { input: (tick % 400 > 300).then_some(PLAY) });
        desk.tick();
        while desk.router.poll_event().is_some() {}
    }
    assert_eq!((calls(), desk.router.events_lost()), (calls_before, 0));
}
