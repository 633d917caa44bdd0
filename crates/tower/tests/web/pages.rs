//! What the tests of the pages share.

use radio_proof::browser::{Browser, Screen};
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{material, tools};
use std::sync::Arc;
use std::time::Duration;

/// For whatever a page shows by itself; on a quiet machine it takes a second.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A station that sends music without end.
pub(crate) fn music_station(tower: &Tower) -> Station {
    let manner = Manner { looped: true, ..Manner::default() };
    Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 20)), manner)
}

/// Has axe-core look at the page.
#[track_caller]
pub(crate) fn assert_accessible(browser: &mut Browser) {
    browser.value(&format!("{};0", tools::axe()));
    let found = browser
        .value("axe.run().then((found) => found.violations.map((v) => [v.id, v.impact, v.nodes.map((n) => n.html)]))");
    assert_eq!(found, serde_json::json!([]));
}

/// The same in daylight and in the dark, at a desk and on a phone, where nothing sticks out to the right.
#[track_caller]
pub(crate) fn assert_accessible_everywhere(browser: &mut Browser) {
    for (width, height) in [(360, 740), (1280, 1500)] {
        for dark in [true, false] {
            browser.look_at(Screen { width, height, dark });
            let needed = browser.value("document.documentElement.scrollWidth").as_u64();
            assert!(needed.is_some_and(|needed| needed <= u64::from(width)), "{needed:?} pixels");
            assert_accessible(browser);
        }
    }
}

/// Whether an element shows a text, as an expression for the browser.
pub(crate) fn is_shown(id: &str, text: &str) -> String {
    format!("document.getElementById({id:?}).innerText.includes({text:?})")
}

/// The page has asked nobody but the tower for anything.
#[track_caller]
pub(crate) fn assert_asks_only(browser: &mut Browser, tower: &Tower) {
    let own = format!("http://{}/", tower.address);
    let asked = browser.requests();
    assert!(asked.len() > 3, "{asked:?}");
    let elsewhere: Vec<_> = asked.iter().filter(|url| !url.starts_with(&own) && !url.starts_with("data:")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}
