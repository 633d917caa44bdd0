//! What listeners receive over real sockets, with time stepped by hand.
#![cfg(not(loom))]

mod common;

use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;

use common::{HEAD, Station, chain, expect, expect_head_and, mp3_length, tcp, unix, wait_until};
use radio_fanout::{Fanout, FanoutConfig, ListenerMeta, MountConfig, PageCursor, RefusedReason, StartAt};

#[test]
fn a_listener_gets_its_head_its_burst_and_then_every_frame_once() {
    let mut station = Station::mp3(1, 21);
    station.advance(100);
    let start = station.mount().start_at(StartAt::Behind(84));
    assert_eq!(start.frame, 16);
    assert_eq!(start.position, (0..16).map(mp3_length).sum::<usize>() as u64);
    let (theirs, mut ours) = tcp();
    station.admit(theirs, start);
    // Head and burst come without another tick.
    expect_head_and(&mut ours, 16..100, mp3_length);
    station.advance(210);
    let sent_through = station.rows()[0].sent_through_frame.unwrap();
    assert!((309 - 21..310).contains(&sent_through));
    expect(&mut ours, 100..sent_through + 1, mp3_length);
    // One send for head and burst, and one each period.
    assert_eq!(station.fanout.snapshot().totals.sends, 1 + 10);
}

#[test]
fn a_mount_with_a_period_of_one_tick_sends_each_frame_at_once() {
    let mut station = Station::mp3(1, 1);
    let (theirs, mut ours) = tcp();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    expect_head_and(&mut ours, 0..0, mp3_length);
    for number in 0..50 {
        station.advance(1);
        expect(&mut ours, number..number + 1, mp3_length);
    }
}

#[test]
fn a_listener_admitted_before_the_first_frame_starts_with_it() {
    let mount = MountConfig { first_frame: 1_000_000, period_ticks: 3, ..MountConfig::new("m", 418, 100) };
    let mut station = Station::new(FanoutConfig::default(), vec![mount], mp3_length);
    let start = station.mount().start_at(StartAt::Behind(84));
    assert_eq!((start.frame, start.position), (1_000_000, 0));
    assert!(station.mount().frames().is_empty());
    let (theirs, mut ours) = tcp();
    station.admit(theirs, start);
    station.advance(6);
    expect_head_and(&mut ours, 1_000_000..1_000_003, mp3_length);
}

#[test]
fn a_start_is_clamped_to_what_is_there() {
    let mut station = Station::mp3(1, 21);
    station.publish(100);
    let at = |station: &Station, at| station.mount().start_at(at).frame;
    assert_eq!(at(&station, StartAt::Behind(1000)), 0);
    assert_eq!(at(&station, StartAt::Frame(7)), 7);
    assert_eq!(at(&station, StartAt::Frame(5000)), 100);
    station.publish(900);
    let there = station.mount().frames();
    assert_eq!(there.end, 1000);
    // The very oldest would be gone before it could be sent.
    let oldest = at(&station, StartAt::Frame(0));
    assert!(oldest > there.start && oldest <= there.start + 50);
}

#[test]
fn two_hundred_listeners_get_the_same_chain_from_where_each_joined() {
    let mut station = Station::mp3(2, 21);
    station.advance(50);
    let mut listeners = Vec::new();
    for i in 0..200 {
        let (theirs, ours) = tcp();
        let start = station.mount().start_at(StartAt::Behind(i % 60));
        station.admit(theirs, start);
        listeners.push((start.frame, ours));
        if i % 10 == 0 {
            station.advance(1);
        }
    }
    station.advance(60);
    station.fanout.shutdown(Duration::from_secs(1));
    for (first, mut ours) in listeners {
        let mut bytes = Vec::new();
        ours.read_to_end(&mut bytes).unwrap();
        let numbers = chain(bytes.strip_prefix(HEAD).unwrap());
        assert_eq!(numbers, (first..first + numbers.len() as u64).collect::<Vec<_>>());
        assert!(first + numbers.len() as u64 > 130 - 21);
    }
    let totals = station.fanout.snapshot().totals;
    assert_eq!((totals.admitted, totals.ended, totals.skips), (200, 200, 0));
}

#[test]
fn mounts_share_the_shards_and_each_has_its_own_frames() {
    let mounts =
        vec![MountConfig::new("pcm", 4608, 100), MountConfig { period_ticks: 1, ..MountConfig::new("low", 4608, 100) }];
    let mut station = Station::new(FanoutConfig { shards: 1, ..Default::default() }, mounts, |_| 4608);
    let (theirs, mut pcm) = tcp();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    let (theirs, mut low) = unix();
    let mount = station.fanout.mount("low").unwrap();
    let start = mount.start_at(StartAt::Behind(0));
    station.fanout.admit(theirs, &mount, start, HEAD.to_vec(), ListenerMeta::default()).unwrap();
    expect_head_and(&mut low, 0..0, |_| 4608);
    for number in 0..42 {
        station.advance(1);
        expect(&mut low, number..number + 1, |_| 4608);
    }
    expect_head_and(&mut pcm, 0..21, |_| 4608);
    let mounts = station.fanout.snapshot().mounts;
    assert_eq!(mounts.iter().map(|mount| mount.listeners).collect::<Vec<_>>(), [1, 1]);
    // Ten ticks after its slot, or more, the first has nothing of what has come since.
    station.advance(10);
    let mounts = station.fanout.snapshot().mounts;
    let behind = |name: &str| {
        let rows = station.fanout.listeners(PageCursor::default(), 9).rows;
        rows.into_iter().filter(|row| row.mount == name).map(|row| row.lag_frames).sum::<u64>()
    };
    let told: Vec<_> = mounts.iter().map(|mount| (mount.behind_frames, behind(&mount.name))).collect();
    // One that is in the middle of a frame still lacks all of it.
    assert!(
        told.iter().all(|(all, each)| (all..=&(all + 1)).contains(&each)) && told[0].0 >= 9 && told[1].0 == 0,
        "{told:?}"
    );
}

#[test]
fn who_hangs_up_leaves_and_who_only_closes_its_own_side_stays() {
    let mut station = Station::mp3(1, 1);
    let (theirs, gone) = tcp();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    let (theirs, gone_too) = unix();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    let (theirs, mut half) = tcp();
    station.admit(theirs, station.mount().start_at(StartAt::Behind(0)));
    half.shutdown(Shutdown::Write).unwrap();
    drop(gone_too);
    // A hang-up on a Unix socket is seen at once, on TCP at the next send but one at the latest.
    wait_until("the Unix listener is gone", || station.fanout.snapshot().totals.left == 1);
    drop(gone);
    wait_until("the TCP listener is gone", || {
        station.advance(1);
        station.fanout.snapshot().totals.left == 2
    });
    let next = station.mount().frames().end;
    expect_head_and(&mut half, 0..next, mp3_length);
    assert_eq!(station.fanout.snapshot().listeners, 1);
}

#[test]
fn a_full_house_gives_the_socket_back_and_a_seat_left_is_given_again() {
    let config = FanoutConfig { listeners_max: 2, shards: 2, ..Default::default() };
    let station = Station::new(config, vec![MountConfig::new("m", 418, 100)], mp3_length);
    let start = station.mount().start_at(StartAt::Behind(0));
    let ours: Vec<_> = (0..2)
        .map(|_| {
            let (theirs, ours) = unix();
            station.admit(theirs, start);
            ours
        })
        .collect();
    let (theirs, mut refused) = unix();
    let mount = station.mount();
    let back = station.fanout.admit(theirs, &mount, start, HEAD.to_vec(), ListenerMeta::default()).unwrap_err();
    assert_eq!(back.reason, RefusedReason::Full);
    rustix::io::write(&back.socket, b"503").unwrap();
    drop(back);
    let mut answer = String::new();
    refused.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "503");
    drop(ours);
    wait_until("the seats are free", || station.fanout.snapshot().listeners == 0);
    let (theirs, _ours) = unix();
    station.admit(theirs, start);
}

#[test]
fn after_the_shutdown_nobody_is_admitted() {
    let station = Station::mp3(1, 1);
    station.fanout.shutdown(Duration::from_secs(1));
    let (theirs, _ours) = unix();
    let mount = station.mount();
    let start = mount.start_at(StartAt::Behind(0));
    let refused = station.fanout.admit(theirs, &mount, start, Vec::new(), ListenerMeta::default()).unwrap_err();
    assert_eq!(refused.reason, RefusedReason::ShuttingDown);
    assert!(station.rows().is_empty());
}

#[test]
fn every_listener_is_on_exactly_one_page() {
    let mut station = Station::mp3(3, 21);
    station.advance(30);
    let mut ours = Vec::new();
    for i in 0..50 {
        let (theirs, our) = unix();
        let meta = ListenerMeta {
            address: Some(([127, 0, 0, 1], i).into()),
            user_agent: format!("player/{}", i % 3),
            metaint: 0,
        };
        let start = station.mount().start_at(StartAt::Behind(10));
        station.fanout.admit(theirs, &station.mount(), start, HEAD.to_vec(), meta).unwrap();
        ours.push(our);
    }
    station.advance(42);
    let mut rows = Vec::new();
    let mut from = Some(PageCursor::default());
    while let Some(cursor) = from {
        let page = station.fanout.listeners(cursor, 7);
        assert!(page.rows.len() <= 7);
        rows.extend(page.rows);
        from = page.next;
    }
    let mut ports: Vec<_> = rows.iter().map(|row| row.address.unwrap().port()).collect();
    ports.sort_unstable();
    assert_eq!(ports, (0..50).collect::<Vec<_>>());
    for row in rows {
        let through = row.sent_through_frame.unwrap();
        assert_eq!((row.joined_frame, row.skipped_frames, row.connected_secs, row.mount.as_str()), (20, 0, 1, "m"));
        assert_eq!(row.bytes, (HEAD.len() + (20..through + 1).map(mp3_length).sum::<usize>()) as u64);
        assert_eq!(row.user_agent.as_ref(), format!("player/{}", row.address.unwrap().port() % 3));
    }
}

#[test]
fn a_setting_that_cannot_work_is_named() {
    let good = || MountConfig::new("m", 418, 100);
    let message = |config, mounts| Fanout::start(config, mounts).err().map(|error| error.to_string()).unwrap();
    let config = FanoutConfig::default;
    assert_eq!(message(FanoutConfig { shards: 0, ..config() }, vec![good()]), "shards = 0: give 1 to 64");
    assert_eq!(message(config(), vec![good(), good()]), "mount m: the name is used twice; give each mount its own");
    assert_eq!(
        message(config(), vec![MountConfig { skip_back_frames: 101, ..good() }]),
        "mount m: skip_back_frames = 101: give 1 to 100"
    );
    assert_eq!(
        message(config(), vec![MountConfig { period_ticks: 0, ..good() }]),
        "mount m: period_ticks = 0: give 1 to 1024"
    );
}

#[test]
fn an_address_has_so_many_places_and_gets_each_back_when_a_listener_leaves() {
    let config = FanoutConfig { listeners_per_address_max: 2, ..FanoutConfig::default() };
    let mut station = Station::new(config, vec![MountConfig::new("m", 418, 500)], mp3_length);
    station.advance(50);
    let admit = |station: &Station, address: &str| {
        let (theirs, ours) = tcp();
        let meta = ListenerMeta { address: Some(address.parse().unwrap()), user_agent: String::new(), metaint: 0 };
        let start = station.mount().start_at(StartAt::Behind(0));
        station.fanout.admit(theirs, &station.mount(), start, HEAD.to_vec(), meta).map(|_| ours)
    };
    let first = admit(&station, "[2001:db8:1:2::1]:1000").unwrap();
    let _second = admit(&station, "[2001:db8:1:2:ffff::9]:1001").unwrap();
    let refused = admit(&station, "[2001:db8:1:2::3]:1002").expect_err("the /64 is full");
    assert_eq!(refused.reason, RefusedReason::AddressFull);
    let _elsewhere = admit(&station, "[2001:db8:1:3::1]:1003").unwrap();
    let _v4 = admit(&station, "192.0.2.1:1004").unwrap();
    drop(first);
    wait_until("the place is free again", || {
        station.advance(21);
        admit(&station, "[2001:db8:1:2::4]:1005").is_ok()
    });
}

#[test]
fn a_mount_has_so_many_places_of_its_own() {
    let mounts =
        vec![MountConfig { listeners_max: 2, ..MountConfig::new("small", 418, 100) }, MountConfig::new("m", 418, 100)];
    let station = Station::new(FanoutConfig::default(), mounts, mp3_length);
    let admit = |mount: usize| {
        let (theirs, ours) = unix();
        let mount = station.fanout.mounts()[mount].clone();
        let start = mount.start_at(StartAt::Behind(0));
        station.fanout.admit(theirs, &mount, start, HEAD.to_vec(), ListenerMeta::default()).map(|_| ours)
    };
    let first = admit(0).unwrap();
    let _second = admit(0).unwrap();
    assert_eq!(admit(0).unwrap_err().reason, RefusedReason::MountFull);
    let _elsewhere = admit(1).unwrap();
    drop(first);
    wait_until("the place is free again", || admit(0).is_ok());
}

#[test]
fn a_crowded_shard_serves_at_the_longer_period_until_it_is_no_longer_crowded() {
    let config = FanoutConfig { shards: 1, crowd_above: 10, crowd_below: 6, ..Default::default() };
    let mounts = vec![
        MountConfig { period_ticks: 5, ..MountConfig::new("m", 418, 400) },
        MountConfig { period_ticks: 1, crowd_stretch: 1, ..MountConfig::new("low", 418, 400) },
    ];
    let mut station = Station::new(config, mounts, mp3_length);
    let admit = |station: &Station, mount: usize| {
        let (theirs, ours) = unix();
        let mount = station.fanout.mounts()[mount].clone();
        let start = mount.start_at(StartAt::Behind(0));
        station.fanout.admit(theirs, &mount, start, HEAD.to_vec(), ListenerMeta::default()).unwrap();
        ours
    };
    let mut crowd: Vec<_> = (0..10).map(|_| admit(&station, 0)).collect();
    station.advance(20);
    let sends_in_10_ticks = |station: &mut Station| {
        let before = station.fanout.snapshot().totals.sends;
        station.advance(10);
        station.fanout.snapshot().totals.sends - before
    };
    assert_eq!(sends_in_10_ticks(&mut station), 2 * 10);
    let mut low = admit(&station, 1);
    wait_until("there is a crowd", || station.fanout.snapshot().crowded_shards == 1);
    station.advance(10);
    assert_eq!(sends_in_10_ticks(&mut station), 10 + 10);
    assert!(station.rows().iter().all(|row| row.period_ticks == if row.mount == "m" { 10 } else { 1 }));
    crowd.truncate(5);
    wait_until("some have left", || station.fanout.snapshot().listeners == 6);
    assert_eq!(station.fanout.snapshot().crowded_shards, 1, "there is room between the two limits");
    crowd.truncate(4);
    wait_until("the crowd is gone", || station.fanout.snapshot().crowded_shards == 0);
    station.advance(10);
    assert_eq!(sends_in_10_ticks(&mut station), 2 * 4 + 10);
    let next = station.mount().frames().end;
    expect_head_and(&mut low, 30..next, mp3_length);
    expect_head_and(&mut crowd[0], 0..next - 10, mp3_length);
}
