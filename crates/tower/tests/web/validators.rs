//! What others have to say of the API's description, of the pages, and of the tower's answers to whatever can be asked
//! (SPEC API-1, API-2).

use crate::common;
use radio_proof::alarm::full_length;
use radio_proof::browser::Browser;
use radio_proof::tools::{content, html_checker, python};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Saves what a path of the tower answers.
fn saved(tower: &Tower, target: &str, name: &str) -> PathBuf {
    let answer = tower.get(target);
    assert_eq!(answer.head.status(), 200, "{target}");
    let path = tower.path(name);
    std::fs::write(&path, answer.body).expect("a file");
    path
}

#[test]
fn the_description_of_the_api_is_one_by_the_specification() {
    let tower = common::setup().start();
    content(python("openapi-spec-validator").arg(saved(&tower, "/api/openapi.json", "openapi.json")));
}

/// Saves a page as its script has made it.
fn rendered(tower: &Tower, browser: &mut Browser, name: &str) -> PathBuf {
    let html = browser.value("'<!DOCTYPE html>' + document.documentElement.outerHTML");
    let path = tower.path(name);
    std::fs::write(&path, html.as_str().expect("text")).expect("a file");
    path
}

#[test]
fn the_pages_and_their_styles_are_valid_as_served_and_as_their_scripts_make_them() {
    let tower = common::setup().start();
    let _listener = tower.listen("/stream");
    let mut files = vec![
        saved(&tower, "/", "player.html"),
        saved(&tower, "/style.css", "style.css"),
        saved(&tower, "/admin", "desk.html"),
        saved(&tower, "/admin/desk.css", "desk.css"),
    ];
    let mut browser = Browser::start(&tower.path(""));
    browser.open(&format!("http://{}/", tower.address));
    browser.wait("document.readyState === 'complete' && !!document.querySelector('#mounts a')", PATIENCE);
    files.push(rendered(&tower, &mut browser, "player-rendered.html"));
    browser.open(&format!("http://{}/admin", tower.address));
    browser.wait("document.activeElement?.id === 'password'", PATIENCE);
    browser.type_text(ADMIN_PASSWORD);
    browser.press("Enter");
    browser.wait("document.querySelectorAll('#listeners tr').length === 1", PATIENCE);
    files.push(rendered(&tower, &mut browser, "desk-rendered.html"));
    content(html_checker().args(["--Werror", "--also-check-css"]).args(files));
}

/// Endless answers: whether they end well is asked elsewhere.
const ENDLESS: [&str; 2] = ["/events", "/admin/monitor"];

/// Where a password is part of the question, so that whoever asks everything guesses, and has to wait.
const GUESSED: [&str; 2] = ["/admin.cgi", "/api/session"];

/// What is wanted of every answer.
const WANTED: &str = "not_a_server_error,content_type_conformance,response_schema_conformance,\
    response_headers_conformance,status_code_conformance,unsupported_method,allow_header_conformance";

/// Asks whatever the description permits, and what it does not; gives what is said of it.
fn asked_everything(tower: &Tower, wanted: &str, which: &[&str], how_much: &[&str]) -> String {
    content(&mut questioner(tower, wanted, which, how_much))
}

fn questioner(tower: &Tower, wanted: &str, which: &[&str], how_much: &[&str]) -> Command {
    let document = saved(tower, "/api/openapi.json", "openapi.json");
    let mut asks = python("schemathesis");
    asks.arg("run").arg(document).args(["--url", &format!("http://{}", tower.address)]);
    asks.args(["--auth", &format!("admin:{ADMIN_PASSWORD}"), "--checks", wanted]).args(which);
    // A tower that has to wait for a core answers late; one that hangs does not answer.
    asks.args(["--request-timeout", "20", "--continue-on-failure", "--no-color"]);
    asks.args(how_much).current_dir(tower.path(""));
    asks
}

fn questions(said: &str) -> u32 {
    let count = said.split_once(" generated, ").and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok());
    count.unwrap_or_else(|| panic!("nothing was asked:\n{said}"))
}

#[test]
fn whatever_is_asked_of_the_api_there_is_an_answer_and_none_is_the_towers_fault() {
    let tower = common::setup().start();
    let listeners: Vec<_> = (0..20).map(|_| tower.listen("/stream")).collect();
    // Counted and the same each time, so that nobody's change fails by chance; at full length others each time.
    let how_much: &[&str] = match full_length() {
        false => &["--generation-deterministic", "--max-examples", "20"],
        true => &["--max-time", "300"],
    };
    let apart: Vec<&str> = ENDLESS.iter().chain(&GUESSED).flat_map(|path| ["--exclude-path", path]).collect();
    let said = asked_everything(&tower, WANTED, &apart, how_much);
    let count = questions(&said);
    eprintln!("{count} questions");
    assert!(count > 1000, "only {count} questions");
    assert!(!said.contains("Rate limited"), "who has to wait asks nothing: {said}");
    let guessed: Vec<&str> = GUESSED.iter().flat_map(|path| ["--include-path", path]).collect();
    assert!(questions(&asked_everything(&tower, WANTED, &guessed, how_much)) > 10);
    let ended = listeners.iter().filter(|listener| listener.end().is_some()).count();
    let kicked = tower.status()["listeners"]["kicked"].as_u64().expect("a number");
    assert_eq!(ended as u64, kicked, "whoever was not asked to be sent away hears on");
    assert!(ended < listeners.len());
    tower.wait_encoder("RUNNING", PATIENCE);
}

#[test]
fn no_route_that_wants_a_password_is_served_with_another() {
    let tower = common::setup().start();
    let apart: Vec<&str> = ENDLESS.iter().chain(&GUESSED).flat_map(|path| ["--exclude-path", path]).collect();
    let how_much = ["--generation-deterministic", "--max-examples", "5"];
    let asked = questioner(&tower, "ignored_auth", &apart, &how_much).output().expect("schemathesis runs");
    let said = String::from_utf8_lossy(&asked.stdout);
    assert!(questions(&said) > 200, "{said}");
    // The validator expects 401 or 403. After a few wrong passwords the tower says 429, which admits nothing either.
    let mut unexpected = said.lines().filter(|line| line.contains("Expected 401 or 403"));
    assert!(unexpected.all(|line| line.contains("got `429 ")), "{said}");
    assert!(!said.contains("Undocumented") && !said.contains("ignores authentication"), "{said}");
}
