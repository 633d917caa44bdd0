//! Who is let in to what is not for everybody: by password or token in the request, or by session; and then by his role.

use super::auth::{Given, Shown};
use super::head::{
    ADMINS_ONLY, FORBIDDEN, Head, LISTENERS_ONLY, OPERATORS_ONLY, Refusal, TOO_MANY_GUESSES, UNAUTHORIZED,
};
use super::routes::{Class, Route, changes_something};
use super::session::{Sessions, TOKEN_HEADER};
use super::who::Who;
use crate::config::Role;
use crate::setup::{OutputState, Setup};
use crate::state::Tower;
use std::net::IpAddr;
use std::time::Instant;

/// Lets somebody in who may use `route`, which is not public.
///
/// # Errors
/// The refusal.
pub fn admit(tower: &Tower, route: &Route, head: &Head, address: IpAddr) -> Result<Who, Refusal> {
    let who = who_asks(tower, route, head, address)?.ok_or(UNAUTHORIZED)?;
    match route.class {
        Class::Role(role) if who.role() < role => Err(too_low(role)),
        _ => Ok(who),
    }
}

/// Why somebody may not listen to a mount, if it has a password.
#[must_use]
pub fn listener_refused(setup: &Setup, output: &OutputState, head: &Head, address: IpAddr) -> Option<Refusal> {
    let credentials = output.credentials.as_ref()?;
    let (guesses, now) = (&setup.source_doors.guesses, Instant::now());
    if !head.authorization.trim().is_empty() && guesses.must_wait(address, now) {
        return Some(TOO_MANY_GUESSES);
    }
    match credentials.given(head) {
        Given::Right => None,
        Given::Busy => Some(TOO_MANY_GUESSES),
        Given::Nothing => Some(LISTENERS_ONLY),
        Given::Wrong => {
            guesses.note_wrong(address, now);
            Some(LISTENERS_ONLY)
        }
    }
}

/// Who asks; `None` if he does not say.
///
/// # Errors
/// The refusal, of somebody who says something wrong: he is not to think that what everybody gets is all there is.
pub fn who_asks(tower: &Tower, route: &Route, head: &Head, address: IpAddr) -> Result<Option<Who>, Refusal> {
    let (setup, now) = (tower.setup(), Instant::now());
    let guesses = &setup.source_doors.guesses;
    let gives_something =
        !head.authorization.trim().is_empty() || head.query.contains("token=") || head.query.contains("pass=");
    if gives_something && guesses.must_wait(address, now) {
        return Err(TOO_MANY_GUESSES);
    }
    let shown = match route.class {
        Class::Station => setup.users.shown_to_station(head),
        Class::Public | Class::Role(_) => setup.users.shown(head),
    };
    let nobody = if shown == Shown::Nothing { Ok(None) } else { Err(UNAUTHORIZED) };
    match shown {
        Shown::User(user) => {
            guesses.note_right(address, user.role);
            return Ok(Some(Who::Password { user, address }));
        }
        Shown::Busy => return Err(TOO_MANY_GUESSES),
        Shown::Wrong => {
            guesses.note_wrong(address, now);
            tracing::warn!(%address, path = %head.path, "a wrong password");
        }
        Shown::Nothing => {}
    }
    let cookies = head.header("cookie").unwrap_or_default();
    let Some(session) = tower.sessions.find(&cookies, now) else { return nobody };
    let token = head.header(TOKEN_HEADER).unwrap_or_default();
    if changes_something(route, &head.method) && !Sessions::is_token(&session, &token) {
        return Err(FORBIDDEN);
    }
    // His role as it is now: it may have changed since he logged in.
    setup.users.find(&session.user.name).map_or(nobody, |user| Ok(Some(Who::Session { user, address })))
}

const fn too_low(role: Role) -> Refusal {
    match role {
        Role::Observer => UNAUTHORIZED,
        Role::Operator => OPERATORS_ONLY,
        Role::Admin => ADMINS_ONLY,
    }
}

/// Puts wrong passwords from `address` into the journal, if there are any and it is time to.
pub fn tell_of_guesses(tower: &Tower, address: IpAddr) {
    let Some(count) = tower.setup().source_doors.guesses.untold(address, Instant::now()) else { return };
    let text =
        if count == 1 { "a wrong password was given".into() } else { format!("{count} wrong passwords were given") };
    let who = format!("somebody at {}", address.to_canonical());
    tower.journal.note_by(who, tower.figures.tick().unwrap_or(0), "action", text);
}

/// Whether the refusal must not make a browser ask for a password: the dashboard does so itself.
#[must_use]
pub fn asks_itself(head: &Head) -> bool {
    head.header(TOKEN_HEADER).is_some()
}
