//! Who is let in to what is not for everybody: by password or token in the request, or by session; and then by his role.

use super::auth::{Given, Shown};
use super::head::{
    ADMINS_ONLY, FORBIDDEN, Head, LISTENERS_ONLY, OPERATORS_ONLY, Refusal, TOO_MANY_GUESSES, UNAUTHORIZED,
};
use super::routes::{Class, Route};
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
    let who = who_asks(tower, route, head, address)?;
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

fn who_asks(tower: &Tower, route: &Route, head: &Head, address: IpAddr) -> Result<Who, Refusal> {
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
    match shown {
        Shown::User(user) => {
            guesses.note_right(address, user.role);
            return Ok(Who::Password { user, address });
        }
        Shown::Busy => return Err(TOO_MANY_GUESSES),
        Shown::Wrong => {
            guesses.note_wrong(address, now);
            tracing::warn!(%address, path = %head.path, "a wrong password");
        }
        Shown::Nothing => {}
    }
    let cookies = head.header("cookie").unwrap_or_default();
    let session = tower.sessions.find(&cookies, now).ok_or(UNAUTHORIZED)?;
    let token = head.header(TOKEN_HEADER).unwrap_or_default();
    if changes_something(route, &head.method) && !Sessions::is_token(&session, &token) {
        return Err(FORBIDDEN);
    }
    // His role as it is now: it may have changed since he logged in.
    let user = setup.users.find(&session.user.name).ok_or(UNAUTHORIZED)?;
    Ok(Who::Session { user, address })
}

const fn too_low(role: Role) -> Refusal {
    match role {
        Role::Observer => UNAUTHORIZED,
        Role::Operator => OPERATORS_ONLY,
        Role::Admin => ADMINS_ONLY,
    }
}

/// Whether the refusal must not make a browser ask for a password: the dashboard does so itself.
#[must_use]
pub fn asks_itself(head: &Head) -> bool {
    head.header(TOKEN_HEADER).is_some()
}

/// Old programs change things with GET, too: then the route takes POST for the same.
fn changes_something(route: &Route, method: &str) -> bool {
    !matches!(method, "GET" | "HEAD") || route.methods.contains(&"POST")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::{Found, ROUTES, find};

    #[test]
    fn only_what_changes_nothing_is_done_without_the_token() {
        let changes = |path, method| match find(path, method) {
            Found::Route(route) => changes_something(route, method),
            _ => panic!("no {method} {path}"),
        };
        assert!(!changes("/admin/listeners", "GET"));
        assert!(changes("/api/now-playing", "PUT"));
        assert!(changes("/admin/metadata", "GET"), "a title can be set with GET");
        for route in ROUTES {
            let unsafe_methods = route.methods.iter().filter(|method| !matches!(**method, "GET" | "HEAD"));
            unsafe_methods.for_each(|method| assert!(changes_something(route, method), "{method} {}", route.path));
        }
    }
}
