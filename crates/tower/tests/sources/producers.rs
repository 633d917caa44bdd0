//! Producers come, die and overlap; what each leaves to the next is nothing (SPEC IN-2 to IN-6).

use crate::common;
use radio_proof::station::{Manner, Station};
use radio_proof::{TICK_BYTES, material};
use std::collections::HashMap;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

const RAMP_BYTES: usize = 960 * 4;

#[test]
fn a_partial_frame_of_a_dying_producer_leaves_the_next_one_bit_exact() {
    let tower = common::setup().start();
    tower.wait_source("tone", Duration::from_secs(10));
    let monitor = tower.monitor(None);
    // Whole frames, then a part of one, even a part of a sample: every remainder that could shift the next producer.
    for (round, left_behind) in [1, 2, 3, 2305, 4607].into_iter().enumerate() {
        let dying = material::noise(round as u64 * 2 + 1, 21);
        let mut stream = UnixStream::connect(tower.pcm_socket()).expect("the station's socket");
        stream.write_all(&dying[..20 * TICK_BYTES + left_behind]).expect("the tower reads");
        drop(stream);
        // Until it has been played: a producer that waits off air keeps only its freshest pre-roll (SPEC IN-4).
        let played = monitor.next_serial() + 35;
        monitor.wait_serial(played, Duration::from_secs(10));
        let next = Arc::new(material::noise(round as u64 * 2 + 2, 60));
        let station = Station::start(&tower.pcm_socket(), Arc::clone(&next), Manner::default());
        assert_eq!(station.finish(), next.len() as u64);
        let end = monitor.next_serial() + 60;
        monitor.wait_serial(end, Duration::from_secs(10));
        let pcm = monitor.so_far();
        assert_eq!(
            pcm.first_difference(pcm.serial_of_fed(&dying, 5), &dying, 1..19),
            None,
            "the dying one's own frames"
        );
        let serial = pcm.serial_of_fed(&next, 20);
        assert_eq!(pcm.first_difference(serial, &next, 1..59), None, "after {left_behind} bytes were left behind");
        assert_eq!(pcm.tick(serial)[RAMP_BYTES..], next[RAMP_BYTES..TICK_BYTES], "the first tick, after its ramp");
    }
}

#[test]
fn two_producers_never_mix_and_the_earlier_one_is_heard_until_it_leaves() {
    let tower = common::setup().start();
    tower.wait_source("tone", Duration::from_secs(10));
    let monitor = tower.monitor(None);
    let programmes = [material::noise(21, 240), material::noise(22, 400)];
    let first = Station::start(&tower.pcm_socket(), Arc::new(programmes[0].clone()), Manner::default());
    tower.wait_source("station", Duration::from_secs(10));
    let manner = Manner { block_bytes: 1000, ..Manner::default() };
    let second = Station::start(&tower.pcm_socket(), Arc::new(programmes[1].clone()), manner);
    assert!(first.finish() > 0 && second.finish() > 0);
    let end = monitor.next_serial() + 30;
    monitor.wait_serial(end, Duration::from_secs(10));
    let pcm = monitor.stop();

    let mut owners: HashMap<&[u8], (usize, usize)> = HashMap::new();
    for (who, programme) in programmes.iter().enumerate() {
        owners.extend(programme.chunks(TICK_BYTES).enumerate().map(|(tick, bytes)| (bytes, (who, tick))));
    }
    let heard: Vec<(u64, usize, usize)> = pcm
        .serials()
        .filter_map(|serial| owners.get(pcm.tick(serial)).map(|&(who, tick)| (serial, who, tick)))
        .collect();
    let of = |who: usize| heard.iter().filter(move |entry| entry.1 == who).collect::<Vec<_>>();
    let (ours, theirs) = (of(0), of(1));
    // All but the ramped ends of the first; then the second to its end, without a break inside either.
    assert!(ours.len() >= 236, "{} of 240 ticks of the first", ours.len());
    assert!(theirs.len() >= 120, "{} ticks of the second", theirs.len());
    for one in [&ours, &theirs] {
        for pair in one.windows(2) {
            assert_eq!((pair[1].0 - pair[0].0, pair[1].2 - pair[0].2), (1, 1), "a break after serial {}", pair[0].0);
        }
    }
    let (left, took_over) = (ours[ours.len() - 1].0, theirs[0].0);
    assert!(left < took_over && took_over - left <= 4, "the second follows at once: {left} then {took_over}");
    assert_eq!(theirs[theirs.len() - 1].2, 398, "the second is heard to its last whole tick before the closing ramp");
}

#[test]
fn a_flood_into_the_socket_is_dropped_and_counted_and_the_buffer_says_so_quickly() {
    let tower = common::setup().start();
    let mut stream = UnixStream::connect(tower.pcm_socket()).expect("the station's socket");
    // 400 ticks at once into a buffer of 100: taken at once, since the station is never blocked.
    stream.write_all(&material::noise(31, 400)).expect("the tower reads");
    let buffer = radio_proof::alarm::wait_for("drops to be counted", Duration::from_secs(10), || {
        let asked = std::time::Instant::now();
        let buffer = tower.get("/tower/buffer").json();
        let took = asked.elapsed();
        (buffer["overflow_count"].as_u64()? > 200 && took < Duration::from_millis(100)).then_some(buffer)
    });
    assert_eq!(buffer["capacity"], 100);
    let ratio = buffer["ratio"].as_f64().expect("a ratio");
    assert!((ratio - buffer["count"].as_f64().expect("a count") / 100.0).abs() < 1e-9, "{buffer}");
}
