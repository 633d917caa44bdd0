//! `[[webhook]]`: receivers to which events are posted as they happen (SPEC API-4).

use serde::{Deserialize, Serialize};

/// `[[webhook]]`
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhook {
    /// Name in `/status`, in metrics and in the log.
    pub name: String,
    /// Where events are posted to; there is none by default, and there must be one.
    pub url: String,
    /// Key of the signatures; there is none by default, and there must be one.
    pub secret: String,
    /// Which kinds of events.
    pub kinds: Vec<String>,
}

impl Webhook {
    /// Scheme, host and port: what may be shown. Behind them many receivers have a token of theirs.
    #[must_use]
    pub fn origin(&self) -> &str {
        let host = self.url.find("://").map_or(0, |scheme| scheme + 3);
        let end = self.url[host..].find(['/', '?', '#']).map_or(self.url.len(), |path| host + path);
        &self.url[..end]
    }
}

impl std::fmt::Debug for Webhook {
    /// Without secret and path, which must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Webhook");
        shown.field("name", &self.name).field("url", &self.origin()).field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            name: "webhook".into(),
            url: String::new(),
            secret: String::new(),
            kinds: vec!["alarm".into(), "alarm_over".into()],
        }
    }
}
