//! Who knows which password: the administrator, the users of the configuration, sources (SPEC API-1).

use crate::request::head::Head;
use crate::request::query::Query;
use base64::Engine;
use radio_base::password::{Password, Verdict};
use radio_base::text::utf8_or_latin1;
use radio_config::{ADMIN, STATION};
use radio_config::{Config, Role};
use std::sync::Arc;

/// The name of a listener, where a mount has a password.
pub const LISTENER: &str = "listener";

/// Somebody who has shown who he is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// His name.
    pub name: Arc<str>,
    /// What he may do.
    pub role: Role,
}

/// The users of this tower.
#[derive(Clone)]
pub struct Users {
    /// The administrator first.
    known: Vec<(User, Password)>,
    /// None: whatever is the station's is open.
    station: Option<Password>,
    generated_token: Option<String>,
    edition: Edition,
}

/// By this a stream that goes on for ever knows whether the users are still those by whom it was let in.
#[derive(Clone, Debug, Default)]
pub struct Edition(Arc<()>);

impl PartialEq for Edition {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What a request says of who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Nothing.
    Nothing,
    /// A user and his password.
    User(User),
    /// A password that is not right, or a user that there is not.
    Wrong,
    /// It could not be checked: too many are being checked.
    Busy,
}

impl Users {
    /// Those of the configuration. Without a password for the administrator, a random token is his.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let is_wanted = config.admin.password.is_empty();
        Self::with_token(config, is_wanted.then(|| uuid::Uuid::new_v4().simple().to_string()))
    }

    /// Those of another configuration. A token that was printed at the start stays what it is.
    #[must_use]
    pub fn replacing(before: &Self, config: &Config) -> Self {
        match before.generated_token.clone().filter(|_| config.admin.password.is_empty()) {
            Some(token) => Self::with_token(config, Some(token)),
            None => Self::new(config),
        }
    }

    fn with_token(config: &Config, generated_token: Option<String>) -> Self {
        let password = &config.admin.password;
        let admin = User { name: ADMIN.into(), role: Role::Admin };
        let admin = (admin, Password::new(generated_token.as_ref().unwrap_or(password)));
        let others = config
            .user
            .iter()
            .map(|user| (User { name: user.name.as_str().into(), role: user.role }, Password::new(&user.password)));
        let station = &config.station.password;
        let station = (!station.is_empty()).then(|| Password::new(station));
        let known = std::iter::once(admin).chain(others).collect();
        Self { known, station, generated_token, edition: Edition::default() }
    }

    /// The same for as long as no user, password or role has changed.
    #[must_use]
    pub const fn edition(&self) -> &Edition {
        &self.edition
    }

    /// The administrator's token, if it was made at start and has to be told to him.
    #[must_use]
    pub fn generated_token(&self) -> Option<&str> {
        self.generated_token.as_deref()
    }

    /// Who a request is from: `Authorization: Basic`; or the administrator by `Bearer`, `?token=` or `?pass=`.
    #[must_use]
    pub fn shown(&self, head: &Head) -> Shown {
        let authorization = head.authorization.trim();
        if let Some((scheme, value)) = authorization.split_once(' ') {
            return if scheme.eq_ignore_ascii_case("basic") {
                let decoded = decoded(value.trim());
                let parts = decoded.as_deref().and_then(|decoded| decoded.split_once(':'));
                parts.map_or(Shown::Wrong, |(name, password)| self.check(name, password))
            } else if scheme.eq_ignore_ascii_case("bearer") {
                self.check(ADMIN, value.trim())
            } else {
                Shown::Wrong
            };
        }
        query_secret(head).map_or(Shown::Nothing, |secret| self.check(ADMIN, &secret))
    }

    /// Whether what is the station's takes a password.
    #[must_use]
    pub const fn has_station_password(&self) -> bool {
        self.station.is_some()
    }

    /// Who a request for what is the station's is from: the station by `Basic` (user `station`) or `Bearer`, or any user.
    #[must_use]
    pub fn shown_to_station(&self, head: &Head) -> Shown {
        let authorization = head.authorization.trim();
        let given = authorization.split_once(' ').and_then(|(scheme, value)| {
            let basic = || decoded(value.trim())?.strip_prefix(STATION)?.strip_prefix(':').map(str::to_owned);
            if scheme.eq_ignore_ascii_case("bearer") { Some(value.trim().to_owned()) } else { basic() }
        });
        match given.zip(self.station.as_ref()).map(|(given, wanted)| wanted.verify(&given)) {
            Some(Verdict::Right) => Shown::User(station()),
            Some(Verdict::Busy) => Shown::Busy,
            Some(Verdict::Wrong) | None => self.shown(head),
        }
    }

    /// The user that a request for a route of this kind names, by which its wrong passwords are
    /// counted.
    #[must_use]
    pub fn claimed(&self, head: &Head, is_for_station: bool) -> String {
        match head.authorization.trim().split_once(' ') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => {
                if is_for_station && self.station.is_some() {
                    STATION.into()
                } else {
                    ADMIN.into()
                }
            }
            Some(_) => claimed_name(&head.authorization),
            None => ADMIN.into(),
        }
    }

    /// The user called `name`, as he is now.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<User> {
        self.known.iter().find(|(user, _)| *user.name == *name).map(|(user, _)| user.clone())
    }

    /// Whether `password` is that of the user called `name`.
    #[must_use]
    pub fn check(&self, name: &str, password: &str) -> Shown {
        let known = self.known.iter().find(|(user, _)| *user.name == *name);
        match known.map_or(Verdict::Wrong, |(_, wanted)| wanted.verify(password)) {
            Verdict::Right => known.map_or(Shown::Wrong, |(user, _)| Shown::User(user.clone())),
            Verdict::Wrong if known.is_none_or(|(_, wanted)| !wanted.is_hashed()) => self.refused_as_slowly(password),
            Verdict::Wrong => Shown::Wrong,
            Verdict::Busy => Shown::Busy,
        }
    }

    /// A refusal takes as long as that of a user whose password is hashed, or the time would tell whose names there are.
    fn refused_as_slowly(&self, password: &str) -> Shown {
        let hashed = self.known.iter().find(|(_, wanted)| wanted.is_hashed());
        let is_busy = hashed.is_some_and(|(_, wanted)| wanted.verify(password) == Verdict::Busy);
        if is_busy { Shown::Busy } else { Shown::Wrong }
    }
}

/// The station that feeds the tower; it may do nothing but what is its own.
fn station() -> User {
    User { name: STATION.into(), role: Role::Observer }
}

/// Whether a user of the one configuration is the same in the other, with the same password and role.
#[must_use]
pub fn is_same_user(one: &Config, other: &Config, name: &str) -> bool {
    let of = |config: &Config| config.user.iter().find(|user| user.name == name).cloned();
    if name == ADMIN { one.admin == other.admin } else { of(one) == of(other) }
}

/// A password or token in the address, if there is one. Shoutcast's software gives it as `?pass=`.
#[must_use]
pub fn query_secret(head: &Head) -> Option<String> {
    let query = Query::parse(head.query.as_bytes());
    query.text("token").or(query.text("pass")).map(str::to_owned)
}

/// A user and a password, such as a source gives.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: Password,
}

/// What a request says of who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Nothing: it does not know yet that it must.
    Nothing,
    /// Something else.
    Wrong,
    /// User and password.
    Right,
    /// It could not be checked: too many are being checked.
    Busy,
}

impl Credentials {
    /// What must be given; the password in plain or hashed.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: Password::new(password) }
    }

    /// What a listener must give where there is a password.
    #[must_use]
    pub fn of_listeners(password: &str) -> Option<Self> {
        (!password.is_empty()).then(|| Self::new(LISTENER, password))
    }

    /// What `Authorization: Basic` of a request says. An empty password is never right.
    #[must_use]
    pub fn given(&self, head: &Head) -> Given {
        self.given_by(&head.authorization)
    }

    /// What the value of such a header says.
    #[must_use]
    pub fn given_by(&self, authorization: &str) -> Given {
        let authorization = authorization.trim();
        if authorization.is_empty() {
            return Given::Nothing;
        }
        let basic = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
        let Some(given) = basic.and_then(|(_, value)| decoded(value.trim())) else { return Given::Wrong };
        match given.split_once(':').filter(|(user, _)| *user == self.user) {
            Some((_, password)) => self.given_password(password),
            None => Given::Wrong,
        }
    }

    /// What a password says that comes without a name, as Shoutcast's software gives it.
    #[must_use]
    pub fn given_password(&self, password: &str) -> Given {
        match self.password.verify(password) {
            Verdict::Right => Given::Right,
            Verdict::Wrong => Given::Wrong,
            Verdict::Busy => Given::Busy,
        }
    }
}

/// The name in the value of `Authorization: Basic`; empty if there is none.
#[must_use]
pub fn claimed_name(authorization: &str) -> String {
    let basic = authorization.trim().split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let decoded = basic.and_then(|(_, value)| decoded(value.trim()));
    decoded.and_then(|given| given.split_once(':').map(|(name, _)| name.to_owned())).unwrap_or_default()
}

/// RFC 7617 leaves the charset open: browsers write UTF-8, old programs Latin-1.
fn decoded(encoded: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    Some(utf8_or_latin1(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::head::parse;

    fn head(text: &str) -> Head {
        parse(text.as_bytes()).unwrap().unwrap()
    }

    fn users(password: &str) -> Users {
        let mut config = Config::default();
        config.admin.password = password.into();
        let hashed = radio_base::password::hash("quiet").unwrap();
        config.user = vec![radio_config::User { name: "ann".into(), password: hashed, role: Role::Operator }];
        Users::new(&config)
    }

    #[test]
    fn the_password_is_asked_for_in_four_places() {
        let users = users("hush");
        let admin = Shown::User(User { name: ADMIN.into(), role: Role::Admin });
        for request in [
            "GET /x HTTP/1.1\r\nAuthorization: Basic YWRtaW46aHVzaA==\r\n\r\n",
            "GET /x HTTP/1.1\r\nAuthorization: Bearer hush\r\n\r\n",
            "GET /x?token=hush HTTP/1.1\r\n\r\n",
            "GET /x?pass=hush HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(users.shown(&head(request)), admin, "{request}");
        }
        assert_eq!(users.shown(&head("GET /x HTTP/1.1\r\n\r\n")), Shown::Nothing);
        for wrong in [
            "GET /x HTTP/1.1\r\nAuthorization: Basic YWRtaW46bG91ZA==\r\n\r\n",
            "GET /x HTTP/1.1\r\nAuthorization: Basic %%%\r\n\r\n",
            "GET /x HTTP/1.1\r\nAuthorization: Digest hush\r\n\r\n",
            "GET /x?token= HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(users.shown(&head(wrong)), Shown::Wrong, "{wrong}");
        }
    }

    #[test]
    fn a_user_is_known_by_his_own_password_only() {
        let users = users("hush");
        let ann = Shown::User(User { name: "ann".into(), role: Role::Operator });
        assert_eq!([users.check("ann", "quiet"), users.check("ann", "hush")], [ann, Shown::Wrong]);
        assert_eq!([users.check("bob", "quiet"), users.check("", "")], [Shown::Wrong, Shown::Wrong]);
        assert_eq!(users.generated_token(), None);
    }

    #[test]
    fn a_name_that_there_is_not_is_refused_no_faster_than_one_that_there_is() {
        let users = users("hush");
        let takes = |name: &str| {
            let once = |_| {
                let begun = std::time::Instant::now();
                assert_eq!(users.check(name, "loud"), Shown::Wrong);
                begun.elapsed()
            };
            (0..3).map(once).min().unwrap()
        };
        let known = takes("ann");
        for name in ["bob", "", ADMIN] {
            assert!(takes(name) > known / 20, "{name:?}");
        }
    }

    #[test]
    fn without_a_password_a_token_is_made() {
        let one = users("");
        let token = one.generated_token().expect("it is told").to_owned();
        assert!(matches!(one.check(ADMIN, &token), Shown::User(_)) && token.len() == 32);
        assert_eq!(one.check(ADMIN, ""), Shown::Wrong);
        assert_ne!(users("").generated_token(), Some(token.as_str()));
    }

    #[test]
    fn a_source_gives_user_and_password() {
        let credentials = Credentials::new("source", "hackme");
        let given = |line: &str| credentials.given(&head(&format!("PUT /live HTTP/1.1\r\n{line}\r\n")));
        assert_eq!(given(""), Given::Nothing);
        assert_eq!(given("Authorization: Basic c291cmNlOmhhY2ttZQ==\r\n"), Given::Right);
        assert_eq!(given("Authorization: Basic YWRtaW46aGFja21l\r\n"), Given::Wrong);
        assert_eq!(given("Authorization: Bearer hackme\r\n"), Given::Wrong);
        let accented = Credentials::new("source", "h\u{e4}ckme");
        let given = |bytes: &[u8]| {
            accented.given_by(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(bytes)))
        };
        assert_eq!(given("source:h\u{e4}ckme".as_bytes()), Given::Right);
        assert_eq!(given(b"source:h\xe4ckme"), Given::Right, "in Latin-1");
        assert_eq!(given(b"source:h\xf6ckme"), Given::Wrong);
        let nothing_is_right = Credentials::new("source", "");
        assert_eq!(
            nothing_is_right.given(&head("PUT /live HTTP/1.1\r\nAuthorization: Basic c291cmNlOg==\r\n\r\n")),
            Given::Wrong
        );
    }
}
