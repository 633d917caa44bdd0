//! One run: the listeners join, are watched for a while, and are reported on.

use crate::generator::Generator;
use crate::plan::Plan;
use crate::report::{Report, Seen, sum_up};
use crate::watch::{Look, softirq_threads};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Does what the plan says.
///
/// # Errors
/// When there are no sockets left, or the system refuses something else.
pub fn run(plan: Plan) -> Result<Report> {
    let mut generator = Generator::new(plan)?;
    let softirq = softirq_threads();
    let pid = generator.plan.server_pid;
    let look = || Look::now(pid, &softirq);
    let seconds = |seconds: f64| Duration::from_secs_f64(seconds.max(0.0));

    let before = look();
    std::thread::sleep(seconds(generator.plan.idle_s));
    let idle = look();
    generator.join_all()?;
    generator.run_until(Instant::now() + seconds(generator.plan.settle_s))?;
    generator.begin_window();
    let start = look();
    generator.window(start.at, seconds(generator.plan.hold_s))?;
    let end = look();
    let (tcp_bytes_max, loop_ms_max) = (generator.tcp_bytes_max, generator.loop_ms_max);
    Ok(sum_up(&generator, &Seen { before, idle, start, end, tcp_bytes_max, loop_ms_max }))
}
