//! Serving one listener: what its record says is next, as much as its socket takes.
//!
//! No byte is kept here. What a socket did not take is found again from the record: in the head, in the ring, in a block,
//! or in the rest of a frame that was put aside before the ring overwrote it. So whatever is overwritten or skipped, a
//! listener receives its head and then whole frames.

use rustix::io::Errno;

use crate::asides::Asides;
use crate::figures::{ShardFigures, add};
use crate::guests::Guests;
use crate::lag::{Lag, LagFault, LagPolicy, NO_TARGET};
use crate::mount::Mount;
use crate::record::{NO_JUMP, Offer, Place, Record};
use crate::ring::Overwritten;
use crate::scratch::Scratch;
use crate::sync::AtomicU64;

/// What goes into one send: head, audio, block, audio.
pub(crate) type Slices<'a> = [&'a [u8]; 4];

/// How a listener stands after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// It has all there is.
    Live,
    /// Its socket took only a part, or nothing.
    Behind,
    /// It is to be dropped.
    Faulty(LagFault),
    /// The socket is dead.
    HungUp,
}

/// One listener's turn.
pub(crate) struct Turn<'a> {
    pub record: &'a [AtomicU64],
    pub lag: &'a [AtomicU64],
    pub guests: &'a Guests,
    pub seat: usize,
    pub mount: &'a Mount,
    pub tick: u64,
    /// The position before which to stop: that of the newest byte at this round.
    pub live: u64,
    /// Whether it was behind after its last turn.
    pub is_behind: bool,
    pub policy: &'a LagPolicy,
    pub asides: &'a Asides,
    pub figures: &'a ShardFigures,
}

impl Turn<'_> {
    /// Sends all that the socket takes.
    pub(crate) fn serve(
        &self,
        scratch: &mut Scratch,
        mut send: impl FnMut(&Slices<'_>) -> Result<usize, Errno>,
    ) -> Served {
        let mut record = Record::load(self.record);
        if (self.is_behind || record.jump != NO_JUMP)
            && let Err(fault) = self.mend(&mut record, scratch)
        {
            return Served::Faulty(fault);
        }
        loop {
            let offer = Offer::at(&record, self.live);
            match offer.then {
                // Not before the frame is there that follows it: until then its title may change.
                Place::BlockDue { position } if record.wants_block() && position < self.live => {
                    self.choose(&mut record, position, scratch);
                    continue;
                }
                Place::JumpDue if offer.bytes() == 0 => match self.jump(&mut record) {
                    Ok(()) => continue,
                    Err(fault) => return Served::Faulty(fault),
                },
                _ => {}
            }
            if offer.bytes() == 0 {
                if self.is_behind {
                    self.change_lag(Lag::progressed);
                }
                return Served::Live;
            }
            let Ok((offered, taken)) = self.send(&record, &offer, scratch, &mut send) else {
                let before = record;
                match self.mend(&mut record, scratch) {
                    Ok(()) if record != before => continue,
                    _ => return Served::Faulty(LagFault::Lost),
                }
            };
            match taken {
                Ok(taken) if taken > 0 => {
                    self.took(&mut record, taken);
                    if taken < offered {
                        // From now on its socket has so long to take more.
                        self.change_lag(|lag| {
                            lag.progressed();
                            let _ = lag.refused(self.tick, self.policy);
                        });
                        return Served::Behind;
                    }
                }
                Err(Errno::INTR) => {}
                Ok(_) | Err(Errno::AGAIN | Errno::NOBUFS | Errno::NOMEM) => {
                    return match self.change_lag(|lag| lag.refused(self.tick, self.policy)) {
                        Ok(()) => Served::Behind,
                        Err(fault) => Served::Faulty(fault),
                    };
                }
                Err(_) => return Served::HungUp,
            }
        }
    }

    /// Looks after a listener whose socket is full, without trying it: it may be about to lose its place.
    pub(crate) fn watch(&self, scratch: &mut Scratch) -> Served {
        match self.mend(&mut Record::load(self.record), scratch) {
            Ok(()) => Served::Behind,
            Err(fault) => Served::Faulty(fault),
        }
    }

    /// Whether its socket has taken nothing for so long that one last attempt is due.
    pub(crate) fn is_stalled(&self) -> bool {
        Lag::load(self.lag).is_stalled(self.tick, self.policy)
    }

    /// Sends the rest of the frame that it is in; says whether nothing more can be done for it.
    pub(crate) fn finish(&self, scratch: &mut Scratch, send: impl FnMut(&Slices<'_>) -> Result<usize, Errno>) -> bool {
        let record = Record::load(self.record);
        let Ok((_, end)) = self.frame_end(&record) else { return true };
        Turn { live: end, ..*self }.serve(scratch, send) != Served::Behind
    }

    /// Sends what is offered, or the beginning of it; gives the bytes offered and the bytes taken.
    fn send(
        &self,
        record: &Record,
        offer: &Offer,
        scratch: &mut Scratch,
        send: &mut impl FnMut(&Slices<'_>) -> Result<usize, Errno>,
    ) -> Result<(usize, Result<usize, Errno>), Overwritten> {
        let is_aside = record.jump != NO_JUMP
            && offer.position < record.jump
            && self.asides.get(record.id, offer.position, &mut scratch.spare);
        let aside = if is_aside { std::mem::take(&mut scratch.spare) } else { Vec::new() };
        if !is_aside && offer.audio_bytes() > 0 {
            scratch.prepare_audio(self.mount, offer.position, offer.audio_bytes())?;
        }
        let (version, at, left) = offer.block;
        if left > 0 {
            scratch.prepare_block(self.mount, version, at + left);
        }
        let audio = match (is_aside, offer.audio_bytes()) {
            (_, 0) => &[],
            (true, bytes) => &aside[..aside.len().min(bytes as usize)],
            (false, bytes) => scratch.audio(offer.position, bytes),
        };
        let (before, after) = audio.split_at(audio.len().min(offer.audio[0] as usize));
        // What was copied may be less than what is there: the block's place is then not reached.
        let block =
            if left > 0 && before.len() as u64 == offer.audio[0] { &scratch.block()[at as usize..] } else { &[] };
        let guest = if offer.head.1 > 0 { Some(self.guests.lock(self.seat)) } else { None };
        let head =
            guest.as_ref().and_then(|guest| guest.as_ref()?.head.get(offer.head.0 as usize..)).unwrap_or_default();
        if head.len() as u64 != offer.head.1 {
            return Ok((0, Err(Errno::INVAL)));
        }
        let slices = [head, before, block, after];
        let offered = slices.iter().map(|slice| slice.len()).sum();
        let taken = send(&slices);
        if let (Some(mut guest), Ok(taken)) = (guest, taken)
            && taken as u64 >= offer.head.1
            && let Some(guest) = guest.as_mut()
        {
            guest.head = Box::default();
        }
        Ok((offered, taken))
    }

    fn took(&self, record: &mut Record, bytes: usize) {
        let before = *record;
        record.written += bytes as u64;
        record.complete();
        // The count first: a successor process that goes on from here finds the bytes written before anything that
        // follows from them.
        record.store(self.record, &before);
        add(&self.figures.bytes, bytes as u64);
        add(&self.figures.sends, 1);
        self.count_jump(record);
    }

    /// Once the first byte behind a jump has gone, it is a skip, and over.
    fn count_jump(&self, record: &mut Record) {
        if record.jump == NO_JUMP {
            return;
        }
        let mut lag = Lag::load(self.lag);
        if lag.target != NO_TARGET && record.position() > lag.target {
            add(&self.figures.skips, 1);
            add(&self.figures.skipped_frames, lag.skipped_frames_then - lag.skipped_frames);
            lag.skipped(self.tick);
            lag.store(self.lag);
            self.forget_jump(record);
        }
    }

    /// Chooses the block that comes before `position`: the title in force there, if it has not had it.
    fn choose(&self, record: &mut Record, position: u64, scratch: &mut Scratch) {
        let before = *record;
        let titles = self.mount.titles();
        let frame = match self.mount.ring().frame_at(position) {
            Ok((frame, _)) => Some(frame),
            // It was put aside.
            Err(Overwritten) if record.jump != NO_JUMP && position < record.jump => {
                Lag::load(self.lag).jump_frame.checked_sub(1)
            }
            Err(Overwritten) => None,
        };
        let version = frame.map_or(0, |frame| titles.version_at(frame, &mut scratch.spare));
        match titles.block(version, &mut scratch.spare) {
            Some(block) if version != record.title_version() => record.choose(version, block[0]),
            _ => record.choose(record.title_version(), 0),
        }
        record.store(self.record, &before);
    }

    /// Sees to a listener that is about to lose its place, or that has lost it.
    fn mend(&self, record: &mut Record, scratch: &mut Scratch) -> Result<(), LagFault> {
        // Whoever served it before may have died between that byte and the count.
        self.count_jump(record);
        let position = record.position();
        if record.jump == NO_JUMP {
            return if position < self.mount.brink() { self.prepare_jump(record, scratch) } else { Ok(()) };
        }
        // The socket has not taken the first byte there yet: by now there may be a better place to go on.
        if position != record.jump && position == Lag::load(self.lag).target { self.jump(record) } else { Ok(()) }
    }

    /// From here on the listener ends with the frame that it is in, and then goes on elsewhere.
    fn prepare_jump(&self, record: &mut Record, scratch: &mut Scratch) -> Result<(), LagFault> {
        let (frame, end) = self.frame_end(record).map_err(|Overwritten| LagFault::Lost)?;
        let rest = record.position()..end;
        if !rest.is_empty() {
            scratch.spare.clear();
            self.mount.ring().copy(rest, &mut scratch.spare).map_err(|Overwritten| LagFault::Lost)?;
            if !self.asides.keep(record.id, end, &scratch.spare) {
                return Ok(());
            }
        }
        self.change_lag(|lag| (lag.jump_frame, lag.target) = (frame, NO_TARGET));
        let before = *record;
        record.jump = end;
        record.store(self.record, &before);
        Ok(())
    }

    /// Goes on a burst's length behind live. Counted once the first byte there has gone.
    fn jump(&self, record: &mut Record) -> Result<(), LagFault> {
        let mut lag = Lag::load(self.lag);
        lag.may_skip(self.tick, self.policy)?;
        let (frame, position) = self.mount.skip_target(lag.jump_frame);
        if position <= record.jump {
            self.forget_jump(record);
            return Ok(());
        }
        lag.target = position;
        lag.skipped_frames_then = lag.skipped_frames + (frame - lag.jump_frame);
        lag.store(self.lag);
        let before = *record;
        record.go_on_at(position);
        record.store(self.record, &before);
        Ok(())
    }

    fn forget_jump(&self, record: &mut Record) {
        let before = *record;
        record.jump = NO_JUMP;
        record.store(self.record, &before);
        self.asides.forget(record.id);
    }

    /// The end of the frame that the listener is in: the number of the frame that begins there, and its position.
    fn frame_end(&self, record: &Record) -> Result<(u64, u64), Overwritten> {
        let position = record.position();
        if record.jump != NO_JUMP && position <= record.jump {
            return Ok((Lag::load(self.lag).jump_frame, record.jump));
        }
        let ring = self.mount.ring();
        match ring.frame_at(position) {
            Ok((frame, start)) if start == position => Ok((frame, start)),
            Ok((frame, _)) => Ok((frame + 1, ring.position(frame + 1)?)),
            // It has had nothing of the stream yet.
            Err(Overwritten) if record.written <= record.head_bytes() => Ok((record.joined_frame, position)),
            Err(Overwritten) => Err(Overwritten),
        }
    }

    fn change_lag<T>(&self, change: impl FnOnce(&mut Lag) -> T) -> T {
        let mut lag = Lag::load(self.lag);
        let result = change(&mut lag);
        lag.store(self.lag);
        result
    }
}

#[cfg(all(test, not(loom)))]
#[path = "serve_tests.rs"]
mod tests;
