//! What a source's connection tells the tower.

use radio_base::journal::event::Event;
use radio_base::title::Title;
use radio_signal::router::SourceId;

/// The tower, as far as a source's connection knows it.
pub trait SourceHost: Send + Sync {
    /// Writes an event of the current tick into the journal.
    fn note(&self, event: Event);

    /// The sound that `source` sends from now on has this title.
    fn title_arrives(&self, source: SourceId, title: Title);
}
