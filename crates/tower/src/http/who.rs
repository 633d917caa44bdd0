//! Who asks: shown beside each action in the journal.

use std::fmt;
use std::net::IpAddr;

/// Somebody who has been let in as administrator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Over the Unix socket, which only the tower's own user can open.
    CommandLine,
    /// With the password or the token in the request itself.
    Password {
        /// Where from.
        address: IpAddr,
    },
    /// With the cookie of a session.
    Session {
        /// Where from.
        address: IpAddr,
    },
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("the command line"),
            Self::Password { address } => write!(f, "admin at {}, by password", address.to_canonical()),
            Self::Session { address } => write!(f, "admin at {}, logged in", address.to_canonical()),
        }
    }
}
