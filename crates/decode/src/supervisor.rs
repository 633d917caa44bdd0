//! When a decoder process is started, given up and replaced, and which file is given up with it.
//!
//! A pure machine: its shell reports what happens with [`Supervisor::handle`], does what
//! [`Supervisor::poll_action`] says until that is `None`, and comes back with [`Event::Timeout`] at
//! [`Supervisor::deadline`]. One process decodes at a time. A process that was killed stays
//! *dying* until the kernel has ended it; two that do not end (a disk that does not answer) are the
//! most there may be, and until one of them ends no other is started.

use radio_signal::units::{MonoTime, SAMPLE_RATE_HZ};
use std::collections::VecDeque;

/// Processes that were killed and have not ended.
pub const DYING_MAX: usize = 2;
/// How often the processor time of a process that owes sound is read.
const LOOK_MS: u64 = 250;
/// The wait before a second replacement in a row; it doubles with each further one,
const BACKOFF_MS: u64 = 200;
/// up to this.
const BACKOFF_MS_MAX: u64 = 5000;
/// Without a wait the next item is begun behind one that is given up, so often in a row.
const GIVEN_UP_AT_ONCE_MAX: u32 = 20;

/// The number of a process.
pub type ProcessId = u64;
/// The number of what a process decodes: a file.
pub type Item = u64;

/// The limits of one line of decoder processes.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A process that owes sound, gives none for so long and does not work hangs.
    pub stall_ms: u64,
    /// Processor time that a process may take before it gives sound, and that it has in hand at most.
    pub processor_start_ms: u64,
    /// Processor time in ms for each second of sound.
    pub processor_per_second_ms: u64,
    /// An item at one place of which so many processes hung or were killed is given up.
    pub strikes_max: u32,
    /// So many processes in a row may fail before one is settled; none: they are started for ever.
    /// Those that are killed from outside do not count.
    pub deaths_max: Option<u32>,
    /// A process that has given so many samples has nothing to do with the deaths before it, nor has
    /// an item that has given a tenth of that with the strikes before.
    pub settled_samples: u64,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A process is wanted from now on.
    Start,
    /// None is wanted any more.
    Stop,
    /// A process could not be started.
    SpawnFailed(ProcessId),
    /// Whether there is input for it and room for its sound.
    Owes(ProcessId, bool),
    /// It gave so many samples.
    Sound(ProcessId, u64),
    /// It decoded so many samples that were not wanted.
    Skipped(ProcessId, u64),
    /// It has begun with an item.
    Began(ProcessId, Item),
    /// It is done with an item.
    Over(ProcessId, Item),
    /// Its processor time was read.
    Looked(ProcessId, Option<Look>),
    /// It gives nothing more.
    Lost(ProcessId, Reason),
    /// A process that was given up has ended.
    Buried(ProcessId),
    /// The deadline has passed.
    Timeout,
}

/// The processor time of a process so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// All of it, of what it has started too.
    pub ran_ns: u64,
    /// Of that, what decodes now has taken: while that changes, it works.
    pub decoding_ns: u64,
    /// What decodes runs, or waits for the processor.
    pub is_runnable: bool,
}

/// Why a process is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It failed by itself: a panic, a fault, no more memory.
    Failed,
    /// Something else killed it.
    Killed,
    /// It hangs.
    Hangs,
    /// It takes too much processor time for the sound that it gives.
    Processor,
    /// It writes what is no record.
    Nonsense,
    /// It could not be started.
    NotStarted,
    /// It is not wanted any more.
    Stopped,
}

impl Reason {
    /// Whether what it decoded is the cause: the same bytes would do the same again.
    const fn is_of_the_item(self) -> bool {
        matches!(self, Self::Failed | Self::Processor | Self::Nonsense)
    }

    /// Of the signal that ended a process: those that come from outside are no fault of its own.
    #[must_use]
    pub const fn of_signal(signal: i32) -> Self {
        match signal {
            libc::SIGKILL | libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT => Self::Killed,
            _ => Self::Failed,
        }
    }

    /// In words that follow "the decoder".
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Killed => "was killed",
            Self::Hangs => "hung",
            Self::Processor => "took too much processor time",
            Self::Nonsense => "wrote nonsense",
            Self::NotStarted => "could not be started",
            Self::Stopped => "was stopped",
        }
    }
}

/// What the shell must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process of this number.
    Spawn(ProcessId),
    /// Kill it, and report when it has ended. It may be dead already.
    Kill(ProcessId, Reason),
    /// Read its processor time.
    Look(ProcessId),
    /// Do not decode this item again.
    GiveUp(Item, Reason),
    /// Too many in a row have died: nothing more is started.
    Exhausted(Reason),
}

/// Supervises one line of decoder processes; see the [module](self).
#[derive(Debug)]
pub struct Supervisor {
    settings: Settings,
    wanted: bool,
    live: Option<Process>,
    dying: Vec<ProcessId>,
    next_id: ProcessId,
    spawn_at: Option<MonoTime>,
    deaths: u32,
    /// Of those, the ones that were not killed from outside.
    failures: u32,
    replaced: u64,
    /// The item in which processes hung or were killed, and how many.
    strikes: Option<(Item, u32)>,
    /// Bounded: a shell empties it after every event, and an event makes few.
    actions: VecDeque<Action>,
}

#[derive(Debug)]
struct Process {
    id: ProcessId,
    item: Option<Item>,
    /// Samples that it gave in all, and of its item.
    samples: u64,
    item_samples: u64,
    /// Since when it owes sound without a sign of life.
    owes_since: Option<MonoTime>,
    /// What it had taken to decode at that sign, once it has been read.
    decoding_at_sign_ns: Option<u64>,
    ran_ns: u64,
    credit_ns: i64,
    look_at: MonoTime,
}

impl Supervisor {
    /// A line without a process.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            wanted: false,
            live: None,
            dying: Vec::new(),
            next_id: 0,
            spawn_at: None,
            deaths: 0,
            failures: 0,
            replaced: 0,
            strikes: None,
            actions: VecDeque::new(),
        }
    }

    /// Takes in what happened at `now`. Events of processes that have been given up are ignored.
    pub fn handle(&mut self, now: MonoTime, event: Event) {
        match event {
            Event::Start => {
                self.wanted = true;
                if self.live.is_none() && self.spawn_at.is_none() {
                    self.spawn_at = Some(now);
                }
            }
            Event::Stop => {
                (self.wanted, self.spawn_at) = (false, None);
                if let Some(process) = self.live.take() {
                    self.kill(process.id, Reason::Stopped);
                }
            }
            Event::SpawnFailed(id) => self.lose(now, id, Reason::NotStarted),
            Event::Lost(id, reason) => self.lose(now, id, reason),
            Event::Buried(id) => self.dying.retain(|&dying| dying != id),
            Event::Owes(id, owes) => {
                if let Some(process) = self.alive(id)
                    && owes != process.owes_since.is_some()
                {
                    process.owes_since = owes.then_some(now);
                    process.decoding_at_sign_ns = None;
                    process.look_at = process.look_at.max(now);
                }
            }
            Event::Sound(id, samples) => self.sound(now, id, samples, samples),
            Event::Skipped(id, samples) => self.sound(now, id, 0, samples),
            Event::Began(id, item) => {
                let start_ns = self.start_ns();
                if let Some(process) = self.alive(id)
                    && process.item != Some(item)
                {
                    (process.item, process.item_samples, process.credit_ns) = (Some(item), 0, start_ns);
                }
            }
            Event::Over(id, item) => {
                self.strikes = self.strikes.filter(|(struck, _)| *struck != item);
                if let Some(process) = self.alive(id) {
                    process.item = process.item.filter(|current| *current != item);
                }
            }
            Event::Looked(id, time) => self.looked(now, id, time),
            Event::Timeout => {
                let due = self.live.as_ref().filter(|process| process.owes_since.is_some() && process.look_at <= now);
                self.actions.extend(due.map(|process| Action::Look(process.id)));
            }
        }
        self.spawn_due(now);
    }

    /// What the shell must do next. Only [`handle`](Self::handle) adds to it.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When to call [`handle`](Self::handle) with [`Event::Timeout`], if nothing happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<MonoTime> {
        let spawn_at = self.spawn_at.filter(|_| self.dying.len() < DYING_MAX);
        let look_at = self.live.as_ref().filter(|process| process.owes_since.is_some()).map(|process| process.look_at);
        spawn_at.into_iter().chain(look_at).min()
    }

    /// Whether processes that do not end keep another from being started.
    #[must_use]
    pub const fn is_blocked(&self) -> bool {
        self.live.is_none() && self.dying.len() >= DYING_MAX
    }

    /// Processes that were replaced so far.
    #[must_use]
    pub const fn replaced(&self) -> u64 {
        self.replaced
    }

    fn sound(&mut self, now: MonoTime, id: ProcessId, given: u64, decoded: u64) {
        let (start_ns, settled_samples) = (self.start_ns(), self.settings.settled_samples);
        let per_second_ns = self.settings.processor_per_second_ms * 1_000_000;
        let Some(process) = self.alive(id) else { return };
        let earned_ns = decoded.saturating_mul(per_second_ns) / u64::from(SAMPLE_RATE_HZ);
        process.credit_ns = process.credit_ns.saturating_add_unsigned(earned_ns).min(start_ns);
        if process.owes_since.is_some() {
            process.owes_since = Some(now);
            process.decoding_at_sign_ns = None;
        }
        process.samples += given;
        process.item_samples += given;
        if process.samples >= settled_samples {
            (self.deaths, self.failures) = (0, 0);
        }
    }

    fn looked(&mut self, now: MonoTime, id: ProcessId, time: Option<Look>) {
        let stall_ms = self.settings.stall_ms;
        let Some(process) = self.alive(id) else { return };
        process.look_at = now.plus_ms(LOOK_MS);
        // A process that cannot be read any more is about to be reported as lost.
        let Some(time) = time else { return };
        let ran_ns = time.ran_ns.saturating_sub(process.ran_ns);
        process.ran_ns = process.ran_ns.max(time.ran_ns);
        process.credit_ns = process.credit_ns.saturating_sub_unsigned(ran_ns);
        if process.credit_ns < 0 {
            return self.lose(now, id, Reason::Processor);
        }
        let Some(since) = process.owes_since else { return };
        let at_sign_ns = *process.decoding_at_sign_ns.get_or_insert(time.decoding_ns);
        // One that works is judged by its credit, one that waits for the processor by nobody.
        let works = time.is_runnable || time.decoding_ns != at_sign_ns;
        if works {
            process.decoding_at_sign_ns = Some(time.decoding_ns);
            process.owes_since = Some(now);
        } else if now.since_ms(since) >= stall_ms {
            self.lose(now, id, Reason::Hangs);
        }
    }

    fn lose(&mut self, now: MonoTime, id: ProcessId, reason: Reason) {
        let Some(process) = self.live.take_if(|process| process.id == id) else { return };
        self.kill(id, reason);
        let mut is_given_up = false;
        if let Some(item) = process.item {
            let moved_on = process.item_samples >= self.settings.settled_samples / 10;
            let before = self.strikes.filter(|(struck, _)| *struck == item && !moved_on).map_or(0, |(_, count)| count);
            self.strikes = Some((item, before + 1));
            if reason.is_of_the_item() || before + 1 >= self.settings.strikes_max {
                self.strikes = None;
                self.actions.push_back(Action::GiveUp(item, reason));
                is_given_up = true;
            }
        }
        self.deaths += 1;
        // What kills it from outside says nothing about what it decodes.
        self.failures += u32::from(reason != Reason::Killed);
        if !self.wanted {
            return;
        }
        if self.settings.deaths_max.is_some_and(|max| self.failures > max) {
            self.wanted = false;
            self.actions.push_back(Action::Exhausted(reason));
            return;
        }
        self.replaced += 1;
        let wait_ms = match self.deaths {
            0 | 1 => 0,
            deaths if is_given_up && deaths <= GIVEN_UP_AT_ONCE_MAX => 0,
            deaths => (BACKOFF_MS << (deaths - 2).min(10)).min(BACKOFF_MS_MAX),
        };
        self.spawn_at = Some(now.plus_ms(wait_ms));
    }

    fn kill(&mut self, id: ProcessId, reason: Reason) {
        self.dying.push(id);
        self.actions.push_back(Action::Kill(id, reason));
    }

    fn spawn_due(&mut self, now: MonoTime) {
        let is_due = self.spawn_at.is_some_and(|at| at <= now);
        if !is_due || self.live.is_some() || self.dying.len() >= DYING_MAX {
            return;
        }
        self.spawn_at = None;
        let id = self.next_id;
        self.next_id += 1;
        let credit_ns = self.start_ns();
        let (item, owes_since, decoding_at_sign_ns) = (None, None, None);
        let (samples, item_samples, ran_ns) = (0, 0, 0);
        let process = Process {
            id,
            item,
            samples,
            item_samples,
            owes_since,
            decoding_at_sign_ns,
            ran_ns,
            credit_ns,
            look_at: now,
        };
        self.live = Some(process);
        self.actions.push_back(Action::Spawn(id));
    }

    fn alive(&mut self, id: ProcessId) -> Option<&mut Process> {
        self.live.as_mut().filter(|process| process.id == id)
    }

    fn start_ns(&self) -> i64 {
        self.settings.processor_start_ms.saturating_mul(1_000_000).try_into().unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
