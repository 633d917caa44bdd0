//! A few hundred listeners of every kind at once: each byte of each of them is what the others got (SPEC LIS-2 to LIS-5).

use crate::common;
use radio_load::bare::{self, Bare};
use radio_load::plan::{Kind, Plan};
use radio_load::report::Report;
use radio_load::run::run;
use radio_proof::station::{Manner, Station};
use radio_proof::{alarm, material};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Noise, so that no frame is like another and a missing one is seen.
fn noise() -> Arc<Vec<u8>> {
    Arc::new(material::noise(11, 2500))
}

/// Of listeners that read, all are there and nothing is wrong with what they got.
#[track_caller]
fn assert_served(report: &Report, kind: Kind) {
    let found = &report.kinds[&kind];
    assert_eq!((found.live, found.stalled, &found.ended), (found.asked, 0, &Default::default()), "{kind:?}: {found:?}");
    assert_eq!((found.tally.sync_losses, found.tally.skips), (0, 0), "{kind:?}: {found:?}");
    assert_eq!(found.tally.unchecked_bytes, 0, "{kind:?}: {found:?}");
    assert!(found.tally.good_bytes > 40_000 * found.asked as u64, "{kind:?}: {found:?}");
}

#[test]
fn hundreds_of_listeners_of_all_kinds_are_sent_the_same_bytes() {
    let tower = common::setup().start();
    let station = Station::start(&tower.pcm_socket(), noise(), Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", Duration::from_secs(10));
    let mut plan = Plan::new(tower.address);
    (plan.normal, plan.churning, plan.window, plan.icy) = (150, 50, 20, 20);
    (plan.slow, plan.stuck, plan.paused) = (20, 20, 20);
    (plan.ramp, plan.settle_s, plan.churn_per_s, plan.pause_s) = (500.0, 2.0, 60.0, 3.0);
    plan.hold_s = alarm::seconds(6, 60).as_secs_f64();
    let report = run(plan).expect("sockets enough");
    drop(station);
    for kind in [Kind::Normal, Kind::Window, Kind::Icy, Kind::Paused] {
        assert_served(&report, kind);
    }
    let normal = &report.kinds[&Kind::Normal];
    assert!(normal.gap_ms[2] <= 504.0 + 150.0, "{normal:?}");
    let churning = &report.kinds[&Kind::Churning];
    assert!(churning.rejoins > 200, "{churning:?}");
    for kind in [Kind::Churning, Kind::Slow] {
        assert_eq!(report.kinds[&kind].tally.sync_losses, 0, "{:?}", report.kinds[&kind]);
    }
}

#[test]
fn one_wrong_byte_for_one_listener_in_ten_is_noticed() {
    let (tell, told) = mpsc::channel();
    // The thread ends with the process.
    std::thread::spawn(move || {
        let address = "127.0.0.1:0".parse().expect("an address");
        let server = Bare { listen: address, period_ms: 24, kbps: 128, corrupt_one_in: 10 };
        bare::run(&server, |address| tell.send(address).expect("the test waits"))
    });
    let mut plan = Plan::new(told.recv_timeout(Duration::from_secs(10)).expect("the server's address"));
    (plan.normal, plan.ramp, plan.settle_s, plan.hold_s) = (100, 500.0, 0.5, 1.0);
    let report = run(plan).expect("sockets enough");
    let found = &report.kinds[&Kind::Normal];
    assert_eq!((found.live, found.tally.sync_losses), (100, 10), "{found:?}");
}
