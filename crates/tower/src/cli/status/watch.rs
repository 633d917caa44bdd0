//! The status anew every second: on a screen of its own in a terminal, one below the other in a pipe.

use rustix::stdio::{stdin, stdout};
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use std::io::{Read, Write};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

const PERIOD: Duration = Duration::from_secs(1);

/// The terminal's other screen without a cursor, and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// Cursor home, and clear from there on: less flicker than clearing first.
const HOME: &str = "\x1b[H";
const CLEAR_REST: &str = "\x1b[J";
const CLEAR_LINE_REST: &str = "\x1b[K";
/// Keys that wait at most.
const KEYS_MAX: usize = 16;

/// Shows what `look` gives until `q`, an interrupt, or nobody reads it any more.
///
/// # Errors
/// The system refuses to tell of signals.
pub(super) fn watch(look: impl Fn() -> String) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let screen = Screen::open();
        let mut keys = keys();
        while screen.show(&look()).is_ok() {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                // Any other key shows what is new at once.
                Some(key) = keys.recv() => if key.eq_ignore_ascii_case(&b'q') { break },
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
        Ok(())
    })
}

/// Keys as they are pressed, if there is a keyboard. The thread ends with the program.
fn keys() -> mpsc::Receiver<u8> {
    let (tell, keys) = mpsc::channel(KEYS_MAX);
    if isatty(stdin()) {
        std::thread::spawn(move || {
            let mut key = [0];
            while std::io::stdin().read_exact(&mut key).is_ok() && tell.blocking_send(key[0]).is_ok() {}
        });
    }
    keys
}

/// Where it is shown. Dropped, the terminal is as it was before.
struct Screen {
    is_terminal: bool,
    /// How the keyboard was.
    before: Option<Termios>,
}

impl Screen {
    fn open() -> Self {
        let is_terminal = isatty(stdout());
        let before = tcgetattr(stdin()).ok().filter(|_| is_terminal);
        if let Some(before) = &before {
            // Keys come one by one and unseen; an interrupt stays one.
            let mut modes = before.clone();
            modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            let _ = tcsetattr(stdin(), OptionalActions::Now, &modes);
        }
        if is_terminal {
            let _ = write(ENTER);
        }
        Self { is_terminal, before }
    }

    fn show(&self, text: &str) -> std::io::Result<()> {
        if !self.is_terminal {
            return write(&format!("{text}\n"));
        }
        let (rows, columns) = tcgetwinsize(stdout()).map_or((24, 80), |size| (size.ws_row.into(), size.ws_col.into()));
        let lines = fitted(text, rows, columns).join(&format!("{CLEAR_LINE_REST}\n"));
        write(&format!("{HOME}{lines}{CLEAR_LINE_REST}{CLEAR_REST}"))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.is_terminal {
            let _ = write(LEAVE);
        }
        if let Some(before) = &self.before {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

fn write(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// As many lines and columns of `text` as there is room for. A terminal that does not say how large it is gets all of it.
fn fitted(text: &str, rows: usize, columns: usize) -> Vec<String> {
    let (rows, columns) = (if rows == 0 { usize::MAX } else { rows }, if columns == 0 { usize::MAX } else { columns });
    text.lines().take(rows).map(|line| clipped(line, columns)).collect()
}

/// The first `columns` characters of a line; its colours take no room, and end with it.
fn clipped(line: &str, columns: usize) -> String {
    let (mut out, mut room, mut is_colour) = (String::new(), columns, false);
    for c in line.chars() {
        if c == '\x1b' {
            is_colour = true;
        }
        if is_colour {
            is_colour = c != 'm';
        } else if room == 0 {
            continue;
        } else {
            room -= 1;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_left_out_and_colours_end() {
        let text = "\x1b[31mALARM silence\x1b[0m\nsecond\nthird\n";
        assert_eq!(fitted(text, 2, 5), ["\x1b[31mALARM\x1b[0m", "secon"]);
        assert_eq!(fitted(text, 0, 0).len(), 3);
    }
}
