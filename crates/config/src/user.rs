//! `[[user]]`: people and programs beside the administrator.

use serde::{Deserialize, Serialize};

/// The name of the one user that there always is.
pub const ADMIN: &str = "admin";
/// The name of the station, where it has a password.
pub const STATION: &str = "station";

/// `[[user]]`
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct User {
    /// What he gives as his name, and what the journal calls him.
    pub name: String,
    /// Password, in plain or as `tower passwd` prints it; there is none by default, and there must be one.
    pub password: String,
    /// What he may do.
    pub role: Role,
}

/// What somebody may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees and hears all that the administrator does, except the configuration.
    Observer,
    /// Decides what is on air: inputs, fallback, titles, encoders, listeners.
    Operator,
    /// Sees and reloads the configuration.
    Admin,
}

impl Role {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observer => "observer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl Default for User {
    fn default() -> Self {
        Self { name: "user".into(), password: String::new(), role: Role::Observer }
    }
}

impl std::fmt::Debug for User {
    /// Without the password, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}
