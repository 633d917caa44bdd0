//! Who somebody says he is that speaks for a source without being its connection: when he sends a title.

use super::doors::{Door, SourceDoors};
use crate::auth::credentials::{Credentials, Given, claimed_name};
use crate::auth::guesses::UNNAMED;
use crate::request::head::Head;
use crate::request::query::Query;
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

impl SourceDoors {
    /// The source whose title this `claim` may set: the one that is connected at `mount`, or, if
    /// the request names none, at the first of the mounts for which the claim is right.
    ///
    /// At a mount that there is not, no password is wrong: the claim is compared with those of all
    /// mounts.
    ///
    /// # Errors
    /// The claim is right for no such mount.
    pub fn source_of(&self, claim: Claim<'_>, mount: Option<&str>) -> Result<TitleTarget, Given> {
        let is_there = mount.is_none_or(|mount| self.has(mount));
        let is_meant = |door: &Door| !is_there || mount.is_none_or(|mount| door.input.mount == mount);
        let (mut why, mut opened) = (Given::Wrong, Vec::new());
        for door in self.doors.iter().filter(|door| is_meant(door)) {
            match claim.given_to(&door.credentials) {
                Given::Right => opened.push(door.input.mount.clone()),
                Given::Busy => {
                    why = Given::Busy;
                    continue;
                }
                Given::Wrong | Given::Nothing => continue,
            }
            if let Some(source) = door.connected().filter(|_| is_there) {
                return Ok(TitleTarget::Source(source));
            }
        }
        match opened.is_empty() {
            true => Err(why),
            false if is_there => Ok(TitleTarget::NotConnected),
            false => Ok(TitleTarget::NoSuchMount(opened)),
        }
    }

    /// Whether a request that names a `mount` (or none, or one that there is not) carries the
    /// password of that mount (or of any): for what a source may do besides going on air.
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
