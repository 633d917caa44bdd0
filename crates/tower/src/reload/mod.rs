//! Another configuration while the tower is on air (SPEC CFG-2): read again, compared, prepared,
//! and then in force at once or not at all.
//!
//! - [`mod@plan`]: what differs, and what becomes of it.
//! - [`outputs`]: encoders and mounts that come and go. `files`: players that do.
//! - this file: the order of things. Whatever can fail is done before anything is changed.
//!
//! Called by `http` and at SIGHUP. It knows nothing of how the request came.

mod files;
mod outputs;
mod plan;

pub use plan::{Change, Difference, Effect, Plan, plan};

use crate::auth::credentials::{Users, is_same_user};
use crate::ingest::producer;
use crate::pump::Order;
use crate::setup::Setup;
use crate::source::{SourceDoors, spec};
use crate::state::Tower;
use crate::uplink;
use crate::webhook::Webhook;
use files::NewFiles;
use outputs::NewOutputs;
use radio_base::journal::event::Event;
use radio_config::{Config, ConfigError, Input, Loaded, Unreadable, validate};
use radio_fanout::PageCursor;
use radio_signal::units::ticks_in_ms;
use serde::Serialize;
use std::sync::Arc;

/// Listeners looked at together.
const LISTENERS_AT_ONCE: usize = 1000;

/// What was, or would be, done.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether it is done.
    pub applied: bool,
    /// What differs.
    pub changes: Vec<Change>,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The new configuration is not good.
    #[error("the configuration is not good, and nothing was changed:\n{0}")]
    Config(ConfigError),
    /// Something of it could not be started.
    #[error("nothing was changed: {0:#}")]
    NotReady(anyhow::Error),
}

impl From<Unreadable> for Refused {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::Config(error) => Self::Config(error),
            Unreadable::NotReady(error) => Self::NotReady(error),
        }
    }
}

/// Reads the configuration again and puts it into force; with `dry_run` only says what would be done.
///
/// # Errors
/// The reason, with its remedy; then nothing is changed.
pub async fn reload(tower: &Arc<Tower>, who: &str, dry_run: bool) -> Result<Report, Refused> {
    // One after the other.
    let mut reader = tower.reader.lock().await;
    let loaded = reader.read().await?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let setup = tower.setup();
    if let Some(gone) = setup.file.as_ref().filter(|_| loaded.file.is_none()) {
        let text = format!("{} is gone; put it back, or restart the tower to do without it", gone.display());
        return Err(Refused::NotReady(anyhow::Error::msg(text)));
    }
    let Plan { changes, config } = plan(&setup.config, &loaded.config, tower.fanout.listeners_room()).summed_up();
    if let Some(invalid) = validate(&config).into_iter().next() {
        let text = format!("{}; restart the tower to change all of it at once", invalid.message);
        return Err(Refused::NotReady(anyhow::Error::msg(text)));
    }
    if dry_run || changes.is_empty() {
        return Ok(Report { applied: !dry_run, changes });
    }
    put_into_force(tower, &setup, Loaded { config, ..loaded }).await.map_err(Refused::NotReady)?;
    let event = Event::Reloaded { changes: changes.iter().map(Change::to_string).collect() };
    tower.journal.note_by(who.to_owned(), tower.figures.tick().unwrap_or(0), event);
    Ok(Report { applied: true, changes })
}

async fn put_into_force(tower: &Arc<Tower>, old: &Arc<Setup>, loaded: Loaded) -> anyhow::Result<()> {
    let Loaded { config, origins, file, .. } = loaded;
    let input_names = old.input_names.renamed(&config)?;
    let outputs = NewOutputs::prepare(tower, old, &config).await?;
    let files = match NewFiles::prepare(tower, &old.config, &config, &input_names).await {
        Ok(files) => files,
        Err(error) => {
            outputs.give_up(tower).await;
            return Err(error);
        }
    };
    // From here on nothing fails.

    let source_doors = {
        let shared = (&tower.inputs, &tower.backing.decoders);
        SourceDoors::new(&config, &input_names, shared, Some(&old.source_doors))
    };
    let is_same_station = config.station.password == old.config.station.password;
    let is_same = is_same_station && config.admin == old.config.admin && config.user == old.config.user;
    // The token that was printed at the start stays what it is.
    let users = if is_same { old.users.clone() } else { Users::replacing(&old.users, &config) };
    let new = Arc::new(Setup {
        webhooks: webhooks(old, &config),
        outputs: outputs.all(&config),
        config,
        origins,
        file,
        input_names,
        source_doors,
        users,
    });
    tower.setup.store(Arc::clone(&new));
    tower.sessions.retain(|name| is_same_user(&old.config, &new.config, name));
    if old.users.edition() != new.users.edition() {
        end_monitors(tower);
    }
    follow_inputs(tower, old, &new).await;
    tower.backing.watch(&new.config);
    files.put_into_force(tower).await;
    follow_limits(tower, &new);
    follow_webhooks(tower, old, &new);
    outputs.put_into_force(tower).await;
    Ok(())
}

/// Who listened to the monitor asks again, and is let in if he still may.
fn end_monitors(tower: &Tower) {
    let mut from = Some(PageCursor::default());
    while let Some(cursor) = from {
        let page = tower.fanout.listeners(cursor, LISTENERS_AT_ONCE);
        for listener in page.rows.iter().filter(|row| row.mount == tower.monitor.name()) {
            tower.fanout.kick(listener.id);
        }
        from = page.next;
    }
}

/// The sources that are connected are treated as configured now; those whose input is gone are ended.
async fn follow_inputs(tower: &Tower, old: &Setup, new: &Setup) {
    old.source_doors.end_those_not_in(&new.source_doors);
    let of = |input: &Input| Some(spec::of(new.input_names.id(&input.name)?, input));
    let specs = new.config.input.iter().filter_map(of).chain([producer::spec(&new.config.station)]);
    let orders = specs.map(Order::Treat).chain([Order::Grace(ticks_in_ms(new.config.router.grace_ms))]);
    for order in orders {
        if let Err(error) = tower.desk.order(order).await {
            tracing::error!(%error, "sources are treated as before the reload");
            return;
        }
    }
}

fn follow_limits(tower: &Tower, new: &Setup) {
    let server = &new.config.server;
    tower.fanout.limit(server.listeners_max as usize, server.listeners_per_address_max as usize);
    tower.fanout.limit_rate(uplink::bps(server.mbit_max));
    for output in &new.outputs {
        tower.fanout.limit_mount(&output.mount, output.config.listeners_max as usize);
    }
    let charset_of = |id| new.output(id).map(|output| output.config.title_charset);
    tower.titles.retain(charset_of);
}

/// Those that are configured as before go on.
fn webhooks(old: &Setup, config: &Config) -> Vec<Arc<Webhook>> {
    let same = |wanted: &radio_config::Webhook| old.webhooks.iter().find(|webhook| webhook.is(wanted)).cloned();
    config.webhook.iter().map(|wanted| same(wanted).unwrap_or_else(|| Arc::new(Webhook::new(wanted.clone())))).collect()
}

fn follow_webhooks(tower: &Arc<Tower>, old: &Setup, new: &Setup) {
    let is_in = |setup: &Setup, webhook: &Arc<Webhook>| setup.webhooks.iter().any(|other| Arc::ptr_eq(other, webhook));
    old.webhooks.iter().filter(|webhook| !is_in(new, webhook)).for_each(|webhook| webhook.close());
    for webhook in new.webhooks.iter().filter(|webhook| !is_in(old, webhook)) {
        tokio::spawn(crate::webhook::deliver(Arc::clone(&tower.journal), Arc::clone(webhook)));
    }
}
