//! Sources in Ogg, whose pages keep their sound back in a pause, in virtual time (SPEC IN-7).

mod support;

use radio_signal::fallback::{FallbackConfig, FallbackProvider};
use radio_signal::ingest::{BufferGauge, BufferWriter, DriftResampler, input_buffer};
use radio_signal::ogg::Paging;
use radio_signal::ogg::page::{FIRST, PageHeader, SEGMENTS_MAX, write};
use radio_signal::pcm::{AudioFrame, PcmFrame};
use radio_signal::router::{InputId, Jitter, OnAir, Router, SourceId, SourceSpec};
use radio_signal::units::TICK_SAMPLES;
use support::*;

const PREROLL_TICKS: usize = 20;
const CAPACITY_TICKS: usize = 500;
const SECOND: usize = 1000 / 24;

/// What a page is closed by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Closed {
    /// Its size, as by libogg.
    Full,
    /// Seconds; or the segments that there are.
    Time(f64),
}

/// An encoder of constant packets, with a rate of 48 kHz.
#[derive(Clone, Copy, Debug)]
struct Codec {
    head: &'static [u8],
    packet_samples: usize,
    /// Of sound, and of silence.
    packet_bytes: [usize; 2],
}

const VORBIS: Codec = Codec {
    head: b"\x01vorbis\0\0\0\0\x02\x80\xBB\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xB8\x01",
    packet_samples: 1024,
    packet_bytes: [340, 1],
};
const OPUS: Codec = Codec { head: b"OpusHead\x01\x02", packet_samples: 960, packet_bytes: [240, 3] };
const FLAC: Codec = Codec {
    head: b"\x7FFLAC\x01\0\0\x01fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0\x0B\xB8\x02\xF0\0\0\0\0",
    packet_samples: 4096,
    packet_bytes: [9000, 14],
};

/// A sender in real time.
struct Sender {
    codec: Codec,
    closed: Closed,
    header: PageHeader,
    packets: Vec<Vec<u8>>,
    encoded: usize,
    paging: Paging,
    /// Samples that were sent, and ticks of them that are in the buffer.
    sent: usize,
    given: usize,
    resampler: DriftResampler,
    writer: BufferWriter,
    gauge: BufferGauge,
}

impl Sender {
    fn new(codec: Codec, closed: Closed, writer: BufferWriter) -> Self {
        let mut sender = Self {
            codec,
            closed,
            header: PageHeader { flags: FIRST, granule: 0, stream: 1, number: 0 },
            packets: Vec::new(),
            encoded: 0,
            paging: Paging::new(),
            sent: 0,
            given: 0,
            resampler: DriftResampler::measuring(),
            gauge: writer.gauge(),
            writer,
        };
        sender.packets = vec![codec.head.to_vec()];
        sender.send_page();
        sender.packets = vec![vec![3; 60], vec![5; 4000]];
        sender.send_page();
        sender
    }

    fn send_page(&mut self) {
        let mut bytes = Vec::new();
        write(self.header, &self.packets.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut bytes);
        self.header = PageHeader { flags: 0, number: self.header.number + 1, ..self.header };
        self.paging.push(&bytes);
        self.gauge.expect_lumps(self.paging.lump_ticks());
        self.packets.clear();
        self.sent = self.encoded * self.codec.packet_samples;
    }

    fn segments(&self) -> usize {
        self.packets.iter().map(|packet| packet.len() / 255 + 1).sum()
    }

    /// A page may be as long as its table of segments.
    fn has_room(&self) -> bool {
        self.segments() + self.codec.packet_bytes[0] / 255 < SEGMENTS_MAX
    }

    fn is_closed(&self) -> bool {
        let bytes: usize = self.packets.iter().map(Vec::len).sum();
        let is_full = match self.closed {
            Closed::Full => bytes > 4096 && self.packets.len() >= 4,
            Closed::Time(seconds) => {
                (self.packets.len() * self.codec.packet_samples) as f64 >= seconds * 48_000.0 || !self.has_room()
            }
        };
        is_full || self.segments() == SEGMENTS_MAX
    }

    fn tick(&mut self, tick: usize, is_silent: bool) {
        while (self.encoded + 1) * self.codec.packet_samples <= tick * TICK_SAMPLES {
            // A page goes with the packet behind it.
            if !self.packets.is_empty() && self.is_closed() {
                self.header.granule = (self.encoded * self.codec.packet_samples) as u64;
                self.send_page();
            }
            self.packets.push(vec![0xFC; self.codec.packet_bytes[usize::from(is_silent)]]);
            self.encoded += 1;
        }
        // Decoding a page takes some ticks.
        let most = self.given + 15;
        while (self.given + 1) * TICK_SAMPLES <= self.sent && self.given < most {
            self.given += 1;
            let (writer, state) = (&mut self.writer, self.gauge.state());
            self.resampler
                .push(&AudioFrame::SILENCE, state, |frame| assert!(writer.offer(frame), "no tick is left out"));
        }
    }
}

/// The tick in which the source is on air first, and the breaks behind it: of which tick, how long.
#[derive(Debug, Default)]
struct Heard {
    first: Option<usize>,
    breaks: Vec<(usize, usize)>,
    /// The most that waited.
    fill_ticks: usize,
    /// Ticks that were thrown away before it was on air.
    stale_ticks: u64,
}

impl Heard {
    fn note(&mut self, tick: usize, is_heard: bool, fill_ticks: usize) {
        self.fill_ticks = self.fill_ticks.max(fill_ticks);
        match (is_heard, self.first) {
            (true, None) => self.first = Some(tick),
            (false, Some(_)) => match self.breaks.last_mut() {
                Some((from, count)) if *from + *count == tick => *count += 1,
                _ => self.breaks.push((tick, 1)),
            },
            _ => {}
        }
    }
}

fn live(input: u16, priority: i32) -> SourceSpec {
    let jitter = Jitter { settle_ticks: PREROLL_TICKS as u64, lump_ticks: 60 };
    SourceSpec { input: InputId(input), priority, preroll_ticks: PREROLL_TICKS, jitter, ..station() }
}

fn router() -> Router {
    Router::new(CONFIG, FallbackProvider::new(FallbackConfig { tone_dbfs: None }, None))
}

/// Plays two minutes of a source that is silent where `is_silent` says so, by the second.
fn play(codec: Codec, closed: Closed, is_silent: impl Fn(f64) -> bool) -> Heard {
    let mut router = router();
    let (writer, reader) = input_buffer(CAPACITY_TICKS);
    let id = SourceId { input: InputId(3), producer: 0 };
    router.attach(id, live(3, 30), reader).expect("there is a place");
    let mut sender = Sender::new(codec, closed, writer);
    let (mut heard, mut out) = (Heard::default(), PcmFrame::SILENCE);
    for tick in 0..120 * SECOND {
        sender.tick(tick, is_silent(tick as f64 * 0.024));
        let fill_ticks = sender.gauge.count();
        let is_heard = router.next_frame(&mut out) == OnAir::Source(id);
        heard.note(tick, is_heard, fill_ticks);
    }
    heard.stale_ticks = sender.gauge.stale_count();
    heard
}

/// Pauses of 14 s each half minute from second `first` on.
fn pauses(first: f64) -> impl Fn(f64) -> bool {
    move |second| second >= first && (second - first) % 30.0 < 14.0
}

#[test]
fn pages_of_4_kib_are_known_by_the_first_and_no_pause_takes_the_source_off_air() {
    for codec in [VORBIS, OPUS] {
        // A pause at the very start, in the first page, before it is on air, and behind that.
        for first in [0.0, 0.1, 1.0, 3.0, 5.0, 5.5, 6.0, 6.5, 20.0] {
            let heard = play(codec, Closed::Full, pauses(first));
            let on_air = heard.first.expect("it is on air");
            assert!(on_air <= 7 * SECOND && heard.breaks.is_empty(), "{codec:?} from {first} s: {heard:?}");
            assert!(heard.fill_ticks <= 7 * SECOND && heard.stale_ticks == 0, "{heard:?}");
        }
    }
}

#[test]
fn a_page_of_flac_that_is_longer_than_foreseen_takes_the_source_off_air_once() {
    // 255 packets are 21.8 s, which the next sound ends.
    for seconds in [4.0, 5.5, 9.0] {
        let heard = play(FLAC, Closed::Full, |second| second >= 10.0 && (second - 10.0) % 20.0 < seconds);
        assert!(heard.first.expect("it is on air") <= 7 * SECOND, "{heard:?}");
        assert!(heard.breaks.len() <= usize::from(seconds > 6.0), "{seconds} s: {heard:?}");
    }
}

#[test]
fn pages_closed_by_time_are_waited_for_once_and_steady_ones_do_not_begin_later() {
    for codec in [VORBIS, OPUS] {
        for (seconds, limit) in [(0.1, 0.8), (0.5, 1.2), (1.0, 1.7), (2.0, 2.8), (4.0, 4.8), (6.0, 6.8), (9.0, 9.8)] {
            // Low rates: pages as long as that have room for it.
            let codec = Codec { packet_bytes: [100, 2], ..codec };
            let heard = play(codec, Closed::Time(seconds), pauses(8.0));
            let on_air = heard.first.expect("it is on air") as f64 * 0.024;
            assert!(on_air <= limit && heard.breaks.is_empty(), "{codec:?} {seconds} s: {on_air} s, {heard:?}");
        }
        // With sound a page is full before its time is over, and of a full page it cannot be told
        // from one of FLAC that FFmpeg closes each second. On air behind that page, its decoding
        // and the pre-roll: 5.2 s, 15 ticks and 20.
        let heard = play(codec, Closed::Time(20.0), pauses(8.0));
        assert!(heard.first.is_some_and(|tick| tick <= 250) && heard.breaks.len() <= 1, "{codec:?} {heard:?}");
    }
}

#[test]
fn off_air_what_would_be_heard_is_kept_so_that_it_comes_and_goes_without_a_break() {
    for leaves in [20.3, 22.0, 25.0, 27.5, 29.9, 31.0] {
        let mut router = router();
        let (writer, reader) = input_buffer(CAPACITY_TICKS);
        let id = SourceId { input: InputId(3), producer: 0 };
        router.attach(id, live(3, 30), reader).expect("there is a place");
        let mut sender = Sender::new(VORBIS, Closed::Full, writer);
        let (mut higher, reader) = input_buffer(CAPACITY_TICKS);
        router.attach(SourceId { input: InputId(4), producer: 1 }, live(4, 40), reader).expect("there is a place");
        let (mut heard, mut out) = (Heard::default(), PcmFrame::SILENCE);
        for tick in 0..90 * SECOND {
            sender.tick(tick, pauses(20.0)(tick as f64 * 0.024));
            if (tick as f64) * 0.024 < leaves {
                higher.offer(&AudioFrame::SILENCE);
            }
            let fill_ticks = sender.gauge.count();
            heard.note(tick, router.next_frame(&mut out) == OnAir::Source(id), fill_ticks);
        }
        assert!(heard.first.is_some() && heard.breaks.is_empty(), "from {leaves} s: {heard:?}");
    }
}

#[test]
fn a_source_that_dies_is_played_to_the_end_of_what_it_sent_and_not_longer() {
    let mut router = router();
    let (writer, reader) = input_buffer(CAPACITY_TICKS);
    let id = SourceId { input: InputId(3), producer: 0 };
    router.attach(id, live(3, 30), reader).expect("there is a place");
    let mut sender = Sender::new(VORBIS, Closed::Full, writer);
    let mut out = PcmFrame::SILENCE;
    let mut on_air = OnAir::Tone;
    for tick in 0..20 * SECOND {
        sender.tick(tick, false);
        on_air = router.next_frame(&mut out);
    }
    assert_eq!(on_air, OnAir::Source(id));
    let in_hand = sender.gauge.count();
    let lasts = (0..).take_while(|_| router.next_frame(&mut out) == OnAir::Source(id)).count();
    assert!(lasts.abs_diff(in_hand) <= 2 && in_hand <= 7 * SECOND, "{lasts} of {in_hand}");
}
