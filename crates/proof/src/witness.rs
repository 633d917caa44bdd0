//! One who follows a tower from frame 0: the stream, the monitor and what was fed, to be compared afterwards.

use crate::frames;
use crate::judge::{Verdict, judge};
use crate::listener::{Listener, Recording};
use crate::machine::Watch;
use crate::monitor::{Monitor, MonitorPcm};
use crate::station::{Manner, Station};
use crate::tower::Tower;
use crate::{FRAME_BYTES, TICK_BYTES, material, offline};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Ticks that an encoder needs beyond a frame's own; what an offline encoder makes of the end is its own affair.
const LOOKAHEAD_TICKS: usize = 3;

/// Send period of the default mount, and what SPEC LIS-5 adds to it.
const SEND_PERIOD: Duration = Duration::from_millis(504);
const GAP_ADDED: Duration = Duration::from_millis(150);
const BURST: Duration = Duration::from_millis(2016);
const HOLD_MAX: Duration = Duration::from_millis(1000);
const BYTES_PER_SECOND: f64 = 16_000.0;

/// Ticks until what was on air has left the tower: playout delay, send period, and a hold.
const WAY_OUT_TICKS: u64 = 21 + 21 + 42;

/// Follows a tower, whose first output is at `/stream`, and feeds it.
pub struct Witness {
    monitor: Monitor,
    /// From frame 0.
    all: Listener,
    /// As anyone listens.
    ordinary: Listener,
    station: Station,
    programme: Arc<Vec<u8>>,
    machine: Watch,
}

impl Witness {
    /// Opens monitor and stream at once, then sends `programme` (whole ticks) over and over.
    #[track_caller]
    #[must_use]
    pub fn follow(tower: &Tower, programme: Vec<u8>) -> Self {
        assert_eq!(programme.len() % TICK_BYTES, 0, "a programme is made of whole ticks");
        let (monitor, all) = (tower.monitor(Some(0)), tower.listen("/stream?burst=30"));
        assert_eq!((monitor.first_serial, all.first_frame()), (0, 0), "both begin with the tower");
        let ordinary = tower.listen("/stream");
        let programme = Arc::new(programme);
        // Well ahead: on a crowded machine the station must not be what is late.
        let manner = Manner { looped: true, lead: Duration::from_secs(1), ..Manner::default() };
        let station = Station::start(&tower.pcm_socket(), Arc::clone(&programme), manner);
        Self { monitor, all, ordinary, station, programme, machine: Watch::start() }
    }

    /// The newest tick on air.
    #[must_use]
    pub fn tick(&self) -> u64 {
        self.monitor.next_serial().saturating_sub(1)
    }

    /// Waits until `ticks` more have been on air.
    #[track_caller]
    pub fn wait_ticks(&self, ticks: u64) {
        let last = self.tick() + ticks;
        self.monitor.wait_serial(last, Duration::from_millis(ticks * 24 * 2 + 10_000));
    }

    /// Waits until all that is on air now must have been received, and stops.
    #[track_caller]
    #[must_use]
    pub fn finish(self, tower: &Tower) -> Evidence {
        self.wait_ticks(WAY_OUT_TICKS);
        let status = tower.status();
        let connected = self.ordinary.connected;
        let ordinary_first = self.ordinary.first_frame();
        // The listeners first: so every frame that they have is made of PCM that the monitor has.
        let (all, ordinary) = (self.all.stop(), self.ordinary.stop());
        let fed_ticks = self.station.stop() as usize / TICK_BYTES;
        Evidence {
            pcm: self.monitor.stop(),
            all,
            ordinary,
            ordinary_first,
            connected,
            fed_ticks,
            programme: self.programme,
            machine: self.machine,
            status,
        }
    }
}

/// What a witness has.
pub struct Evidence {
    /// The router's PCM from tick 0.
    pub pcm: MonitorPcm,
    /// The stream from frame 0.
    pub all: Recording,
    /// The stream as anyone listens to it.
    pub ordinary: Recording,
    /// Number of its first frame.
    pub ordinary_first: u64,
    /// When it asked.
    pub connected: Instant,
    /// Ticks that the station has sent.
    pub fed_ticks: usize,
    /// What it sent over and over.
    pub programme: Arc<Vec<u8>>,
    /// How busy the machine was.
    pub machine: Watch,
    /// `/status` at the end.
    pub status: Value,
}

impl Evidence {
    /// Frames that must have been received: all but those on their way at the end.
    #[must_use]
    pub fn frames_owed(&self) -> usize {
        self.pcm.ticks().saturating_sub(WAY_OUT_TICKS as usize)
    }

    /// The stream from frame 0 against one uninterrupted run of Debian's ffmpeg over `pcm`, as a rule the monitor's.
    #[track_caller]
    #[must_use]
    pub fn judged_against(&self, pcm: &[u8]) -> Verdict {
        self.judged_by(&offline::ffmpeg_encode(pcm, 128))
    }

    /// The stream from frame 0 against an offline encode of the whole PCM.
    #[track_caller]
    #[must_use]
    pub fn judged_by(&self, offline: &[u8]) -> Verdict {
        let mut reference = frames::strict(offline);
        reference.truncate(self.pcm.ticks() - LOOKAHEAD_TICKS);
        judge(0, &self.all.bytes, &reference)
    }

    /// The verdict on the stream from frame 0.
    #[track_caller]
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.judged_against(&self.pcm.bytes)
    }

    /// Panics unless the listener from frame 0 has the bytes of an uninterrupted encoder, and the ordinary one the same.
    #[track_caller]
    pub fn assert_identical(&self) {
        self.verdict().assert_identical(self.frames_owed());
        self.assert_both_heard_the_same();
    }

    /// Panics unless the ordinary listener has the very bytes of the one from frame 0.
    #[track_caller]
    pub fn assert_both_heard_the_same(&self) {
        let all = &self.all.bytes[self.ordinary_first as usize * FRAME_BYTES..];
        let common = all.len().min(self.ordinary.bytes.len());
        assert!(
            common >= (self.frames_owed() - self.ordinary_first as usize) * FRAME_BYTES,
            "{common} bytes in common"
        );
        let differs = all.iter().zip(&self.ordinary.bytes).position(|(one, other)| one != other);
        assert_eq!(differs, None, "the two listeners did not hear the same");
    }

    /// Panics unless the monitor is what was fed, bit for bit, while it was on air: from the end of the opening ramp on.
    #[track_caller]
    pub fn assert_fed(&self) {
        let programme = &self.programme;
        let mark = material::unique_tick(programme, 20);
        let serial = self.pcm.serial_of_fed(programme, mark) as usize;
        let last = (serial + self.fed_ticks).min(self.pcm.ticks());
        assert!(last > serial + 100, "the programme was on air from tick {serial} to {last}");
        let ticks = programme.len() / TICK_BYTES;
        let fed = |on_air: usize| {
            let at = (on_air - serial) % ticks * TICK_BYTES;
            &programme[at..at + TICK_BYTES]
        };
        let differs = (serial + 1..last).find(|&on_air| self.pcm.tick(on_air as u64) != fed(on_air));
        assert_eq!(differs, None, "this tick was on air otherwise than it was fed (tick 0 of it was {serial})");
    }

    /// A figure of the first output.
    #[track_caller]
    #[must_use]
    pub fn output(&self, figure: &str) -> u64 {
        let value = self.status["outputs"][0][figure].as_u64();
        value.unwrap_or_else(|| panic!("no outputs[0].{figure} in {}", self.status))
    }

    /// A figure of the first output's encoder.
    #[track_caller]
    #[must_use]
    pub fn encoder(&self, figure: &str) -> u64 {
        let value = self.status["outputs"][0]["encoder"][figure].as_u64();
        value.unwrap_or_else(|| panic!("no outputs[0].encoder.{figure} in {}", self.status))
    }

    /// The longest hold of the first output, as the tower has counted it.
    #[track_caller]
    #[must_use]
    pub fn longest_hold(&self) -> Duration {
        Duration::from_millis(24 * self.output("behind_ticks_max"))
    }

    /// Panics if the ordinary listener was cut, starved beyond its send period and any counted hold, or flooded (SPEC
    /// LIS-5). On a crowded machine the gap may be longer by a longest hold: it may be the listener who came late.
    #[track_caller]
    pub fn assert_within_bounds(&self) {
        for listener in [&self.all, &self.ordinary] {
            assert!(listener.end.is_none(), "a listener was cut: {:?}", listener.end);
        }
        let gap = self.ordinary.longest_gap(self.connected);
        let crowded = if self.machine.was_crowded() { HOLD_MAX } else { Duration::ZERO };
        let gap_max = SEND_PERIOD + GAP_ADDED + self.longest_hold() + crowded;
        assert!(gap <= gap_max, "{gap:?} without a byte, {gap_max:?} are allowed");
        let ahead = self.ordinary.most_ahead_bytes(self.connected, BYTES_PER_SECOND);
        let ahead_max = ((BURST + HOLD_MAX + SEND_PERIOD).as_secs_f64() * BYTES_PER_SECOND) as i64 + FRAME_BYTES as i64;
        assert!(ahead <= ahead_max, "{ahead} bytes ahead of real time, {ahead_max} are allowed");
    }

    /// What is worth writing down.
    #[must_use]
    pub fn summary(&self) -> String {
        let status = &self.status;
        let (output, encoder) = (&status["outputs"][0], &status["outputs"][0]["encoder"]);
        let figures = |of: &Value, names: &[&str]| {
            names.iter().map(|name| format!("{name} {}", of[*name])).collect::<Vec<_>>().join(", ")
        };
        format!(
            "{} ticks; {}; {}; longest gap {:?}; busiest half second of the machine {} permille; lateness of the clock {}",
            self.pcm.ticks(),
            figures(output, &["holds", "behind_ticks_max", "silent_frames"]),
            figures(
                encoder,
                &[
                    "restarts",
                    "deaths",
                    "replays",
                    "replays_proved",
                    "replays_unmatched",
                    "suspicions",
                    "stand_in_starts",
                    "poisoned_ticks",
                    "mismatches",
                    "late"
                ]
            ),
            self.ordinary.longest_gap(self.connected),
            self.machine.busiest_permille(),
            status["lateness_ms"]
        )
    }
}
