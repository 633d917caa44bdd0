//! Whose title a request may set that is not the source's own connection.

use super::claim::{Claim, TitleTarget, mount_in};
use super::doors::{Door, SourceDoors};
use crate::auth::credentials::Given;
use crate::request::head::Head;
use crate::request::query::Query;
use std::net::IpAddr;
use std::time::Instant;

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
