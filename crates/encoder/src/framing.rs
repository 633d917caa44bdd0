//! An encoder's bytes to its frames, and its frames to the slots of the ticks in which they begin (SPEC MPEG-1 to
//! MPEG-4; [`radio_signal::grid`]).

use super::format::Format;
use radio_config::Codec;
use radio_signal::mpeg::{AdtsHeader, Framer, Header, Packetizer};
use radio_signal::ogg::{OpusStream, Packets, opus};
use radio_signal::supervisor::Reason;
use radio_signal::units::Serial;

/// Packets before the first one of sound: who encoded, and how.
const OPUS_HEADERS: u64 = 2;

/// Takes the bytes of one process and gives the contents of slots.
pub(super) struct Framing {
    cutter: Cutter,
    format: Format,
    /// The first tick that the process was fed; a frame begins with it.
    start_tick: Serial,
    /// Codec frames since then.
    frames: u64,
    /// Slots since then that were handed out.
    ticks: u64,
    /// Ticks were left out: how many slots had been handed out by then, and how many ticks it was.
    left_out: Option<(u64, u64)>,
    /// Content of the slot that is being filled, or was handed out just now.
    slot: Vec<u8>,
    is_handed_out: bool,
}

enum Cutter {
    Mp3(Packetizer),
    Aac(Framer<AdtsHeader>),
    Opus(OpusCutter),
}

struct OpusCutter {
    packets: Packets,
    headers: u64,
    /// Packets of the slot, whose page is written when all are there.
    slot: Vec<Vec<u8>>,
    stream: OpusStream,
}

impl Framing {
    /// For a process that is fed from `start_tick` on, which must be a multiple of the grid's period. With `confirmed`
    /// each frame waits for the one behind it, where nothing else tells a whole one from half of one.
    pub(super) fn new(format: Format, start_tick: Serial, confirmed: bool) -> Self {
        let cutter = match format.codec {
            Codec::Mp3 => Cutter::Mp3(if confirmed { Packetizer::confirming() } else { Packetizer::new() }),
            Codec::Aac | Codec::HeAac => Cutter::Aac(if confirmed { Framer::confirming() } else { Framer::new() }),
            Codec::Opus => Cutter::Opus(OpusCutter {
                packets: Packets::new(),
                headers: 0,
                slot: Vec::new(),
                stream: format.opus(),
            }),
        };
        let slot = Vec::with_capacity(format.tick_bytes_max());
        Self { cutter, format, start_tick, frames: 0, ticks: 0, left_out: None, slot, is_handed_out: false }
    }

    /// After so many slots since the start the process leaves out `ticks`, a multiple of the grid's
    /// period.
    pub(super) fn leave_out(&mut self, after_slots: u64, ticks: u64) {
        self.left_out = Some((after_slots, ticks));
        self.step_over();
    }

    /// Whether slots from before what is left out are still to come.
    pub(super) fn is_before_left_out(&self) -> bool {
        self.left_out.is_some()
    }

    /// The tick of the next slot.
    pub(super) fn next_tick(&self) -> Serial {
        self.start_tick + self.ticks
    }

    fn step_over(&mut self) {
        if let Some((_, ticks)) = self.left_out.take_if(|(after_slots, _)| self.ticks >= *after_slots) {
            self.start_tick += ticks;
        }
    }

    /// Slots handed out since the start.
    pub(super) fn ticks(&self) -> u64 {
        self.ticks
    }

    /// Takes what was read, at most a full pipe at once, after [`Self::next`] has said `None`.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        match &mut self.cutter {
            Cutter::Mp3(framer) => _ = framer.push(bytes),
            Cutter::Aac(framer) => _ = framer.push(bytes),
            Cutter::Opus(cutter) => cutter.packets.push(bytes).map_err(|_| Reason::NotFrames)?,
        }
        Ok(())
    }

    /// The next slot that is whole, with its tick. Of all slots, no more than `ticks_max` can be.
    pub(super) fn next(&mut self, ticks_max: u64) -> Result<Option<(Serial, &[u8])>, Reason> {
        if std::mem::take(&mut self.is_handed_out) {
            self.slot.clear();
        }
        let grid = self.format.grid();
        while self.ticks == grid.whole_ticks(self.frames) {
            let is_last = grid.whole_ticks(self.frames + 1) > self.ticks;
            let tick = self.next_tick();
            if !self.cutter.next_frame(self.format, tick, is_last, &mut self.slot)? {
                return Ok(None);
            }
            self.frames += 1;
        }
        if self.ticks >= ticks_max {
            return Err(Reason::TooManyFrames);
        }
        if self.slot.len() > self.format.tick_bytes_max() {
            return Err(Reason::WrongFormat);
        }
        let tick = self.next_tick();
        self.ticks += 1;
        self.step_over();
        self.is_handed_out = true;
        Ok(Some((tick, &self.slot)))
    }
}

impl Cutter {
    /// Appends the next frame of slot `tick`, perhaps the last one of it, to `slot`; says whether there was one.
    fn next_frame(&mut self, format: Format, tick: Serial, is_last: bool, slot: &mut Vec<u8>) -> Result<bool, Reason> {
        match self {
            Self::Mp3(framer) => next_of(framer, slot, |header| {
                (u32::from(header.bitrate_kbps), header.sample_rate_hz, header.channels())
                    == (format.bitrate_kbps, format.sample_rate_hz, format.channels)
            }),
            Self::Aac(framer) => next_of(framer, slot, |header| format.fits_adts(&header.format)),
            Self::Opus(cutter) => cutter.next_packet(tick, is_last, slot),
        }
    }
}

fn next_of<H: Header>(framer: &mut Framer<H>, slot: &mut Vec<u8>, fits: impl Fn(&H) -> bool) -> Result<bool, Reason> {
    let next = framer.next_frame().map(|frame| {
        slot.extend_from_slice(frame.bytes);
        fits(&frame.header)
    });
    // Bytes between two frames may have been a frame: from there on the numbers would be guesses.
    if framer.counters().bytes_skipped > 0 {
        return Err(Reason::NotFrames);
    }
    match next {
        Some(false) => Err(Reason::WrongFormat),
        next => Ok(next.is_some()),
    }
}

impl OpusCutter {
    fn next_packet(&mut self, tick: Serial, is_last: bool, slot: &mut Vec<u8>) -> Result<bool, Reason> {
        while self.headers < OPUS_HEADERS {
            let Some(header) = self.packets.pop() else { return Ok(false) };
            if self.headers == 0 && opus::channels_in_head(&header) != Some(self.stream.channels) {
                return Err(Reason::WrongFormat);
            }
            self.headers += 1;
        }
        let Some(packet) = self.packets.pop() else { return Ok(false) };
        if opus::samples(&packet) != Some(opus::PACKET_SAMPLES) || packet.len() > opus::PACKET_BYTES_MAX {
            return Err(Reason::WrongFormat);
        }
        self.slot.push(packet);
        if is_last {
            let whole: Vec<&[u8]> = self.slot.iter().map(Vec::as_slice).collect();
            self.stream.page(tick, &whole, slot);
            self.slot.clear();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use radio_signal::grid::Grid;
    use radio_signal::ogg::page::{FIRST, Page, PageHeader, write};

    fn format(codec: Codec, sample_rate_hz: u32) -> Format {
        Format { codec, sample_rate_hz, channels: 2, bitrate_kbps: 128, stream_serial: 3 }
    }

    fn slots(framing: &mut Framing, bytes: &[u8], ticks_max: u64) -> Result<Vec<(u64, Vec<u8>)>, Reason> {
        let mut slots = Vec::new();
        for bytes in bytes.chunks(1000) {
            framing.push(bytes)?;
            while let Some((tick, slot)) = framing.next(ticks_max)? {
                slots.push((tick, slot.to_vec()));
            }
        }
        Ok(slots)
    }

    /// Frames of MP3 at 44.1 kHz, each filled with its number.
    fn mp3_44(frames: u64) -> Vec<u8> {
        let frame = |n: u64| [vec![0xFF, 0xFB, 0x90, 0x64], vec![n as u8; 413]].concat();
        (0..frames).flat_map(frame).collect()
    }

    #[test]
    fn at_44_khz_some_slots_are_empty_and_each_frame_is_in_its_own() {
        let mut framing = Framing::new(format(Codec::Mp3, 44_100), 320, false);
        let slots = slots(&mut framing, &mp3_44(147), 1000).expect("frames");
        assert_eq!(slots.len(), 160);
        assert_eq!(slots.iter().filter(|(_, slot)| slot.is_empty()).count(), 13);
        let grid = Grid::new(1152, 44_100);
        for (at, (tick, slot)) in slots.iter().enumerate() {
            assert_eq!(*tick, 320 + at as u64);
            let n = grid.first_frame(at as u64);
            assert!(slot.is_empty() || (slot.len(), slot[10]) == (417, n as u8));
        }
    }

    #[test]
    fn aac_comes_nine_frames_in_eight_slots() {
        let frame = |n: u8| [&AdtsHeader::write(48_000, 2, 300).expect("valid")[..], &[n; 300]].concat();
        let stream: Vec<u8> = (0..18).flat_map(frame).collect();
        let mut framing = Framing::new(format(Codec::Aac, 48_000), 0, false);
        let slots = slots(&mut framing, &stream, 1000).expect("frames");
        let frames: Vec<usize> = slots.iter().map(|(_, slot)| slot.len() / 307).collect();
        assert_eq!(frames, [2, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(slots.into_iter().flat_map(|(_, slot)| slot).collect::<Vec<u8>>(), stream);
    }

    #[test]
    fn he_aac_comes_nine_frames_in_sixteen_slots_with_one_core_channel_or_two() {
        for channels in [1, 2] {
            let frame = |n: u8| [&AdtsHeader::write(24_000, channels, 100).expect("valid")[..], &[n; 100]].concat();
            let stream: Vec<u8> = (0..18).flat_map(frame).collect();
            let mut framing = Framing::new(format(Codec::HeAac, 48_000), 160, false);
            let slots = slots(&mut framing, &stream, 1000).expect("frames");
            let frames: Vec<usize> = slots.iter().map(|(_, slot)| slot.len() / 107).collect();
            assert_eq!(frames[..16], [1, 1, 0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0]);
            assert_eq!((slots[0].0, slots.len()), (160, 32));
            assert_eq!(slots.into_iter().flat_map(|(_, slot)| slot).collect::<Vec<u8>>(), stream);
        }
        let plain = [&AdtsHeader::write(48_000, 2, 100).expect("valid")[..], &[0; 100]].concat().repeat(3);
        let mut framing = Framing::new(format(Codec::HeAac, 48_000), 0, false);
        assert_eq!(slots(&mut framing, &plain, 100).expect_err("its rate is told"), Reason::WrongFormat);
    }

    fn opus_pages(packets: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = |number| PageHeader { flags: if number == 0 { FIRST } else { 0 }, granule: 0, stream: 9, number };
        for (number, packet) in packets.iter().enumerate() {
            write(header(number as u32), &[packet], &mut bytes);
        }
        bytes
    }

    #[test]
    fn opus_gets_pages_of_our_own_that_depend_on_the_tick_alone() {
        let packet = [&[0xFC][..], &[7; 200]].concat();
        let head = b"OpusHead\x01\x02\x38\x01\x80\xBB\0\0\0\0\0";
        let stream = opus_pages(&[&[&head[..], b"OpusTags"][..], &[&packet[..]; 12]].concat());
        let of = |start| slots(&mut Framing::new(format(Codec::Opus, 48_000), start, true), &stream, 100);
        let (first, later) = (of(0).expect("frames"), of(5).expect("frames"));
        assert_eq!(first.len(), 10);
        for (tick, slot) in &first {
            let page = Page::read(slot).expect("a page");
            assert_eq!((page.header.stream, page.header.number), (3, *tick as u32 + 2));
        }
        assert_eq!(first[5..], later[..5], "who began later writes the same pages");
    }

    #[test]
    fn what_is_not_of_the_format_ends_the_process() {
        let mut framing = Framing::new(format(Codec::Mp3, 48_000), 0, false);
        assert_eq!(slots(&mut framing, &mp3_44(5), 100).expect_err("wrong"), Reason::WrongFormat);
        let mut framing = Framing::new(format(Codec::Mp3, 44_100), 0, false);
        assert_eq!(slots(&mut framing, &mp3_44(50), 5).expect_err("too many"), Reason::TooManyFrames);
        let mut framing = Framing::new(format(Codec::Opus, 48_000), 0, false);
        assert_eq!(slots(&mut framing, &mp3_44(5), 100).expect_err("no Ogg"), Reason::NotFrames);
        let mono = opus_pages(&[b"OpusHead\x01\x01", b"OpusTags"]);
        let mut framing = Framing::new(format(Codec::Opus, 48_000), 0, false);
        assert_eq!(slots(&mut framing, &mono, 100).expect_err("mono"), Reason::WrongFormat);
        let head = b"OpusHead\x01\x02";
        let short = opus_pages(&[&head[..], b"OpusTags", &[0xF4, 0, 0]]);
        let mut framing = Framing::new(format(Codec::Opus, 48_000), 0, false);
        assert_eq!(slots(&mut framing, &short, 100).expect_err("10 ms"), Reason::WrongFormat);
    }
}
