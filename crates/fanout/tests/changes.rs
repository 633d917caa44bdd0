//! Mounts that come and go, listeners that are sent away, limits that change: whoever it is not about notices nothing.
#![cfg(not(loom))]

mod common;

use std::io::Read;

use common::{HEAD, Station, chain, expect, expect_head_and, frame, mp3_length, unix, wait_until};
use radio_fanout::{FanoutConfig, ListenerMeta, MountConfig, Rate, RefusedReason, Start, StartAt};

const NOW: Start = Start { frame: 0, position: 0 };

#[test]
fn a_mount_is_opened_and_closed_beside_another_whose_listeners_notice_nothing() {
    let mut station = Station::mp3(2, 1);
    station.advance(10);
    let (theirs, mut steady) = unix();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(10)));
    expect_head_and(&mut steady, 0..10, mp3_length);
    let mut at = 10;
    // More often than there are numbers for mounts, if each were used once.
    for round in 0..300u64 {
        let first = 1000 * round;
        let config =
            MountConfig { period_ticks: 1, first_frame: first, skip_back_frames: 1, ..MountConfig::new("x", 90, 4) };
        let (mount, mut publisher) = station.fanout.open_mount(config).unwrap();
        let (theirs, mut guest) = unix();
        let start = mount.start_at(StartAt::Behind(0));
        station.fanout.admit(theirs, &mount, start, HEAD.to_vec(), ListenerMeta::default()).unwrap();
        for number in first..first + 3 {
            publisher.publish(number, &frame(number, 90)).unwrap();
            station.advance(1);
        }
        let figures = station.fanout.snapshot().of(&mount).cloned().unwrap();
        assert_eq!((figures.listeners, figures.listeners_peak), (1, 1), "a new mount knows of none before");
        station.fanout.close_mount(&mount, 5);
        let (theirs, _late) = unix();
        let refused = station.fanout.admit(theirs, &mount, start, HEAD.to_vec(), ListenerMeta::default());
        assert_eq!(refused.unwrap_err().reason, RefusedReason::Closed);
        let mut all = Vec::new();
        guest.read_to_end(&mut all).unwrap();
        assert_eq!(chain(&all[HEAD.len()..]), (first..first + 3).collect::<Vec<_>>());
        wait_until("its listener has left", || station.fanout.snapshot().listeners == 1);
        expect(&mut steady, at..at + 3, mp3_length);
        at += 3;
    }
    let snapshot = station.fanout.snapshot();
    assert_eq!((snapshot.mounts.len(), snapshot.totals.ended, snapshot.totals.left), (1, 300, 0));
}

#[test]
fn of_a_mount_that_closes_whoever_takes_nothing_is_cut_when_patience_ends() {
    let config = FanoutConfig { shards: 1, sndbuf_bytes: 4096, ..FanoutConfig::default() };
    // A send of forty frames at once ends in the middle of one, where the socket is full.
    let mounts = [("m", 1), ("other", 40)]
        .map(|(name, period_ticks)| MountConfig { period_ticks, ..MountConfig::new(name, 418, 200) });
    let mut station = Station::new(config, mounts.to_vec(), mp3_length);
    let other = station.fanout.mount("other").unwrap();
    let (theirs, mut slow) = unix();
    station.fanout.admit(theirs, &other, NOW, HEAD.to_vec(), ListenerMeta::default()).unwrap();
    let (theirs, mut steady) = unix();
    station.admit(theirs, NOW);
    station.advance(100);
    expect_head_and(&mut steady, 0..100, mp3_length);
    station.fanout.close_mount(&other, 10);
    station.advance(10);
    assert_eq!(station.fanout.snapshot().listeners, 2, "it has ten ticks to take the rest of its frame");
    station.advance(2);
    assert_eq!(station.fanout.snapshot().listeners, 1);
    expect(&mut steady, 100..112, mp3_length);
    let mut taken = Vec::new();
    slow.read_to_end(&mut taken).unwrap();
    assert!(taken.len() < 100 * 418 && !taken.is_empty(), "{} bytes", taken.len());
}

#[test]
fn a_listener_is_sent_away_with_whole_frames_and_no_other() {
    let mut station = Station::mp3(2, 1);
    let mut streams: Vec<_> = (0..4)
        .map(|_| {
            let (theirs, ours) = unix();
            station.admit(theirs, NOW);
            ours
        })
        .collect();
    station.advance(20);
    let rows = station.rows();
    assert!(station.fanout.kick(rows[2].id).is_some());
    // It is counted first, and a moment later its seat is free.
    wait_until("it is not there any more", || station.fanout.kick(rows[2].id).is_none());
    assert_eq!(station.fanout.snapshot().totals.kicked, 1);
    station.advance(5);
    let mut kicked = streams.remove(2);
    let mut all = Vec::new();
    kicked.read_to_end(&mut all).unwrap();
    assert_eq!(chain(&all[HEAD.len()..]), (0..20).collect::<Vec<_>>());
    streams.iter_mut().for_each(|stream| expect_head_and(stream, 0..25, mp3_length));
    assert_eq!(station.fanout.snapshot().listeners, 3);
}

#[test]
fn limits_change_for_those_who_come_and_nobody_has_to_leave() {
    let config = FanoutConfig { shards: 1, listeners_max: 6, ..FanoutConfig::default() };
    let mut station =
        Station::new(config, vec![MountConfig { period_ticks: 1, ..MountConfig::new("m", 418, 200) }], mp3_length);
    station.advance(1);
    let mut ours = Vec::new();
    let mut come = |station: &Station, last: u8| {
        let (theirs, our) = unix();
        ours.push(our);
        let meta = ListenerMeta { address: Some(([127, 0, 0, last], 5).into()), ..ListenerMeta::default() };
        station.fanout.admit(theirs, &station.mount(), NOW, HEAD.to_vec(), meta).map_err(|refused| refused.reason)
    };
    (0..3).for_each(|_| assert!(come(&station, 1).is_ok()));
    station.fanout.limit(4, 2);
    assert_eq!(come(&station, 1), Err(RefusedReason::AddressFull), "those who were there count");
    assert!(come(&station, 2).is_ok());
    assert_eq!(come(&station, 3), Err(RefusedReason::Full));
    assert_eq!((station.fanout.listeners_max(), station.fanout.has_room()), (4, false));
    station.fanout.limit(100, 0);
    assert_eq!(station.fanout.listeners_max(), 6, "there are no more seats than at the start");
    station.fanout.limit_mount(&station.mount(), 5);
    assert!(come(&station, 1).is_ok());
    assert_eq!(come(&station, 1), Err(RefusedReason::MountFull));
    assert_eq!(station.fanout.snapshot().listeners, 5);
}

#[test]
fn a_rate_is_refused_that_would_exceed_the_limit_and_a_lower_limit_sends_nobody_away() {
    let config = FanoutConfig { shards: 1, rate_bps_max: 300_000, ..FanoutConfig::default() };
    let mounts = [("m", 135_000), ("low", 50_000)].map(|(name, listener_bps)| MountConfig {
        period_ticks: 1,
        listener_bps,
        ..MountConfig::new(name, 418, 200)
    });
    let mut station = Station::new(config, mounts.into(), mp3_length);
    station.advance(1);
    let admit = |station: &Station, name: &str| {
        let (theirs, ours) = unix();
        let mount = station.fanout.mount(name).unwrap();
        let admitted = station.fanout.admit(theirs, &mount, NOW, HEAD.to_vec(), ListenerMeta::default());
        admitted.map(|_| ours).map_err(|refused| refused.reason)
    };
    let exceeded = |bps, wanted_bps, bps_max| Some(RefusedReason::RateExceeded { bps, wanted_bps, bps_max });
    let mut listeners = vec![admit(&station, "m").unwrap(), admit(&station, "m").unwrap()];
    assert_eq!(admit(&station, "m").err(), exceeded(270_000, 135_000, 300_000));
    assert_eq!(admit(&station, "low").err(), exceeded(270_000, 50_000, 300_000));
    listeners.pop();
    wait_until("the rate is free again", || {
        station.advance(1);
        station.fanout.rate().bps == 135_000
    });
    listeners.push(admit(&station, "low").unwrap());
    station.fanout.limit_rate(100_000);
    assert_eq!(station.fanout.rate(), Rate { bps: 185_000, bps_max: 100_000 });
    station.advance(50);
    assert_eq!(station.fanout.snapshot().listeners, 2, "those who are there stay");
    assert_eq!(admit(&station, "low").err(), exceeded(185_000, 50_000, 100_000));
    station.fanout.limit_rate(0);
    assert!(admit(&station, "m").is_ok());
}
