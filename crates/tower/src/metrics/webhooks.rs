//! How the deliveries of the webhooks go. Their labels are the names of the configuration.

use super::text::{Exposition, Kind};
use crate::state::Tower;
use crate::webhook::Progress;

pub(super) fn tell(tower: &Tower, all: &mut Exposition) {
    let setup = tower.setup();
    let rows: Vec<(&str, Progress)> =
        setup.webhooks.iter().map(|webhook| (webhook.name(), webhook.progress())).collect();
    let mut of = |kind, name, help, value: fn(&Progress) -> Option<f64>| {
        let mut family = all.family(kind, name, help);
        for (webhook, progress) in &rows {
            value(progress).into_iter().for_each(|value| family.sample(&[("webhook", *webhook)], value));
        }
    };
    of(Kind::Gauge, "tower_webhook_queued_events", "Events that are not delivered yet.", |progress| {
        Some(progress.queued as f64)
    });
    of(Kind::Gauge, "tower_webhook_failing", "1 while the receiver has not taken the last attempt, or is gone.", |p| {
        Some(f64::from(u8::from(p.is_gone || p.counts.failed_in_a_row > 0)))
    });
    of(
        Kind::Gauge,
        "tower_webhook_last_success_time_seconds",
        "When an event was delivered, since 1970; 0: never.",
        |p| Some(p.last_success_s.unwrap_or(0.0)),
    );
    of(Kind::Counter, "tower_webhook_delivered_total", "Events that the receiver has taken.", |progress| {
        Some(progress.counts.delivered as f64)
    });
    of(Kind::Counter, "tower_webhook_failed_attempts_total", "Attempts that failed.", |progress| {
        Some(progress.counts.failed_attempts as f64)
    });
    let mut family = all.family(Kind::Counter, "tower_webhook_dropped_total", "Events that were given up, by reason.");
    for (webhook, Progress { counts, .. }) in &rows {
        for (reason, count) in [("full", counts.dropped_full), ("old", counts.dropped_old)] {
            family.sample(&[("webhook", *webhook), ("reason", reason)], count);
        }
    }
}
