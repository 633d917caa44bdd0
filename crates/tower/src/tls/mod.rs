//! TLS without the requests in it: the [`certificate`], a connection's bytes ([`relay`]), what the
//! tower asks of others ([`client`]), and figures.
//!
//! Used by `http::tls`, `webhook` and `feeds`. It knows nothing of what is asked.

pub mod certificate;
pub mod client;
pub mod relay;

use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// What there is to tell.
#[derive(Debug, Default)]
pub struct Figures {
    /// Connections now.
    pub connections: AtomicUsize,
    /// Of these, listeners and sources.
    pub seated: AtomicUsize,
    /// Handshakes that were done.
    pub handshakes: AtomicU64,
    /// Handshakes that failed: no TLS, none that both speak, or too slow.
    pub failed_handshakes: AtomicU64,
    /// Why the files of the certificate cannot be used.
    pub problem: Mutex<Option<String>>,
}

impl Figures {
    /// For `/status`; null without TLS.
    #[must_use]
    pub fn to_json(&self, config: &radio_config::Tls) -> Value {
        if !config.is_on() {
            return Value::Null;
        }
        json!({
            "connections": self.connections.load(Relaxed),
            "listeners": self.seated.load(Relaxed),
            "listeners_max": config.listeners_max,
            "handshakes": self.handshakes.load(Relaxed),
            "failed_handshakes": self.failed_handshakes.load(Relaxed),
            "problem": self.problem(),
        })
    }

    /// That something is wrong with it, in words for everybody: no path is in them.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.problem()
            .map(|_| "the new certificate cannot be used, the old one stays; `tower status --json` says why".into())
    }

    /// What is wrong with the certificate, in a sentence.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}
