//! Slow, stuck and paused listeners (SPEC LIS-4, LIS-5), over real sockets, with time stepped by hand.
#![cfg(not(loom))]

mod common;

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use common::{
    HEAD, Station, chain, expect, expect_head_and, mp3_length, read_some, tcp, tcp_with_window, unix, wait_until,
};
use radio_fanout::{FanoutConfig, ListenerMeta, MountConfig, StartAt};

/// One shard; sockets that hold little; a ring of 60 frames, skips land 20 behind.
fn small(stall_ms_max: u64) -> Station {
    let config = FanoutConfig { shards: 1, sndbuf_bytes: 4096, stall_ms_max, ..Default::default() };
    let mount = MountConfig { period_ticks: 1, skip_back_frames: 20, ..MountConfig::new("m", 418, 60) };
    Station::new(config, vec![mount], mp3_length)
}

#[test]
fn a_stuck_listener_delays_nobody_and_is_dropped_when_its_time_is_up() {
    let mut station = small(100 * 24);
    let start = station.mount().start_at(StartAt::Behind(0));
    let (theirs, mut healthy) = tcp();
    station.admit(theirs, start);
    let (theirs, stuck) = unix();
    station.admit(theirs, start);
    expect_head_and(&mut healthy, 0..0, mp3_length);
    wait_until("both heads are sent", || station.fanout.snapshot().totals.sends == 2);
    let mut dropped_after = None;
    let mut refused_since = None;
    for number in 0..400 {
        station.advance(1);
        // Each frame arrives before the next tick, whatever the other does.
        expect(&mut healthy, number..number + 1, mp3_length);
        let sends = station.fanout.snapshot().totals.sends;
        if refused_since.is_none() && sends < 2 + 2 * (number + 1) {
            refused_since = Some(number);
        }
        if dropped_after.is_none() && station.fanout.snapshot().totals.dropped_stalled == 1 {
            dropped_after = Some(number);
        }
    }
    assert_eq!(dropped_after.unwrap() - refused_since.unwrap(), 100);
    assert_eq!(station.fanout.snapshot().listeners, 1);
    drop(stuck);
}

#[test]
fn a_slow_reader_gets_every_byte_in_order_however_small_its_window() {
    for over_unix in [true, false] {
        let config = FanoutConfig { shards: 1, sndbuf_bytes: 4096, stall_ms_max: u64::MAX, ..Default::default() };
        let mut station =
            Station::new(config, vec![MountConfig { period_ticks: 1, ..MountConfig::new("m", 418, 1000) }], mp3_length);
        station.publish(900);
        let start = station.mount().start_at(StartAt::Frame(0));
        let since = Instant::now();
        let mut received = Vec::new();
        let expected = HEAD.len() + (0..900).map(mp3_length).sum::<usize>();
        if over_unix {
            let (theirs, mut ours) = unix();
            station.admit(theirs, start);
            ours.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
            while received.len() < expected {
                assert!(since.elapsed() < Duration::from_secs(60), "stuck at {} bytes", received.len());
                station.tick();
                read_some(&mut ours, 1 + received.len() % 3001, &mut received);
            }
        } else {
            let (theirs, mut ours) = tcp_with_window(Some(2048));
            station.admit(theirs, start);
            ours.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
            while received.len() < expected {
                assert!(since.elapsed() < Duration::from_secs(60), "stuck at {} bytes", received.len());
                station.tick();
                read_some(&mut ours, 1 + received.len() % 3001, &mut received);
            }
        }
        assert_eq!(chain(received.strip_prefix(HEAD).unwrap()), (0..900).collect::<Vec<_>>());
        let totals = station.fanout.snapshot().totals;
        assert!(totals.sends > 20, "only {} sends: nothing was partial", totals.sends);
        assert_eq!((totals.skips, totals.bytes), (0, expected as u64));
    }
}

/// Reads what there is and lets the fan-out go on, until the listener has all there is.
fn catch_up(station: &mut Station, ours: &mut UnixStream, received: &mut Vec<u8>) {
    let since = Instant::now();
    loop {
        assert!(since.elapsed() < Duration::from_secs(10), "the listener does not catch up");
        let got = read_some(ours, 64 * 1024, received);
        station.tick();
        if got == 0
            && station.rows().first().is_none_or(|row| row.sent_through_frame == Some(station.mount().frames().end - 1))
        {
            while read_some(ours, 64 * 1024, received) > 0 {}
            return;
        }
    }
}

#[test]
fn a_paused_player_that_lost_its_place_skips_once_to_a_frame_boundary_and_it_is_counted() {
    let mut station = small(60_000);
    let (theirs, mut ours) = unix();
    ours.set_nonblocking(true).unwrap();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    station.advance(300);
    assert_eq!(station.fanout.snapshot().totals.skips, 0, "it skips only when its socket takes bytes");
    let mut received = Vec::new();
    catch_up(&mut station, &mut ours, &mut received);
    station.advance(5);
    catch_up(&mut station, &mut ours, &mut received);

    let numbers = chain(received.strip_prefix(HEAD).unwrap());
    let gaps: Vec<_> = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0][1], numbers[0], *numbers.last().unwrap()), (300 - 20, 0, 304));
    let row = &station.rows()[0];
    assert_eq!(row.skipped_frames, gaps[0][1] - gaps[0][0] - 1);
    assert_eq!(row.bytes, received.len() as u64);
    let totals = station.fanout.snapshot().totals;
    assert_eq!((totals.skips, totals.skipped_frames), (1, row.skipped_frames));
}

#[test]
fn the_third_skip_in_five_minutes_is_the_end_and_it_is_a_frames_end() {
    let mut station = small(60_000);
    let (theirs, mut ours) = unix();
    ours.set_nonblocking(true).unwrap();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    let mut received = Vec::new();
    for pause in 0..3 {
        assert_eq!(station.fanout.snapshot().totals.skips, pause);
        station.advance(300);
        catch_up(&mut station, &mut ours, &mut received);
    }
    let totals = station.fanout.snapshot().totals;
    assert_eq!((totals.skips, totals.dropped_skips, totals.left), (2, 1, 0));
    ours.set_nonblocking(false).unwrap();
    ours.read_to_end(&mut received).unwrap();
    let numbers = chain(received.strip_prefix(HEAD).unwrap());
    assert!(numbers.is_sorted_by(|a, b| a < b));
}

#[test]
fn the_shutdown_ends_everyone_on_a_frame_boundary_within_its_time() {
    let mut station = small(60_000);
    station.publish(50);
    let start = station.mount().start_at(StartAt::Frame(0));
    let mut ours = Vec::new();
    for _ in 0..20 {
        let (theirs, our) = unix();
        station.admit(theirs, start);
        ours.push(our);
    }
    let (theirs, _stuck) = unix();
    station.admit(theirs, start);
    station.tick();
    wait_until("all are admitted", || station.fanout.snapshot().totals.admitted == 21);
    let since = Instant::now();
    let read = |mut our: UnixStream| {
        let mut bytes = Vec::new();
        our.read_to_end(&mut bytes).unwrap();
        chain(bytes.strip_prefix(HEAD).unwrap())
    };
    std::thread::scope(|scope| {
        scope.spawn(|| station.fanout.shutdown(Duration::from_millis(500)));
        // Until then nobody reads: whoever is in the middle of a frame stays there.
        wait_until("the shutdown has begun", || {
            let meta = ListenerMeta::default();
            station.fanout.admit(unix().0, &station.mount(), start, HEAD.to_vec(), meta).is_err()
        });
        for numbers in ours.into_iter().map(|our| scope.spawn(|| read(our))) {
            let numbers = numbers.join().unwrap();
            assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
            assert!((5..50).contains(&numbers.len()), "the socket should have held some of the frames");
        }
    });
    assert!(since.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_paused_player_within_the_history_resumes_at_the_byte_where_it_stopped_and_needs_no_tick_for_it() {
    let config = FanoutConfig { shards: 1, sndbuf_bytes: 4096, ..Default::default() };
    let mut station = Station::new(config, vec![MountConfig::new("m", 418, 2500)], mp3_length);
    let (theirs, mut ours) = unix();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    // 45 s.
    station.advance(1875);
    let row = &station.rows()[0];
    assert!(row.lag_frames > 1700, "only {} frames behind", row.lag_frames);
    let lag = station.fanout.snapshot().mounts[0].lag;
    assert_eq!(lag[lag.len() - 1], 1);
    expect_head_and(&mut ours, 0..1875, mp3_length);
    assert_eq!(station.fanout.snapshot().totals.skips, 0);
}

#[test]
fn a_stuck_reader_pins_a_bounded_amount_of_the_kernels_memory() {
    let config = FanoutConfig { shards: 1, ..Default::default() };
    let mut station = Station::new(config, vec![MountConfig::new("m", 418, 2500)], mp3_length);
    let (theirs, _stuck) = tcp_with_window(Some(2048));
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    for _ in 0..100 {
        station.publish(21);
        (0..21).for_each(|_| station.tick());
    }
    let row = &station.rows()[0];
    assert!(row.bytes < 256 * 1024, "the kernel took {} bytes", row.bytes);
    assert!(row.lag_frames > 1400);
}

#[test]
fn only_listeners_that_are_more_than_two_seconds_behind_and_past_their_burst_are_laggards() {
    let config = FanoutConfig { shards: 1, sndbuf_bytes: 4096, ..Default::default() };
    let mount = MountConfig { period_ticks: 1, ..MountConfig::new("m", 418, 2000) };
    let mut station = Station::new(config, vec![mount], mp3_length);
    let start = station.mount().start_at(StartAt::Behind(0));
    let (theirs, mut healthy) = tcp();
    station.admit(theirs, start);
    let (theirs, stuck) = unix();
    let meta = ListenerMeta { address: Some("[2001:db8:1:2::3]:5".parse().unwrap()), ..ListenerMeta::default() };
    let id = station.fanout.admit(theirs, &station.mount(), start, HEAD.to_vec(), meta).unwrap();
    expect_head_and(&mut healthy, 0..0, mp3_length);
    wait_until("both are there", || station.fanout.snapshot().totals.sends == 2);
    let mut begun_at = None;
    for number in 0..300 {
        station.advance(1);
        expect(&mut healthy, number..number + 1, mp3_length);
        let laggards = station.fanout.laggards(0);
        let row = station.fanout.listener(id).unwrap();
        assert_eq!(laggards.len(), usize::from(row.lag_frames > 84), "{row:?}");
        assert_eq!(station.fanout.snapshot().mounts[0].behind(), laggards.len() as u64);
        if let [laggard] = laggards[..] {
            assert_eq!((laggard.id, laggard.address), (id, Some("2001:db8:1:2::".parse().unwrap())));
            begun_at.get_or_insert(number);
        }
    }
    assert!(begun_at.is_some(), "it never fell behind");
    assert_eq!(station.fanout.laggards(299).len(), 1);
    assert!(station.fanout.laggards(301).is_empty(), "it may still be taking its burst");
    drop(stuck);
}
