//! The dashboard in a real browser: the operator sees what happens within seconds, and what he does is done; and nobody
//! else can do it in his name (SPEC API-1, API-2).

mod common;

use radio_proof::alarm::full_length;
use radio_proof::browser::{Browser, Screen};
use radio_proof::http::{Answer, send};
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use radio_proof::{material, mp3, tools};
use radio_signal::units::TICK_MS;
use rustix::process::Signal;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// For whatever the page shows by itself; on a quiet machine it takes a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// For a browser to decode sound on a machine that has much else to do.
const LONG_PATIENCE: Duration = Duration::from_secs(120);
/// Set, the pictures of the documentation are made anew.
const PICTURES: &str = "RADIO_PICTURES";

fn music_station(tower: &Tower) -> Station {
    let manner = Manner { looped: true, ..Manner::default() };
    Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 20)), manner)
}

/// Has axe-core look at the page.
fn assert_accessible(browser: &mut Browser) {
    browser.value(&format!("{};0", tools::axe()));
    let found = browser
        .value("axe.run().then((found) => found.violations.map((v) => [v.id, v.impact, v.nodes.map((n) => n.html)]))");
    assert_eq!(found, serde_json::json!([]));
}

/// The same in daylight and in the dark, at a desk and on a phone, where nothing sticks out to the right.
fn assert_accessible_everywhere(browser: &mut Browser) {
    for (width, height) in [(360, 740), (1280, 1500)] {
        for dark in [true, false] {
            browser.look_at(Screen { width, height, dark });
            let needed = browser.value("document.documentElement.scrollWidth").as_u64();
            assert!(needed.is_some_and(|needed| needed <= u64::from(width)), "{needed:?} pixels");
            assert_accessible(browser);
        }
    }
}

fn is_shown(id: &str, text: &str) -> String {
    format!("document.getElementById({id:?}).innerText.includes({text:?})")
}

fn log_in(browser: &mut Browser, tower: &Tower) {
    browser.open(&format!("http://{}/admin", tower.address));
    browser.wait("document.activeElement?.id === 'password'", PATIENCE);
    assert_accessible(browser);
    browser.type_text(ADMIN_PASSWORD);
    browser.press("Enter");
    browser.wait("!document.getElementById('desk').hidden", PATIENCE);
}

/// Presses a button with the keyboard, reads what listeners will hear, and agrees.
fn act(browser: &mut Browser, button: &str, told: &str) {
    browser.value(&format!("document.querySelector({button:?}).focus()"));
    browser.press("Enter");
    browser.wait("document.getElementById('confirm').open", PATIENCE);
    browser.wait(&is_shown("confirm-text", told), PATIENCE);
    assert_accessible(browser);
    browser.value("document.getElementById('confirm-yes').focus()");
    browser.press("Enter");
    browser.wait("!document.getElementById('confirm').open", PATIENCE);
}

/// What happens is on the page within a second. Where other tests run beside this one, the machine may take its time.
#[track_caller]
fn assert_soon(what: &str, seen: Duration) {
    eprintln!("{what} was on the page after {seen:?}");
    let limit = if full_length() { Duration::from_secs(1) } else { Duration::from_secs(10) };
    assert!(seen <= limit, "{what} was on the page after {seen:?}");
}

/// On a busy machine an encoder may have been restarted before anybody wanted it.
fn restarts(tower: &Tower) -> u64 {
    tower.status()["outputs"][0]["encoder"]["restarts"].as_u64().expect("a number")
}

fn more_restarts_than(count: u64) -> String {
    format!(r"Number(/(\d+) restart/.exec(document.getElementById('outputs').innerText)?.[1]) > {count}")
}

#[test]
fn the_dashboard_shows_what_happens_and_does_what_it_is_told() {
    let tower = common::setup().line("alarm.no_programme_ms = 2000").start();
    let station = music_station(&tower);
    let _listener = tower.listen("/stream");
    let mut browser = Browser::start(&tower.path(""));
    browser.look_at(Screen { width: 1280, height: 1500, dark: false });
    log_in(&mut browser, &tower);
    browser.wait(&is_shown("source", "station"), PATIENCE);
    browser.wait(&is_shown("outputs", "RUNNING"), PATIENCE);
    browser.wait("document.querySelectorAll('#listeners tr').length === 1", PATIENCE);

    assert_accessible(&mut browser);

    // An encoder is killed.
    let before = restarts(&tower);
    signal(tower.encoder_pid().expect("an encoder"), Signal::KILL);
    let seen = browser.wait(&more_restarts_than(before), PATIENCE);
    assert_soon("the restart", seen);
    browser.wait(&is_shown("events", "process was killed by signal 9"), PATIENCE);
    browser.wait(&is_shown("outputs", "not a byte differs"), PATIENCE);

    // The fallback is forced and released, by keyboard.
    act(&mut browser, "#fallback", "Instead of station, listeners hear a 440 Hz tone");
    browser.wait(&is_shown("source", "tone"), PATIENCE);
    browser.wait(&is_shown("wishes", "You force the fallback"), PATIENCE);
    act(&mut browser, "#fallback", "Listeners hear the best input");
    browser.wait(&is_shown("source", "station"), PATIENCE);
    act(&mut browser, "#inputs .allow", "stays connected, and off air until you allow it again");
    browser.wait(&is_shown("inputs", "kept off air"), PATIENCE);
    act(&mut browser, "#inputs .allow", "comes on air as soon as it is its turn");
    browser.wait(&is_shown("source", "station"), PATIENCE);
    act(&mut browser, "#inputs .prefer", "stays there even if an input with a higher priority comes");
    browser.wait(&is_shown("wishes", "station goes before all other inputs"), PATIENCE);
    let before = restarts(&tower);
    act(&mut browser, "#outputs .restart", "Listeners hear nothing of it");
    browser.wait(&more_restarts_than(before), PATIENCE);
    browser.wait(&is_shown("events", "logged in)"), PATIENCE);
    browser.value("document.getElementById('set-title').click()");
    browser.type_text("Nina Simone");
    browser.value("document.getElementById('title-title').value = 'Sinnerman'");
    browser.value("document.getElementById('confirm-yes').click()");
    browser.wait(&is_shown("playing", "Nina Simone - Sinnerman"), PATIENCE);
    let config = std::fs::read_to_string(tower.path("tower.toml")).expect("the tower's configuration");
    std::fs::write(tower.path("tower.toml"), config + "router.grace_ms = 240\n").expect("the tower's configuration");
    act(&mut browser, "#reload", "No listener hears anything of it");
    browser.wait(&is_shown("events", "router.grace_ms: 1500 -> 240"), PATIENCE);
    act(&mut browser, "#listeners .kick", "ends there, after a whole frame");
    browser.wait("document.querySelectorAll('#listeners tr').length === 0", PATIENCE);
    browser.wait(&is_shown("events", "is sent away"), PATIENCE);

    // The source drops.
    let _sent = station.stop();
    let seen = browser.wait("!document.getElementById('lamp').className.includes('live')", PATIENCE);
    assert_soon("the loss of the source", seen);
    browser.wait("document.getElementById('alarms').innerText.includes('there has been no programme')", PATIENCE);
    let seen = SystemTime::now();
    let raised = tower.status()["alarms"].as_array().expect("alarms").iter().map(|alarm| alarm["tick"].as_u64()).max();
    let raised = raised.flatten().expect("it is still raised");
    let started = tower.status()["epoch_started_at"].as_f64().expect("seconds since 1970");
    let raised = UNIX_EPOCH + Duration::from_secs_f64(started) + Duration::from_millis(raised * TICK_MS);
    assert_soon("the alarm", seen.duration_since(raised).unwrap_or_default());
    browser.wait(&is_shown("inputs", "nobody there"), PATIENCE);

    assert_accessible_everywhere(&mut browser);
    browser.value("document.getElementById('log-out').click()");
    browser.wait("document.getElementById('desk').hidden", PATIENCE);
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
}

/// Listens to the player with an analyser, beside its way to the loudspeaker: sound that went through an audio context
/// would stand still with it where there is no audio hardware.
const LISTEN_IN: &str = "(() => {
    const context = new AudioContext();
    const ear = context.createAnalyser();
    context.createMediaStreamSource(document.getElementById('audio').captureStream()).connect(ear);
    window.listening = { context, ear, samples: new Float32Array(ear.fftSize), loudest: 0 };
})()";

/// How loud the loudest sample was that the analyser has seen, 0 to 1.
const LOUDEST: &str = "(() => {
    const { context, ear, samples } = window.listening;
    if (context.state !== 'running') context.resume();
    ear.getFloatTimeDomainData(samples);
    const now = samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
    return window.listening.loudest = Math.max(now, window.listening.loudest);
})()";

#[test]
fn the_player_plays_audible_sound_and_complains_of_nothing() {
    let tower = common::setup().start();
    let _station = music_station(&tower);
    tower.wait_source("station", PATIENCE);
    let mut browser = Browser::start(&tower.path(""));
    browser.open(&format!("http://{}/", tower.address));
    // The button is there before the script that listens to it; what the script shows says that it is there too.
    browser.wait("!!document.querySelector('#mounts a')", PATIENCE);
    assert_accessible_everywhere(&mut browser);
    browser.value("document.getElementById('play').click()");
    browser.wait("document.getElementById('audio').currentTime > 0.5", LONG_PATIENCE);
    browser.value(LISTEN_IN);
    let heard = browser.wait(&format!("{LOUDEST} > 0.01"), LONG_PATIENCE);
    eprintln!("the analyser heard sound after {heard:?}");
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
}

fn asked(tower: &Tower, method: &str, target: &str, headers: &str, body: &str) -> Answer {
    send(tower.address, method, target, headers, body.as_bytes()).expect("an answer")
}

#[test]
fn a_session_needs_its_token_to_change_anything_and_ends_with_the_logout() {
    let tower = common::setup().start();
    let wrong = asked(&tower, "POST", "/api/session", "", "{\"password\": \"guess\"}");
    assert_eq!((wrong.head.status(), wrong.head.header("set-cookie")), (401, None));
    let answer = asked(&tower, "POST", "/api/session", "", &format!("{{\"password\": {ADMIN_PASSWORD:?}}}"));
    let given = answer.head.header("set-cookie").expect("a cookie").to_owned();
    assert!(given.contains("HttpOnly") && given.contains("SameSite=Strict"), "{given}");
    let cookie = format!("Cookie: {}\r\n", given.split(';').next().unwrap_or_default());
    let token = answer.json()["token"].as_str().expect("a token").to_owned();
    let both = format!("{cookie}X-Tower-Token: {token}\r\n");

    let forced = "{\"forced\": true}";
    assert_eq!(asked(&tower, "GET", "/admin/listeners", &cookie, "").head.status(), 200);
    assert_eq!(asked(&tower, "PUT", "/api/fallback/forced", &cookie, forced).head.status(), 403);
    assert_eq!(asked(&tower, "GET", "/admin/metadata?mode=updinfo&song=x", &cookie, "").head.status(), 403);
    let alone = format!("X-Tower-Token: {token}\r\n");
    let refused = asked(&tower, "PUT", "/api/fallback/forced", &alone, forced);
    assert_eq!((refused.head.status(), refused.head.header("www-authenticate")), (401, None), "the page asks itself");
    assert_eq!(tower.status()["operator"]["fallback_forced"], false);
    assert_eq!(asked(&tower, "PUT", "/api/fallback/forced", &both, forced).head.status(), 202);

    assert_eq!(asked(&tower, "DELETE", "/api/session", &cookie, "").head.status(), 403);
    assert_eq!(asked(&tower, "GET", "/api/session", &cookie, "").json()["logged_in"], true);
    assert_eq!(asked(&tower, "DELETE", "/api/session", &both, "").head.status(), 200);
    assert_eq!(asked(&tower, "GET", "/api/session", &cookie, "").json()["logged_in"], false);
    assert_eq!(asked(&tower, "GET", "/admin/listeners", &cookie, "").head.status(), 401);
}

#[test]
fn whoever_guesses_passwords_at_the_dashboard_has_to_wait() {
    let tower = common::setup().start();
    let guess = |password: &str| {
        asked(&tower, "POST", "/api/session", "", &format!("{{\"password\": {password:?}}}")).head.status()
    };
    let answers: Vec<u16> = (0..8).map(|_| guess("guess")).collect();
    assert_eq!(answers[..6], [401; 6]);
    assert!(answers[6..].contains(&429), "{answers:?}");
    assert_eq!(guess(ADMIN_PASSWORD), 429, "right or wrong");
}

#[test]
fn no_page_may_be_framed_or_load_anything_from_elsewhere() {
    let tower = common::setup().start();
    for page in ["/", "/admin", "/admin/desk.js", "/status", "/api/session", "/nowhere.html"] {
        let answer = tower.get(page);
        let policy = answer.head.header("content-security-policy").unwrap_or_default().to_owned();
        if answer.head.status() == 200 {
            assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors"), "{page}: {policy}");
            assert!(!policy.contains("unsafe") && !policy.contains("http"), "{page}: {policy}");
            assert_eq!(answer.head.header("x-content-type-options"), Some("nosniff"), "{page}");
            assert_eq!(answer.head.header("referrer-policy"), Some("no-referrer"), "{page}");
        }
    }
}

/// Pictures for the documentation, of a tower on which something has happened.
#[test]
fn pictures_for_the_documentation() {
    if std::env::var_os(PICTURES).is_none() {
        return;
    }
    let tower = common::setup().line("output = [{ name = \"Radio Tower\" }]").start();
    let station = music_station(&tower);
    let listeners: Vec<_> = (0..3).map(|_| tower.listen("/stream")).collect();
    std::thread::sleep(Duration::from_secs(100));
    signal(tower.encoder_pid().expect("an encoder"), Signal::KILL);
    std::thread::sleep(Duration::from_secs(40));
    let _sent = station.stop();
    std::thread::sleep(Duration::from_secs(25));
    let _station = music_station(&tower);
    tower.wait_source("station", PATIENCE);
    tower.send_as_admin("PUT", "/api/now-playing", "{\"artist\": \"Nina Simone\", \"title\": \"Sinnerman\"}");
    let more: Vec<_> = (0..4).map(|_| tower.listen("/stream")).collect();
    std::thread::sleep(Duration::from_secs(120));
    let mut browser = Browser::start(&tower.path(""));
    browser.look_at(Screen { width: 1280, height: 1250, dark: false });
    log_in(&mut browser, &tower);
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images");
    let take = |browser: &mut Browser, name: &str, width, height| {
        for dark in [false, true] {
            browser.look_at(Screen { width, height, dark });
            std::thread::sleep(Duration::from_secs(3));
            let picture = browser.picture();
            let (png, _) = mp3::filter("base64", &["-d"], picture.as_bytes());
            let scheme = if dark { "dark" } else { "light" };
            std::fs::write(images.join(format!("{name}-{scheme}.png")), png).expect("docs/images");
        }
    };
    take(&mut browser, "desk", 1280, 1250);
    take(&mut browser, "desk-phone", 360, 740);
    browser.open(&format!("http://{}/", tower.address));
    take(&mut browser, "player", 720, 900);
    take(&mut browser, "player-phone", 360, 740);
    drop((listeners, more));
}
