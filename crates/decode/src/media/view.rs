//! A part of a file, with bytes of our own in front, as if it were a file of its own.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use symphonia::core::io::MediaSource;

/// A header that stands in for what a file begins with, and bytes of the file behind it.
#[derive(Debug)]
pub struct View<F> {
    header: Vec<u8>,
    file: F,
    /// Where the bytes behind the header begin in the file, and how many there are.
    start: u64,
    bytes: u64,
    /// Where the next read begins, counted from the header's first byte.
    at: u64,
    /// Where the file itself is.
    file_at: u64,
}

impl<F: Read + Seek> View<F> {
    /// Shows `part` of `file` behind `header`.
    ///
    /// # Errors
    /// The file cannot be sought.
    pub fn new(header: Vec<u8>, mut file: F, part: Range<u64>) -> io::Result<Self> {
        let file_at = file.seek(SeekFrom::Start(part.start))?;
        Ok(Self { header, file, start: part.start, bytes: part.end.saturating_sub(part.start), at: 0, file_at })
    }

    fn len(&self) -> u64 {
        self.header.len() as u64 + self.bytes
    }
}

impl<F: Read + Seek> Read for View<F> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(behind) = self.at.checked_sub(self.header.len() as u64) else {
            let count = (&self.header[self.at as usize..]).read(out)?;
            self.at += count as u64;
            return Ok(count);
        };
        let wanted = self.start + behind;
        if self.file_at != wanted {
            self.file_at = self.file.seek(SeekFrom::Start(wanted))?;
        }
        let room = usize::try_from(self.bytes.saturating_sub(behind)).unwrap_or(usize::MAX);
        let length = out.len().min(room);
        let count = self.file.read(&mut out[..length])?;
        self.at += count as u64;
        self.file_at += count as u64;
        Ok(count)
    }
}

impl<F: Read + Seek> Seek for View<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = wanted.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl<F: Read + Seek + Send + Sync> MediaSource for View<F> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn a_view_reads_and_seeks_as_the_file_that_it_stands_for() {
        let mut view = View::new(b"head".to_vec(), Cursor::new(b"..body...".to_vec()), 2..6).expect("a view");
        let mut all = String::new();
        view.read_to_string(&mut all).expect("text");
        assert_eq!((all.as_str(), view.byte_len()), ("headbody", Some(8)));
        for (to, rest) in [
            (SeekFrom::Start(2), "adbody"),
            (SeekFrom::End(-3), "ody"),
            (SeekFrom::Start(5), "ody"),
            (SeekFrom::Current(-5), "dbody"),
            (SeekFrom::Start(100), ""),
        ] {
            view.seek(to).expect("a place");
            let mut found = String::new();
            view.read_to_string(&mut found).expect("text");
            assert_eq!(found, rest, "{to:?}");
        }
        assert!(view.seek(SeekFrom::End(-9)).is_err());
    }
}
