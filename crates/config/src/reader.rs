//! Reads the configuration again, on a thread of its own: a file on a disk that does not answer
//! keeps that thread and nothing else.

use super::{ConfigError, Loaded, Sources, load_again};
use anyhow::{Context, anyhow};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The file must have been read within this time.
const READ_TIME_MAX: Duration = Duration::from_secs(10);

/// Why the configuration could not be read again.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not good.
    Config(ConfigError),
    /// Its file did not answer, or there is no thread to read it.
    NotReady(anyhow::Error),
}

/// From where the configuration is read, and the thread that does not come back from there.
pub struct Reader {
    sources: Sources,
    pending: Option<JoinHandle<()>>,
}

impl Reader {
    /// Nothing has been read again yet.
    #[must_use]
    pub const fn new(sources: Sources) -> Self {
        Self { sources, pending: None }
    }

    /// Reads it as at the start: file, environment, flags.
    ///
    /// # Errors
    /// See [`Unreadable`].
    pub async fn read(&mut self) -> Result<Loaded, Unreadable> {
        if let Some(pending) = self.pending.take_if(|pending| !pending.is_finished()) {
            self.pending = Some(pending);
            let text = "an earlier reload still waits for the file; is its disk there? Then reload again";
            return Err(Unreadable::NotReady(anyhow!(text)));
        }
        let (sources, (sender, receiver)) = (self.sources.clone(), oneshot::channel());
        let read = move || _ = sender.send(load_again(&sources));
        let thread = Builder::new().name("reload".into()).spawn(read);
        let thread = thread.context("there is no thread to read the file").map_err(Unreadable::NotReady)?;
        match timeout(READ_TIME_MAX, receiver).await {
            Ok(Ok(loaded)) => loaded.map_err(Unreadable::Config),
            Ok(Err(_)) => Err(Unreadable::NotReady(anyhow!("the file could not be read: its reader has failed"))),
            Err(_) => {
                self.pending = Some(thread);
                let seconds = READ_TIME_MAX.as_secs();
                let text = format!("the file has not been read in {seconds} s; is its disk there? Then reload again");
                Err(Unreadable::NotReady(anyhow!(text)))
            }
        }
    }
}
