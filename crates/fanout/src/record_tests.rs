//! The place in the stream against a naive model that writes every byte down.

use proptest::prelude::*;

use super::*;

/// What a listener receives, byte by byte: where each comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Byte {
    Head(u64),
    Audio(u64),
    Block(u64, u64),
}

/// What happens to a listener between two sends.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The socket takes so many of the bytes on offer.
    Take(u64),
    /// So many more bytes become live.
    Live(u64),
    /// The next block is of this version and so many units, unless it was chosen before.
    Choose(u64, u8),
    /// It ends so many bytes on, and goes on so many bytes after that.
    Jump(u64, u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0u64..90).prop_map(Event::Take),
        3 => (0u64..70).prop_map(Event::Live),
        2 => (1u64..5, 0u8..3).prop_map(|(version, units)| Event::Choose(version, units)),
        1 => (0u64..20, 1u64..50).prop_map(|(end, on)| Event::Jump(end, on)),
    ];
    prop::collection::vec(event, 0..120)
}

/// The naive model: a list of bytes.
struct Model {
    sent: Vec<Byte>,
    head: u64,
    metaint: u64,
    position: u64,
    since_block: u64,
    jump: Option<(u64, u64)>,
    /// Version and length of the block to come.
    block: Option<(u64, u64)>,
    /// Version, length and bytes gone of the block that it is in.
    within: Option<(u64, u64, u64)>,
}

impl Model {
    /// The next byte, if there is one before `live` and all that is to be chosen has been.
    fn next(&mut self, live: u64) -> Option<Byte> {
        if (self.sent.len() as u64) < self.head {
            return Some(Byte::Head(self.sent.len() as u64));
        }
        if let Some((version, _, at)) = self.within {
            return Some(Byte::Block(version, at));
        }
        if self.metaint > 0 && self.since_block == self.metaint {
            return self.block.map(|(version, _)| Byte::Block(version, 0));
        }
        if let Some((end, target)) = self.jump
            && self.position == end
        {
            (self.position, self.jump) = (target, None);
        }
        (self.position < live).then_some(Byte::Audio(self.position))
    }

    fn take(&mut self, byte: Byte) {
        self.sent.push(byte);
        match byte {
            Byte::Head(_) => {}
            Byte::Audio(_) => {
                self.position += 1;
                self.since_block += 1;
            }
            Byte::Block(version, at) => {
                let length = self.block.take().map_or_else(|| self.within.unwrap().1, |(_, length)| length);
                self.within = (at + 1 < length).then_some((version, length, at + 1));
                self.since_block = 0;
            }
        }
    }
}

/// The bytes of an offer, in order.
fn offered(offer: &Offer) -> Vec<Byte> {
    let (at, left) = offer.head;
    let head = (at..at + left).map(Byte::Head);
    let middle = offer.position + offer.audio[0];
    let before = (offer.position..middle).map(Byte::Audio);
    let (version, at, left) = offer.block;
    let block = (at..at + left).map(|at| Byte::Block(version, at));
    let after = (middle..middle + offer.audio[1]).map(Byte::Audio);
    head.chain(before).chain(block).chain(after).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_place_follows_from_the_bytes_written_whatever_happened(
        head in 0u16..30,
        metaint in prop_oneof![Just(0u16), 1u16..40],
        start in prop_oneof![Just(0u64), Just(1_000_000_007)],
        events in events(),
    ) {
        let mut record = Record::new(9, 3, head, metaint, 0, start);
        prop_assert_eq!((record.mount(), record.head_bytes(), record.metaint()), (3, head.into(), metaint.into()));
        let mut model = Model {
            sent: Vec::new(), head: head.into(), metaint: metaint.into(), position: start, since_block: 0, jump: None,
            block: None, within: None,
        };
        let mut live = start;
        for event in events {
            match event {
                Event::Live(bytes) => live += bytes,
                Event::Choose(version, units) => {
                    // As the listener's shard does it: only for a block that is due in this offer.
                    if metaint > 0 && matches!(Offer::at(&record, live).then, Place::BlockDue { .. }) && record.wants_block() {
                        record.choose(version, units);
                        model.block = Some((version, 1 + 16 * u64::from(units)));
                    }
                }
                Event::Jump(end, on) => {
                    if record.jump == NO_JUMP && model.jump.is_none() {
                        record.jump = record.position() + end;
                        model.jump = Some((record.jump, record.jump + on));
                    }
                }
                Event::Take(room) => {
                    let mut room = room;
                    loop {
                        if plan(&record, record.written) == Place::JumpDue
                            && let Some((end, target)) = model.jump.or(Some((record.jump, model.position)))
                        {
                            prop_assert_eq!(end, record.jump);
                            record.go_on_at(target);
                            record.jump = NO_JUMP;
                        }
                        let offer = offered(&Offer::at(&record, live));
                        let taken = room.min(offer.len() as u64);
                        if taken == 0 {
                            break;
                        }
                        let stored = record;
                        for byte in &offer[..taken as usize] {
                            let expected = model.next(live);
                            prop_assert_eq!(expected, Some(*byte));
                            model.take(*byte);
                        }
                        room -= taken;
                        record.written += taken;
                        // Whoever knows only what was stored before the send, and how much was written, is at the same
                        // place as whoever saw the send return.
                        let resumed = Record { written: record.written, ..stored };
                        record.complete();
                        prop_assert_eq!(place_of_byte(&resumed), place_of_byte(&record));
                        prop_assert_eq!(resumed.position(), record.position());
                    }
                }
            }
        }
        prop_assert_eq!(record.written, model.sent.len() as u64);
    }

    #[test]
    fn no_record_makes_it_panic(words in prop::array::uniform8(any::<u64>()), live in any::<u64>()) {
        let [id, written, shape, base, blocks, title, jump, joined_frame] = words;
        let mut record = Record { id, written, shape, base, blocks, title, jump, joined_frame };
        let _ = (Offer::at(&record, live), record.position());
        record.complete();
        record.choose(live, 7);
        record.go_on_at(live);
    }
}

/// The next byte of a listener.
fn place_of_byte(record: &Record) -> Place {
    match plan(record, record.written) {
        Place::Audio { position, .. } => Place::Audio { position, left: 0 },
        place => place,
    }
}

#[test]
fn a_record_is_64_bytes() {
    assert_eq!((size_of::<Record>(), RECORD_WORDS * size_of::<u64>()), (64, 64));
}

#[test]
fn it_is_the_same_after_a_stay_in_memory() {
    let words: Vec<AtomicU64> = (0..RECORD_WORDS).map(|_| AtomicU64::new(0)).collect();
    let mut record = Record::new(1, 2, 3, 4, 5, 6);
    record.create(&words);
    assert_eq!(Record::load(&words), record);
    let before = record;
    (record.written, record.jump) = (77, 88);
    record.choose(3, 2);
    record.store(&words, &before);
    assert_eq!(Record::load(&words), record);
}
