//! The credentials of a title update that comes beside a source's own connection.

use crate::auth::credentials::{Credentials, Given, claimed_name};
use crate::auth::guesses::UNNAMED;
use crate::request::query::Query;
use radio_signal::router::SourceId;

/// What he gives.
#[derive(Clone, Copy, Debug)]
pub enum Claim<'a> {
    /// The value of `Authorization`; empty if there is none.
    Header(&'a str),
    /// A password without a name, as Shoutcast's software gives it.
    Password(&'a str),
}

impl<'a> Claim<'a> {
    /// What a request says: in its head, or else in its parameters.
    #[must_use]
    pub fn of(authorization: &'a str, query: &'a Query) -> Self {
        match query.text("pass") {
            Some(password) if authorization.trim().is_empty() => Self::Password(password),
            _ => Self::Header(authorization),
        }
    }

    /// The user that it names, by which its wrong passwords are counted.
    #[must_use]
    pub fn user(self) -> String {
        match self {
            Self::Header(authorization) => claimed_name(authorization),
            Self::Password(_) => UNNAMED.into(),
        }
    }

    /// What that says to a mount that wants these.
    #[must_use]
    pub fn given_to(self, credentials: &Credentials) -> Given {
        match self {
            Self::Header(authorization) => credentials.given_by(authorization),
            Self::Password(password) => credentials.given_password(password),
        }
    }
}

/// What a title is for, where its sender may set one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TitleTarget {
    /// A source that is connected.
    Source(SourceId),
    /// A mount at which no source is connected.
    NotConnected,
    /// A mount that there is not; the mounts for which the sender has the password.
    NoSuchMount(Vec<String>),
}

/// The mount that is named, if any is.
#[must_use]
pub fn mount_in(query: &Query) -> Option<&str> {
    query.text("mount").filter(|mount| !mount.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_goes_before_a_password_among_the_parameters() {
        let credentials = Credentials::new("source", "hackme");
        let given = |authorization: &str, query: &str| {
            Claim::of(authorization, &Query::parse(query.as_bytes())).given_to(&credentials)
        };
        assert_eq!(given("Basic c291cmNlOmhhY2ttZQ==", ""), Given::Right);
        assert_eq!(given("Basic YWRtaW46aGFja21l", "pass=hackme"), Given::Wrong);
        assert_eq!(given("", "pass=hackme"), Given::Right);
        assert_eq!((given("", "pass="), given("", "")), (Given::Wrong, Given::Nothing));
    }
}
