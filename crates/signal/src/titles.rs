//! Which title is heard at which tick (SPEC LIS-3).
//!
//! A title is announced while its sound still waits in a buffer. It is therefore pinned to a position in that buffer, and
//! becomes its source's title when that position is played; it is heard from then on if the source is on air. A source
//! that comes on air brings its own title with it.

use crate::ingest::BufferGauge;
use crate::router::OnAir;
use crate::units::Serial;
use std::collections::VecDeque;

/// Sources whose titles are remembered; more than a router holds, with its fallback.
const SOURCES_MAX: usize = 40;
/// Titles of one source that wait for their sound; beyond, the oldest is forgotten.
const WAITING_MAX: usize = 64;

/// From `serial` on, this is heard; `None`: something without a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TitleChange<T> {
    /// The first tick of it.
    pub serial: Serial,
    /// Where it comes from.
    pub source: OnAir,
    /// The title.
    pub title: Option<T>,
}

/// The titles of all sources, and which of them is heard.
#[derive(Debug)]
pub struct TitleTimeline<T> {
    sources: VecDeque<Source<T>>,
    on_air: OnAir,
    on_air_since: Serial,
    heard: Option<T>,
}

#[derive(Debug)]
struct Source<T> {
    id: OnAir,
    gauge: Option<BufferGauge>,
    waiting: VecDeque<(u64, Option<T>)>,
    title: Option<T>,
}

impl<T: Clone + PartialEq> TitleTimeline<T> {
    /// Nothing has a title, and `on_air` is heard.
    #[must_use]
    pub const fn new(on_air: OnAir) -> Self {
        Self { sources: VecDeque::new(), on_air, on_air_since: 0, heard: None }
    }

    /// What comes out of `gauge`'s buffer from `position` on has this title, or none; without a buffer, whatever `source`
    /// plays now. Of several titles at one place the last one counts: the others would never be heard. One that is
    /// announced for an earlier place than those before it replaces them: it is what its source says now.
    pub fn announce(&mut self, source: OnAir, at: Option<(&BufferGauge, u64)>, title: Option<T>) {
        let index = self.index_of(source);
        let Some(entry) = self.sources.get_mut(index) else { return };
        if let Some((gauge, _)) = at {
            entry.gauge = Some(gauge.clone());
        }
        let position = at.map_or(0, |(_, position)| position);
        while entry.waiting.pop_back_if(|(before, _)| *before >= position).is_some() {}
        if entry.waiting.len() == WAITING_MAX {
            entry.waiting.pop_front();
        }
        entry.waiting.push_back((position, title));
    }

    /// From `tick` on, `to` is heard.
    pub fn on_air(&mut self, to: OnAir, tick: Serial, changed: &mut impl FnMut(TitleChange<T>)) {
        let left = std::mem::replace(&mut self.on_air, to);
        self.on_air_since = tick;
        // A title of what plays from no buffer was meant for that time only.
        self.sources.retain(|source| source.id == to || source.id != left || source.gauge.is_some());
        // In a pause the last title stays: what follows brings its own.
        if !matches!(to, OnAir::Silence(_)) {
            let title = self.sources.iter().find(|source| source.id == to).and_then(|source| source.title.clone());
            self.hear(tick, title, changed);
        }
    }

    /// Looks at what has been played up to and with `tick`.
    pub fn advance(&mut self, tick: Serial, changed: &mut impl FnMut(TitleChange<T>)) {
        let mut heard = Vec::new();
        for source in &mut self.sources {
            let taken = source.gauge.as_ref().map(BufferGauge::taken);
            while let Some(&(position, _)) = source.waiting.front()
                && taken.is_none_or(|taken| position < taken)
                && let Some((_, title)) = source.waiting.pop_front()
            {
                source.title.clone_from(&title);
                if source.id == self.on_air {
                    // The tick taken last is that of `tick`.
                    let ago = taken.map_or(0, |taken| taken - 1 - position);
                    heard.push((tick.saturating_sub(ago).max(self.on_air_since), title));
                }
            }
        }
        for (serial, title) in heard {
            self.hear(serial, title, changed);
        }
    }

    fn hear(&mut self, serial: Serial, title: Option<T>, changed: &mut impl FnMut(TitleChange<T>)) {
        if self.heard != title {
            self.heard.clone_from(&title);
            changed(TitleChange { serial, source: self.on_air, title });
        }
    }

    fn index_of(&mut self, id: OnAir) -> usize {
        if let Some(index) = self.sources.iter().position(|source| source.id == id) {
            return index;
        }
        if self.sources.len() == SOURCES_MAX {
            let oldest_off_air = self.sources.iter().position(|source| source.id != self.on_air).unwrap_or(0);
            self.sources.remove(oldest_off_air);
        }
        self.sources.push_back(Source { id, gauge: None, waiting: VecDeque::new(), title: None });
        self.sources.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{BufferReader, BufferWriter, input_buffer};
    use crate::pcm::AudioFrame;
    use crate::router::{InputId, SilenceReason, SourceId};

    const GRACE: OnAir = OnAir::Silence(SilenceReason::Grace);

    fn source(producer: u64) -> OnAir {
        OnAir::Source(SourceId { input: InputId(0), producer })
    }

    fn buffer() -> (BufferWriter, BufferReader) {
        input_buffer(100)
    }

    fn offer(writer: &mut BufferWriter, count: usize) {
        (0..count).for_each(|_| assert!(writer.offer(&AudioFrame::SILENCE)));
    }

    /// Plays `count` frames; the last of them is that of the tick given to `advance` next.
    fn play(reader: &mut BufferReader, count: usize) {
        let mut frame = AudioFrame::SILENCE;
        (0..count).for_each(|_| assert!(reader.pop(&mut frame)));
    }

    fn advance(timeline: &mut TitleTimeline<&'static str>, tick: Serial) -> Vec<(Serial, Option<&'static str>)> {
        let mut changes = Vec::new();
        timeline.advance(tick, &mut |change| changes.push((change.serial, change.title)));
        changes
    }

    fn on_air(
        timeline: &mut TitleTimeline<&'static str>,
        to: OnAir,
        tick: Serial,
    ) -> Vec<(Serial, Option<&'static str>)> {
        let mut changes = Vec::new();
        timeline.on_air(to, tick, &mut |change| changes.push((change.serial, change.title)));
        changes
    }

    #[test]
    fn a_title_is_heard_with_the_first_tick_that_arrived_after_it() {
        let (mut writer, mut reader) = buffer();
        let mut timeline = TitleTimeline::new(source(1));
        offer(&mut writer, 10);
        timeline.announce(source(1), Some((&writer.gauge(), writer.gauge().offered())), Some("a"));
        offer(&mut writer, 10);
        play(&mut reader, 10);
        assert_eq!(advance(&mut timeline, 100), [], "the ten before it are not it");
        play(&mut reader, 5);
        assert_eq!(advance(&mut timeline, 105), [(101, Some("a"))], "however late it is asked");
        assert_eq!(advance(&mut timeline, 105), []);
    }

    #[test]
    fn titles_in_quick_succession_come_in_order_each_at_its_own_tick() {
        let (mut writer, mut reader) = buffer();
        let mut timeline = TitleTimeline::new(source(1));
        for title in ["a", "b", "c"] {
            timeline.announce(source(1), Some((&writer.gauge(), writer.gauge().offered())), Some(title));
            offer(&mut writer, 4);
        }
        play(&mut reader, 12);
        assert_eq!(advance(&mut timeline, 50), [(39, Some("a")), (43, Some("b")), (47, Some("c"))]);
    }

    #[test]
    fn who_comes_on_air_brings_its_title_and_a_pause_changes_nothing() {
        let (mut writer, mut reader) = buffer();
        let mut timeline = TitleTimeline::new(GRACE);
        assert_eq!(on_air(&mut timeline, source(1), 5), []);
        timeline.announce(source(1), None, Some("dj"));
        assert_eq!(advance(&mut timeline, 6), [(6, Some("dj"))]);
        timeline.announce(source(2), Some((&writer.gauge(), 0)), Some("playlist"));
        offer(&mut writer, 3);
        play(&mut reader, 3);
        assert_eq!(advance(&mut timeline, 7), [], "off air");
        assert_eq!(on_air(&mut timeline, GRACE, 8), []);
        assert_eq!(on_air(&mut timeline, source(2), 10), [(10, Some("playlist"))]);
        assert_eq!(on_air(&mut timeline, OnAir::Tone, 11), [(11, None)]);
        assert_eq!(on_air(&mut timeline, source(2), 12), [(12, Some("playlist"))]);
    }

    #[test]
    fn the_title_of_a_pause_ends_with_it() {
        let mut timeline = TitleTimeline::new(OnAir::Tone);
        timeline.announce(OnAir::Tone, None, Some("back at six"));
        assert_eq!(advance(&mut timeline, 1), [(1, Some("back at six"))]);
        assert_eq!(on_air(&mut timeline, source(1), 2), [(2, None)]);
        assert_eq!(on_air(&mut timeline, OnAir::Tone, 3), []);
    }

    #[test]
    fn what_was_played_before_a_source_came_on_air_counts_from_then() {
        let (mut writer, mut reader) = buffer();
        let mut timeline = TitleTimeline::new(source(1));
        timeline.announce(source(2), Some((&writer.gauge(), 0)), Some("b"));
        offer(&mut writer, 10);
        play(&mut reader, 10);
        assert_eq!(on_air(&mut timeline, source(2), 20), []);
        assert_eq!(advance(&mut timeline, 21), [(20, Some("b"))]);
    }

    #[test]
    fn the_same_title_again_is_no_change() {
        let mut timeline = TitleTimeline::new(OnAir::Tone);
        timeline.announce(OnAir::Tone, None, Some("a"));
        timeline.announce(OnAir::Tone, None, Some("a"));
        assert_eq!(advance(&mut timeline, 3), [(3, Some("a"))]);
    }

    #[test]
    fn of_titles_at_one_place_the_last_is_heard_and_none_takes_the_title_away() {
        let (mut writer, mut reader) = buffer();
        let mut timeline = TitleTimeline::new(source(1));
        for titles in [["a", "b"].map(Some), [Some("c"), None]] {
            for title in titles {
                timeline.announce(source(1), Some((&writer.gauge(), writer.gauge().offered())), title);
            }
            offer(&mut writer, 1);
        }
        play(&mut reader, 2);
        assert_eq!(advance(&mut timeline, 7), [(6, Some("b")), (7, None)]);
    }

    #[test]
    fn many_sources_and_many_titles_leave_a_bounded_memory() {
        let (writer, _reader) = buffer();
        let mut timeline = TitleTimeline::new(source(0));
        timeline.announce(source(0), None, Some("on air"));
        for n in 1..200 {
            (0..100).for_each(|place| timeline.announce(source(n), Some((&writer.gauge(), place)), Some("x")));
        }
        assert!(timeline.sources.len() <= SOURCES_MAX);
        assert!(timeline.sources.iter().all(|source| source.waiting.len() <= WAITING_MAX));
        assert_eq!(advance(&mut timeline, 1), [(1, Some("on air"))], "the one on air is not forgotten");
    }
}
