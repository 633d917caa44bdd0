//! What happens, as facts: each event with its fields. Its words for people are in [`words`], and only there.
//!
//! A leaf: every module that notes an event imports this one, and it imports none of them.

mod kind;
mod reference;
mod session_end;
mod words;

pub use kind::{KINDS, Kind};
pub use reference::{page, schema};
pub use session_end::SessionEnd;

use radio_signal::router::Reason;
use radio_signal::units::Serial;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use strum::EnumIter;

/// One thing that happened. In JSON, `what` is the name of the variant; the other fields are its own.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema, EnumIter)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Event {
    /// Another source is on air.
    OnAir {
        /// It.
        source: String,
        /// The one before it.
        before: String,
        /// Why.
        #[serde(serialize_with = "code")]
        #[schemars(with = "String")]
        reason: Reason,
        /// Length of the fade, in ms, where it was shortened because the one before held no more.
        shortened_fade_ms: Option<u64>,
        /// Its pre-roll from now on, in ticks, where it ran dry with the one that is configured.
        raised_preroll_ticks: Option<u64>,
    },
    /// A title is heard from here on.
    Title {
        /// Artist and title; none if the source tells none.
        label: Option<String>,
        /// The source on air.
        source: String,
    },
    /// A frame is due and not there.
    HoldBegan {
        /// The output.
        mount: String,
        /// The number of the frame.
        frame: Serial,
    },
    /// Frames are there again.
    HoldEnded {
        /// The output.
        mount: String,
        /// The number of the frame that was waited for.
        frame: Serial,
        /// How long listeners waited.
        held_ms: u64,
        /// Silent frames that were sent in place of those that did not come.
        silent_frames: u64,
    },
    /// The clock was set anew after the machine had stood still.
    Reanchored {
        /// For so long.
        lost_ms: u64,
    },
    /// An encoder is in another state.
    EncoderState {
        /// The output.
        mount: String,
        /// The state before.
        from: String,
        /// The state now.
        to: String,
        /// Why.
        reason: String,
        /// Processes started so far.
        starts: u64,
        /// Processes that died so far.
        deaths: u64,
    },
    /// The encoder runs, so it can be compared with its stand-in.
    EncoderCompared {
        /// The output.
        mount: String,
    },
    /// The encoder cannot be started because it is not installed.
    EncoderMissing {
        /// The output.
        mount: String,
        /// What is missing, with its remedy.
        error: String,
    },
    /// A tick of PCM killed one process after the other; it is silence now.
    Poison {
        /// The output.
        mount: String,
        /// The number of the tick.
        tick: Serial,
    },
    /// An encoder that promises the same bytes after a restart gave others.
    ReplayUnmatched {
        /// The output.
        mount: String,
        /// The first tick of the replay.
        start_tick: Serial,
        /// Frames that were compared.
        compared: u64,
        /// The first frame of the other encode.
        next_frame: Serial,
    },
    /// An alarm is raised.
    AlarmRaised {
        /// Its name.
        alarm: &'static str,
        /// The output that it is about; none if it is about the whole tower.
        mount: Option<String>,
        /// What is wrong, and what to do.
        advice: String,
    },
    /// An alarm is over.
    AlarmOver {
        /// Its name.
        alarm: &'static str,
        /// The output that it was about.
        mount: Option<String>,
        /// How long it lasted, in ms; none where that is not known.
        lasted_ms: Option<u64>,
    },
    /// An alarm is not looked at any more, so it is over.
    AlarmUnwatched {
        /// Its name.
        alarm: &'static str,
        /// The output that it was about.
        mount: Option<String>,
    },
    /// A new certificate is in use.
    CertificateNew {
        /// Whether the one before could not be used.
        was_bad: bool,
    },
    /// A new certificate cannot be used.
    CertificateBad {
        /// Why.
        error: String,
    },
    /// The files of the certificate in use are there again.
    CertificateBack,
    /// A program has connected as a source.
    SourceConnected {
        /// The input.
        input: String,
        /// The number of the source.
        source: u64,
        /// Where it is.
        address: String,
        /// What it calls itself; may be empty.
        program: String,
        /// What it says that it sends; may be empty.
        content_type: String,
    },
    /// A source has left.
    SourceLeft {
        /// The input.
        input: String,
        /// The number of the source.
        source: u64,
        /// Where it was.
        address: String,
        /// How it ended.
        #[serde(flatten)]
        end: SessionEnd,
    },
    /// Two sources throw each other out.
    SourceTakeovers {
        /// The input.
        input: String,
        /// What the newer one calls itself.
        program: String,
        /// What the one before calls itself.
        before: String,
        /// Takeovers within a minute.
        count: usize,
    },
    /// A station has connected.
    ProducerConnected {
        /// The input.
        input: String,
        /// The number of the source.
        source: u64,
        /// Where it is; none on this machine.
        address: Option<String>,
    },
    /// A station has left.
    ProducerLeft {
        /// The input.
        input: String,
        /// The number of the source.
        source: u64,
        /// Where it was; none on this machine.
        address: Option<String>,
        /// Frames of its that found no room.
        dropped_frames: u64,
    },
    /// A station is not let in.
    ProducerRefused {
        /// The input.
        input: String,
        /// Where it is; none on this machine.
        address: Option<String>,
        /// Why.
        why: String,
    },
    /// A stream is pulled.
    PullConnected {
        /// The input.
        input: String,
        /// The number of the source.
        source: u64,
        /// The address, without a password.
        url: String,
        /// What it says that it sends.
        content_type: String,
    },
    /// There is no stream to pull, or no more of it.
    PullEnded {
        /// The input.
        input: String,
        /// Why.
        why: String,
        /// It is tried again after so long at first.
        wait_s: u64,
    },
    /// The program of an input was started.
    ProgramStarted {
        /// The input.
        input: String,
        /// The number of the source.
        source: u64,
        /// The number of the process.
        pid: u32,
        /// The program.
        executable: String,
    },
    /// The program of an input has ended.
    ProgramEnded {
        /// The input.
        input: String,
        /// Why.
        why: String,
        /// It is started again after so long at first; 0: at once.
        wait_ms: u64,
    },
    /// The station's socket was removed, and is there again.
    SocketPutBack {
        /// Its path.
        path: String,
    },
    /// The station's socket was removed, and cannot be put back.
    SocketGone {
        /// Its path.
        path: String,
        /// Why it cannot.
        error: String,
    },
    /// Another program has put a socket in the place of the station's.
    SocketReplaced {
        /// Its path.
        path: String,
    },
    /// Many of the files that may be open are.
    FilesNearLimit {
        /// Listeners that are there.
        listeners: u64,
        /// In use of what may be open, in per cent.
        percent: u64,
        /// Files that may be open.
        limit: u64,
    },
    /// Listeners were not let in because the uplink carries no more.
    ListenersTurnedAway {
        /// The path that the last of them asked for.
        path: String,
        /// Whether they were sent to `server.overflow_url`.
        is_redirected: bool,
        /// How many since the last such event.
        count: u64,
        /// What the uplink carries, and what it may.
        figures: String,
    },
    /// An input may be on air again, or is taken off it.
    InputAllowed {
        /// The input.
        input: String,
        /// Whether it may.
        allowed: bool,
    },
    /// An input goes before all others.
    InputPreferred {
        /// The input; none: they go by their priority again.
        input: Option<String>,
    },
    /// The fallback is forced, or released.
    FallbackForced {
        /// Whether it is forced.
        forced: bool,
    },
    /// An encoder is restarted.
    EncoderRestarted {
        /// The output.
        mount: String,
    },
    /// A song is skipped.
    SongSkipped {
        /// The song that was on air.
        skipped: String,
        /// The song that follows.
        next: String,
    },
    /// A listener is dropped.
    ListenerDropped {
        /// The number of the listener.
        id: u64,
        /// Where it was; none if it has no address.
        address: Option<String>,
    },
    /// A source is ended.
    SourceEnded {
        /// Its mount.
        mount: String,
    },
    /// A title was set.
    TitleSet {
        /// Artist and title.
        label: String,
    },
    /// A user has logged in at the dashboard.
    LoggedIn,
    /// Wrong passwords were given.
    WrongPasswords {
        /// How many since the last such event.
        count: u64,
    },
    /// The configuration was read again.
    Reloaded {
        /// What has changed, in words.
        changes: Vec<String>,
    },
    /// The configuration was to be read again, and nothing was changed.
    ReloadRefused {
        /// Why, with the remedy.
        why: String,
    },
}

/// The name of a variant without fields, as JSON has names.
fn code<S: Serializer>(value: &impl std::fmt::Debug, serializer: S) -> Result<S::Ok, S::Error> {
    let mut code = String::new();
    for c in format!("{value:?}").chars() {
        if c.is_uppercase() && !code.is_empty() {
            code.push('_');
        }
        code.extend(c.to_lowercase());
    }
    serializer.serialize_str(&code)
}
