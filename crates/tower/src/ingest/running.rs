//! The inputs that the tower runs itself, by name: those for which it listens, connects or runs a
//! program.

use radio_config::{Input, InputKind};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One that runs; dropping it ends it.
pub trait RunningInput: Send {
    /// For `/status`: its state.
    fn status(&self) -> Value;
}

/// Those that run.
#[derive(Default)]
pub struct RunningInputs(Mutex<Vec<(String, Box<dyn RunningInput>)>>);

impl RunningInputs {
    /// Keeps what feeds the input of this name.
    pub fn keep(&self, name: String, input: Box<dyn RunningInput>) {
        self.lock().push((name, input));
    }

    /// Ends what feeds the input of this name.
    pub fn stop(&self, name: &str) {
        self.lock().retain(|(other, _)| other != name);
    }

    /// Ends all of them.
    pub fn end(&self) {
        self.lock().clear();
    }

    /// For `/status`: how the input of this name is fed; null if the tower does not do it.
    #[must_use]
    pub fn status(&self, name: &str, input: Option<&Input>) -> Value {
        let Some(input) = input.filter(|input| input.kind != InputKind::Icecast) else { return Value::Null };
        let running = self.lock();
        let state = running.iter().find(|(other, _)| other == name).map_or(Value::Null, |(_, one)| one.status());
        json!({ "kind": input.kind.name(), "priority": input.priority(), "state": state })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Box<dyn RunningInput>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
