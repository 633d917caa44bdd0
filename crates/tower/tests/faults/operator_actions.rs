//! What an operator does is heard as he was told, and is in the journal with who did it (SPEC API-1, ROUTER-6, ENC-9).

use crate::scene::{BUILTIN, FFMPEG, PATIENCE, Scene, alone, setup};
use radio_proof::alarm::wait_for;
use radio_proof::http::{basic_auth, send};
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{Setup, Tower};
use radio_proof::{FRAME_BYTES, TICK_SAMPLES, measure, mp3};
use std::path::Path;
use std::sync::Arc;

const STATION_HZ: f64 = 312.5;
const TONE_HZ: f64 = 440.0;

#[track_caller]
fn act(tower: &Tower, method: &str, target: &str, body: &str) {
    let answer = tower.send_as_admin(method, target, body);
    assert_eq!(answer.head.status(), 202, "{method} {target} {body}: {}", answer.text());
}

/// A station that sends a sine without a seam, for ever.
fn sine_station(tower: &Tower) -> Station {
    // 625 whole periods in two seconds.
    let sine = measure::to_stereo_s16(&measure::sine(STATION_HZ, 0.3, 0.25, 96_000));
    Station::start(&tower.pcm_socket(), Arc::new(sine), Manner { looped: true, ..Manner::default() })
}

/// Whether nearly all of these samples is one tone.
fn is_tone(samples: &[f64], hz: f64) -> bool {
    measure::tone_dbfs(samples, hz) > -25.0 && measure::rms_dbfs(samples) < measure::tone_dbfs(samples, hz) + 0.5
}

/// Collapses decoded sound to the order in which the two tones are heard in it.
fn heard(samples: &[f64]) -> Vec<f64> {
    let one = |tick: &[f64]| [STATION_HZ, TONE_HZ].into_iter().find(|&hz| is_tone(tick, hz));
    let mut order: Vec<f64> = samples.chunks_exact(10 * TICK_SAMPLES).filter_map(one).collect();
    order.dedup();
    order
}

#[test]
fn listeners_hear_a_forced_fallback_and_its_release_and_neither_clicks() {
    let tower = Setup::new(env!("CARGO_BIN_EXE_tower")).start();
    let _station = sine_station(&tower);
    tower.wait_source("station", PATIENCE);
    let listener = tower.listen("/stream?burst=0");
    // What is on air now has been heard for two seconds.
    let is_heard = || {
        let until = tower.status()["on_air"]["since_tick"].as_u64().expect("a tick") + 84;
        let frames = until.saturating_sub(listener.first_frame());
        listener.wait_bytes(frames as usize * FRAME_BYTES, PATIENCE);
    };
    is_heard();
    act(&tower, "PUT", "/api/fallback/forced", "{\"forced\": true}");
    tower.wait_source("tone", PATIENCE);
    assert_eq!(tower.status()["operator"]["fallback_forced"], true);
    assert!(tower.get("/healthz").text().contains("release it at /admin"), "nobody forgets it");
    is_heard();
    act(&tower, "PUT", "/api/fallback/forced", "{\"forced\": false}");
    tower.wait_source("station", PATIENCE);
    is_heard();
    let bytes = listener.stop().bytes;

    // The first frames of a stream lean on frames before them.
    let decoded = mp3::decode_left(&bytes);
    let begin = decoded.chunks_exact(TICK_SAMPLES).position(|tick| is_tone(tick, STATION_HZ)).expect("the station");
    let decoded = &decoded[(begin + 10) * TICK_SAMPLES..];
    assert_eq!(heard(decoded), [STATION_HZ, TONE_HZ, STATION_HZ], "each without a return");
    let steady = measure::second_difference_max(&decoded[..20 * TICK_SAMPLES]);
    let hardest = measure::second_difference_max(decoded);
    assert!(hardest <= 2.0 * steady, "a click: {:.2} times the steady second difference", hardest / steady);
}

#[track_caller]
fn restarts_change_no_byte(encoder: &str) {
    let _alone = alone();
    // None is replaced for having been late on a busy machine.
    let setup = setup(encoder).line("encoder.suspicion_ms = 20_000");
    let mut scene = Scene::open(&format!("restarts-{encoder}"), setup, 0);
    // A slow start is a replay too.
    scene.delivering();
    wait_for("the first process alone", PATIENCE, || (scene.processes().len() == 1).then_some(()));
    let proved_before = scene.encoder("replays_proved").as_u64().expect("a count");
    for _ in 0..3 {
        let (old, _) = scene.delivering();
        // One that has still to catch up is fresh enough, and would not be replaced.
        wait_for("it to have caught up", PATIENCE, || {
            let processes = scene.encoder("processes");
            let mut processes = processes.as_array()?.iter();
            processes.find(|one| one["pid"] == old && one["caught_up"] == true).map(drop)
        });
        act(&scene.tower, "POST", "/api/encoder/restart", "{\"mount\": \"/stream\"}");
        scene.note(&format!("asked for another than {old}"));
        scene.wait_recovered(&[old]);
        wait_for("the old process to be gone", PATIENCE, || (scene.processes().len() == 1).then_some(()));
    }
    let mut proof = scene.close();
    proof.assert_nothing_shows();
    assert_eq!((proof.evidence.encoder("deaths"), proof.evidence.encoder("restarts")), (0, 3));
    assert_eq!(proof.evidence.encoder("replays_proved"), proved_before + 3, "{}", proof.evidence.summary());
}

#[test]
fn restarting_the_builtin_encoder_changes_no_byte() {
    restarts_change_no_byte(BUILTIN);
}

#[test]
fn restarting_ffmpeg_changes_no_byte() {
    restarts_change_no_byte(FFMPEG);
}

/// A tower that plays a file of its own and has a station, which is on air.
fn with_two_inputs() -> (Tower, Station) {
    let setup = Setup::new(env!("CARGO_BIN_EXE_tower"));
    let file = setup.path("file.wav");
    write_wav(&file, &measure::to_stereo_s16(&measure::sine(TONE_HZ, 0.2, 0.0, 48_000 * 20)));
    let tower = setup.line(&format!("play.paths = [{file:?}]")).start();
    let station = sine_station(&tower);
    tower.wait_source("station", PATIENCE);
    (tower, station)
}

fn write_wav(path: &Path, pcm: &[u8]) {
    let sizes = [36 + pcm.len() as u32, pcm.len() as u32].map(u32::to_le_bytes);
    let format = b"\x10\0\0\0\x01\0\x02\0\x80\xbb\0\0\0\xee\x02\0\x04\0\x10\0";
    let wav = [b"RIFF".as_slice(), &sizes[0], b"WAVEfmt ", format, b"data", &sizes[1], pcm].concat();
    std::fs::write(path, wav).expect("a temporary file");
}

#[test]
fn an_input_is_taken_off_air_and_preferred_and_the_journal_says_who_did_it() {
    let (tower, _station) = with_two_inputs();
    act(&tower, "PUT", "/api/inputs/allowed", "{\"input\": \"station\", \"allowed\": false}");
    tower.wait_source("play", PATIENCE);
    act(&tower, "PUT", "/api/inputs/allowed", "{\"input\": \"station\", \"allowed\": true}");
    tower.wait_source("station", PATIENCE);
    act(&tower, "PUT", "/api/inputs/preferred", "{\"input\": \"play\"}");
    tower.wait_source("play", PATIENCE);
    act(&tower, "PUT", "/api/inputs/preferred", "{\"input\": null}");
    tower.wait_source("station", PATIENCE);
    act(&tower, "PUT", "/api/inputs/preferred", "{\"input\": null}");

    let events = tower.get_as_admin("/api/events?limit=1000").json();
    let events = events["events"].as_array().expect("a list").clone();
    let actions: Vec<_> = events.iter().filter(|event| event["kind"] == "action").collect();
    assert_eq!(actions.len(), 4, "what changes nothing is no action: {actions:?}");
    assert!(actions.iter().all(|action| action["who"] == "admin at 127.0.0.1, by password"), "{actions:?}");
    assert!(!tower.get("/status").text().contains("by password"), "who it was is nobody else's business");
    let last = events.last().and_then(|event| event["id"].as_u64()).expect("an id");
    let newer = tower.get_as_admin(&format!("/api/events?after={}", last - 1)).json();
    assert_eq!(newer["events"][0]["id"], last);
}

#[test]
fn what_cannot_be_done_is_refused_with_what_can_be() {
    let tower = Setup::new(env!("CARGO_BIN_EXE_tower")).start();
    let refused = |method: &str, target: &str, body: &str| {
        let answer = tower.send_as_admin(method, target, body);
        (answer.head.status(), answer.json()["error"].as_str().unwrap_or_default().to_owned())
    };
    let (status, text) = refused("PUT", "/api/inputs/allowed", "{\"input\": \"nobody\", \"allowed\": false}");
    assert_eq!(status, 404);
    assert!(text.ends_with("there are station"), "{text}");
    assert_eq!(refused("POST", "/api/encoder/restart", "{\"mount\": \"/nowhere\"}").0, 404);
    assert_eq!(refused("PUT", "/api/fallback/forced", "yes").0, 400);
    assert_eq!(refused("POST", "/api/fallback/forced", "{\"forced\": true}").0, 405);
    let stranger = send(tower.address, "PUT", "/api/fallback/forced", "", b"{\"forced\": true}").expect("an answer");
    assert_eq!(stranger.head.status(), 401);
    let wrong = basic_auth("admin", "guess");
    let wrong = send(tower.address, "PUT", "/api/fallback/forced", &wrong, b"{\"forced\": true}").expect("an answer");
    assert_eq!(wrong.head.status(), 401);
    assert_eq!(tower.status()["operator"]["fallback_forced"], false);
}

#[test]
fn a_listener_is_sent_away_with_a_whole_frame_and_no_other_notices() {
    let tower = Setup::new(env!("CARGO_BIN_EXE_tower")).start();
    let [first, second, third] = ["/stream?burst=0"; 3].map(|path| tower.listen(path));
    let ids = |tower: &Tower| -> Vec<u64> {
        let page = tower.get_as_admin("/admin/listeners").json();
        page["listeners"].as_array().expect("rows").iter().map(|row| row["id"].as_u64().expect("a number")).collect()
    };
    let [one, two, three] = ids(&tower)[..] else { panic!("three are there") };
    third.wait_bytes(40 * FRAME_BYTES, PATIENCE);

    act(&tower, "POST", "/api/listeners/kick", &format!("{{\"id\": {one}}}"));
    let answer = tower.get_as_admin(&format!("/admin/killclient?mount=/stream&id={two}"));
    assert!(answer.head.status() == 200 && answer.text().contains("<return>1</return>"), "{}", answer.text());
    wait_for("the two to be gone", PATIENCE, || Some(ids(&tower)).filter(|ids| ids[..] == [three]));
    for gone in [first, second] {
        let _how = gone.wait_end(PATIENCE);
        let bytes = gone.stop().bytes;
        assert_eq!(bytes.len() % FRAME_BYTES, 0, "it ends with a whole frame");
    }
    assert_eq!(tower.status()["listeners"]["kicked"], 2);
    let history = tower.status()["outputs"][0]["encoder_history"].clone();
    let states: Vec<_> = history.as_array().expect("a list").iter().map(|change| change["state"].clone()).collect();
    assert_eq!(states[..3], ["STARTING", "BOOTING", "RUNNING"], "{history}");
    assert!(tower.get_as_admin("/api/events").text().contains(&format!("listener {one} at 127.0.0.1 is sent away")));

    let again = tower.send_as_admin("POST", "/api/listeners/kick", &format!("{{\"id\": {one}}}"));
    assert_eq!(again.head.status(), 404, "{}", again.text());
    assert_eq!(tower.get_as_admin("/admin/killclient?mount=/stream&id=none").head.status(), 400);
    third.wait_bytes(80 * FRAME_BYTES, PATIENCE);
    assert_eq!(ids(&tower), [three]);
}
