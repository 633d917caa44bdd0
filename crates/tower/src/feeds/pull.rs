//! A stream of another server as an input: connected to for ever, each time after a longer wait.

use super::request;
use super::titles::TitledAudio;
use crate::ingest::RunningInput;
use crate::source::child::{self, ChildSettings};
use crate::source::decoder::StreamEnd;
use crate::source::session::{SessionFigures, Sink};
use crate::source::{body::BodyEnd, spec};
use crate::state::Tower;
use anyhow::{Context, bail};
use radio_base::journal::event::Event;
use radio_base::title::Title;
use radio_config::{Input, InputKind};
use radio_decode::media::formats::{Format, readable};
use radio_signal::router::OnAir;
use serde_json::{Value, json};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The wait before the second attempt; it doubles with each further one,
const WAIT_MIN: Duration = Duration::from_secs(1);
/// up to this.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// A stream that was heard for so long has nothing to do with the failures before it.
const SETTLED: Duration = Duration::from_secs(10);
/// Sources of one input: the one that comes, and those of before that still have something to play.
const SOURCES_MAX: usize = 3;

/// A stream that is pulled; dropping it ends that.
pub struct Pull {
    shared: Arc<Shared>,
    thread: Option<thread::Thread>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    is_ended: bool,
    /// To end the connection.
    socket: Option<TcpStream>,
    /// While there is a stream.
    stream: Option<Stream>,
    attempts: u64,
    /// Why there is none, as of the last attempt.
    problem: Option<String>,
    /// What came at the last attempt was no sound.
    is_unreadable: bool,
}

/// A stream that comes.
struct Stream {
    content_type: String,
    since: Instant,
    figures: Arc<SessionFigures>,
}

impl Pull {
    /// Pulls the stream of the input of this name.
    pub fn start(tower: &Arc<Tower>, name: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let puller = Puller { tower: Arc::clone(tower), name: name.to_owned(), shared: Arc::clone(&shared) };
        let spawned = thread::Builder::new().name("pull".into()).spawn(move || puller.run());
        if let Err(error) = &spawned {
            tracing::error!(input = name, %error, "no thread to pull a stream; raise the limit of processes");
        }
        Self { shared, thread: spawned.ok().map(|handle| handle.thread().clone()) }
    }
}

impl RunningInput for Pull {
    fn status(&self) -> Value {
        let state = self.shared.lock();
        let stream = state.stream.as_ref().map(|stream| {
            let decoder = &stream.figures.decoder;
            let sound = decoder.sound.get();
            json!({
                "content_type": stream.content_type,
                "codec": sound.map(|(codec, _)| codec),
                "rate_hz": sound.map(|(_, rate_hz)| rate_hz),
                "seconds": stream.since.elapsed().as_secs_f64(),
                "bytes": stream.figures.bytes.load(Relaxed),
                "bad_packets": decoder.bad_packets.load(Relaxed),
                "resyncs": decoder.resyncs.load(Relaxed),
            })
        });
        let problem = state.problem.as_ref().filter(|_| !state.is_heard());
        json!({ "connected": stream, "attempts": state.attempts, "problem": problem })
    }
}

impl State {
    fn is_heard(&self) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.figures.decoder.sound.get().is_some())
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_ended = true;
        if let Some(stream) = &state.stream {
            stream.figures.stop.store(true, Relaxed);
        }
        if let Some(socket) = &state.socket {
            let _already_closed = socket.shutdown(Shutdown::Both);
        }
        if let Some(thread) = &self.thread {
            thread.unpark();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What its thread knows.
struct Puller {
    tower: Arc<Tower>,
    name: String,
    shared: Arc<Shared>,
}

impl Puller {
    fn run(self) {
        let mut wait = WAIT_MIN;
        while !self.shared.lock().is_ended {
            let begun = Instant::now();
            let outcome = self.pull();
            let why = outcome.unwrap_or_else(|error| format!("{error:#}"));
            if begun.elapsed() >= SETTLED {
                wait = WAIT_MIN;
            }
            let mut state = self.shared.lock();
            let was_heard = state.is_heard();
            (state.socket, state.stream) = (None, None);
            if state.is_ended {
                return;
            }
            // Told once, not with each attempt.
            let is_news = was_heard || state.problem.as_ref() != Some(&why);
            state.problem = Some(why.clone());
            drop(state);
            if is_news {
                self.note(Event::PullEnded { input: self.name.clone(), why, wait_s: wait.as_secs() });
            }
            self.wait(wait);
            wait = (wait * 2).min(WAIT_MAX);
        }
    }

    fn wait(&self, wait: Duration) {
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.shared.lock().is_ended {
                return;
            }
            thread::park_timeout(left);
        }
    }

    /// Pulls once, until there is no more; says why.
    fn pull(&self) -> anyhow::Result<String> {
        let setup = self.tower.setup();
        let is_this = |input: &&Input| input.name == self.name && input.kind == InputKind::Url;
        let input = setup.config.input.iter().find(is_this).context("its input is gone")?;
        let number = setup.input_names.id(&self.name).context("its input is gone")?;
        let children = ChildSettings::from_config(&setup.config.encoder, &self.tower.backing.decoders);
        self.shared.lock().attempts += 1;

        let figures = Arc::new(SessionFigures::default());
        let answer = request::ask(input, &figures.bytes, |socket| self.hold(socket))?;
        let format = Format::of(&answer.content_type);
        let places = self.tower.inputs.admit(spec::of(number, input), input.capacity_ticks, SOURCES_MAX);
        let (id, writer) = places.context("the router has no place for it")?;
        let left = Leaving { tower: &self.tower, id };
        {
            let mut state = self.shared.lock();
            let content_type = answer.content_type.clone();
            state.stream = Some(Stream { content_type, since: Instant::now(), figures: Arc::clone(&figures) });
            figures.stop.store(state.is_ended, Relaxed);
        }
        if !std::mem::take(&mut self.shared.lock().is_unreadable) {
            let (source, url, content_type) = (id.producer, shown(&input.url).to_owned(), answer.content_type.clone());
            self.note(Event::PullConnected { input: self.name.clone(), source, url, content_type });
        }

        let tower = Arc::clone(&self.tower);
        let heard = move |title: String| _ = tower.title_arrives_at(OnAir::Source(id), Title::new("", &title, ""));
        let audio = TitledAudio::new(answer.body, answer.interval_bytes, heard);
        let tower = Arc::clone(&self.tower);
        let titled = move |title| _ = tower.title_arrives_at(OnAir::Source(id), title);
        let (audio, gauge) = (Arc::new(Mutex::new(audio)), writer.gauge());
        let mut sink = Sink::new(writer, input.when_full, &figures.stop).named(&input.name);
        let lumps = |ticks| gauge.expect_lumps(ticks);
        let end =
            child::decode(&audio, format, &children, &figures.decoder, titled, lumps, |samples| sink.take(samples));
        sink.finish();
        drop(left);
        let body_end = audio.lock().unwrap_or_else(PoisonError::into_inner).bytes().end();
        Ok(match (end, body_end) {
            (StreamEnd::Unreadable(why), _) => {
                self.shared.lock().is_unreadable = true;
                let readable = readable(children.has_ffmpeg());
                bail!("nothing of it can be read, {:?}: {why}; {readable}", answer.content_type);
            }
            (StreamEnd::Damaged(why), _) => format!("nothing more of it can be read: {why}"),
            (_, Some(BodyEnd::TimedOut)) => format!("nothing came for {} ms (input timeout_ms)", input.timeout_ms),
            _ => "it ended".into(),
        })
    }

    /// Keeps a socket, to end it; at once, if that is wanted already.
    fn hold(&self, socket: TcpStream) {
        let mut state = self.shared.lock();
        if state.is_ended {
            let _already_closed = socket.shutdown(Shutdown::Both);
        }
        state.socket = Some(socket);
    }

    fn note(&self, event: Event) {
        self.tower.note(event);
    }
}

/// Whatever happens, the source has left in the end.
struct Leaving<'a> {
    tower: &'a Tower,
    id: radio_signal::router::SourceId,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.tower.inputs.left(self.id);
    }
}

/// A query may be a token.
fn shown(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
