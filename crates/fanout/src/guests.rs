//! Who a listener is, beside its record: what its request told, and its head until that has gone. Looked at when it
//! joins, leaves or is listed; serving touches it only while a head is on its way.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who a listener is, as far as its request told.
#[derive(Clone, Debug, Default)]
pub struct ListenerMeta {
    /// Where it is.
    pub address: Option<SocketAddr>,
    /// What it calls itself.
    pub user_agent: String,
    /// Bytes of audio between two title blocks; 0: it did not ask for them.
    pub metaint: u16,
}

/// One listener's.
pub(crate) struct Guest {
    pub address: Option<SocketAddr>,
    pub user_agent: Arc<str>,
    /// Empty once it has gone.
    pub head: Box<[u8]>,
    pub shard: usize,
}

/// All of them by seat, each behind a lock of its own: nobody waits for more than one row.
pub(crate) struct Guests(Box<[Mutex<Option<Box<Guest>>>]>);

impl Guests {
    pub(crate) fn new(seats: usize) -> Self {
        Self((0..seats).map(|_| Mutex::default()).collect())
    }

    pub(crate) fn lock(&self, seat: usize) -> MutexGuard<'_, Option<Box<Guest>>> {
        self.0[seat].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
