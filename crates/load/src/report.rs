//! The figures of a run.

use crate::chain::Tally;
use crate::generator::Generator;
use crate::listener::{Listener, State, ms};
use crate::plan::{KINDS, Kind};
use crate::watch::Look;
use radio_proof::measure::quantile;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

/// A listener that got nothing for this long has stalled.
pub const STALL_MS: f64 = 5000.0;

/// All of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// By kind, those there were.
    pub kinds: BTreeMap<Kind, OfKind>,
    /// Cost in the window.
    pub cost: Cost,
    /// Whether the generator itself kept up.
    pub generator: Own,
}

/// What listeners of one kind met with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OfKind {
    /// How many were to be there.
    pub asked: usize,
    /// How many hear the stream at the end.
    pub live: usize,
    /// From `connect` to the first byte of the answer: median, 99th percentile, maximum.
    pub first_byte_ms: [f64; 3],
    /// Longest time without bytes in the window, over listeners: median, 99th percentile, maximum.
    pub gap_ms: [f64; 3],
    /// Listeners that got nothing for [`STALL_MS`] in the window.
    pub stalled: usize,
    /// Listeners with more than one skip.
    pub skipped_again: usize,
    /// What was found in their bytes.
    #[serde(flatten)]
    pub tally: Tally,
    /// Titles received.
    pub titles: u64,
    /// Titles that were wrong or out of order.
    pub titles_wrong: u64,
    /// Listeners that have titles in their stream.
    pub with_titles: usize,
    /// Receives for each listener and second of the window.
    pub reads_per_s: f64,
    /// Joins after the first.
    pub rejoins: usize,
    /// Why listeners ended that should not have.
    pub ended: BTreeMap<String, usize>,
}

/// What the server cost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Length of the window.
    pub seconds: f64,
    /// Listeners live in it.
    pub listeners: usize,
    /// Microseconds of the server and of `ksoftirqd` for each listener and second.
    pub us_per_listener_second: f64,
    /// The same without what the server took before the first listener came.
    pub us_per_listener_second_above_idle: f64,
    /// Of that, `ksoftirqd`.
    pub ksoftirqd_us_per_listener_second: f64,
    /// Per cent of a core that the server took.
    pub server_percent: f64,
    /// Per cent of a core that the idle server took.
    pub idle_percent: f64,
    /// Per cent of a core by thread.
    pub threads_percent: BTreeMap<String, f64>,
    /// Growth of the server's memory for each listener since before the first one.
    pub rss_growth_per_listener: f64,
    /// TCP memory of the machine at the end of the window, less that before the first listener.
    pub tcp_growth_bytes: f64,
    /// The most there was of that in the window.
    pub tcp_growth_bytes_max: f64,
    /// Per cent of a core that all others took: what disturbs the measurement.
    pub others_percent: f64,
}

/// The generator's own state: if it is late or busy, gaps and first bytes are its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Own {
    /// Per cent of a core in the window.
    pub percent: f64,
    /// Longest time that it was late to look at its sockets.
    pub loop_ms_max: f64,
}

/// The server's counters at four moments, and the extremes of the window between the last two.
pub struct Seen {
    /// Before the idle time.
    pub before: Look,
    /// After it: the first listener comes now.
    pub idle: Look,
    /// The window begins.
    pub start: Look,
    /// It ends.
    pub end: Look,
    /// Most TCP memory in the window.
    pub tcp_bytes_max: u64,
    /// Longest time that it was late to look at its sockets.
    pub loop_ms_max: f64,
}

/// Sums up.
#[must_use]
pub fn sum_up(generator: &Generator, seen: &Seen) -> Report {
    let Seen { before, idle, start, end, tcp_bytes_max, loop_ms_max } = seen;
    let seconds = (end.at - start.at).as_secs_f64();
    let kinds = KINDS
        .into_iter()
        .filter(|&kind| generator.plan.count(kind) > 0)
        .map(|kind| (kind, of_kind(generator, kind, seconds)))
        .collect();
    let live = generator.listeners.iter().filter(|listener| listener.socket.is_some()).count();
    let percent =
        |used: std::time::Duration, span: f64| if span > 0.0 { used.as_secs_f64() / span * 100.0 } else { 0.0 };
    let server_percent = percent(end.server().saturating_sub(start.server()), seconds);
    let idle_percent = percent(idle.server().saturating_sub(before.server()), (idle.at - before.at).as_secs_f64());
    let softirq_percent = percent(end.ksoftirqd.saturating_sub(start.ksoftirqd), seconds);
    let own_percent = percent(end.own.saturating_sub(start.own), seconds);
    let busy_percent = percent(end.machine_busy.saturating_sub(start.machine_busy), seconds);
    let us_each = |percent: f64| percent * 10_000.0 / live.max(1) as f64;
    let threads = end.threads.iter().map(|(name, time)| {
        let earlier = start.threads.get(name).copied().unwrap_or_default();
        (name.clone(), percent(time.saturating_sub(earlier), seconds))
    });
    Report {
        kinds,
        cost: Cost {
            seconds,
            listeners: live,
            us_per_listener_second: us_each(server_percent + softirq_percent),
            us_per_listener_second_above_idle: us_each((server_percent - idle_percent).max(0.0) + softirq_percent),
            ksoftirqd_us_per_listener_second: us_each(softirq_percent),
            server_percent,
            idle_percent,
            threads_percent: threads.collect(),
            rss_growth_per_listener: (end.rss_bytes as f64 - idle.rss_bytes as f64) / live.max(1) as f64,
            tcp_growth_bytes: end.tcp_bytes as f64 - idle.tcp_bytes as f64,
            tcp_growth_bytes_max: *tcp_bytes_max as f64 - idle.tcp_bytes as f64,
            others_percent: (busy_percent - server_percent - softirq_percent - own_percent).max(0.0),
        },
        generator: Own { percent: own_percent, loop_ms_max: *loop_ms_max },
    }
}

fn of_kind(generator: &Generator, kind: Kind, seconds: f64) -> OfKind {
    let listeners: Vec<&Listener> = generator.listeners.iter().filter(|listener| listener.kind == kind).collect();
    let now = Instant::now();
    let since_last = |listener: &Listener| listener.last_bytes_at.map_or(f64::MAX, |last| ms(now, last));
    let hearing = listeners.iter().filter(|listener| listener.live());
    let gaps: Vec<f64> = hearing.map(|listener| listener.gap_ms_max.max(since_last(listener))).collect();
    let first_bytes: Vec<f64> = listeners.iter().flat_map(|listener| listener.first_bytes_ms.iter().copied()).collect();
    let reads: u64 = listeners.iter().map(|listener| listener.reads).sum();
    let joined = listeners.iter().filter(|listener| !listener.first_bytes_ms.is_empty()).count();
    let mut of_kind = OfKind {
        asked: listeners.len(),
        live: gaps.len(),
        first_byte_ms: three(&first_bytes),
        gap_ms: three(&gaps),
        stalled: gaps.iter().filter(|&&gap| gap >= STALL_MS).count(),
        rejoins: first_bytes.len() - joined,
        reads_per_s: reads as f64 / seconds.max(1e-9) / listeners.len().max(1) as f64,
        ..OfKind::default()
    };
    for listener in listeners {
        let mut tally = listener.past;
        let [mut titles, mut titles_wrong] = listener.past_titles;
        let mut ended = None;
        match &listener.state {
            State::Hearing(ears) => {
                tally.add(&ears.chain.tally);
                if let Some(icy) = &ears.icy {
                    titles += icy.titles;
                    titles_wrong += icy.titles_wrong;
                    of_kind.with_titles += 1;
                }
            }
            State::Ended(reason) => ended = Some(reason.clone()),
            State::Outside => ended = Some("never joined".into()),
            State::Connecting => ended = Some("never connected".into()),
            // It does not read its head either.
            State::Head(_) if kind == Kind::Stuck => of_kind.live += 1,
            State::Head(_) => ended = Some("never answered".into()),
        }
        if let Some(reason) = ended {
            *of_kind.ended.entry(reason).or_default() += 1;
        }
        of_kind.tally.add(&tally);
        of_kind.skipped_again += usize::from(tally.skips > 1);
        of_kind.titles += titles;
        of_kind.titles_wrong += titles_wrong;
    }
    of_kind
}

fn three(values: &[f64]) -> [f64; 3] {
    if values.is_empty() {
        return [0.0; 3];
    }
    [0.5, 0.99, 1.0].map(|share| quantile(values, share))
}
