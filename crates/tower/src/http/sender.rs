//! Who sends a title, and whose title it is: an operator's may be that of whatever is on air, a source's only its own.

use crate::auth::credentials::{Given, Shown};
use crate::auth::who::Who;
use crate::http::answer::{Peer, error};
use crate::request::head::{TOO_MANY_GUESSES, UNAUTHORIZED};
use crate::request::query::Query;
use crate::request::refusal::Refusal;
use crate::source::claim::{Claim, TitleTarget, mount_in};
use crate::state::Tower;
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use radio_config::ADMIN;
use radio_signal::router::OnAir;
use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Instant;

/// Titles of the sources at one address that are taken in a second: no song is that short, and each is shown to every listener.
/// Operators know what they do, and what they do is in the journal.
pub const TITLES_PER_SECOND: u32 = 10;

/// 400: he may speak for a source, and it is not there.
pub const NOT_CONNECTED: Refusal = Refusal::new(
    400,
    "Bad Request",
    "no source is connected at this mount, and the password of a source sets the title of that source only",
);
/// 429: what comes faster than [`TITLES_PER_SECOND`].
pub const TOO_MANY_TITLES: Refusal =
    Refusal::new(429, "Too Many Requests", "ten titles a second are taken from the sources at one address; send fewer");

/// Why a title is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TitleRefusal {
    /// For a reason that other requests may have too.
    Request(Refusal),
    /// 404: no source can be at the mount that the request names; those for which its sender has
    /// the password.
    NoSuchMount(Vec<String>),
}

impl From<Refusal> for TitleRefusal {
    fn from(refusal: Refusal) -> Self {
        Self::Request(refusal)
    }
}

impl std::fmt::Display for TitleRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Request(refusal) => f.write_str(refusal.line),
            Self::NoSuchMount(mounts) => {
                write!(f, "no source has the mount that this title names; with this password: {}", mounts.join(", "))
            }
        }
    }
}

/// Somebody who sends a title.
#[derive(Clone, Debug)]
pub struct Sender {
    /// A user who has been let in, if that is what he is.
    who: Option<Who>,
    /// None: over the socket of the command line.
    address: Option<IpAddr>,
    authorization: String,
}

impl<S: Sync> FromRequestParts<S> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Ok(Self {
            who: parts.extensions.get().cloned(),
            address: parts.extensions.get().map(|Peer(origin): &Peer| origin.address.ip()),
            authorization: authorization.to_owned(),
        })
    }
}

impl Sender {
    /// Whose title it is that he sends with these parameters; and who he is, if he is an operator.
    ///
    /// # Errors
    /// He may send none now, or there is nobody whose it could be.
    pub fn means(&self, tower: &Tower, query: &Query) -> Result<(OnAir, Option<Who>), TitleRefusal> {
        let address = self.address;
        let meant = self.meant(tower, query);
        // Few programs show what they are told.
        meant.inspect_err(|refusal| tracing::info!(?address, why = %refusal, "a title is refused"))
    }

    fn meant(&self, tower: &Tower, query: &Query) -> Result<(OnAir, Option<Who>), TitleRefusal> {
        if let Some(who) = self.who.clone() {
            return Ok((at_mount_or_on_air(tower, query), Some(who)));
        }
        let keeps_pace = |address| tower.title_pace.allows(address, Instant::now());
        if !self.address.is_none_or(keeps_pace) {
            return Err(TOO_MANY_TITLES.into());
        }
        self.may_mean(tower, query)
    }

    /// The same for somebody who may be a source, or has put his password into a form, where the front door does not look.
    fn may_mean(&self, tower: &Tower, query: &Query) -> Result<(OnAir, Option<Who>), TitleRefusal> {
        let (setup, now) = (tower.setup(), Instant::now());
        let guesses = &setup.source_doors.guesses;
        let claim = Claim::of(&self.authorization, query);
        let user = claim.user();
        if self.address.is_some_and(|address| guesses.must_wait(address, &user, now)) {
            return Err(TOO_MANY_GUESSES.into());
        }
        let why = match (setup.source_doors.source_of(claim, mount_in(query)), claim) {
            (Ok(TitleTarget::Source(id)), _) => return Ok((OnAir::Source(id), None)),
            (Ok(TitleTarget::NotConnected), _) => return Err(NOT_CONNECTED.into()),
            (Ok(TitleTarget::NoSuchMount(mounts)), _) => return Err(TitleRefusal::NoSuchMount(mounts)),
            (Err(Given::Wrong), Claim::Password(password)) => match setup.users.check(ADMIN, password) {
                Shown::User(user) => {
                    let who = self.address.map(|address| Who::Password { user, address });
                    return Ok((at_mount_or_on_air(tower, query), who));
                }
                Shown::Busy => Given::Busy,
                Shown::Wrong | Shown::Nothing => Given::Wrong,
            },
            (Err(why), _) => why,
        };
        if why == Given::Busy {
            return Err(TOO_MANY_GUESSES.into());
        }
        if why == Given::Wrong
            && let Some(address) = self.address
        {
            guesses.note_wrong(address, &user, now);
            tracing::warn!(%address, "a wrong password with a title");
        }
        Err(UNAUTHORIZED.into())
    }
}

/// An operator means the source of the mount that he names, and if there is none, whatever is on air.
fn at_mount_or_on_air(tower: &Tower, query: &Query) -> OnAir {
    let connected = mount_in(query).and_then(|mount| tower.setup().source_doors.connected(mount));
    connected.map_or_else(|| tower.on_air_source(), OnAir::Source)
}

/// The answer to a refused title: in the route's own shape what is about the title, and otherwise
/// that of the front door.
pub fn refused(refusal: &TitleRefusal, own: impl FnOnce(StatusCode, &str) -> Response) -> Response {
    let TitleRefusal::Request(refusal) = *refusal else { return own(StatusCode::NOT_FOUND, &refusal.to_string()) };
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    match refusal {
        NOT_CONNECTED | TOO_MANY_TITLES => own(status, refusal.line),
        UNAUTHORIZED => {
            let challenge = HeaderValue::from_static("Basic realm=\"Radio Tower\"");
            ([(WWW_AUTHENTICATE, challenge)], error(status, refusal.line)).into_response()
        }
        _ => error(status, refusal.line),
    }
}
