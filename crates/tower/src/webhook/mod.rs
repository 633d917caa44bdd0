//! Events, posted to receivers elsewhere as they happen (SPEC API-4).
//!
//! - [`queue`]: what waits, in order, and when it is tried next.
//! - [`sign`]: by what a receiver knows that it is from the tower; [`delivery`]: one POST.
//! - this file: a task per webhook, which follows the journal as a subscriber of `/events` does, and what it tells of itself.
//!
//! The tasks run on the control plane. The audio path does not know of them, and nobody waits for them at the end.
//!
//! Started by `serve` and `reload`. It knows the journal and its receivers, and no tower.

pub mod delivery;
pub mod queue;
pub mod sign;

use axum::http::StatusCode;
use delivery::Target;
use hyper::body::Bytes;
use queue::{Counts, Outcome, Queue};
use radio_base::journal::Audited;
use radio_base::journal::{Entry, Journal};
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Events taken from the journal at once.
const BATCH: usize = 64;
/// A receiver that fails so often in a row is something to be mended.
const FAILURES_TOLD: u32 = 3;

/// An event, as it is sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// The same at every attempt, and only for this event.
    id: String,
    kind: &'static str,
    body: Bytes,
}

/// How the deliveries of one webhook go.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Events that wait.
    pub queued: usize,
    /// What became of the others.
    pub counts: Counts,
    /// The receiver has answered 410.
    pub is_gone: bool,
    /// When the receiver took something, in seconds since 1970.
    pub last_success_s: Option<f64>,
    /// What went wrong last, and when.
    pub last_error: Option<(f64, String)>,
}

/// One webhook, as the doors see it.
pub struct Webhook {
    config: radio_config::Webhook,
    progress: Mutex<Progress>,
    is_closed: watch::Sender<bool>,
}

impl Webhook {
    /// A webhook that has sent nothing yet.
    #[must_use]
    pub fn new(config: radio_config::Webhook) -> Self {
        Self { config, progress: Mutex::default(), is_closed: watch::Sender::new(false) }
    }

    /// Whether it is configured like this.
    #[must_use]
    pub fn is(&self, config: &radio_config::Webhook) -> bool {
        self.config == *config
    }

    /// Ends its task; what waits is not sent.
    pub fn close(&self) {
        self.is_closed.send_replace(true);
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// How it goes.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.lock().clone()
    }

    /// For `/status`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Progress { queued, counts, is_gone, last_success_s, last_error } = self.progress();
        json!({
            "name": self.config.name,
            "receiver": self.config.origin(),
            "kinds": self.config.kinds,
            "queued": queued,
            "delivered": counts.delivered,
            "failed_attempts": counts.failed_attempts,
            "failed_in_a_row": counts.failed_in_a_row,
            "dropped_full": counts.dropped_full,
            "dropped_old": counts.dropped_old,
            "gone": is_gone,
            "last_success_at": last_success_s,
            "last_error": last_error.as_ref().map(|(_, text)| text),
            "last_error_at": last_error.as_ref().map(|(at, _)| at),
        })
    }

    /// What is to be mended, if something is, in words for everybody.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let progress = self.progress();
        let name = &self.config.name;
        if progress.is_gone {
            return Some(format!(
                "the webhook {name} is off: its receiver answered 410; take it out of the configuration, or restart the tower"
            ));
        }
        let is_failing = progress.last_error.is_some() && progress.counts.failed_in_a_row >= FAILURES_TOLD;
        // Who the receiver is, and what it said, is not for everybody.
        is_failing.then(|| format!("the webhook {name} does not get through; `tower status --json` says why"))
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, queue: &Queue<Message>, error: Option<Option<String>>) {
        let mut progress = self.lock();
        progress.queued = queue.len();
        progress.counts = queue.counts();
        progress.is_gone = queue.is_gone();
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        match error {
            None => {}
            Some(None) => progress.last_success_s = Some(now_s),
            Some(Some(text)) => progress.last_error = Some((now_s, text)),
        }
    }
}

/// Delivers the events of one webhook until it is closed.
pub async fn deliver(journal: Arc<Journal>, webhook: Arc<Webhook>) {
    let began = Instant::now();
    let mut queue = Queue::default();
    let mut count = journal.follow();
    let mut next_event = 0;
    let mut target = None;
    let mut attempt: Option<Attempt> = None;
    let mut is_closed = webhook.is_closed.subscribe();
    loop {
        // Seen before the journal is read: what comes in between ends the wait below at once.
        count.borrow_and_update();
        take_in(&journal, &webhook, &mut queue, &mut next_event, began.elapsed());
        if let Some(message) = queue.next(began.elapsed()) {
            attempt = Some(Box::pin(post(Arc::clone(&webhook), target.clone(), message.clone())));
        }
        webhook.note(&queue, None);
        tokio::select! {
            _ = is_closed.wait_for(|is_closed| *is_closed) => return,
            changed = count.changed() => if changed.is_err() { return },
            (made, result) = ended(&mut attempt) => {
                attempt = None;
                target = made;
                judge(&webhook, &mut queue, result, began.elapsed());
            }
            () = at(queue.due().map(|due| began + due)) => {}
        }
    }
}

/// What an attempt gives: the target, to be used again, and the answer.
type Made = (Option<Arc<Target>>, anyhow::Result<StatusCode>);
type Attempt = Pin<Box<dyn Future<Output = Made> + Send>>;

async fn post(webhook: Arc<Webhook>, target: Option<Arc<Target>>, message: Message) -> Made {
    let target = match target {
        Some(target) => target,
        None => match Target::new(&webhook.config).await {
            Ok(target) => Arc::new(target),
            Err(error) => return (None, Err(error)),
        },
    };
    let result = target.post(&message).await;
    (Some(target), result)
}

/// The end of the attempt, if there is one.
async fn ended(attempt: &mut Option<Attempt>) -> Made {
    match attempt {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

fn take_in(journal: &Journal, webhook: &Webhook, queue: &mut Queue<Message>, next_event: &mut u64, now: Duration) {
    loop {
        let events = journal.from(*next_event, BATCH);
        let Some(last) = events.last() else { return };
        *next_event = last.id + 1;
        for event in events.iter().filter(|event| webhook.config.kinds.iter().any(|kind| kind == event.kind.name())) {
            message(event).into_iter().for_each(|message| queue.push(now, message));
        }
    }
}

fn message(event: &Entry) -> Option<Message> {
    let body = serde_json::to_vec(&Audited::new(event)).ok()?.into();
    Some(Message { id: event.name(), kind: event.kind.name(), body })
}

fn judge(webhook: &Webhook, queue: &mut Queue<Message>, result: anyhow::Result<StatusCode>, now: Duration) {
    let (name, receiver) = (webhook.name(), webhook.config.origin());
    let (outcome, error) = match result {
        Ok(status) if status.is_success() => (Outcome::Delivered, None),
        Ok(StatusCode::GONE) => (Outcome::Gone, Some("it answered 410 Gone".to_owned())),
        Ok(status) if status.is_redirection() => (
            Outcome::Failed,
            Some(format!("it answered {status}, and redirects are not followed; configure the new URL")),
        ),
        Ok(status) => (Outcome::Failed, Some(format!("it answered {status}"))),
        Err(error) => (Outcome::Failed, Some(format!("{error:#}"))),
    };
    let failed_before = queue.counts().failed_in_a_row;
    queue.done(now, outcome);
    match (&outcome, &error) {
        (Outcome::Delivered, _) if failed_before > 0 => {
            tracing::info!("the webhook {name} gets through to {receiver} again, after {failed_before} failures");
        }
        (Outcome::Failed, Some(error)) if failed_before == 0 => {
            tracing::warn!("the webhook {name} does not get through to {receiver}: {error}; it is tried again");
        }
        (Outcome::Gone, _) => tracing::warn!("the webhook {name} is off until the next start: {receiver} answered 410"),
        _ => {}
    }
    webhook.note(queue, Some(error));
}
