//! The log: structured lines to stderr, written by a thread of their own so that no caller ever waits (SPEC OPS-4).
//!
//! Used by `serve` once, and by whatever logs through `tracing`.

pub mod libraries;

use libraries::Limit;
use radio_base::journal::AUDIT;
use radio_config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Lines that wait to be written; beyond, the newest are lost and counted.
const LINES_MAX: usize = 8192;

/// Keeps the log's thread; dropping it writes what waits.
pub struct Logging {
    _guard: WorkerGuard,
    lost: ErrorCounter,
    limit: Limit,
}

impl Logging {
    /// Lines lost because stderr did not take them in time.
    #[must_use]
    pub fn lines_lost(&self) -> usize {
        self.lost.dropped_lines()
    }

    /// Lines of libraries that were left out, because there were too many of one source.
    #[must_use]
    pub fn lines_left_out(&self) -> u64 {
        self.limit.left_out()
    }
}

/// Starts the log.
///
/// # Errors
/// A filter that cannot be read, with an example of one that can.
pub fn start(log: &Log) -> anyhow::Result<Logging> {
    let filter = EnvFilter::try_new(libraries::directives(&log.level))
        .map_err(|e| anyhow::anyhow!("log level {:?}: {e}; write for instance \"info\" or \"debug\"", log.level))?;
    // Who did what is written whatever else is.
    let filter = filter.add_directive(format!("{AUDIT}=info").parse()?);
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).lossy(true).finish(std::io::stderr());
    let lost = writer.error_counter();
    let limit = Limit::of(&log.level);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_target(false);
    let chosen = tracing_subscriber::registry().with(filter).with(limit.clone());
    let set = match log.format {
        LogFormat::Json => chosen.with(lines.json()).try_init(),
        LogFormat::Text => chosen.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init(),
    };
    set.map_err(|e| anyhow::anyhow!("the log could not be started: {e}"))?;
    Ok(Logging { _guard: guard, lost, limit })
}
