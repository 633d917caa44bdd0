//! Playlist files: `.m3u` and `.m3u8`, `.pls`, `.xspf`, as the programs of all systems write them.
//!
//! - this file: bytes to entries, whatever the charset and the line ends.
//! - [`resolve`]: what an entry says to the file that it means.

mod resolve;

pub(super) use resolve::{Resolver, shown};

use encoding_rs::Encoding;
use quick_xml::events::Event;
use radio_base::text::charset::of_unknown;
use radio_base::text::cleaned;
use radio_base::title::decode;
use std::borrow::Cow;
use std::path::Path;

/// Bytes that are read of a list.
pub(super) const BYTES_MAX: u64 = 4 << 20;

/// Characters of a title that are kept.
const TITLE_CHARS_MAX: usize = 300;

/// The format of a list, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    M3u,
    Pls,
    Xspf,
}

/// One entry of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Where it stands: the line, in XSPF the track, counted from 1.
    pub at: usize,
    /// A path or an address, as it is written.
    pub location: Vec<u8>,
    /// What the list calls it.
    pub title: Option<String>,
    /// It may be a comment: a line that begins with `#` and ends like a file.
    pub is_doubtful: bool,
}

impl Format {
    /// The format of the list at `path`; `None`: it is no list.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        let is = |known: &str| extension.eq_ignore_ascii_case(known);
        match extension {
            _ if is("m3u") || is("m3u8") => Some(Self::M3u),
            _ if is("pls") => Some(Self::Pls),
            _ if is("xspf") => Some(Self::Xspf),
            _ => None,
        }
    }
}

/// The entries of a list.
///
/// # Errors
/// The whole list is of no use, with the reason.
pub(super) fn parse(format: Format, bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let text = without_bom(bytes);
    match format {
        Format::M3u => m3u(&text),
        Format::Pls => Ok(pls(&text)),
        Format::Xspf => xspf(&text),
    }
}

/// UTF-16, with a mark or recognized by its zeros, becomes UTF-8; any other charset stays as it is:
/// the names of files are bytes.
fn without_bom(bytes: &[u8]) -> Cow<'_, [u8]> {
    let zeros = |parity: usize| bytes.iter().take(64).skip(parity).step_by(2).all(|&byte| byte == 0);
    let encoding = match Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding,
        None if bytes.len() >= 2 && zeros(1) => encoding_rs::UTF_16LE,
        None if bytes.len() >= 2 && zeros(0) => encoding_rs::UTF_16BE,
        None => return bytes.into(),
    };
    if encoding == encoding_rs::UTF_8 {
        return (&bytes[3..]).into();
    }
    encoding.decode(bytes).0.into_owned().into_bytes().into()
}

/// Lines that end with LF, CR LF or CR, counted from 1. Names with a blank at an end are rare but
/// real, so only line ends are cut off.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let has_lf = text.contains(&b'\n');
    let lines = text.split(move |&byte| if has_lf { byte == b'\n' } else { byte == b'\r' });
    let whole = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    whole.enumerate().map(|(index, line)| (index + 1, line)).filter(|(_, line)| !line.trim_ascii().is_empty())
}

fn m3u(text: &[u8]) -> Result<Vec<Entry>, String> {
    let (mut entries, mut title) = (Vec::new(), None);
    for (at, line) in lines(text) {
        let directive = line.trim_ascii();
        if directive.starts_with(b"#EXT-X-") {
            return Err("is an HLS stream, not a list of files".into());
        } else if let Some(info) = directive.strip_prefix(b"#EXTINF:") {
            title = title_of_extinf(info);
        } else if !directive.starts_with(b"#") {
            entries.push(Entry { at, location: line.into(), title: title.take(), is_doubtful: false });
        } else if super::folder::is_audio(Path::new(&*String::from_utf8_lossy(directive))) {
            entries.push(Entry { at, location: line.into(), title: title.clone(), is_doubtful: true });
        }
    }
    Ok(entries)
}

/// `LENGTH ATTRIBUTES,TITLE`; an attribute may have commas between quotes.
fn title_of_extinf(info: &[u8]) -> Option<String> {
    let mut is_quoted = false;
    let comma = info.iter().position(|&byte| {
        is_quoted ^= byte == b'"';
        byte == b',' && !is_quoted
    });
    // A title with a single quote mark in front of its only comma.
    let comma = comma.or_else(|| info.iter().position(|&byte| byte == b','))?;
    title_of(&of_unknown(&info[comma + 1..]))
}

fn title_of(text: &str) -> Option<String> {
    let title: String = cleaned(text).trim().chars().take(TITLE_CHARS_MAX).collect();
    (!title.is_empty()).then_some(title)
}

/// `File1=...`, `Title1=...`, in the order of their numbers.
fn pls(text: &[u8]) -> Vec<Entry> {
    let mut entries: Vec<(u32, Entry)> = Vec::new();
    let mut titles: Vec<(u32, Option<String>)> = Vec::new();
    for (at, line) in lines(text) {
        let Some(equals) = line.iter().position(|&byte| byte == b'=') else { continue };
        let (key, value) = (line[..equals].trim_ascii().to_ascii_lowercase(), &line[equals + 1..]);
        let number = |prefix: &str| std::str::from_utf8(key.strip_prefix(prefix.as_bytes())?).ok()?.parse().ok();
        if let Some(number) = number("file").filter(|_| !value.trim_ascii().is_empty()) {
            entries.push((number, Entry { at, location: value.into(), ..Entry::default() }));
        } else if let Some(number) = number("title") {
            titles.push((number, title_of(&of_unknown(value))));
        }
    }
    titles.sort_by_key(|(number, _)| *number);
    entries.sort_by_key(|(number, _)| *number);
    for (number, entry) in &mut entries {
        let found = titles.binary_search_by_key(number, |(number, _)| *number);
        entry.title = found.ok().and_then(|index| titles[index].1.clone());
    }
    entries.into_iter().map(|(_, entry)| entry).collect()
}

/// The first location of each track.
fn xspf(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    let text = xml_text(bytes);
    let mut reader = quick_xml::Reader::from_str(&text);
    // Some programs write `&` as it is.
    reader.config_mut().allow_dangling_amp = true;
    let (mut entries, mut track, mut field): (Vec<Entry>, Option<(Entry, String)>, Option<Field>) = Default::default();
    let mut content = String::new();
    let mut tracks = 0;
    loop {
        let event = reader.read_event().map_err(|error| format!("is not good XML ({error})"))?;
        match event {
            Event::Start(start) => {
                content.clear();
                field = match start.local_name().as_ref() {
                    "track" => {
                        tracks += 1;
                        track = Some((Entry { at: tracks, ..Entry::default() }, String::new()));
                        None
                    }
                    "location" => Some(Field::Location),
                    "title" => Some(Field::Title),
                    "creator" => Some(Field::Creator),
                    _ => None,
                };
            }
            Event::Text(piece) => content.push_str(&piece),
            Event::CData(piece) => content.push_str(&piece),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(c)) => content.push(c),
                _ => match quick_xml::escape::resolve_predefined_entity(&name) {
                    Some(text) => content.push_str(text),
                    None => content.push_str(&format!("&{};", &*name)),
                },
            },
            Event::End(end) if end.local_name().as_ref() == "track" => {
                if let Some((mut entry, creator)) = track.take().filter(|(entry, _)| !entry.location.is_empty()) {
                    let both = |title| if creator.is_empty() { title } else { format!("{creator} - {title}") };
                    entry.title = entry.title.map(both);
                    entries.push(entry);
                }
            }
            Event::End(_) => {
                if let (Some((entry, creator)), Some(field)) = (&mut track, field.take()) {
                    match field {
                        Field::Location if entry.location.is_empty() => entry.location = content.trim().into(),
                        Field::Location => {}
                        Field::Title => entry.title = title_of(&content),
                        Field::Creator => *creator = title_of(&content).unwrap_or_default(),
                    }
                }
            }
            Event::Eof => return Ok(entries),
            _ => {}
        }
    }
}

/// Elements of a track that are read.
enum Field {
    Location,
    Title,
    Creator,
}

/// In the charset that the document names, or else in UTF-8 if it can be that.
fn xml_text(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
    let declaration = head.split_once("?>").map_or("", |(declaration, _)| declaration);
    let named = declaration.split_once("encoding=").and_then(|(_, rest)| rest.get(1..)?.split(['"', '\'']).next());
    // A document in UTF-16 has been decoded already, so what it says of itself is no longer true.
    decode(bytes, named.filter(|name| !name.to_ascii_lowercase().starts_with("utf")))
}
