//! Who somebody says he is that speaks for a source without being its connection: when he sends a title.

use super::doors::SourceDoors;
use crate::http::auth::{Credentials, Given, claimed_name};
use crate::http::guesses::UNNAMED;
use crate::http::head::Head;
use crate::http::query::Query;
use radio_signal::router::SourceId;
use std::net::IpAddr;
use std::time::Instant;

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

impl SourceDoors {
    /// The source that whoever makes this `claim` may speak for: the one that is connected at `mount`, or, if he names none,
    /// at the first of the mounts that he may use. `None`: nobody is connected there.
    ///
    /// # Errors
    /// He may use no such mount.
    pub fn source_of(&self, claim: Claim<'_>, mount: Option<&str>) -> Result<Option<SourceId>, Given> {
        let (mut why, mut may) = (Given::Wrong, false);
        for door in self.doors.iter().filter(|door| mount.is_none_or(|mount| door.input.mount == mount)) {
            match claim.given_to(&door.credentials) {
                Given::Right => may = true,
                given => {
                    why = if given == Given::Busy { given } else { why };
                    continue;
                }
            }
            if let Some(source) = door.connected() {
                return Ok(Some(source));
            }
        }
        if may { Ok(None) } else { Err(why) }
    }

    /// Whether a request that names a `mount` (or none) carries the password of that mount (or of any): for what a
    /// source may do besides going on air.
    #[must_use]
    pub fn admits(&self, head: &Head, address: IpAddr) -> bool {
        let query = Query::parse(head.query.as_bytes());
        let claim = Claim::of(&head.authorization, &query);
        // Asked first: nothing is hashed for a user that has to wait.
        !self.guesses.must_wait(address, &claim.user(), Instant::now())
            && self.source_of(claim, mount_in(&query)).is_ok()
    }
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
