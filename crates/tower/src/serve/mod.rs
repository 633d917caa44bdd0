//! `tower serve`: the wiring of one tower, from a good configuration to the last byte.
//!
//! - [`doors`]: everything that can be refused is opened first, so that nothing is ever half started.
//! - [`wiring`]: joins the stages of the signal path.
//! - [`chronicle`]: carries what the pump has to tell into the journal.
//! - this file: start, wait for a signal, stop.

mod chronicle;
mod doors;
mod wiring;

pub use wiring::when_full;

use crate::config::Loaded;
use crate::life::{logging, systemd};
use crate::state::Tower;
use anyhow::Context;
use doors::Doors;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

/// Threads of the control plane. Audio has its own, nothing here blocks, and a second one would only be woken to find
/// that there is nothing left to do.
const CONTROL_THREADS: usize = 1;
/// Listeners are given this long to take the rest of their frame (SPEC OPS-2: out within 2 s).
const FAREWELL: Duration = Duration::from_millis(1000);

/// and their TLS so long to pass it on.
const FAREWELL_TLS: Duration = Duration::from_millis(500);

/// Runs a tower until SIGTERM or SIGINT.
///
/// # Errors
/// Whatever keeps it from going on air, each with the remedy; nothing is left behind.
pub fn run(loaded: Loaded) -> anyhow::Result<()> {
    let started = Instant::now();
    // Before any other thread runs, as the protocol of socket activation wants it.
    let passed = systemd::passed_sockets();
    let log = logging::start(&loaded.config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("control")
        .enable_all()
        .build()
        .context("the control threads could not be started")?;
    let ended = runtime.block_on(async {
        let doors = Doors::open(&loaded.config, passed)?;
        let mut on_air = wiring::build(loaded.config, log, started)?;
        let tasks = serve_doors(&doors, &on_air.tower, std::mem::take(&mut on_air.chronicle))?;
        let tls = start_tls(&doors, &on_air.tower)?;
        announce(&doors, &on_air.tower)?;
        systemd::ready();

        wait_for_the_end().await?;

        systemd::stopping();
        // Nobody new comes in from here on; then the clock stops, and everyone gets the rest of a frame.
        tasks.iter().for_each(JoinHandle::abort);
        tls.iter().for_each(crate::tls::Serving::close);
        tokio::task::block_in_place(|| on_air.stop(FAREWELL));
        if let Some(tls) = &tls {
            tls.finish(FAREWELL_TLS).await;
        }
        drop(doors);
        Ok(())
    });
    // A name of a webhook's receiver that the system is still looking up is not waited for.
    runtime.shutdown_background();
    ended
}

fn serve_doors(
    doors: &Doors,
    tower: &Arc<Tower>,
    chronicle: Option<chronicle::Chronicle>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let api = crate::http::api::router(Arc::clone(tower));
    let station = tower.config.station.clone();
    let spec = wiring::station_spec(&tower.config);
    let mut tasks = vec![
        tokio::spawn(crate::http::front_door::serve(doors.http()?, Arc::clone(tower), api.clone())),
        tokio::spawn(crate::http::api::serve_unix(doors.admin.listener()?, api)),
        tokio::spawn(crate::ingest::producer::serve(doors.pcm.listener()?, Arc::clone(&tower.inputs), station, spec)),
        tokio::spawn(crate::recent::follow(Arc::clone(tower))),
        tokio::spawn(systemd::feed_watchdog(Arc::clone(&tower.figures))),
    ];
    for webhook in &tower.webhooks {
        tasks.push(tokio::spawn(crate::webhook::deliver(Arc::clone(tower), Arc::clone(webhook))));
    }
    if let Some(chronicle) = chronicle {
        tasks.push(tokio::spawn(chronicle.follow(Arc::clone(tower))));
    }
    Ok(tasks)
}

fn start_tls(doors: &Doors, tower: &Arc<Tower>) -> anyhow::Result<Option<crate::tls::Serving>> {
    let api = || crate::http::api::router(Arc::clone(tower));
    doors.tls.as_ref().map(|door| door.start(tower, api())).transpose()
}

/// Says on standard output what to open. A closed output is no reason to go off air.
fn announce(doors: &Doors, tower: &Tower) -> anyhow::Result<()> {
    let address = doors.address()?;
    let mut text = format!("On air: http://{address}/\n");
    for output in &tower.outputs {
        text += &format!("Stream: http://{address}{}\n", output.config.mount);
    }
    if let Some(token) = tower.secret.generated_token() {
        text += &format!("Dashboard: http://{address}/admin#{token}\n");
        text += &format!("Monitor: http://{address}{}?token={token}\n", crate::http::routes::MONITOR);
    }
    if let Some(door) = &doors.tls {
        text += &format!("TLS: https://{}/\n", door.address()?);
    }
    text += &format!("PCM: {}\n", doors.pcm_path.display());
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    Ok(())
}

async fn wait_for_the_end() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => tracing::info!("SIGTERM: going off air"),
        _ = interrupt.recv() => tracing::info!("SIGINT: going off air"),
    }
    Ok(())
}
