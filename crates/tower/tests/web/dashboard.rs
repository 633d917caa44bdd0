//! The dashboard in a real browser: the operator sees what happens within seconds, and what he does is done; and nobody
//! else can do it in his name (SPEC API-1, API-2).

use crate::common;
use crate::pages::{
    PATIENCE, assert_accessible, assert_accessible_everywhere, assert_asks_only, is_shown, music_station,
};
use radio_proof::alarm::{full_length, wait_for};
use radio_proof::browser::{Browser, Screen};
use radio_proof::http::{Answer, send};
use radio_proof::process::signal;
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use radio_proof::{material, measure, mp3};
use radio_signal::units::TICK_MS;
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Set, the pictures of the documentation are made anew.
const PICTURES: &str = "RADIO_PICTURES";

fn log_in(browser: &mut Browser, tower: &Tower) {
    browser.open(&format!("http://{}/admin", tower.address));
    browser.wait("document.activeElement?.id === 'password'", PATIENCE);
    assert_accessible(browser);
    browser.type_text(ADMIN_PASSWORD);
    browser.press("Enter");
    browser.wait("!document.getElementById('desk').hidden", PATIENCE);
}

/// Expression: how full the bar of this name is.
fn bar(label: &str) -> String {
    format!("Number(document.querySelector('[aria-label=\"{label}\"]')?.getAttribute('aria-valuenow'))")
}

/// More listeners than a page of the table has rows: it can be turned, there and back.
fn turn_the_page(browser: &mut Browser) {
    let rows = |count: usize| format!("document.querySelectorAll('#listeners tr').length === {count}");
    browser.wait(&rows(50), PATIENCE);
    browser.value("document.getElementById('listeners-next').click()");
    browser.wait(&rows(11), PATIENCE);
    browser.wait(&is_shown("listeners-page", "page 2, 61 listeners in all"), PATIENCE);
    assert_eq!(browser.value("document.getElementById('listeners-next').disabled"), true, "there is no third page");
    browser.value("document.getElementById('listeners-first').click()");
    browser.wait(&rows(50), PATIENCE);
    browser.wait(&is_shown("listeners-page", "page 1"), PATIENCE);
}

/// Looks back along the strip, with the keyboard, to the second in which the encoder was killed.
fn look_back_to_the_kill(browser: &mut Browser, killed: SystemTime) {
    let killed = killed.duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let is_then = format!(
        "[0, 1, 2, 3].some((second) => document.getElementById('strip-text').innerText
            .startsWith(new Date(({killed} + second) * 1000).toLocaleTimeString()))"
    );
    let is_it = format!("{is_then} && {}", is_shown("strip-text", "encoder restarted"));
    browser.value("document.getElementById('strip-at').focus()");
    let seconds_back = wait_for("the strip to show when the encoder was restarted", PATIENCE, || {
        browser.press("End");
        (1..60).find(|_| {
            browser.press("ArrowLeft");
            browser.value(&is_it) == true
        })
    });
    eprintln!("the encoder was restarted {seconds_back} seconds back");
    let told = browser.value("document.getElementById('strip-at').getAttribute('aria-valuetext')");
    assert!(told.as_str().is_some_and(|told| told.contains("station") && told.contains("LUFS")), "{told}");
}

/// Walks through the page by Tab until an element has the focus.
fn tab_to(browser: &mut Browser, id: &str) {
    let is_there = format!("document.activeElement?.id === {id:?}");
    let found = (0..40).any(|_| {
        browser.press("Tab");
        browser.value(&is_there) == true
    });
    assert!(found, "{id} is not reached by Tab");
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
fn the_button_skips_the_song_on_air_and_says_what_follows() {
    let setup = common::setup();
    for name in ["one", "two", "three"] {
        let pcm = measure::to_stereo_s16(&measure::sine(440.0, 0.3, 0.0, 48_000 * 60));
        std::fs::write(setup.path(&format!("{name}.wav")), material::wav(&pcm)).expect("a temporary file");
    }
    let paths = ["one", "two", "three"].map(|name| setup.path(&format!("{name}.wav")).display().to_string());
    let tower = setup.line(&format!("play.paths = {paths:?}")).start();
    tower.wait_source("play", PATIENCE);
    let mut browser = Browser::start(&tower.path(""));
    log_in(&mut browser, &tower);
    browser.wait("!document.getElementById('skip').disabled", PATIENCE);
    act(&mut browser, "#skip", "Listeners hear two after a short crossfade");
    let skipped = || {
        let (_, event) = tower.events("action").into_iter().find(|(_, event)| event["what"] == "song_skipped")?;
        Some((event["skipped"].clone(), event["next"].clone()))
    };
    assert_eq!(wait_for("the action", PATIENCE, skipped), ("one".into(), "two".into()));
    wait_for("the next song", PATIENCE, || (tower.get("/api/now-playing").json()["title"] == "two").then_some(()));
}

#[test]
fn the_dashboard_shows_what_happens_and_does_what_it_is_told() {
    let tower = common::setup().line("alarm.no_programme_ms = 2000").start();
    let station = music_station(&tower);
    let _listener = tower.listen("/stream");
    let crowd: Vec<_> = (0..60).map(|_| tower.listen("/stream")).collect();
    let mut browser = Browser::start(&tower.path(""));
    browser.look_at(Screen { width: 1280, height: 1500, dark: false });
    log_in(&mut browser, &tower);
    browser.wait(&is_shown("source", "station"), PATIENCE);
    browser.wait(&is_shown("outputs", "RUNNING"), PATIENCE);
    browser.wait(&is_shown("why", "because it has its pre-roll; for "), PATIENCE);
    browser.wait("!document.getElementById('no-alarm').hidden", PATIENCE);

    // The fallback is forced by keyboard alone, and released.
    tab_to(&mut browser, "fallback");
    browser.press("Enter");
    browser.wait(&is_shown("confirm-text", "Instead of station, listeners hear a 440 Hz tone"), PATIENCE);
    assert_accessible(&mut browser);
    tab_to(&mut browser, "confirm-yes");
    browser.press("Enter");
    browser.wait("!document.getElementById('confirm').open", PATIENCE);
    browser.wait(&is_shown("source", "tone"), PATIENCE);
    browser.wait(&is_shown("wishes", "You force the fallback"), PATIENCE);
    browser.wait(&is_shown("remarks", "the operator forces the fallback"), PATIENCE);
    assert_eq!(browser.value("document.getElementById('no-alarm').hidden"), true, "a warning is not nothing");
    let colours = "(() => {
        const items = [...document.querySelectorAll('#legend li')].filter((item) => /^(station|tone)$/.test(item.innerText));
        const colours = new Set(items.map((item) => item.style.getPropertyValue('--dot')).filter((dot) => dot.startsWith('#')));
        return colours.size === 2;
    })()";
    browser.wait(colours, PATIENCE);
    act(&mut browser, "#fallback", "Listeners hear the best input");
    browser.wait(&is_shown("source", "station"), PATIENCE);

    turn_the_page(&mut browser);
    drop(crowd);
    for level in ["Programme", "/stream", "Level of station"] {
        browser.wait(&format!("{0} > -60 && {0} < 0", bar(level)), PATIENCE);
    }
    for fill in ["Buffer of station", "Buffer of /stream"] {
        browser.wait(&format!("{} > 0", bar(fill)), PATIENCE);
    }
    browser.wait("document.getElementById('crowd').ariaLabel.includes(' 61 at most')", PATIENCE);
    let drawn = "(() => {
        const paper = document.getElementById('crowd');
        return paper.getContext('2d').getImageData(0, 0, paper.width, paper.height).data.some((part) => part > 0);
    })()";
    assert_eq!(browser.value(drawn), true, "listeners over time");
    assert_accessible(&mut browser);

    // An encoder is killed.
    let before = restarts(&tower);
    let killed = SystemTime::now();
    signal(tower.encoder_pid().expect("an encoder"), Signal::KILL);
    let seen = browser.wait(&more_restarts_than(before), PATIENCE);
    assert_soon("the restart", seen);
    browser.wait(&is_shown("events", "process was killed by signal 9"), PATIENCE);
    browser.wait(&is_shown("outputs", "not a byte differs"), PATIENCE);

    look_back_to_the_kill(&mut browser, killed);

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
    browser.wait("document.querySelectorAll('#listeners tr').length === 1", PATIENCE);
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
    assert_asks_only(&mut browser, &tower);
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
    let play = |artist: &str, title: &str| {
        let song = serde_json::json!({ "artist": artist, "title": title });
        tower.send_as_admin("PUT", "/api/now-playing", &song.to_string());
    };
    tower.wait_source("station", PATIENCE);
    play("Bill Evans", "Peace Piece");
    std::thread::sleep(Duration::from_secs(100));
    play("Etta James", "At Last");
    signal(tower.encoder_pid().expect("an encoder"), Signal::KILL);
    std::thread::sleep(Duration::from_secs(40));
    let _sent = station.stop();
    std::thread::sleep(Duration::from_secs(25));
    let _station = music_station(&tower);
    tower.wait_source("station", PATIENCE);
    play("Nina Simone", "Sinnerman");
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
