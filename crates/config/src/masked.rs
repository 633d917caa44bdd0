//! The configuration for others to see: without what only the tower and its friends may know.

use super::schema::Config;

/// What is shown in place of a secret.
pub const MASK: &str = "********";

/// `config` with a mask in place of every password, secret and token.
#[must_use]
pub fn masked(config: &Config) -> Config {
    let mut config = config.clone();
    if !config.admin.password.is_empty() {
        config.admin.password = MASK.into();
    }
    if !config.station.password.is_empty() {
        config.station.password = MASK.into();
    }
    for output in config.output.iter_mut().filter(|output| !output.password.is_empty()) {
        output.password = MASK.into();
    }
    for input in config.input.iter_mut().filter(|input| !input.password.is_empty()) {
        input.password = MASK.into();
    }
    for input in &mut config.input {
        // A query may be a token of the other server's.
        if let Some(query) = input.url.find('?') {
            input.url.replace_range(query + 1.., MASK);
        }
    }
    config.user.iter_mut().for_each(|user| user.password = MASK.into());
    for webhook in &mut config.webhook {
        let origin = webhook.origin().to_owned();
        // What follows the host may be a token of the receiver's.
        webhook.url = if origin == webhook.url { origin } else { format!("{origin}/{MASK}") };
        webhook.secret = MASK.into();
    }
    config
}
