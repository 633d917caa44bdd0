//! Who asks: shown beside each action in the journal.

use super::credentials::User;
use radio_config::Role;
use std::fmt;
use std::net::IpAddr;

/// Somebody who has been let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Over the Unix socket, which only the tower's own user can open.
    CommandLine,
    /// With the password or the token in the request itself.
    Password {
        /// Who.
        user: User,
        /// Where from.
        address: IpAddr,
    },
    /// With the cookie of a session.
    Session {
        /// Who.
        user: User,
        /// Where from.
        address: IpAddr,
    },
}

impl Who {
    /// What he may do.
    #[must_use]
    pub const fn role(&self) -> Role {
        match self {
            Self::CommandLine => Role::Admin,
            Self::Password { user, .. } | Self::Session { user, .. } => user.role,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => f.write_str("the command line"),
            Self::Password { user, address } => write!(f, "{} at {}, by password", user.name, address.to_canonical()),
            Self::Session { user, address } => write!(f, "{} at {}, logged in", user.name, address.to_canonical()),
        }
    }
}
