//! What must hold for `[[user]]` and for passwords beyond the types.

use super::check::Check;
use super::limits::{PASSWORD_BYTES_MAX, TITLE_BYTES_MAX, USERS_MAX};
use super::schema::Config;
use crate::{ADMIN, STATION};
use radio_base::password;

impl Check {
    pub(super) fn users(&mut self, config: &Config) {
        if config.user.len() > USERS_MAX {
            self.add(&["user"], format!("`user`: {} users; there may be {USERS_MAX}", config.user.len()));
        }
        for (i, user) in config.user.iter().enumerate() {
            let key = |name: &str| format!("user.{i}.{name}");
            self.line(&key("name"), &user.name, TITLE_BYTES_MAX);
            let is_taken = [ADMIN, STATION].contains(&user.name.as_str())
                || config.user[..i].iter().any(|other| other.name == user.name);
            if user.name.is_empty() || user.name.contains(':') || is_taken {
                let message = format!(
                    "`{}` is empty, has a colon, or is taken ({ADMIN} and {STATION} are the tower's own); give each its own",
                    key("name")
                );
                self.add(&[&key("name")], message);
            }
            self.password(&key("password"), &user.password);
            if user.password.is_empty() {
                self.add(&[&key("password")], format!("`{}` is empty; `tower passwd` makes one", key("password")));
            }
        }
    }

    /// A password in plain, or a hash that can be used.
    pub(super) fn password(&mut self, key: &str, password: &str) {
        self.line(key, password, PASSWORD_BYTES_MAX);
        if password::is_hash(password)
            && let Some(wrong) = password::hash_error(password)
        {
            self.add(&[key], format!("`{key}` {wrong}"));
        }
    }
}
