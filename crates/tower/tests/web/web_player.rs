//! The public page in a real browser: what it plays is heard, also after the tower was restarted under it; and what it shows
//! can be read, copied and used by keyboard (SPEC API-2).

use crate::common;
use crate::pages::{PATIENCE, assert_accessible_everywhere, assert_asks_only, is_shown, music_station};
use radio_proof::browser::Browser;
use radio_proof::tower::Tower;
use serde_json::Value;
use std::net::TcpListener;
use std::time::Duration;

/// For a browser to decode sound on a machine that has much else to do.
const LONG_PATIENCE: Duration = Duration::from_secs(120);

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

/// A port that stays free while no tower has it: below those that the system gives to others.
fn lasting_port() -> u16 {
    let first = 30_000 + (std::process::id() % 2000) as u16;
    (first..32_000 + 700).find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok()).expect("a free port")
}

fn tower_at(port: u16) -> Tower {
    common::setup().line(&format!("server.port = {port}")).start()
}

fn open(browser: &mut Browser, tower: &Tower) {
    browser.open(&format!("http://{}/", tower.address));
    // The button is there before the script that listens to it; what the script shows says that it is there too.
    browser.wait("!!document.querySelector('#mounts a')", PATIENCE);
}

#[track_caller]
fn assert_heard(browser: &mut Browser) {
    browser.wait("document.getElementById('audio').currentTime > 1", LONG_PATIENCE);
    browser.value(LISTEN_IN);
    let heard = browser.wait(&format!("{LOUDEST} > 0.01"), LONG_PATIENCE);
    eprintln!("the analyser heard sound after {heard:?}");
}

/// A request that found no tower, or lost it: what a browser says by itself while the tower is away.
fn is_the_break(complaint: &Value, tower: &Tower) -> bool {
    let text = |key: &str| complaint[key].as_str().unwrap_or_default();
    let (own, what) = (format!("http://{}/", tower.address), text("text"));
    let lost = ["net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_RESET", "net::ERR_EMPTY_RESPONSE"];
    text("source") == "network" && text("url").starts_with(&own) && lost.iter().any(|name| what.ends_with(name))
}

#[test]
fn the_player_plays_audible_sound_and_comes_back_by_itself_when_the_tower_is_restarted() {
    let port = lasting_port();
    let mut tower = tower_at(port);
    let station = music_station(&tower);
    tower.wait_source("station", PATIENCE);
    let mut browser = Browser::start(&tower.path(""));
    open(&mut browser, &tower);
    assert_accessible_everywhere(&mut browser);
    // Begun, given up and begun again: the first connection is no break.
    browser.value("for (const _ of 'abc') document.getElementById('play').click(); window.isThePage = true");
    assert_heard(&mut browser);
    let begun = |url: &String| url.split_once("/stream?t=").and_then(|(_, at_ms)| at_ms.parse::<u64>().ok());
    let begun: Vec<u64> = browser.requests().iter().filter_map(begun).collect();
    assert!(begun.iter().max().zip(begun.iter().min()).is_some_and(|(last, first)| last - first < 400), "{begun:?}");
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());

    let _sent = station.stop();
    tower.terminate();
    browser.wait(&is_shown("state", "the connection broke; coming back"), PATIENCE);
    browser.wait("document.getElementById('lamp').textContent === 'tower not reached'", PATIENCE);
    let next = tower_at(port);
    let _station = music_station(&next);
    next.wait_source("station", PATIENCE);
    let back = browser.wait(&is_shown("state", "playing"), PATIENCE);
    eprintln!("it played again {back:?} after the station was on air");
    assert_heard(&mut browser);
    assert_eq!(next.status()["listeners"]["now"], 1);
    browser.wait("document.getElementById('lamp').textContent === 'on air'", PATIENCE);
    assert_eq!(browser.value("window.isThePage"), true, "nobody has loaded it again");
    let others: Vec<_> = browser.complaints().iter().filter(|complaint| !is_the_break(complaint, &tower)).collect();
    assert!(others.is_empty(), "{others:?}");
    assert_asks_only(&mut browser, &tower);
}

fn set_title(tower: &Tower, artist: &str, title: &str) {
    let body = serde_json::json!({ "artist": artist, "title": title }).to_string();
    assert_eq!(tower.send_as_admin("PUT", "/api/now-playing", &body).head.status(), 202);
}

/// Presses the button that copies the address of a stream.
fn copy(browser: &mut Browser, stream: usize, link: &str) {
    browser.value(&format!("document.querySelectorAll('#mounts button')[{stream}].focus()"));
    browser.press("Enter");
    browser.wait(&is_shown("copied", &format!("copied: {link}")), PATIENCE);
}

#[test]
fn the_player_shows_what_was_played_and_links_that_keep_the_focus_and_can_be_copied() {
    let streams = "{}, { mount = \"/light\", codec = \"opus\", bitrate_kbps = 48, channels = 1 }";
    let tower = common::setup().line(&format!("output = [{streams}]")).start();
    let _station = music_station(&tower);
    tower.wait_source("station", PATIENCE);
    let mut browser = Browser::start(&tower.path(""));
    open(&mut browser, &tower);
    assert_eq!(browser.value("document.getElementById('no-history').hidden"), false);

    // Titles, with the time of those that are over.
    set_title(&tower, "Nina Simone", "Sinnerman");
    browser.wait(&is_shown("onair", "Nina Simone - Sinnerman"), PATIENCE);
    set_title(&tower, "Bill Evans", "Peace Piece");
    let songs = "[...document.querySelectorAll('#history li')].map((item) => item.lastChild.textContent).join('; ')";
    browser.wait(&format!("{songs} === 'Bill Evans - Peace Piece; Nina Simone - Sinnerman'"), PATIENCE);
    let times = browser.value("[...document.querySelectorAll('#history time')].map((time) => time.textContent)");
    assert_eq!(times[0], "now");
    assert!(times[1].as_str().is_some_and(|time| time.contains(':')), "{times}");
    assert_eq!(browser.value("document.getElementById('no-history').hidden"), true);

    // What has the focus or is selected stays so, and nothing is read out again, while figures go on.
    browser.wait(&is_shown("mounts", "MP3 128 kbit/s"), PATIENCE);
    browser.wait(&is_shown("mounts", "Opus 48 kbit/s mono"), PATIENCE);
    browser.value(
        "window.link = document.querySelectorAll('#mounts a')[1];
        link.focus();
        getSelection().selectAllChildren(link);
        window.changes = 0;
        for (const said of document.querySelectorAll('[aria-live], [role=status]')) {
            new MutationObserver((list) => { changes += list.length; })
                .observe(said, { childList: true, characterData: true, subtree: true });
        }
        window.tick = Number(document.getElementById('tick').textContent);",
    );
    browser.wait("Number(document.getElementById('tick').textContent) > tick + 150", PATIENCE);
    let link = format!("http://{}/light", tower.address);
    assert_eq!(browser.value("document.activeElement === link && link.isConnected"), true);
    assert_eq!(browser.value("[link.href, getSelection().toString()]"), serde_json::json!([link, link]));
    assert_eq!(browser.value("changes"), 0);

    // By keyboard: the volume, and addresses with and without a clipboard.
    browser.value("document.getElementById('volume').focus()");
    browser.press("Home");
    browser.wait("document.getElementById('audio').volume === 0", PATIENCE);
    browser.press("ArrowRight");
    browser.wait("document.getElementById('audio').volume === 0.01", PATIENCE);
    browser.allow_clipboard();
    browser.value("window.clipboard = navigator.clipboard; getSelection().removeAllRanges()");
    let stream = format!("http://{}/stream", tower.address);
    copy(&mut browser, 0, &stream);
    assert_eq!(browser.value("clipboard.readText()"), stream);
    browser.value("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
    copy(&mut browser, 1, &link);
    assert_eq!(browser.value("getSelection().toString()"), link);
    assert_eq!(browser.value("clipboard.readText()"), link);
    assert_accessible_everywhere(&mut browser);
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    assert_asks_only(&mut browser, &tower);
}
