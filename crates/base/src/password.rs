//! One password: as it stands in the configuration, in plain or as an Argon2 hash (RFC 9106).

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString, rand_core::OsRng};
use argon2::{Argon2, Params};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use subtle::ConstantTimeEq;

/// What `tower passwd` makes: 19 MiB, two passes, one lane, as OWASP's Password Storage Cheat Sheet has it. A check takes
/// some 20 ms.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a hash in the configuration may cost: no check may take the machine.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
const PASSES_MAX: u32 = 4;
const LANES_MAX: u32 = 4;

/// Hashes that are computed or waited for at the same time; whoever comes then is told to come again.
const CHECKS_MAX: usize = 8;

/// What a hash begins with.
const PREFIX: &str = "$argon2";

/// A password to be compared with.
#[derive(Clone, Debug)]
pub struct Password(Arc<Kind>);

enum Kind {
    Plain(String),
    Hashed {
        hash: String,
        /// Of the one password that is right, once it has been given: a program that asks each second is not hashed for
        /// each second.
        known: OnceLock<[u8; 32]>,
    },
}

impl std::fmt::Debug for Kind {
    /// Without it, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("********")
    }
}

/// What is said of a password that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the one.
    Right,
    /// It is another.
    Wrong,
    /// Too many are being checked.
    Busy,
}

impl Password {
    /// As it stands in the configuration. Nothing is ever right where that is empty.
    #[must_use]
    pub fn new(configured: &str) -> Self {
        Self(Arc::new(if is_hash(configured) {
            Kind::Hashed { hash: configured.into(), known: OnceLock::new() }
        } else {
            Kind::Plain(configured.into())
        }))
    }

    /// Whether it is hashed, so that to compare takes its time.
    #[must_use]
    pub fn is_hashed(&self) -> bool {
        matches!(*self.0, Kind::Hashed { .. })
    }

    /// Whether `given` is it. A hash may take some 20 ms, in which this thread does nothing else: within a runtime of tokio
    /// another one takes its place.
    #[must_use]
    pub fn verify(&self, given: &str) -> Verdict {
        match &*self.0 {
            Kind::Plain(wanted) if wanted.is_empty() => Verdict::Wrong,
            Kind::Plain(wanted) => verdict(bool::from(given.as_bytes().ct_eq(wanted.as_bytes()))),
            Kind::Hashed { hash, known } => {
                let digest = digest(given);
                if known.get().is_some_and(|known| bool::from(known.ct_eq(&digest))) {
                    return Verdict::Right;
                }
                let Some(place) = Place::take() else { return Verdict::Busy };
                let is_right = tokio::task::block_in_place(|| place.check(hash, given));
                if is_right {
                    let _ = known.set(digest);
                }
                verdict(is_right)
            }
        }
    }
}

const fn verdict(is_right: bool) -> Verdict {
    if is_right { Verdict::Right } else { Verdict::Wrong }
}

/// Whether this is a hash and not a password in plain.
#[must_use]
pub fn is_hash(configured: &str) -> bool {
    configured.starts_with(PREFIX)
}

/// Hashes a password for the configuration.
///
/// # Errors
/// The system has no randomness or no memory.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    Ok(argon2.hash_password(password.as_bytes(), &SaltString::generate(&mut OsRng))?.to_string())
}

/// What is wrong with a hash in the configuration.
#[must_use]
pub fn hash_error(hash: &str) -> Option<String> {
    let remedy = "`tower passwd` makes one";
    let Ok(parsed) = PasswordHash::new(hash) else { return Some(format!("is no Argon2 hash; {remedy}")) };
    let Ok(params) = Params::try_from(&parsed) else { return Some(format!("has no parameters of Argon2; {remedy}")) };
    let is_known = argon2::Algorithm::try_from(parsed.algorithm).is_ok()
        && parsed.version.is_none_or(|version| matches!(version, 16 | 19));
    if !is_known || parsed.hash.is_none() || parsed.salt.is_none() {
        return Some(format!("is no whole Argon2 hash; {remedy}"));
    }
    let is_too_much = params.m_cost() > MEMORY_KIB_MAX || params.t_cost() > PASSES_MAX || params.p_cost() > LANES_MAX;
    is_too_much.then(|| {
        format!(
            "costs too much at each login: at most m={MEMORY_KIB_MAX}, t={PASSES_MAX}, p={LANES_MAX} are taken; {remedy}"
        )
    })
}

/// By a key of this process: equal passwords have equal digests, and from a digest nobody can tell the password.
fn digest(given: &str) -> [u8; 32] {
    static KEY: LazyLock<[u8; 32]> = LazyLock::new(|| {
        let halves = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()].map(uuid::Uuid::into_bytes);
        let mut key = [0; 32];
        halves.concat().into_iter().zip(&mut key).for_each(|(from, to)| *to = from);
        key
    });
    // A key may have any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*KEY) else { return [0; 32] };
    mac.update(given.as_bytes());
    mac.finalize().into_bytes().into()
}

/// One of [`CHECKS_MAX`] places.
struct Place;

static TAKEN: AtomicUsize = AtomicUsize::new(0);
static TURN: Mutex<()> = Mutex::new(());

impl Place {
    fn take() -> Option<Self> {
        let place = Self;
        (TAKEN.fetch_add(1, AcqRel) < CHECKS_MAX).then_some(place)
    }

    /// One after the other: however many ask, it is one core and one piece of memory.
    fn check(&self, hash: &str, given: &str) -> bool {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(given.as_bytes(), &hash).is_ok())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_in_plain_and_hashed_and_nothing_else_is() {
        let hashed = hash("hush").unwrap();
        assert!(is_hash(&hashed) && hash_error(&hashed).is_none() && !hashed.contains("hush"));
        assert_ne!(hashed, hash("hush").unwrap(), "each has a salt of its own");
        for password in [Password::new("hush"), Password::new(&hashed)] {
            for _ in 0..2 {
                assert_eq!(
                    [password.verify("hush"), password.verify("hus"), password.verify("")],
                    [Verdict::Right, Verdict::Wrong, Verdict::Wrong]
                );
            }
            assert_eq!(password.verify(&hashed), Verdict::Wrong, "a hash is no password");
            assert!(!format!("{password:?}").contains("hush"));
        }
        assert_eq!(Password::new("").verify(""), Verdict::Wrong);

        let password = Password::new(&hashed);
        let places: Vec<_> = (0..CHECKS_MAX).map(|_| Place::take()).collect();
        assert!(places.iter().all(Option::is_some));
        assert_eq!(password.verify("hush"), Verdict::Busy);
        drop(places);
        assert_eq!(password.verify("hush"), Verdict::Right);
    }

    #[test]
    fn a_hash_that_is_none_or_costs_too_much_is_told() {
        let good = hash("hush").unwrap();
        for (bad, reason) in [
            ("$argon2id$".to_owned(), "no Argon2 hash"),
            (good.replace("m=19456", "m=4000000"), "costs too much"),
            (good.replace("t=2", "t=5"), "costs too much"),
            (good.replace("v=19", "v=77"), "no whole"),
            (good.replace("$argon2id$", "$argon2x$"), "hash"),
            (good.rsplit_once('$').unwrap().0.to_owned(), "no whole"),
        ] {
            let told = hash_error(&bad).unwrap_or_default();
            assert!(told.contains(reason) && told.contains("tower passwd"), "{bad}: {told}");
        }
    }
}
