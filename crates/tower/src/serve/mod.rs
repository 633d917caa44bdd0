//! `tower serve`: the wiring of one tower, from a good configuration to the last byte.
//!
//! - [`doors`]: everything that can be refused is opened first, so that nothing is ever half started.
//! - [`wiring`]: joins the stages of the signal path.
//! - [`sampling`]: keeps how the tower is, each second.
//! - [`chronicle`]: carries what the pump has to tell into the journal.
//! - this file: start, wait for a signal, stop.
//!
//! Called by `cli`. Nothing but the command line knows of it.

mod chronicle;
mod doors;
mod sampling;
mod wiring;

use crate::feeds::NewFeeds;
use crate::ingest::Acceptor;
use crate::logging;
use crate::process::systemd;
use crate::state::Tower;
use anyhow::Context;
use doors::Doors;
use radio_base::journal::event::Event;
use radio_config::{Loaded, Sources, StationAccess};
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
pub fn run(loaded: Loaded, sources: Sources) -> anyhow::Result<()> {
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
        let mut doors = Doors::open(&loaded.config, passed)?;
        if let Some((found, remedy)) = StationAccess::of(&loaded.config, &doors.listening()?).warning() {
            tracing::warn!("{found}; {remedy}");
        }
        let mut on_air = wiring::build(loaded, sources, log, started)?;
        let tasks = serve_doors(&doors, &on_air.tower, std::mem::take(&mut on_air.chronicle))?;
        let tls = start_tls(&doors, &on_air.tower)?;
        start_feeds(std::mem::take(&mut doors.feeds), &on_air.tower)?;
        announce(&doors, &on_air.tower)?;
        systemd::ready();

        wait_for_the_end(&on_air.tower).await?;

        systemd::stopping();
        // Nobody new comes in from here on; then the clock stops, and everyone gets the rest of a frame.
        tasks.iter().for_each(JoinHandle::abort);
        tls.iter().for_each(crate::http::tls::Serving::close);
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

/// Accepts producers of the station's socket until the task is dropped.
async fn serve_producers(socket: Acceptor, tower: Arc<Tower>) {
    let (inputs, station) = (Arc::clone(&tower.inputs), || tower.setup().config.station.clone());
    crate::ingest::producer::serve(socket, inputs, station, |event| tower.note(event)).await;
}

fn serve_doors(
    doors: &Doors,
    tower: &Arc<Tower>,
    chronicle: Option<chronicle::Chronicle>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let api = crate::http::api::router(Arc::clone(tower));
    let mut tasks = vec![
        tokio::spawn(crate::http::front_door::serve(doors.http()?, Arc::clone(tower), api.clone())),
        tokio::spawn(crate::http::api::serve_unix(doors.admin.acceptor()?, Arc::clone(tower), api)),
        tokio::spawn(serve_producers(doors.pcm.acceptor()?, Arc::clone(tower))),
        tokio::spawn(sampling::follow(Arc::clone(tower))),
        tokio::spawn(systemd::feed_watchdog(Arc::clone(&tower.figures))),
    ];
    if let Some(icy) = &doors.icy {
        let listener = tokio::net::TcpListener::from_std(icy.try_clone()?)?;
        tasks.push(tokio::spawn(crate::http::shoutcast_source::serve(listener, Arc::clone(tower))));
    }
    for webhook in &tower.setup().webhooks {
        tokio::spawn(crate::webhook::deliver(Arc::clone(&tower.journal), Arc::clone(webhook)));
    }
    if let Some(chronicle) = chronicle {
        tasks.push(tokio::spawn(chronicle.follow(Arc::clone(tower))));
    }
    Ok(tasks)
}

fn start_tls(doors: &Doors, tower: &Arc<Tower>) -> anyhow::Result<Option<crate::http::tls::Serving>> {
    let api = || crate::http::api::router(Arc::clone(tower));
    doors.tls.as_ref().map(|door| door.start(tower, api())).transpose()
}

fn start_feeds(feeds: NewFeeds, tower: &Arc<Tower>) -> anyhow::Result<()> {
    let setup = tower.setup();
    let players = feeds.start_players(tower, &setup.config, &setup.input_names)?;
    feeds.put_into_force(tower, players);
    Ok(())
}

/// Says on standard output what to open. A closed output is no reason to go off air.
fn announce(doors: &Doors, tower: &Tower) -> anyhow::Result<()> {
    let address = doors.address()?;
    let mut text = format!("On air: http://{address}/\n");
    let setup = tower.setup();
    for output in &setup.outputs {
        text += &format!("Stream: http://{address}{}\n", output.config.mount);
    }
    if let Some(token) = setup.users.generated_token() {
        text += &format!("Dashboard: http://{address}/admin#{token}\n");
        text += &format!("Monitor: http://{address}{}?token={token}\n", crate::http::routes::MONITOR);
    }
    if let Some(door) = &doors.tls {
        text += &format!("TLS: https://{}/\n", door.address()?);
    }
    if let Some(icy) = &doors.icy {
        text += &format!("Shoutcast sources: {}\n", icy.local_addr()?);
    }
    text += &format!("PCM: {}\n", doors.pcm_path.display());
    for missing in tower.backing.media.iter().flat_map(|media| media.missing()) {
        text += &format!("Missing: {missing}; looking again every 5 s\n");
    }
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    Ok(())
}

/// Until SIGTERM or SIGINT; SIGHUP reads the configuration again.
async fn wait_for_the_end(tower: &Arc<Tower>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => {
                tracing::info!("SIGTERM: going off air");
                return Ok(());
            }
            _ = interrupt.recv() => {
                tracing::info!("SIGINT: going off air");
                return Ok(());
            }
            _ = hang_up.recv() => drop(tokio::spawn(reload(Arc::clone(tower)))),
        }
    }
}

async fn reload(tower: Arc<Tower>) {
    match crate::reload::reload(&tower, "SIGHUP", false).await {
        Ok(report) if report.changes.is_empty() => tracing::info!("SIGHUP: the configuration is as before"),
        Ok(_) => {}
        Err(refused) => {
            let event = Event::ReloadRefused { why: refused.to_string().replace('\n', "; ") };
            tower.journal.note_by("SIGHUP".into(), tower.figures.tick().unwrap_or(0), event);
        }
    }
}
