//! Listeners that come and go in every way there is: nothing is left of them. Alone in this process, whose descriptors
//! are counted.
#![cfg(not(loom))]

mod common;

use std::time::Duration;

use common::{HEAD, Station, mp3_length, tcp, unix, wait_until};
use radio_fanout::{FanoutConfig, ListenerMeta, MountConfig, StartAt};

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn of_ten_thousand_listeners_that_came_and_went_nothing_is_left() {
    let config = FanoutConfig { shards: 2, listeners_max: 50, listeners_per_address_max: 50, ..Default::default() };
    let mount = MountConfig { listeners_max: 50, period_ticks: 2, ..MountConfig::new("m", 418, 200) };
    let mut station = Station::new(config, vec![mount], mp3_length);
    station.advance(50);
    let before = open_files();
    let mut refused = 0;
    for round in 0..200 {
        let mut ours: Vec<Box<dyn Send>> = Vec::new();
        for i in 0..55 {
            let start = station.mount().start_at(StartAt::Behind(i % 40));
            let address = Some(([127, 0, 0, 1], 1000 + i as u16).into());
            let meta = ListenerMeta { address, metaint: (i % 2) as u16 * 500, ..ListenerMeta::default() };
            let admitted = if i % 5 == 0 {
                let (theirs, our) = tcp();
                // Closing with this set resets the connection.
                socket2::SockRef::from(&our).set_linger((i % 2 == 0).then_some(Duration::ZERO)).unwrap();
                ours.push(Box::new(our));
                station.fanout.admit(theirs, &station.mount(), start, HEAD.to_vec(), meta)
            } else {
                let (theirs, our) = unix();
                ours.push(Box::new(our));
                station.fanout.admit(theirs, &station.mount(), start, HEAD.to_vec(), meta)
            };
            refused += usize::from(admitted.is_err());
        }
        station.advance(round % 4);
        drop(ours);
        wait_until("all have left", || {
            station.advance(1);
            station.fanout.snapshot().listeners == 0
        });
    }
    let totals = station.fanout.snapshot().totals;
    assert_eq!((totals.left, refused), (10_000, 1000));
    assert_eq!((totals.admitted, totals.dropped_lost + totals.dropped_stalled + totals.dropped_skips), (10_000, 0));
    assert_eq!(open_files(), before);
    assert!(station.rows().is_empty() && station.fanout.has_room());
}
