//! Titles for mounts that do not exist: the answer names the mounts, and locks no address out (SPEC
//! LIS-3).

mod common;

use radio_proof::alarm::wait_for;
use radio_proof::http::{Answer, basic_auth, send};
use radio_proof::tower::Tower;
use std::time::Duration;

const INPUTS: &str = "input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }, \
                      { name = \"guest\", mount = \"/guest\", password = \"guestpw\" }]";

const PATIENCE: Duration = Duration::from_secs(20);

/// Sends a request with a title, again for as long as it is one of too many in a second.
fn at_its_pace(mut request: impl FnMut() -> Answer) -> Answer {
    wait_for("a title to be looked at", PATIENCE, || {
        let answer = request();
        (answer.head.status() != 429 || !answer.text().contains("ten titles a second")).then_some(answer)
    })
}

fn title(tower: &Tower, target: &str, (user, password): (&str, &str)) -> Answer {
    let request = || send(tower.address, "GET", target, &basic_auth(user, password), b"").expect("an answer");
    at_its_pace(request)
}

#[test]
fn titles_for_a_mount_that_does_not_exist_are_404_and_lock_no_address_out() {
    let tower = common::setup().line(INPUTS).start();
    let at = |mount: &str| format!("/admin/metadata?mode=updinfo&mount={mount}&song=A+-+B");
    for (mount, times) in [("/stream", 7), ("live", 7), ("/live/", 1), ("/LIVE", 1), ("%3Cb%3E", 1)] {
        for _ in 0..times {
            let answer = title(&tower, &at(mount), ("source", "hackme"));
            let text = answer.text();
            assert_eq!(answer.head.status(), 404, "{mount}: {text}");
            assert!(text.contains("/live") && !text.contains("/guest"), "its own mounts are named: {text}");
            assert!(text.contains("<return>0</return>"), "as scripts read it: {text}");
        }
    }
    // In the ways of Shoutcast, too.
    for _ in 0..7 {
        let answer = at_its_pace(|| tower.get("/admin.cgi?mode=updinfo&pass=hackme&mount=/nowhere&song=A"));
        assert_eq!((answer.head.status(), answer.text().contains("/live")), (404, true), "{}", answer.text());
        let form: &[u8] = b"mode=updinfo&pass=hackme&mount=/nowhere&song=A";
        let answer = at_its_pace(|| send(tower.address, "POST", "/admin.cgi", "", form).expect("an answer"));
        assert_eq!(answer.head.status(), 404, "{}", answer.text());
    }
    // The address does not have to wait, neither for this source nor for the administrator.
    assert_eq!(title(&tower, &at("/live"), ("source", "hackme")).head.status(), 400, "it is not connected");
    assert_eq!(tower.get_as_admin("/admin/stats").head.status(), 200);
    // An operator names whatever mount there is or is not.
    assert_eq!(tower.get_as_admin(&at("/stream")).head.status(), 200);
    // A wrong password is one at any mount, and so is that of another mount.
    assert_eq!(title(&tower, &at("/nowhere"), ("source", "wrong")).head.status(), 401);
    assert_eq!(title(&tower, &at("/guest"), ("source", "hackme")).head.status(), 401);
    for _ in 0..6 {
        title(&tower, &at("/nowhere"), ("source", "wrong"));
    }
    assert_eq!(title(&tower, &at("/nowhere"), ("source", "hackme")).head.status(), 429, "guesses are counted");
}
