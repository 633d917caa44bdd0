//! A tone is a tone at the listener, and a minute holds exactly its frames (SPEC SIG-3, PUMP-2, PUMP-3, LIS-1). Meanwhile
//! somebody waits for an event of the station (SPEC API-4).

use crate::common;
use radio_proof::alarm::seconds;
use radio_proof::http::send;
use radio_proof::station::{Manner, Station};
use radio_proof::websocket::WebSocket;
use radio_proof::{clock, frames, measure, mp3, offline};
use std::sync::Arc;
use std::time::Duration;

const FRAME_BYTES: usize = 384;

#[test]
fn a_1_khz_programme_is_1_khz_at_the_listener_at_its_level_and_its_exact_rate() {
    let span = seconds(60, 600);
    let tower =
        common::setup().line(r#"output = [{ mount = "/stream" }, { mount = "/low", latency = "low" }]"#).start();
    let tone = Arc::new(measure::to_stereo_s16(&measure::sine(1000.0, 0.25, 0.0, 480_000)));
    let station = Station::start(&tower.pcm_socket(), Arc::clone(&tone), Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", Duration::from_secs(10));

    // Idle for longer than any answer may take.
    let mut events = WebSocket::open(tower.address, "/tower/events", "Upgrade");
    events.wait_up_to(span + Duration::from_secs(30));
    let idle = std::thread::spawn(move || events.receive_json());
    let normal = tower.listen("/stream");
    let low = tower.listen("/low?burst=0");
    let ticks = tower.sightings("/tick", span);
    let released = tower.status()["outputs"][1]["frame"].as_u64().expect("frames are counted");
    let low_after = low.first_frame() + (low.received() / FRAME_BYTES) as u64;
    let (low_first, normal_first) = (low.first_frame(), normal.first_frame());
    let (low, normal) = (low.stop(), normal.stop());
    let event = br#"{"event_type": "station_shutdown", "timestamp": 1, "metadata": {}}"#;
    let told = send(tower.address, "POST", "/tower/events/ingest", "", event).expect("an answer");
    assert_eq!(told.head.status(), 204);
    let passed_on = idle.join().expect("an event after a long time without one");
    assert_eq!(passed_on["event_type"], "station_shutdown");
    assert!(station.stop() > 0);

    // The clock itself, then what each listener got: one frame a tick, not one more or less.
    clock::assert_exact_rate("ticks of the tower", &ticks, span - Duration::from_secs(1));
    for (what, first, recording) in [("frames at /low", low_first, &low), ("frames at /stream", normal_first, &normal)]
    {
        let arrivals = recording.frame_arrivals(first, FRAME_BYTES);
        clock::assert_exact_rate(what, &arrivals, span - Duration::from_secs(2));
        assert_eq!(frames::strict(&recording.bytes).len(), recording.bytes.len() / FRAME_BYTES);
        assert!(recording.end.is_none(), "{what}: {:?}", recording.end);
    }
    // Counted by the listener and by the tower: the same number, but for what is on its way.
    assert!(low_after.abs_diff(released) <= 5, "the listener is at frame {low_after}, the tower at {released}");

    let offline = mp3::decode_left(&offline::ffmpeg_encode(&tone, 128));
    let expected_dbfs = measure::tone_dbfs(&offline[96_000..384_000], 1000.0);
    for recording in [low, normal] {
        let heard = mp3::decode_left(
            &recording.bytes[recording.bytes.len() / FRAME_BYTES * FRAME_BYTES - 400 * FRAME_BYTES..]
                [..400 * FRAME_BYTES],
        );
        let heard = &heard[20 * 1152..380 * 1152];
        let (dbfs, hz) = (measure::tone_dbfs(heard, 1000.0), measure::tone_hz(heard, 1000.0));
        assert!((dbfs - expected_dbfs).abs() < 0.1, "{dbfs:.3} dBFS at the listener, {expected_dbfs:.3} offline");
        assert!((hz - 1000.0).abs() < 0.05, "{hz} Hz");
    }
}

#[test]
fn without_any_programme_a_minute_holds_exactly_its_frames_of_tone() {
    let span = seconds(30, 600);
    let tower = common::setup().start();
    tower.wait_source("tone", Duration::from_secs(10));
    let listener = tower.listen("/stream");
    let ticks = tower.sightings("/tick", span);
    let first = listener.first_frame();
    let recording = listener.stop();
    clock::assert_exact_rate("ticks of the tower", &ticks, span - Duration::from_secs(1));
    clock::assert_exact_rate("frames", &recording.frame_arrivals(first, FRAME_BYTES), span - Duration::from_secs(2));

    let frames = frames::strict(&recording.bytes);
    let heard = mp3::decode_left(&frames[frames.len() - 400..].concat());
    let heard = &heard[20 * 1152..];
    let (dbfs, hz) = (measure::tone_dbfs(heard, 440.0), measure::tone_hz(heard, 440.0));
    // -20 dBFS, and LAME's own scaling of 0.95 at 128 kbit/s.
    assert!((dbfs + 20.45).abs() < 0.1, "{dbfs:.3} dBFS");
    assert!((hz - 440.0).abs() < 0.05, "{hz} Hz");
}
