//! The commands of `tower` (SPEC CFG-4).
//!
//! One file or folder per command; `args` holds what is common to their flags.
//!
//! Called by `main`. Commands but `serve`, `encode` and `decode` talk to a running tower over its
//! socket.

pub mod args;
pub mod check;
pub mod config;
pub mod decode;
pub mod doctor;
pub mod encode;
pub mod events;
pub mod feed;
pub mod passwd;
pub mod reload;
pub mod serve;
pub mod skip;
pub mod status;
pub mod verify;

use std::io::{IsTerminal, Write};

/// Writes to standard output. A reader that has gone (`tower config | head`) is no error.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Whether standard output wants colours (<https://no-color.org>).
pub(crate) fn colours_wanted() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A colour of the terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Paint {
    Dim,
    Green,
    Yellow,
    Red,
    Bold,
}

impl Paint {
    /// `text` in this colour, if `wanted`.
    pub(crate) fn on(self, text: &str, wanted: bool) -> String {
        let code = match self {
            Self::Dim => 2,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Red => 31,
            Self::Bold => 1,
        };
        if wanted { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
