//! Who is let in to what is not for everybody: by password or token in the request, or by session; and then by his role.

use super::routes::{Class, Route, changes_something};
use crate::auth::credentials::{Given, Shown, claimed_name};
use crate::auth::session::{Sessions, TOKEN_HEADER};
use crate::auth::who::Who;
use crate::request::head::{
    ADMINS_ONLY, FORBIDDEN, Head, LISTENERS_ONLY, OPERATORS_ONLY, TOO_MANY_GUESSES, UNAUTHORIZED,
};
use crate::request::origin::MISDIRECTED;
use crate::request::origin::Origin;
use crate::request::refusal::Refusal;
use crate::setup::{OutputState, Setup};
use crate::state::Tower;
use radio_base::journal::event::Event;
use radio_base::text::cleaned;
use radio_config::Role;
use std::net::IpAddr;
use std::time::Instant;

/// Lets somebody in who may use `route`, which is not public.
///
/// # Errors
/// The refusal.
pub fn admit(tower: &Tower, route: &Route, head: &Head, origin: &Origin) -> Result<Who, Refusal> {
    let who = who_asks(tower, route, head, origin)?.ok_or(UNAUTHORIZED)?;
    match route.class {
        Class::Role(role) if who.role() < role => Err(too_low(role)),
        _ => Ok(who),
    }
}

/// Whether the station's interface serves this request without a password: one that comes from this
/// machine itself and from no proxy on it, or any where the configuration says so.
#[must_use]
pub fn is_station_open(setup: &Setup, head: &Head, is_local: bool) -> bool {
    let config = &setup.config;
    let is_passed_on = || FORWARDED.iter().any(|name| head.header(name).is_some());
    let is_own = is_local && !config.server.trusts_loopback() && !is_passed_on();
    !setup.users.has_station_password() && (config.station.open || is_own)
}

/// 401
pub const STATION_IS_LOCAL: Refusal = Refusal::new(
    401,
    "Unauthorized",
    "without station.password the station's interface serves this machine only; set station.password, or station.open = true",
);

/// What proxies add to a request.
const FORWARDED: [&str; 4] = ["x-forwarded-for", "forwarded", "via", "x-real-ip"];

/// Why somebody may not listen to a mount, if it has a password.
#[must_use]
pub fn listener_refused(setup: &Setup, output: &OutputState, head: &Head, address: IpAddr) -> Option<Refusal> {
    let credentials = output.credentials.as_ref()?;
    let (guesses, now) = (&setup.source_doors.guesses, Instant::now());
    let user = claimed_name(&head.authorization);
    if !head.authorization.trim().is_empty() && guesses.must_wait(address, &user, now) {
        return Some(TOO_MANY_GUESSES);
    }
    match credentials.given(head) {
        Given::Right => None,
        Given::Busy => Some(TOO_MANY_GUESSES),
        Given::Nothing => Some(LISTENERS_ONLY),
        Given::Wrong => {
            guesses.note_wrong(address, &user, now);
            Some(LISTENERS_ONLY)
        }
    }
}

/// The user that a request is from; `None` if it does not say. A session that is open counts
/// whatever else the request says, and also while passwords are guessed at its address.
///
/// # Errors
/// The refusal of wrong credentials: what every client gets must not pass for all there is. Or that
/// of a session under a host name that is not the tower's.
pub fn who_asks(tower: &Tower, route: &Route, head: &Head, origin: &Origin) -> Result<Option<Who>, Refusal> {
    let (setup, now, address) = (tower.setup(), Instant::now(), origin.address.ip());
    let guesses = &setup.source_doors.guesses;
    let gives_something =
        !head.authorization.trim().is_empty() || head.query.contains("token=") || head.query.contains("pass=");
    let is_stations = route.class == Class::Station;
    let name = setup.users.claimed(head, is_stations);
    let shown = if gives_something && guesses.must_wait(address, &name, now) {
        Shown::Busy
    } else if is_stations {
        setup.users.shown_to_station(head)
    } else {
        setup.users.shown(head)
    };
    let nobody = match shown {
        Shown::User(user) => {
            guesses.note_right(address, &user.name);
            return Ok(Some(Who::Password { user, address }));
        }
        Shown::Busy => Err(TOO_MANY_GUESSES),
        Shown::Wrong => {
            guesses.note_wrong(address, &name, now);
            tracing::warn!(%address, path = %cleaned(&head.path), "a wrong password");
            Err(UNAUTHORIZED)
        }
        Shown::Nothing => Ok(None),
    };
    let cookies = head.header("cookie").unwrap_or_default();
    let Some(session) = tower.sessions.find(&cookies, now) else { return nobody };
    if !origin.is_own_host {
        return Err(MISDIRECTED);
    }
    let token = head.header(TOKEN_HEADER).unwrap_or_default();
    if changes_something(route, &head.method) && !Sessions::is_token(&session, &token) {
        return Err(FORBIDDEN);
    }
    // Its role as it is now: it may have changed since the login.
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
    let who = format!("somebody at {}", address.to_canonical());
    tower.journal.note_by(who, tower.figures.tick().unwrap_or(0), Event::WrongPasswords { count: count.into() });
}

/// Whether the refusal must not make a browser ask for a password: the dashboard does so itself.
#[must_use]
pub fn asks_itself(head: &Head) -> bool {
    head.header(TOKEN_HEADER).is_some()
}
