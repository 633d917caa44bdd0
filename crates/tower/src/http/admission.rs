//! Who is let in to what is the administrator's: by password or token in the request, or by session.

use super::head::{FORBIDDEN, Head, Refusal, UNAUTHORIZED};
use super::routes::Route;
use super::session::{Sessions, TOKEN_HEADER};
use super::who::Who;
use crate::state::Tower;
use std::net::IpAddr;
use std::time::Instant;

/// Lets an administrator in.
///
/// # Errors
/// The refusal.
pub fn admit(tower: &Tower, route: &Route, head: &Head, address: IpAddr) -> Result<Who, Refusal> {
    if tower.secret.admits(head) {
        return Ok(Who::Password { address });
    }
    let cookies = head.header("cookie").unwrap_or_default();
    let session = tower.sessions.find(&cookies, Instant::now()).ok_or(UNAUTHORIZED)?;
    let token = head.header(TOKEN_HEADER).unwrap_or_default();
    if changes_something(route, &head.method) && !Sessions::is_token(&session, &token) {
        return Err(FORBIDDEN);
    }
    Ok(Who::Session { address })
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
