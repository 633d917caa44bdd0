//! What an encoder or decoder complains of on stderr: always drained, the last lines kept, a few a second logged.

use std::collections::VecDeque;

const LINES_KEPT: usize = 20;
const LINE_BYTES_MAX: usize = 400;
const LOGGED_PER_SECOND_MAX: u32 = 10;

/// The last lines of a child.
#[derive(Default)]
pub struct Diagnostics {
    lines: VecDeque<String>,
    /// The line that is coming in; longer ones are cut.
    line: Vec<u8>,
    second: u64,
    logged: u32,
}

impl Diagnostics {
    /// Takes what was read of `pid`'s standard error in the second `now_s`.
    pub fn push(&mut self, bytes: &[u8], now_s: u64, pid: u32) {
        for &byte in bytes {
            if byte == b'\n' || byte == b'\r' {
                self.end_line(now_s, pid);
            } else if self.line.len() < LINE_BYTES_MAX {
                self.line.push(byte);
            }
        }
    }

    /// The last thing said, whole line or not.
    #[must_use]
    pub fn last_line(&self) -> Option<String> {
        let unfinished = clean(&self.line);
        if unfinished.is_empty() { self.lines.back().cloned() } else { Some(unfinished) }
    }

    /// Whether one of the last lines is about memory: what encoders, libraries and languages say when they get no more
    /// of it has this word in common.
    #[must_use]
    pub fn speaks_of_memory(&self) -> bool {
        let speaks = |line: &str| {
            let line = line.to_ascii_lowercase();
            line.contains("memory") || line.contains("bad_alloc")
        };
        self.lines.iter().any(|line| speaks(line)) || speaks(&clean(&self.line))
    }

    fn end_line(&mut self, now_s: u64, pid: u32) {
        let line = clean(&self.line);
        self.line.clear();
        if line.is_empty() {
            return;
        }
        if self.second != now_s {
            self.second = now_s;
            self.logged = 0;
        }
        self.logged += 1;
        if self.logged <= LOGGED_PER_SECOND_MAX {
            tracing::debug!(pid, line, "a child says");
        }
        if self.lines.len() == LINES_KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// Printable text, whatever came.
fn clean(bytes: &[u8]) -> String {
    crate::text::cleaned(&String::from_utf8_lossy(bytes)).trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_twenty_bounded_lines_whatever_comes() {
        let mut diagnostics = Diagnostics::default();
        assert_eq!(diagnostics.last_line(), None);
        for n in 0..1000 {
            diagnostics.push(format!("line {n}\r\n").as_bytes(), 0, 1);
        }
        assert_eq!((diagnostics.lines.len(), diagnostics.last_line().as_deref()), (20, Some("line 999")));
        diagnostics.push(&vec![0xFF; 1_000_000], 0, 1);
        assert_eq!(diagnostics.last_line().map(|line| line.chars().count()), Some(LINE_BYTES_MAX));
        diagnostics.push(b"\n\x1B[31mred\n", 0, 1);
        assert_eq!(diagnostics.last_line().as_deref(), Some("[31mred"));
    }
}
