//! Orders of the operator for the router, on their way to the pump.

use crate::pump::Order;
use radio_signal::router::{Command, Wishes};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Orders on their way to the pump, which takes them with its next tick: more than a reload gives.
const COMMANDS_MAX: usize = 128;
/// An order waits for so long for a place; a clock that ticks makes all of them free in 24 ms.
const ROOM_TIME_MAX: Duration = Duration::from_secs(2);
/// How often it looks for one.
const LOOK: Duration = Duration::from_millis(5);

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

    /// Sends any other order to the pump, after those that it has not taken yet.
    ///
    /// # Errors
    /// There has been no room for 2 s, and the order is dropped: the clock stands.
    pub async fn order(&self, mut order: Order) -> Result<(), ClockStands> {
        let until = Instant::now() + ROOM_TIME_MAX;
        loop {
            let pushed = self.inner.lock().unwrap_or_else(PoisonError::into_inner).0.push(order);
            let Err(rtrb::PushError::Full(left)) = pushed else { return Ok(()) };
            if Instant::now() >= until {
                return Err(ClockStands);
            }
            order = left;
            sleep(LOOK).await;
        }
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

    #[tokio::test(start_paused = true)]
    async fn orders_that_find_no_room_wait_until_the_clock_takes_others_and_none_is_lost() {
        let (desk, mut orders) = Desk::new();
        let all = 3 * COMMANDS_MAX as u64;
        let follow = async {
            for ticks in 0..all {
                desk.order(Order::Grace(ticks)).await.expect("the clock ticks");
            }
        };
        let clock = async {
            let mut taken = Vec::new();
            while taken.len() < all as usize {
                sleep(Duration::from_millis(24)).await;
                while let Ok(Order::Grace(ticks)) = orders.pop() {
                    taken.push(ticks);
                }
            }
            taken
        };
        let ((), taken) = tokio::join!(follow, clock);
        assert!(taken.into_iter().eq(0..all));
        for ticks in 0..COMMANDS_MAX as u64 {
            desk.order(Order::Grace(ticks)).await.expect("there is room");
        }
        let begun = Instant::now();
        assert_eq!(desk.order(Order::Grace(0)).await, Err(ClockStands));
        assert!(begun.elapsed() >= ROOM_TIME_MAX && begun.elapsed() < 2 * ROOM_TIME_MAX);
    }
}
