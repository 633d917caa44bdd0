//! What the configuration makes of a tower: everything that a reload replaces, at once.

use crate::auth::credentials::{Credentials, Users};
use crate::broadcast::{BroadcastFigures, OutputId};
use crate::ingest::names::InputNames;
use crate::source::SourceDoors;
use crate::webhook::Webhook;
use radio_config::{Config, Origin, Output};
use radio_encoder::{EncoderManager, Past};
use radio_fanout::Mount;
use radio_signal::router::OnAir;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// One output: its encoder and its listeners.
#[derive(Clone)]
pub struct OutputState {
    /// Which.
    pub id: OutputId,
    /// As configured.
    pub config: Output,
    /// What listeners must give, if anything.
    pub credentials: Option<Credentials>,
    /// The encoder's manager.
    pub manager: Arc<Mutex<EncoderManager>>,
    /// What became of it lately.
    pub past: Arc<Past>,
    /// What its broadcast counts.
    pub figures: Arc<BroadcastFigures>,
    /// Where listeners join.
    pub mount: Mount,
    /// The playout delay, in ticks.
    pub delay_ticks: u64,
    /// A burst is never shorter than this (SPEC LIS-2).
    pub burst_frames_min: u64,
}

/// The tower as it is configured now. Whoever looks at it keeps what he saw for as long as he holds it.
pub struct Setup {
    /// The configuration in force.
    pub config: Config,
    /// Where its values came from, by dotted key; what is not here is a default.
    pub origins: BTreeMap<String, Origin>,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The outputs, in the order of the configuration.
    pub outputs: Vec<Arc<OutputState>>,
    /// What the inputs are called.
    pub input_names: InputNames,
    /// The doors for DJ software.
    pub source_doors: SourceDoors,
    /// Who may do what.
    pub users: Users,
    /// Who elsewhere is told of what happens.
    pub webhooks: Vec<Arc<Webhook>>,
}

impl Setup {
    /// The output of a mount's path, with or without its codec's ending.
    #[must_use]
    pub fn output_at(&self, path: &str) -> Option<&Arc<OutputState>> {
        let exact = self.outputs.iter().find(|output| output.config.mount == path);
        exact.or_else(|| self.outputs.iter().find(|output| output.config.answers_to(path)))
    }

    /// How much later than its sound arrives a title of `source` is shown, in ms; negative: earlier.
    #[must_use]
    pub fn title_delay_ms(&self, source: OnAir) -> i64 {
        let OnAir::Source(id) = source else { return 0 };
        let name = self.input_names.of(id.input);
        self.config.input.iter().find(|input| input.name == name).map_or(0, |input| input.title_delay_ms)
    }

    /// The output with this number, if it is still there.
    #[must_use]
    pub fn output(&self, id: OutputId) -> Option<&Arc<OutputState>> {
        self.outputs.iter().find(|output| output.id == id)
    }
}
