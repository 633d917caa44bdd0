//! The pump's thread.

use super::{Order, PumpEvent, PumpFigures, Retired, Stage, clock, realtime};
use crate::ingest::Newcomer;
use radio_fanout::{Publisher, Ticker};
use radio_signal::pcm::PcmFrame;
use radio_signal::pump::{DueTick, Schedule};
use radio_signal::router::Router;
use radio_signal::units::TICK_BYTES;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A suspend shorter than this is made up like any late tick.
const SUSPEND_NS_MIN: u64 = 100_000_000;

/// Everything that happens at a tick, in the order in which it happens.
pub struct AudioPump {
    /// Buffers of new producers.
    pub newcomers: rtrb::Consumer<Newcomer>,
    /// What is wanted of it.
    pub orders: rtrb::Consumer<Order>,
    /// What is on air.
    pub router: Router,
    /// The router's PCM, as the operator hears it.
    pub monitor: Publisher,
    /// The outputs; as many as its capacity at most.
    pub outputs: Vec<Box<Stage>>,
    /// Tells the shards that a tick has passed.
    pub ticker: Ticker,
    /// What is to be freed elsewhere.
    pub leavers: rtrb::Producer<Retired>,
    /// Events on their way to the journal.
    pub events: rtrb::Producer<PumpEvent>,
    /// What others may read.
    pub figures: Arc<PumpFigures>,
}

/// Stops the pump.
pub struct PumpHandle {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl PumpHandle {
    /// Ends the thread after the tick it is in, and waits for it.
    pub fn stop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl AudioPump {
    /// Starts the clock: tick `past_ticks` is now.
    ///
    /// # Errors
    /// The system refuses another thread.
    pub fn start(mut self, past_ticks: u64, late_ms_max: u64) -> std::io::Result<PumpHandle> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("pump".into()).spawn(move || {
            match realtime::request_for_this_thread() {
                Ok(()) => self.figures.realtime.store(1, Relaxed),
                Err(error) => tracing::warn!(
                    %error,
                    "the clock runs at normal priority: grant CAP_SYS_NICE or LimitRTPRIO=10 for steadier timing under load"
                ),
            }
            self.run(&stopped, past_ticks, late_ms_max);
        })?;
        Ok(PumpHandle { stop, thread: Some(thread) })
    }

    fn run(&mut self, stop: &AtomicBool, past_ticks: u64, late_ms_max: u64) {
        let mut schedule = Schedule::new(clock::now(), past_ticks, late_ms_max);
        let mut suspended_ns = clock::suspended_ns();
        while !stop.load(Relaxed) {
            let suspended_before = std::mem::replace(&mut suspended_ns, clock::suspended_ns());
            let slept_ns = suspended_ns.saturating_sub(suspended_before);
            if slept_ns > SUSPEND_NS_MIN {
                schedule.reanchor(clock::now());
                self.reanchored(schedule.next_serial(), slept_ns);
            }
            while let Some(due) = schedule.take(clock::now()) {
                self.tick(due, past_ticks);
            }
            clock::sleep_until(schedule.deadline());
        }
    }

    /// One tick: the walk of one frame of PCM through all stages.
    fn tick(&mut self, due: DueTick, past_ticks: u64) {
        let tick = due.serial;
        if let Some(lost_ns) = due.reanchored_ns {
            self.reanchored(tick, lost_ns);
        }
        // A producer that connects while late ticks are made up is attached at the present: as PCM of a late tick it
        // would count as stale.
        if tick >= past_ticks {
            self.attach_newcomers();
        }
        while let Ok(order) = self.orders.pop() {
            self.follow(order);
        }

        let mut frame = PcmFrame::SILENCE;
        self.router.next_frame(&mut frame);

        for stage in &mut self.outputs {
            stage.feed.push(tick, &frame);
        }
        let mut bytes = [0; TICK_BYTES];
        frame.write_le_bytes(&mut bytes);
        let _ = self.monitor.publish(tick, &bytes);
        for index in 0..self.outputs.len() {
            let stage = &mut self.outputs[index];
            let output = stage.output;
            if let Some(event) = stage.broadcast.tick(tick) {
                self.tell(PumpEvent::Broadcast { output, tick, event });
            }
        }
        self.ticker.tick(tick);

        self.hand_back_leavers();
        while let Some(event) = self.router.poll_event() {
            self.tell(PumpEvent::Router(event));
        }
        if tick >= past_ticks {
            self.figures.count_lateness(due.late_ns);
        }
        self.figures.last_tick_ns.store(clock::now().0, Relaxed);
        self.figures.ticks.store(tick + 1, Relaxed);
    }

    fn follow(&mut self, order: Order) {
        match order {
            Order::Router(command) => self.router.command(command),
            Order::Treat(spec) => self.router.treat(spec),
            Order::Grace(ticks) => self.router.set_grace(ticks),
            Order::FallbackFile(file) => {
                let replaced = self.router.replace_fallback_file(file);
                replaced.into_iter().for_each(|reader| self.retire(Retired::Buffer(reader)));
            }
            Order::Join(stage) if self.outputs.len() < self.outputs.capacity() => self.outputs.push(stage),
            Order::Join(stage) => self.retire(Retired::Stage(stage)),
            Order::Leave(output) => {
                if let Some(index) = self.outputs.iter().position(|stage| stage.output == output) {
                    let stage = self.outputs.remove(index);
                    self.retire(Retired::Stage(stage));
                }
            }
        }
    }

    fn attach_newcomers(&mut self) {
        while let Ok(newcomer) = self.newcomers.pop() {
            if let Err(reader) = self.router.attach(newcomer.id, newcomer.spec, newcomer.reader) {
                self.retire(Retired::Buffer(reader));
            }
        }
    }

    fn hand_back_leavers(&mut self) {
        while !self.leavers.is_full() {
            let detached = self.router.poll_detached().map(|(_, reader)| reader);
            let Some(reader) = detached.or_else(|| self.router.poll_replaced_file()) else {
                break;
            };
            self.retire(Retired::Buffer(reader));
        }
    }

    fn retire(&mut self, retired: Retired) {
        // A full ring means that the journal's task is gone, and with it the tower: freeing here is then no matter.
        drop(self.leavers.push(retired));
    }

    fn reanchored(&mut self, tick: u64, lost_ns: u64) {
        self.figures.reanchors.fetch_add(1, Relaxed);
        self.tell(PumpEvent::Reanchored { tick, lost_ms: lost_ns / 1_000_000 });
    }

    fn tell(&mut self, event: PumpEvent) {
        if self.events.push(event).is_err() {
            self.figures.events_lost.fetch_add(1, Relaxed);
        }
    }
}
