//! All listeners around one epoll, in one thread.

use crate::listener::{Listener, Received, State, ms};
use crate::plan::{Kind, Plan};
use crate::table::Table;
use anyhow::Result;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Most that one receive takes.
const RECEIVE_BYTES: usize = 256 * 1024;

/// Time between two readings of a slow listener.
const SLOW_EVERY: Duration = Duration::from_millis(100);

/// Longest wait for events.
const WAIT: Duration = Duration::from_millis(20);

/// Events taken at once.
const EVENTS: usize = 512;

/// Connects begun between two looks at the sockets.
const CONNECTS_AT_ONCE: usize = 32;

/// Time between two looks at the kernel's memory.
const MEMORY_EVERY: Duration = Duration::from_millis(500);

/// The listeners.
pub struct Generator {
    /// What is to be done.
    pub plan: Plan,
    /// All of them, in the order in which they join.
    pub listeners: Vec<Listener>,
    table: Option<Table>,
    epoll: OwnedFd,
    buffer: Vec<u8>,
    pub(crate) loop_ms_max: f64,
    pub(crate) tcp_bytes_max: u64,
    next_slow_at: Instant,
    next_memory_at: Instant,
    next_churn: usize,
}

impl Generator {
    pub(crate) fn new(plan: Plan) -> Result<Self> {
        let listeners = plan.order().into_iter().map(Listener::new).collect();
        let now = Instant::now();
        Ok(Self {
            plan,
            listeners,
            table: None,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            buffer: vec![0; RECEIVE_BYTES],
            loop_ms_max: 0.0,
            tcp_bytes_max: 0,
            next_slow_at: now,
            next_memory_at: now,
            next_churn: 0,
        })
    }

    /// Connects all, at the rate of the plan, and reads meanwhile.
    pub(crate) fn join_all(&mut self) -> Result<()> {
        let started = Instant::now();
        let mut joined = 0;
        while joined < self.listeners.len() {
            let due = (started.elapsed().as_secs_f64() * self.plan.ramp) as usize + 1;
            let until = due.min(self.listeners.len()).min(joined + CONNECTS_AT_ONCE);
            for index in joined..until {
                self.join(index)?;
            }
            joined = until;
            let wait = if joined < due { Duration::ZERO } else { Duration::from_secs_f64(1.0 / self.plan.ramp) };
            self.turn(wait.min(WAIT))?;
        }
        Ok(())
    }

    fn join(&mut self, index: usize) -> Result<()> {
        let listener = &mut self.listeners[index];
        listener.connect(index, self.plan.address)?;
        if let Some(socket) = &listener.socket {
            epoll::add(&self.epoll, socket, EventData::new_u64(index as u64), EventFlags::OUT)?;
        }
        Ok(())
    }

    /// From here on gaps and reads count.
    pub(crate) fn begin_window(&mut self) {
        for listener in &mut self.listeners {
            listener.reads = 0;
            listener.gap_ms_max = 0.0;
        }
        self.loop_ms_max = 0.0;
        self.tcp_bytes_max = 0;
    }

    pub(crate) fn window(&mut self, started: Instant, length: Duration) -> Result<()> {
        let end = started + length;
        let resume_at = started + Duration::from_secs_f64(self.plan.pause_s).min(length);
        self.set_paused(true)?;
        let mut paused = true;
        let mut left = 0;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            if paused && now >= resume_at {
                self.set_paused(false)?;
                paused = false;
            }
            let due = ((now - started).as_secs_f64() * self.plan.churn_per_s) as usize;
            let at_once = due.saturating_sub(left).min(CONNECTS_AT_ONCE);
            for _ in 0..at_once {
                self.churn()?;
            }
            left += at_once;
            let wait = if self.plan.churn_per_s > 0.0 { Duration::from_millis(1) } else { WAIT };
            self.turn(wait.min(end - now))?;
        }
    }

    /// One churning listener leaves and joins again.
    fn churn(&mut self) -> Result<()> {
        let count = self.listeners.len();
        let churning = (0..count).map(|step| (self.next_churn + step) % count);
        let found = churning.into_iter().find(|&index| self.listeners[index].kind == Kind::Churning);
        let Some(index) = found else { return Ok(()) };
        self.next_churn = index + 1;
        self.listeners[index].leave();
        self.join(index)
    }

    fn set_paused(&mut self, paused: bool) -> Result<()> {
        let interest = if paused { EventFlags::empty() } else { EventFlags::IN };
        for (index, listener) in self.listeners.iter().enumerate().filter(|(_, one)| one.kind == Kind::Paused) {
            if let Some(socket) = &listener.socket {
                epoll::modify(&self.epoll, socket, EventData::new_u64(index as u64), interest)?;
            }
        }
        Ok(())
    }

    pub(crate) fn run_until(&mut self, end: Instant) -> Result<()> {
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            self.turn(WAIT.min(end - now))?;
        }
    }

    /// Waits for events at most this long and handles them; then whatever has its time.
    fn turn(&mut self, wait: Duration) -> Result<()> {
        let begun = Instant::now();
        let mut events = Vec::with_capacity(EVENTS);
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait.as_nanos() as i64 };
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let woken = Instant::now();
        for event in &events {
            let (data, flags) = (event.data, event.flags);
            self.handle(data.u64() as usize, flags)?;
        }
        if woken >= self.next_slow_at {
            self.next_slow_at = woken + SLOW_EVERY;
            self.read_slowly();
        }
        if woken >= self.next_memory_at {
            self.next_memory_at = woken + MEMORY_EVERY;
            self.tcp_bytes_max = self.tcp_bytes_max.max(crate::watch::tcp_bytes());
        }
        self.loop_ms_max = self.loop_ms_max.max(ms(Instant::now(), begun + wait));
        Ok(())
    }

    fn handle(&mut self, index: usize, flags: EventFlags) -> Result<()> {
        let Some(listener) = self.listeners.get_mut(index) else { return Ok(()) };
        if matches!(listener.state, State::Connecting) {
            listener.ask(&self.plan);
            if let (State::Head(_), Some(socket)) = (&listener.state, &listener.socket) {
                let reads_by_itself = !matches!(listener.kind, Kind::Slow | Kind::Stuck);
                let interest = if reads_by_itself { EventFlags::IN } else { EventFlags::empty() };
                epoll::modify(&self.epoll, socket, EventData::new_u64(index as u64), interest)?;
            }
            return Ok(());
        }
        // An end reaches those too that do not read.
        if flags.intersects(EventFlags::HUP | EventFlags::ERR) && !flags.contains(EventFlags::IN) {
            listener.end("closed by the server".into());
            return Ok(());
        }
        listener.receive(&mut self.buffer, &mut self.table);
        Ok(())
    }

    fn read_slowly(&mut self) {
        let bytes = (self.plan.slow_rate as f64 * SLOW_EVERY.as_secs_f64()) as usize;
        for listener in self.listeners.iter_mut().filter(|listener| listener.kind == Kind::Slow) {
            if matches!(listener.state, State::Head(_) | State::Hearing(_))
                && listener.receive(&mut self.buffer[..bytes.max(1)], &mut self.table) == Received::End
            {
                listener.socket = None;
            }
        }
    }
}
