//! The operator's desk: what he wants of the router, on its way to the pump.

use crate::pump::Order;
use radio_signal::router::{Command, Wishes};
use std::sync::{Mutex, PoisonError};

/// Orders on their way to the pump, which takes them with its next tick: more than a reload gives.
const COMMANDS_MAX: usize = 128;

/// Takes commands to the pump, and remembers what is wanted.
pub struct Desk {
    inner: Mutex<(rtrb::Producer<Order>, Wishes)>,
}

/// The pump has not taken the last [`COMMANDS_MAX`] commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the clock does not take commands; see /healthz for what is wrong")]
pub struct ClockStands;

impl Desk {
    /// The desk, and the end of its ring that the pump reads.
    #[must_use]
    pub fn new() -> (Self, rtrb::Consumer<Order>) {
        let (to_pump, orders) = rtrb::RingBuffer::new(COMMANDS_MAX);
        (Self { inner: Mutex::new((to_pump, Wishes::default())) }, orders)
    }

    /// Sends a command to the pump, unless all is so already. Says whether it changes anything.
    ///
    /// # Errors
    /// The ring is full, and nothing has changed.
    pub fn command(&self, command: Command) -> Result<bool, ClockStands> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (to_pump, wishes) = &mut *inner;
        let mut wanted = *wishes;
        wanted.apply(command);
        if wanted == *wishes {
            return Ok(false);
        }
        to_pump.push(Order::Router(command)).map_err(|_| ClockStands)?;
        *wishes = wanted;
        Ok(true)
    }

    /// Sends any other order to the pump.
    ///
    /// # Errors
    /// The ring is full, and the order is dropped.
    pub fn order(&self, order: Order) -> Result<(), ClockStands> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0.push(order).map_err(|_| ClockStands)
    }

    /// What the operator wants now.
    #[must_use]
    pub fn wishes(&self) -> Wishes {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::router::InputId;

    #[test]
    fn a_clock_that_stands_is_told_and_what_is_wanted_stays_what_it_was() {
        let (desk, mut commands) = Desk::new();
        let off = |number| Command::Allow { input: InputId(number), allowed: false };
        for number in 0..COMMANDS_MAX as u16 {
            assert_eq!(desk.command(Command::ForceFallback { forced: number % 2 == 0 }), Ok(true));
        }
        assert_eq!(desk.command(Command::ForceFallback { forced: false }), Ok(false), "it is so already");
        assert_eq!(desk.command(off(50)), Err(ClockStands));
        assert!(desk.wishes().allows(InputId(50)) && !desk.wishes().fallback_forced());
        assert!(matches!(commands.pop(), Ok(Order::Router(Command::ForceFallback { forced: true }))));
        assert_eq!(desk.command(off(50)), Ok(true));
    }
}
