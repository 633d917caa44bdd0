//! The router's PCM, as the confidence monitor gives it (SPEC API-5).

use crate::http::basic_auth;
use crate::listener::Listener;
use crate::{TICK_BYTES, TICK_SAMPLES};
use std::net::SocketAddr;
use std::time::Duration;

/// A connection to `/admin/monitor`.
pub struct Monitor {
    listener: Listener,
    /// Serial of its first tick.
    pub first_serial: u64,
}

/// PCM with the serial of its first tick.
#[derive(Clone, Debug)]
pub struct MonitorPcm {
    /// Serial of the first tick.
    pub first_serial: u64,
    /// Whole ticks of 16-bit stereo PCM.
    pub bytes: Vec<u8>,
}

impl Monitor {
    /// Listens as `admin` from `serial` on, or live.
    #[track_caller]
    #[must_use]
    pub fn open(address: SocketAddr, password: &str, from_serial: Option<u64>) -> Self {
        let target = from_serial.map_or("/admin/monitor".to_owned(), |from| format!("/admin/monitor?from={from}"));
        let listener = Listener::try_open(address, &target, &basic_auth("admin", password))
            .unwrap_or_else(|error| panic!("no monitor: {error}"));
        assert_eq!(listener.head.status(), 200, "{:?}", listener.head);
        let first_serial = listener.head.number("x-tower-serial");
        Self { listener, first_serial }
    }

    /// Whole ticks received so far.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        (self.listener.received().saturating_sub(44) / TICK_BYTES) as u64
    }

    /// Serial that the next tick to come will have.
    #[must_use]
    pub fn next_serial(&self) -> u64 {
        self.first_serial + self.ticks()
    }

    /// Waits until tick `serial` has come.
    #[track_caller]
    pub fn wait_serial(&self, serial: u64, limit: Duration) {
        crate::alarm::wait_until(&format!("tick {serial} at the monitor"), limit, || self.next_serial() > serial);
    }

    /// Everything so far.
    #[must_use]
    pub fn so_far(&self) -> MonitorPcm {
        self.cut(&self.listener.so_far().bytes)
    }

    /// Hangs up and gives everything.
    #[must_use]
    pub fn stop(self) -> MonitorPcm {
        let bytes = self.listener.so_far().bytes;
        self.cut(&bytes)
    }

    fn cut(&self, wav: &[u8]) -> MonitorPcm {
        let pcm = wav_data(wav).expect("the monitor sends a WAV head with a data chunk");
        let whole = pcm.len() / TICK_BYTES * TICK_BYTES;
        MonitorPcm { first_serial: self.first_serial, bytes: pcm[..whole].to_vec() }
    }
}

/// What follows the head of the data chunk.
fn wav_data(wav: &[u8]) -> Option<&[u8]> {
    if wav.get(..4)? != b"RIFF" || wav.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut at = 12;
    while wav.get(at..at + 4)? != b"data" {
        let length = u32::from_le_bytes(wav.get(at + 4..at + 8)?.try_into().ok()?) as usize;
        at = at.checked_add(8 + length + length % 2)?;
    }
    wav.get(at + 8..)
}

impl MonitorPcm {
    /// Number of whole ticks.
    #[must_use]
    pub fn ticks(&self) -> usize {
        self.bytes.len() / TICK_BYTES
    }

    /// The bytes of tick `serial`.
    #[track_caller]
    #[must_use]
    pub fn tick(&self, serial: u64) -> &[u8] {
        let index = serial.checked_sub(self.first_serial).expect("this tick was before the recording") as usize;
        &self.bytes[index * TICK_BYTES..(index + 1) * TICK_BYTES]
    }

    /// All serials of the recording.
    pub fn serials(&self) -> impl Iterator<Item = u64> + use<> {
        self.first_serial..self.first_serial + self.ticks() as u64
    }

    /// Left channel as numbers between -1 and 1.
    #[must_use]
    pub fn left(&self) -> Vec<f64> {
        crate::measure::left_s16(&self.bytes)
    }

    /// Left channel of the ticks from `serial` on.
    #[must_use]
    pub fn left_from(&self, serial: u64, ticks: usize) -> Vec<f64> {
        let from = (serial - self.first_serial) as usize * TICK_SAMPLES;
        self.left()[from..from + ticks * TICK_SAMPLES].to_vec()
    }

    /// Serial at which tick 0 of `fed` was on air, found by its tick `mark` (which must be like no other).
    #[track_caller]
    #[must_use]
    pub fn serial_of_fed(&self, fed: &[u8], mark: usize) -> u64 {
        let wanted = &fed[mark * TICK_BYTES..(mark + 1) * TICK_BYTES];
        let found = self.find(self.first_serial, |tick| tick == wanted);
        found.unwrap_or_else(|| panic!("tick {mark} of what was fed was never on air")) - mark as u64
    }

    /// The first of the ticks `range` of `fed` that was not on air bit for bit, if its tick 0 was at `serial`.
    #[must_use]
    pub fn first_difference(&self, serial: u64, fed: &[u8], mut range: std::ops::Range<usize>) -> Option<usize> {
        range.find(|&tick| self.tick(serial + tick as u64) != &fed[tick * TICK_BYTES..(tick + 1) * TICK_BYTES])
    }

    /// The first serial at or after `from` whose tick satisfies `wanted`.
    pub fn find(&self, from: u64, mut wanted: impl FnMut(&[u8]) -> bool) -> Option<u64> {
        self.serials().filter(|&serial| serial >= from).find(|&serial| wanted(self.tick(serial)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_chunk_is_found_behind_others() {
        let mut wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x02\0\0\0xxLIST\x01\0\0\0y\0data\xff\xff\xff\xff".to_vec();
        wav.extend_from_slice(b"PCM");
        assert_eq!(wav_data(&wav), Some(&b"PCM"[..]));
        assert_eq!(wav_data(b"RIFF"), None);
    }
}
