//! Who is logged in at the dashboard: a cookie that no script can read, and beside it a token that only the tower's own
//! page can.
//!
//! A browser sends the cookie with whatever request a foreign page makes it send. So nothing is changed for the cookie
//! alone: the token must come with it, in a header.

use super::credentials::User;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use subtle::ConstantTimeEq;

/// Sessions at the same time; beyond, the oldest of the lowest role is closed.
pub const SESSIONS_MAX: usize = 64;
/// A session lasts this long, in use or not.
pub const LIFE: Duration = Duration::from_secs(12 * 3600);
/// The header that brings the token.
pub const TOKEN_HEADER: &str = "x-tower-token";

/// What a browser gets when it logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The value of its cookie.
    pub id: String,
    /// What its page sends in [`TOKEN_HEADER`].
    pub token: String,
    /// Whose it is.
    pub user: User,
    opened: Instant,
}

/// All that are open.
#[derive(Debug)]
pub struct Sessions {
    cookie: String,
    open: Mutex<VecDeque<Session>>,
}

impl Sessions {
    /// No session. Cookies of a host are those of all its ports, so `port` is in their name.
    #[must_use]
    pub fn new(port: u16) -> Self {
        Self { cookie: format!("tower_session_{port}"), open: Mutex::default() }
    }

    /// Opens one for somebody who has shown who he is. `None`: all places are taken by those of a higher role, and nobody
    /// ends what a higher one has begun.
    pub fn open(&self, user: User, now: Instant) -> Option<Session> {
        let secret = || uuid::Uuid::new_v4().simple().to_string();
        let session = Session { id: secret(), token: secret(), user, opened: now };
        let mut open = self.lock(now);
        if open.len() == SESSIONS_MAX {
            let lowest = open.iter().map(|open| open.user.role).min().filter(|&lowest| lowest <= session.user.role)?;
            let oldest = open.iter().position(|open| open.user.role == lowest)?;
            open.remove(oldest);
        }
        open.push_back(session.clone());
        Some(session)
    }

    /// The session that the header `Cookie` names.
    #[must_use]
    pub fn find(&self, cookies: &str, now: Instant) -> Option<Session> {
        let id = self.id(cookies)?;
        let open = self.lock(now);
        open.iter().find(|session| same(&session.id, id)).cloned()
    }

    /// Whether `token` is that of the session.
    #[must_use]
    pub fn is_token(session: &Session, token: &str) -> bool {
        same(&session.token, token)
    }

    /// Closes the session that the header `Cookie` names.
    pub fn close(&self, cookies: &str, now: Instant) {
        if let Some(id) = self.id(cookies) {
            self.lock(now).retain(|session| !same(&session.id, id));
        }
    }

    /// Closes those of users that are not `kept`: they have another password or role, or are there no more.
    pub fn retain(&self, is_kept: impl Fn(&str) -> bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|session| is_kept(&session.user.name));
    }

    /// The header `Set-Cookie` that gives a session to a browser, or takes it away.
    #[must_use]
    pub fn set_cookie(&self, session: Option<&Session>, is_https: bool) -> String {
        let (id, seconds) = session.map_or(("", 0), |session| (session.id.as_str(), LIFE.as_secs()));
        let secure = if is_https { "; Secure" } else { "" };
        format!("{}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}", self.cookie)
    }

    fn id<'a>(&self, cookies: &'a str) -> Option<&'a str> {
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.cookie).map(|(_, id)| id)
    }

    /// The sessions that have not run out.
    fn lock(&self, now: Instant) -> MutexGuard<'_, VecDeque<Session>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|session| now.saturating_duration_since(session.opened) < LIFE);
        open
    }
}

fn same(one: &str, other: &str) -> bool {
    bool::from(one.as_bytes().ct_eq(other.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_config::Role;

    fn user(role: Role) -> User {
        User { name: "admin".into(), role }
    }

    fn opened(sessions: &Sessions, now: Instant) -> Session {
        sessions.open(user(Role::Admin), now).expect("a place")
    }

    fn cookie(session: &Session) -> String {
        format!("theme=dark; tower_session_8000={}", session.id)
    }

    #[test]
    fn a_session_is_found_by_its_cookie_until_it_is_closed_or_runs_out() {
        let (sessions, start) = (Sessions::new(8000), Instant::now());
        let (one, two) = (opened(&sessions, start), opened(&sessions, start));
        assert_eq!(sessions.find(&cookie(&one), start), Some(one.clone()));
        assert!(Sessions::is_token(&one, &one.token) && !Sessions::is_token(&one, &two.token));
        for nobody in ["", "tower_session_8000=", "tower_session_8000", &format!("tower_session_8001={}", one.id)] {
            assert_eq!(sessions.find(nobody, start), None, "{nobody}");
        }
        sessions.retain(|user| user == "admin");
        assert!(sessions.find(&cookie(&one), start).is_some());
        sessions.close(&cookie(&one), start);
        assert_eq!(sessions.find(&cookie(&one), start), None);
        let end = start + LIFE;
        assert!(sessions.find(&cookie(&two), end - Duration::from_secs(1)).is_some());
        assert_eq!(sessions.find(&cookie(&two), end), None);
        let three = opened(&sessions, end);
        sessions.retain(|user| user == "ann");
        assert_eq!(sessions.find(&cookie(&three), end), None, "he has another password");
    }

    #[test]
    fn there_are_never_more_than_64_and_the_oldest_goes() {
        let (sessions, now) = (Sessions::new(8000), Instant::now());
        let (first, second) = (opened(&sessions, now), opened(&sessions, now));
        (2..=SESSIONS_MAX).for_each(|_| _ = opened(&sessions, now));
        assert_eq!(sessions.lock(now).len(), SESSIONS_MAX);
        assert!(sessions.find(&cookie(&first), now).is_none() && sessions.find(&cookie(&second), now).is_some());
    }

    #[test]
    fn who_logs_in_beyond_ends_the_lowest_and_never_a_higher_one() {
        let (sessions, now) = (Sessions::new(8000), Instant::now());
        let log_in = |role| sessions.open(user(role), now);
        let is_open = |session: &Session| sessions.find(&cookie(session), now).is_some();
        let first = log_in(Role::Admin).unwrap();
        let observers: Vec<_> = (1..SESSIONS_MAX).map(|_| log_in(Role::Observer).unwrap()).collect();
        log_in(Role::Operator).unwrap();
        assert!(is_open(&first) && !is_open(&observers[0]) && is_open(&observers[1]));
        (2..SESSIONS_MAX).for_each(|_| _ = log_in(Role::Operator).unwrap());
        assert!(is_open(&first) && observers.iter().all(|observer| !is_open(observer)));
        assert_eq!(log_in(Role::Observer), None, "operators stay");
        assert!(log_in(Role::Operator).is_some() && is_open(&first));
    }

    #[test]
    fn the_cookie_is_for_the_tower_alone_and_for_no_script() {
        let (sessions, now) = (Sessions::new(8000), Instant::now());
        let session = opened(&sessions, now);
        let given = sessions.set_cookie(Some(&session), true);
        for wanted in [session.id.as_str(), "HttpOnly", "SameSite=Strict", "Secure", "Max-Age=43200"] {
            assert!(given.contains(wanted), "{given}");
        }
        assert!(!given.contains(&session.token));
        assert!(sessions.set_cookie(None, false).contains("Max-Age=0"));
    }
}
