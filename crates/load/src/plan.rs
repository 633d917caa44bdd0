//! How many listeners of which kinds, and when they come and go.

use clap::Args;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// How a listener behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Reads all that comes, at once.
    Normal,
    /// Reads at a limited rate.
    Slow,
    /// Never reads.
    Stuck,
    /// Reads like a normal one, stops for a while, goes on.
    Paused,
    /// Asks for titles.
    Icy,
    /// Leaves and joins again.
    Churning,
    /// Has a receive window of 2 kB.
    Window,
}

/// All kinds, in the order of reports.
pub const KINDS: [Kind; 7] =
    [Kind::Normal, Kind::Slow, Kind::Stuck, Kind::Paused, Kind::Icy, Kind::Churning, Kind::Window];

/// What the generator is to do.
#[derive(Args, Clone, Debug)]
pub struct Plan {
    /// The server.
    #[arg(long)]
    pub address: SocketAddr,
    /// What is asked for.
    #[arg(long, default_value = "/stream")]
    pub target: String,
    /// Listeners that read all that comes.
    #[arg(long, default_value_t = 0)]
    pub normal: usize,
    /// Listeners that read at --slow-rate.
    #[arg(long, default_value_t = 0)]
    pub slow: usize,
    /// Listeners that never read.
    #[arg(long, default_value_t = 0)]
    pub stuck: usize,
    /// Listeners that stop reading for --pause-s when the window begins.
    #[arg(long, default_value_t = 0)]
    pub paused: usize,
    /// Listeners that ask for titles.
    #[arg(long, default_value_t = 0)]
    pub icy: usize,
    /// Listeners that leave and join again, --churn-per-s of them each second.
    #[arg(long, default_value_t = 0)]
    pub churning: usize,
    /// Listeners with a receive window of 2 kB.
    #[arg(long, default_value_t = 0)]
    pub window: usize,
    /// Connects a second.
    #[arg(long, default_value_t = 1000.0)]
    pub ramp: f64,
    /// Seconds before the first connect, in which the idle server is measured.
    #[arg(long, default_value_t = 0.0)]
    pub idle_s: f64,
    /// Seconds between the last connect and the window.
    #[arg(long, default_value_t = 5.0)]
    pub settle_s: f64,
    /// Length of the window in which cost and gaps are measured.
    #[arg(long, default_value_t = 20.0)]
    pub hold_s: f64,
    /// Bytes a second that a slow listener reads.
    #[arg(long, default_value_t = 8000)]
    pub slow_rate: usize,
    /// Seconds that a paused listener does not read.
    #[arg(long, default_value_t = 45.0)]
    pub pause_s: f64,
    /// Churning listeners that leave each second of the window.
    #[arg(long, default_value_t = 0.0)]
    pub churn_per_s: f64,
    /// Process whose processor time and memory are measured.
    #[arg(long)]
    pub server_pid: Option<u32>,
}

impl Plan {
    /// A plan without listeners.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            target: "/stream".into(),
            normal: 0,
            slow: 0,
            stuck: 0,
            paused: 0,
            icy: 0,
            churning: 0,
            window: 0,
            ramp: 1000.0,
            idle_s: 0.0,
            settle_s: 5.0,
            hold_s: 20.0,
            slow_rate: 8000,
            pause_s: 45.0,
            churn_per_s: 0.0,
            server_pid: None,
        }
    }

    /// The plan as arguments of `load listen`.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let counts = KINDS.map(|kind| (format!("{kind:?}").to_lowercase(), self.count(kind).to_string()));
        let rest = [
            ("address", self.address.to_string()),
            ("target", self.target.clone()),
            ("ramp", self.ramp.to_string()),
            ("idle-s", self.idle_s.to_string()),
            ("settle-s", self.settle_s.to_string()),
            ("hold-s", self.hold_s.to_string()),
            ("slow-rate", self.slow_rate.to_string()),
            ("pause-s", self.pause_s.to_string()),
            ("churn-per-s", self.churn_per_s.to_string()),
        ];
        let rest = rest.map(|(name, value)| (name.to_owned(), value));
        let pid = self.server_pid.map(|pid| ("server-pid".to_owned(), pid.to_string()));
        counts.into_iter().chain(rest).chain(pid).map(|(name, value)| format!("--{name}={value}")).collect()
    }

    /// How many of a kind.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Normal => self.normal,
            Kind::Slow => self.slow,
            Kind::Stuck => self.stuck,
            Kind::Paused => self.paused,
            Kind::Icy => self.icy,
            Kind::Churning => self.churning,
            Kind::Window => self.window,
        }
    }

    /// The kinds in the order in which they join: mixed, and the same in each run.
    #[must_use]
    pub fn order(&self) -> Vec<Kind> {
        let mut order: Vec<Kind> = KINDS.iter().flat_map(|&kind| std::iter::repeat_n(kind, self.count(kind))).collect();
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for last in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            order.swap(last, (state >> 33) as usize % (last + 1));
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_the_command_line() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            plan: Plan,
        }
        let mut plan = Plan::new(SocketAddr::from(([127, 0, 0, 1], 1)));
        (plan.normal, plan.churning, plan.window, plan.server_pid) = (1, 2, 3, Some(4));
        plan.target = "/stream?burst=30".into();
        let line: Line = clap::Parser::parse_from(std::iter::once("load".to_owned()).chain(plan.arguments()));
        assert_eq!(format!("{:?}", line.plan), format!("{plan:?}"));
    }

    #[test]
    fn kinds_are_mixed_and_none_is_lost() {
        let mut plan = Plan::new(SocketAddr::from(([127, 0, 0, 1], 1)));
        (plan.normal, plan.stuck) = (100, 100);
        let order = plan.order();
        assert_eq!(order.iter().filter(|&&kind| kind == Kind::Stuck).count(), 100);
        assert_eq!(order.len(), 200);
        let first_half = order[..100].iter().filter(|&&kind| kind == Kind::Stuck).count();
        assert!((30..70).contains(&first_half), "{first_half}");
        assert_eq!(order, plan.order());
    }
}
