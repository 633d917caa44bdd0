//! Ogg (RFC 3533): a chain of links, of whose logical streams the first with audio is heard.
//!
//! - [`Ogg`] reads pages: which logical stream is heard, what is lost between two pages.
//! - [`packets`]: a stream's pages to packets.
//! - [`comments`]: the title that a packet tells.
//! - [`link`]: its packets to sound; [`audio`]: by which codec.

mod audio;
pub mod comments;
mod link;
mod packets;

use super::head::{HEAD_BYTES_MAX, Head, is_header};
use super::segment::{Out, Segment, Step};
use audio::Identified;
use link::Link;
use packets::Assembly;
use radio_signal::ogg::page::{FIRST, MAGIC, NoPage, Page};
use std::collections::VecDeque;

/// FFmpeg's demuxer of Ogg.
const DEMUXER: &str = "ogg";
/// Streams that may begin beside each other before the first that is known.
const STREAMS_MAX: usize = 16;
/// The last page of a stream.
const LAST: u8 = 4;
/// A page on which no packet ends has no time.
const NO_TIME: u64 = u64::MAX;

/// The packet behind the first of the stream that begins with `bytes`, as far as it is there, and whether that is all of
/// it; `None` if there is none.
#[must_use]
pub(crate) fn second_packet(bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
    let first = Page::read(bytes).ok()?;
    let (mut at, mut packets) = (first.content.end, VecDeque::new());
    let mut assembly = Assembly::after(first.header.number).holding(bytes.len());
    while let Ok(page) = Page::read(&bytes[at..]) {
        if page.header.stream == first.header.stream {
            let rest = &bytes[at..];
            assembly.push(page.header, &rest[page.segments.clone()], &rest[page.content.clone()], &mut packets);
            if let Some(second) = packets.pop_front() {
                return Some((second, true));
            }
        }
        at += page.content.end;
    }
    assembly.into_open().map(|open| (open, false))
}

/// A segment of Ogg.
pub struct Ogg {
    trims_end: bool,
    /// What is heard: its serial number, its packets, their sound.
    heard: Option<(u32, Assembly, Link)>,
    /// All pages since the last that was no first one are: streams begin beside each other.
    in_group: bool,
    /// Pages of headers, until the first other one comes.
    head: Option<Vec<u8>>,
    /// Packets of the last page that are not decoded yet.
    waiting: VecDeque<Vec<u8>>,
}

impl Ogg {
    /// A segment that has not begun; see [`Options::trims_end`](super::Options::trims_end).
    #[must_use]
    pub fn new(trims_end: bool) -> Self {
        Self { trims_end, heard: None, in_group: false, head: None, waiting: VecDeque::new() }
    }

    fn take(&mut self, page: &Page, bytes: &[u8], is_over: bool, out: &mut Out) -> Step {
        let (header, content) = (page.header, &bytes[page.content.clone()]);
        let took = Step::Took(page.content.end as u64);
        if header.flags & FIRST != 0 {
            if self.in_group && self.heard.is_some() {
                return took;
            }
            return match audio::identify(content) {
                Identified::Audio(codec) => {
                    self.in_group = true;
                    self.heard =
                        Some((header.stream, Assembly::after(header.number), Link::new(codec, self.trims_end)));
                    took
                }
                Identified::Other => match known_beside(&bytes[page.content.end..], is_over) {
                    Beside::Unfinished => Step::More,
                    Beside::None => {
                        // FFmpeg reads them again, in another process too.
                        let Some(head) = Head::of_ogg(bytes, is_over) else { return Step::More };
                        out.head(head);
                        Step::Needs(DEMUXER)
                    }
                    Beside::Known => {
                        (self.in_group, self.heard) = (true, None);
                        took
                    }
                },
            };
        }
        self.in_group = false;
        let heard = self.heard.as_mut().filter(|(serial, ..)| *serial == header.stream);
        let Some((_, assembly, link)) = heard else { return took };
        let segments = &bytes[page.segments.clone()];
        let pages_lost = assembly.push(header, segments, content, &mut self.waiting);
        let is_last = header.flags & LAST != 0;
        link.begin_page((header.granule != NO_TIME).then_some(header.granule), pages_lost, is_last, out);
        took
    }
}

impl Ogg {
    /// Keeps a page of headers that was taken, if it is one.
    fn keep_head(&mut self, begins: bool, page: &[u8], out: &mut Out) {
        if begins {
            self.head = Some(Vec::new());
        }
        if let Some(head) = &mut self.head {
            head.extend_from_slice(page);
        }
        // One that is too long is none, and that of the link before is not for this one.
        if self.head.take_if(|head| head.len() > HEAD_BYTES_MAX).is_some() {
            out.head(Head::none());
        }
    }
}

impl Segment for Ogg {
    fn head_bytes(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.len() as u64)
    }

    fn step(&mut self, bytes: &[u8], is_over: bool, out: &mut Out) -> Step {
        if let (Some(packet), Some((.., link))) = (self.waiting.pop_front(), &mut self.heard) {
            return match link.take(&packet, out) {
                Ok(()) => Step::Took(0),
                Err(link::TakesFfmpeg) => Step::Needs(DEMUXER),
            };
        }
        match Page::read(bytes) {
            Ok(page) if !is_header(&page.header) && self.head.is_some() => {
                self.head.take().map(Head::of_pages).into_iter().for_each(|head| out.head(head));
                Step::Took(0)
            }
            Ok(page) => {
                let begins = page.header.flags & FIRST != 0 && !self.in_group;
                let step = self.take(&page, bytes, is_over, out);
                if step == Step::Took(page.content.end as u64) {
                    self.keep_head(begins, &bytes[..page.content.end], out);
                }
                step
            }
            Err(NoPage::Unfinished) if is_over => Step::Lost,
            Err(NoPage::Unfinished) => Step::More,
            // Damaged: the next one is looked for behind its mark.
            Err(NoPage::Garbage) if bytes.starts_with(&MAGIC) => Step::Took(1),
            Err(NoPage::Garbage) => Step::Lost,
        }
    }
}

/// Whether a stream that is known begins beside others.
enum Beside {
    Known,
    None,
    Unfinished,
}

fn known_beside(mut bytes: &[u8], is_over: bool) -> Beside {
    for _ in 0..STREAMS_MAX {
        match Page::read(bytes) {
            Ok(page) if page.header.flags & FIRST == 0 => return Beside::None,
            Ok(page) => {
                if let Identified::Audio(_) = audio::identify(&bytes[page.content.clone()]) {
                    return Beside::Known;
                }
                bytes = &bytes[page.content.end..];
            }
            Err(NoPage::Unfinished) if !is_over => return Beside::Unfinished,
            Err(_) => return Beside::None,
        }
    }
    Beside::None
}
