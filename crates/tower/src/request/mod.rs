//! Requests of HTTP as they come: their heads, where they come from, and how many may wait.
//!
//! - [`request_line`]: one spelling of every target. - [`head`]: what is read before a body, with
//!   limits; [`refusal`]: why it goes no further; [`query`]: parameters.
//! - [`framing`]: how the body of a request ends, and whether another request may follow.
//! - [`rewind`]: bytes that were read ahead.
//! - [`origin`]: the client behind a trusted proxy; [`proxy_header`]: what a proxy writes before a
//!   request.
//! - [`waiting`]: places of connections whose request is not complete yet. - [`pace`]: per-address
//!   rate limiter.
//!
//! It knows nothing of what is asked for.

pub mod framing;
pub mod head;
pub mod origin;
pub mod pace;
pub mod proxy_header;
pub mod query;
pub mod refusal;
pub mod request_line;
pub mod rewind;
pub mod waiting;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes of all bodies that are in memory at the same time.
const BODIES_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The memory that the bodies of all requests share, at every port.
#[derive(Clone, Debug)]
pub struct BodyBudget(pub(crate) Arc<Semaphore>);

impl Default for BodyBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BODIES_BYTES_MAX)))
    }
}

/// An IPv6 network of 64 bits belongs to one household.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from(u128::from(address) >> 64 << 64)),
        v4 => v4,
    }
}
