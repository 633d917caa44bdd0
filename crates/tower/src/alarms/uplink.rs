//! The uplink: whether listeners lag together, which only what they share can cause, and whether
//! `server.mbit_max` refuses newcomers (SPEC LIS-8).

use crate::ear::kind::Kind;
use crate::ear::watch::{AlarmText, Moment, Watch};
use crate::state::Tower;
use crate::uplink::mbit;
use radio_base::text::seconds;
use radio_fanout::{MountFigures, Snapshot};
use radio_signal::congestion::{Congested, Congestion};
use radio_signal::units::ticks_in_ms;

/// A newcomer may be behind for so long because it is still taking its burst.
const BURST_TAKEN_MS: u64 = 10_000;
/// Newcomers are refused until none was for so long.
const REFUSED_MS: u64 = 60_000;

/// What was seen of the uplink at the last look.
#[derive(Default)]
pub(super) struct UplinkWatch {
    congestion: Congestion,
    sent: Sent,
    refused: Refused,
}

impl UplinkWatch {
    /// Looks at the listeners, about once a second.
    pub(super) fn look(&mut self, now: Moment, tower: &Tower, snapshot: &Snapshot, watch: &mut Watch) {
        let sent_mbit = self.sent.mbit(now.now_ms, snapshot.totals.bytes);
        // Each listener is looked at only if one is behind.
        let is_one_behind = snapshot.mounts.iter().map(MountFigures::behind).any(|behind| behind > 0);
        let laggards = if is_one_behind { tower.fanout.laggards(ticks_in_ms(BURST_TAKEN_MS)) } else { Vec::new() };
        let laggards = laggards.iter().map(|laggard| (laggard.id.0, laggard.address));
        let congested = self.congestion.observe(now.now_ms, snapshot.listeners, laggards);
        watch.observe((Kind::UplinkFull, None), now, congested.is_some(), &tower.journal, || {
            congested.map_or_else(|| AlarmText::public(""), |congested| uplink_full(congested, now.now_ms, sent_mbit))
        });
        let is_refusing = self.refused.is_recent(now.now_ms, tower.uplink.refused());
        let rate = tower.fanout.rate();
        watch.observe((Kind::UplinkLimit, None), now, is_refusing, &tower.journal, || {
            uplink_limit(mbit(rate.bps), mbit(rate.bps_max))
        });
    }
}

fn uplink_full(congested: Congested, now_ms: u64, sent_mbit: f64) -> AlarmText {
    let Congested { behind, listeners, addresses, since_ms } = congested;
    let lasted = seconds(now_ms.saturating_sub(since_ms));
    AlarmText::public(format!(
        "the uplink is full: {behind} of {listeners} listeners, at {addresses} addresses, have lagged together for {lasted}, while \
         {sent_mbit:.2} Mbit/s are sent in all. The fault is with the network of this machine, not with the listeners (or the \
         machine is too busy to send, if listeners.overruns grows in `tower status --json`). Set server.mbit_max below what \
         the uplink carries, add outputs of lower bitrate, or add an edge server"
    ))
}

fn uplink_limit(mbit: f64, mbit_max: f64) -> AlarmText {
    AlarmText::public(format!(
        "newcomers are refused: all listeners together are sent {mbit:.2} of server.mbit_max = {mbit_max} Mbit/s. Raise it if \
         the uplink carries more, add outputs of lower bitrate, or name another server in server.overflow_url"
    ))
}

/// Bytes that were sent until the last look.
#[derive(Default)]
struct Sent {
    at_ms: u64,
    bytes: u64,
}

impl Sent {
    /// Mbit/s since the last look.
    fn mbit(&mut self, now_ms: u64, bytes: u64) -> f64 {
        let ms = now_ms.saturating_sub(self.at_ms).max(1);
        let bits = bytes.saturating_sub(self.bytes).saturating_mul(8);
        *self = Self { at_ms: now_ms, bytes };
        bits as f64 / ms as f64 / 1e3
    }
}

/// Newcomers that were refused until the last look.
#[derive(Default)]
struct Refused {
    count: u64,
    last_ms: Option<u64>,
}

impl Refused {
    /// Whether one was refused lately, now that there were `count` of them.
    fn is_recent(&mut self, now_ms: u64, count: u64) -> bool {
        if count > self.count {
            *self = Self { count, last_ms: Some(now_ms) };
        }
        self.last_ms.is_some_and(|last_ms| now_ms.saturating_sub(last_ms) < REFUSED_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_names_how_many_since_when_and_the_remedy() {
        let congested = Congested { behind: 12, listeners: 40, addresses: 9, since_ms: 1000 };
        let text = uplink_full(congested, 9000, 5.125).whole();
        for part in ["12 of 40 listeners", "9 addresses", "for 8.0 s", "5.12 Mbit/s", "server.mbit_max", "edge"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
    }

    #[test]
    fn what_is_sent_is_that_since_the_last_look() {
        let mut sent = Sent::default();
        sent.mbit(1000, 5_000_000);
        assert_eq!(sent.mbit(2000, 5_250_000), 2.0);
        assert_eq!(sent.mbit(4000, 5_750_000), 2.0);
        assert_eq!(sent.mbit(4000, 5_750_000), 0.0);
    }

    #[test]
    fn newcomers_are_refused_until_none_was_for_a_minute() {
        let mut refused = Refused::default();
        assert!(!refused.is_recent(0, 0));
        assert!(refused.is_recent(1000, 1) && refused.is_recent(60_999, 1));
        assert!(!refused.is_recent(61_000, 1));
        assert!(refused.is_recent(62_000, 3) && refused.is_recent(121_999, 3));
    }
}
