//! User agents, each kept once (SPEC LIS-3).

use std::collections::HashSet;
use std::sync::Arc;

/// Different agents kept at once; further ones share one name.
const AGENTS_MAX: usize = 1024;
/// Bytes kept of an agent's name.
const AGENT_BYTES_MAX: usize = 128;

pub(crate) struct Agents {
    names: HashSet<Arc<str>>,
    other: Arc<str>,
}

impl Agents {
    pub(crate) fn new() -> Self {
        Self { names: HashSet::new(), other: "(other)".into() }
    }

    /// The one copy of this name.
    pub(crate) fn intern(&mut self, agent: &str) -> Arc<str> {
        let agent = &agent[..agent.floor_char_boundary(AGENT_BYTES_MAX)];
        if let Some(name) = self.names.get(agent) {
            return Arc::clone(name);
        }
        if self.names.len() >= AGENTS_MAX {
            self.names.retain(|name| Arc::strong_count(name) > 1);
        }
        if self.names.len() >= AGENTS_MAX {
            return Arc::clone(&self.other);
        }
        let name: Arc<str> = agent.into();
        self.names.insert(Arc::clone(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_agents_share_one_copy_and_the_table_is_bounded() {
        let mut agents = Agents::new();
        assert!(Arc::ptr_eq(&agents.intern("mpg123"), &agents.intern("mpg123")));
        let held: Vec<_> = (0..5000).map(|i| agents.intern(&format!("agent {i}"))).collect();
        assert_eq!(agents.names.len(), AGENTS_MAX);
        assert_eq!(&*held[4999], "(other)");
        drop(held);
        assert_eq!(&*agents.intern("late"), "late");
    }

    #[test]
    fn a_long_agent_is_cut_between_characters() {
        assert_eq!(Agents::new().intern(&"é".repeat(100)).len(), 128);
        assert_eq!(Agents::new().intern(&format!("x{}", "é".repeat(100))).len(), 127);
    }
}
