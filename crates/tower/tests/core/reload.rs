//! The configuration changes on air: all of it or nothing, and no listener notices whom it does not concern (SPEC CFG-2).

use crate::common;
use radio_load::plan::{Kind, Plan};
use radio_load::run::run;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::http::{Answer, basic_auth, get, read_head, send, send_get};
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tls::{Certificate, Client, assert_same};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use radio_proof::{FRAME_BYTES, TICK_SAMPLES, frames, material, measure, mp3};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
const LISTENERS: usize = 1000;
const LISTENERS_OVER_TLS: usize = 5;

/// Puts other lines in the place of some of the tower's configuration; those for no key that is there are added.
fn configure(tower: &Tower, lines: &[&str]) {
    let path = tower.path("tower.toml");
    let before = fs::read_to_string(&path).expect("the tower's configuration");
    let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
    let kept = before.lines().filter(|line| !lines.iter().any(|new| key(new) == key(line)));
    let text: Vec<&str> = kept.chain(lines.iter().copied()).collect();
    fs::write(path, text.join("\n") + "\n").expect("the tower's configuration");
}

fn reload(tower: &Tower, password: &str) -> Answer {
    let authorization = basic_auth("admin", password);
    send(tower.address, "POST", "/admin/reload", &authorization, b"").expect("an answer")
}

/// From this tick on every frame was there when it was due: on a busy machine those of the first second may be late.
#[track_caller]
fn assert_nobody_waited(tower: &Tower, from: u64) {
    let late: Vec<_> = ["hold", "silence"].iter().flat_map(|kind| tower.events(kind)).collect();
    let late: Vec<_> = late.into_iter().filter(|(tick, _)| *tick >= from).collect();
    assert!(late.is_empty(), "{late:?}");
}

/// What becomes of each key.
fn effects(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let changes = report["changes"].as_array().unwrap_or_else(|| panic!("{report}"));
    changes.iter().map(|change| (text(&change["key"]), text(&change["effect"]))).collect()
}

/// No figure is told twice meanwhile, or Prometheus would take none.
fn while_scraped<T>(tower: &Tower, act: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut scrapes = 0;
            while !is_over.load(Relaxed) {
                let text = tower.get("/metrics").text();
                let mut names: Vec<&str> =
                    text.lines().filter_map(|line| line.rsplit_once(' ')).map(|(name, _)| name).collect();
                names.retain(|name| !name.starts_with('#'));
                let count = names.len();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), count, "a figure is told twice:\n{text}");
                scrapes += 1;
            }
            scrapes
        });
        let done = act();
        is_over.store(true, Relaxed);
        assert!(scraper.join().expect("no figure is told twice") > 10);
        done
    })
}

fn noise_station(tower: &Tower) -> Station {
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::noise(11, 2500)), manner);
    tower.wait_source("station", PATIENCE);
    station
}

/// Listeners over TLS, each with the number of its first frame.
fn over_tls(address: SocketAddr, trusted: &Certificate) -> Vec<(u64, Client)> {
    let one = || {
        let mut client = Client::ask(address, trusted, "GET /stream HTTP/1.1");
        let head = client.head();
        let first = head.lines().find_map(|line| line.strip_prefix("X-Tower-Frame: ")?.parse().ok());
        (first.unwrap_or_else(|| panic!("no number of a frame: {head}")), client)
    };
    (0..LISTENERS_OVER_TLS).map(|_| one()).collect()
}

#[test]
fn everything_changes_and_a_thousand_listeners_of_another_mount_get_every_byte() {
    let setup = common::setup();
    let (certificate, next) = (Certificate::new(), Certificate::new());
    certificate.install(|name| setup.path(name));
    let tls = format!("tls.certificate = {:?}", setup.path("certificate.pem"));
    let tower = setup
        .line("output = [{ mount = \"/stream\" }, { mount = \"/side\", bitrate_kbps = 64 }]")
        .line("input = [{ name = \"dj\", mount = \"/live\", password = \"before\" }]")
        .line("tls.port = 0")
        .line(&tls)
        .line(&tls.replace("certificate", "key"))
        .start();
    let _station = noise_station(&tower);
    let side = tower.listen("/side?burst=0");
    let mut plan = Plan::new(tower.address);
    (plan.normal, plan.ramp, plan.settle_s, plan.hold_s) = (LISTENERS, 500.0, 1.0, 16.0);
    let crowd = std::thread::spawn(move || run(plan).expect("sockets enough"));
    wait_until("the crowd", PATIENCE, || tower.status()["listeners"]["now"] == LISTENERS + 1);
    let address = wait_for("the address of TLS", PATIENCE, || {
        fs::read_to_string(tower.path("stdout")).ok()?.split_once("TLS: https://")?.1.split_once('/')?.0.parse().ok()
    });
    let plain = tower.listen("/stream?burst=0");
    let behind_tls = over_tls(address, &certificate);

    let fallback = tower.path("fallback.wav");
    fs::write(&fallback, material::wav(&measure::to_stereo_s16(&measure::sine(500.0, 0.3, 0.0, 96_000)))).unwrap();
    let fallback = format!("fallback.paths = [{:?}]", fallback.display().to_string());
    configure(
        &tower,
        &[
            "output = [{ mount = \"/stream\", name = \"Another name\" }, { mount = \"/side\", bitrate_kbps = 96 }, \
             { mount = \"/third\", bitrate_kbps = 32, channels = 1 }]",
            "input = [{ name = \"dj\", mount = \"/live\", password = \"after\", priority = 5 }, \
             { name = \"guest\", mount = \"/guest\", password = \"hello\" }]",
            "server.listeners_max = 1100",
            "server.crowd_above = 5000",
            "router.grace_ms = 480",
            "alarm.silence_ms = 4000",
            "admin.password = \"another\"",
            &fallback,
        ],
    );
    // First asked, then done.
    let asked = tower.get_as_admin("/admin/reload").json();
    assert_eq!((&asked["applied"], tower.status()["outputs"].as_array().map(Vec::len)), (&false.into(), Some(2)));
    next.install(|name| tower.path(name));
    let from = tower.status()["tick"].as_u64().expect("a tick");
    let done = while_scraped(&tower, || reload(&tower, ADMIN_PASSWORD));
    assert_eq!(done.head.status(), 200, "{}", done.text());
    let wanted = [
        ("admin.password", "now"),
        ("alarm.silence_ms", "now"),
        ("fallback.paths", "now"),
        ("input.dj.password", "now"),
        ("input.dj.priority", "now"),
        ("input.guest", "now"),
        ("output./side.bitrate_kbps", "reconnect"),
        ("output./stream.name", "now"),
        ("output./third", "now"),
        ("router.grace_ms", "now"),
        ("server.crowd_above", "restart"),
        ("server.listeners_max", "now"),
    ];
    assert_eq!(effects(&done.json()), wanted.map(|(key, effect)| (key.to_owned(), effect.to_owned())));
    assert_eq!(effects(&asked), effects(&done.json()));
    assert!(!done.text().contains("another") && !done.text().contains("after\""), "no password is told");

    // Each of them counts.
    assert_eq!(tower.get_as_admin("/admin/listeners").head.status(), 401, "the password is another");
    let as_admin = |target: &str| get(tower.address, target, &basic_auth("admin", "another")).expect("an answer");
    let config = as_admin("/api/config").json();
    assert_eq!(config["config"]["router"]["grace_ms"], 480);
    assert_eq!(
        (&config["origins"]["router.grace_ms"]["from"], &config["config"]["server"]["crowd_above"]),
        (&"file".into(), &4000.into())
    );
    assert!(as_admin("/api/events").text().contains("the configuration was read again"));
    let head = |path: &str| send(tower.address, "HEAD", path, "", b"").expect("an answer").head;
    assert_eq!(head("/stream").header("icy-name"), Some("Another name"));
    let status = as_admin("/status").json();
    assert_eq!(status["listeners"]["limit"], 1100);
    let inputs: Vec<&Value> = status["inputs"].as_array().expect("inputs").iter().map(|input| &input["name"]).collect();
    assert_eq!(inputs, ["station", "dj", "guest"]);
    let source = |path: &str, password: &str| {
        let headers = basic_auth("source", password) + "Content-Type: audio/nonsense\r\n";
        send(tower.address, "PUT", path, &headers, b"").expect("an answer").head.status()
    };
    assert_eq!([source("/live", "before"), source("/live", "after"), source("/guest", "hello")], [401, 200, 200]);

    // Who heard what is another now has heard whole frames, and connects again.
    let _how = side.wait_end(PATIENCE);
    let _frames = frames::strict(&side.stop().bytes);
    for (path, kbps) in [("/side", 96), ("/third", 32)] {
        let listener = tower.listen(path);
        listener.wait_bytes(100 * 3 * kbps, PATIENCE);
        let bytes = listener.stop().bytes;
        assert_eq!(
            frames::chain(&bytes).unwrap_or_else(|broken| panic!("{path}: {broken:?}")).frames[5].len(),
            3 * kbps
        );
        assert!(measure::rms_dbfs(&mp3::decode_left(&bytes)) > -40.0, "{path} is heard");
    }
    wait_until("the ear to hear them", PATIENCE, || {
        tower.status()["outputs"]
            .as_array()
            .is_some_and(|outputs| outputs.iter().all(|output| output["heard"]["frame"].as_u64() > Some(0)))
    });

    // The certificate, as well: who listens has stayed, whoever comes is shown the new one.
    wait_until("the new certificate", PATIENCE, || Client::connect(address, &next).is_ok());
    assert!(Client::connect(address, &certificate).is_err(), "nobody is shown the old one");
    let later = over_tls(address, &next);
    for (first, mut client) in behind_tls.into_iter().chain(later) {
        // Up to what is sent now, and a little on, whatever was in between.
        let now = tower.status()["outputs"][0]["frame"].as_u64().expect("a frame");
        assert_same(&plain, first, &client.read((now + 20 - first) as usize * FRAME_BYTES));
    }

    let report = crowd.join().expect("the crowd");
    let found = &report.kinds[&Kind::Normal];
    assert_eq!((found.live, found.stalled, &found.ended), (LISTENERS, 0, &Default::default()), "{found:?}");
    assert_eq!((found.tally.sync_losses, found.tally.skips, found.tally.unchecked_bytes), (0, 0, 0), "{found:?}");
    assert!(found.tally.good_bytes > 100_000 * LISTENERS as u64, "{found:?}");
    assert_nobody_waited(&tower, from);
}

#[test]
fn what_cannot_be_is_refused_with_its_reason_and_nothing_is_changed() {
    let tower = common::setup().start();
    let _station = noise_station(&tower);
    let listener = tower.listen("/stream?burst=0");
    let outputs = |more: &str| format!("output = [{{ mount = \"/stream\" }}, {{ mount = \"/more\"{more} }}]");
    let silent = ", encoder = \"command\", command = [\"sleep\", \"1000\"], stand_in = false";
    let from = tower.status()["tick"].as_u64().expect("a tick");
    for (lines, reason) in [
        (vec!["router.grace_ms = \"soon\"".to_owned()], "tower.toml:"),
        (vec!["router.grace_ms = 99".into(), outputs(", bitrate_kbps = 33")], "bitrate_kbps"),
        (
            vec!["router.grace_ms = 99".into(), outputs(", encoder = \"command\", command = [\"no-such-program\"]")],
            "no-such-program",
        ),
        (vec!["router.grace_ms = 99".into(), outputs(silent)], "the encoder of /more delivers nothing"),
        (
            vec!["router.grace_ms = 99".into(), outputs(""), "fallback.paths = [\"/nowhere.mp3\"]".into()],
            "fallback.paths",
        ),
    ] {
        let before = fs::read_to_string(tower.path("tower.toml")).unwrap();
        configure(&tower, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        let answer = reload(&tower, ADMIN_PASSWORD);
        assert_eq!(answer.head.status(), 409, "{lines:?}: {}", answer.text());
        assert!(answer.text().contains(reason) && answer.text().contains("nothing was changed"), "{}", answer.text());
        fs::write(tower.path("tower.toml"), before).unwrap();
        let status = tower.status();
        assert_eq!(status["outputs"].as_array().map(Vec::len), Some(1), "{lines:?}");
        assert_eq!(tower.get("/more").head.status(), 404);
        assert_eq!(tower.get_as_admin("/api/config").json()["config"]["router"]["grace_ms"], 1500);
    }
    assert!(effects(&reload(&tower, ADMIN_PASSWORD).json()).is_empty(), "it is as before");
    let so_far = listener.received();
    listener.wait_bytes(so_far + 50 * FRAME_BYTES, PATIENCE);
    let _frames = frames::strict(&listener.stop().bytes[..so_far / FRAME_BYTES * FRAME_BYTES]);
    assert_nobody_waited(&tower, from);
}

#[test]
fn a_signal_and_the_command_line_reload_too() {
    let tower = common::setup().line("log.level = \"info\"").start();
    let reload = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
        let output =
            command.arg("reload").arg("--config").arg(tower.path("tower.toml")).args(arguments).output().unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let grace = |tower: &Tower| tower.get_as_admin("/api/config").json()["config"]["router"]["grace_ms"].clone();
    assert_eq!(reload(&[]), (true, "nothing has changed\n".into()));
    configure(&tower, &["router.grace_ms = 240", "log.level = \"debug\""]);
    let (done, told) = reload(&["--dry-run"]);
    assert!(
        done && told.contains("router.grace_ms: 1500 -> 240  (now)") && told.contains("(after a restart)"),
        "{told}"
    );
    assert_eq!(grace(&tower), 1500);
    assert!(reload(&[]).0);
    assert_eq!(grace(&tower), 240);

    configure(&tower, &["router.grace_ms = 480"]);
    signal(tower.pid(), Signal::HUP);
    wait_until("the signal to be followed", PATIENCE, || grace(&tower) == 480);
    configure(&tower, &["router.grace_ms = \"soon\""]);
    signal(tower.pid(), Signal::HUP);
    wait_for("the reason", PATIENCE, || {
        tower.events("action").into_iter().find(|(_, event)| event["why"].to_string().contains("grace_ms"))
    });
    assert_eq!(grace(&tower), 480);
    assert!(!reload(&[]).0, "the command line finds the mistake itself");
}

#[test]
fn a_fallback_file_gives_way_to_another_without_a_click_and_without_the_tone() {
    let sine = |hz: f64| material::wav(&measure::to_stereo_s16(&measure::sine(hz, 0.3, 0.25, 96_000)));
    let setup = common::setup();
    // Whole periods in two seconds, so that a loop has no seam.
    let files = [("first.wav", 312.5), ("second.wav", 625.0)];
    files.iter().for_each(|(name, hz)| fs::write(setup.path(name), sine(*hz)).unwrap());
    let paths = files.map(|(name, _)| format!("fallback.paths = [{:?}]", setup.path(name).display().to_string()));
    let tower = setup.line(&paths[0]).line("router.grace_ms = 0").start();
    tower.wait_source("fallback file", PATIENCE);
    let listener = tower.listen("/stream?burst=0");
    listener.wait_bytes(100 * FRAME_BYTES, PATIENCE);
    configure(&tower, &[&paths[1]]);
    assert_eq!(reload(&tower, ADMIN_PASSWORD).head.status(), 200);
    let so_far = listener.received();
    listener.wait_bytes(so_far + 250 * FRAME_BYTES, PATIENCE);
    let decoded = mp3::decode_left(&listener.stop().bytes);
    let is_heard = |tick: &[f64], hz| {
        measure::tone_dbfs(tick, hz) > -25.0 && measure::rms_dbfs(tick) < measure::tone_dbfs(tick, hz) + 0.5
    };
    let begin = decoded.chunks_exact(TICK_SAMPLES).position(|tick| is_heard(tick, 312.5)).expect("the first file");
    let decoded = &decoded[(begin + 10) * TICK_SAMPLES..];
    let one = |ticks: &[f64]| [312.5, 625.0, 440.0].into_iter().find(|&hz| is_heard(ticks, hz));
    let mut order: Vec<f64> = decoded.chunks_exact(5 * TICK_SAMPLES).filter_map(one).collect();
    order.dedup();
    assert_eq!(order, [312.5, 625.0]);
    let unlike = decoded.chunks_exact(TICK_SAMPLES).filter(|tick| one(tick).is_none()).count();
    assert!(unlike <= 3, "{unlike} ticks are neither: more than a crossfade");
    // The second file bends four times as hard as the first.
    let steady = measure::second_difference_max(&decoded[decoded.len() - 20 * TICK_SAMPLES..]);
    let hardest = measure::second_difference_max(decoded);
    assert!(hardest <= 1.45 * steady, "a click: {:.2} times the steady second difference", hardest / steady);
}

#[test]
fn who_is_a_user_no_more_gets_no_more_of_the_events_and_the_monitor() {
    let users = |role| format!("user = [{{ name = \"eve\", password = \"let me see\", role = \"{role}\" }}]");
    let tower = common::setup().line(&users("observer")).start();
    let (eve, admin) = (basic_auth("eve", "let me see"), basic_auth("admin", ADMIN_PASSWORD));
    let open = |path, headers| send_get(tower.address, path, headers, PATIENCE).expect("it is open");
    let status = |path, headers| read_head(&mut open(path, headers)).expect("an answer").0.status();
    let mut streams = [open("/events", &eve), open("/events", &admin), open("/admin/monitor", &eve)];
    for stream in &mut streams {
        assert_eq!(read_head(stream).expect("an answer").0.status(), 200);
    }
    // What concerns no user ends nothing.
    configure(&tower, &["router.grace_ms = 700"]);
    assert_eq!(reload(&tower, ADMIN_PASSWORD).head.status(), 200);
    let mut told = [0; 4096];
    wait_until("the change to be told", PATIENCE, || {
        let count = streams[0].read(&mut told).expect("it goes on");
        assert!(count > 0, "it ended");
        String::from_utf8_lossy(&told[..count]).contains("router.grace_ms")
    });

    configure(&tower, &["user = []"]);
    assert_eq!(reload(&tower, ADMIN_PASSWORD).head.status(), 200);
    for stream in &mut streams {
        stream.read_to_end(&mut Vec::new()).expect("it ends");
    }
    assert_eq!((status("/events", &eve), status("/admin/monitor", &eve)), (401, 401));
    assert_eq!(status("/events", &admin), 200);
}
