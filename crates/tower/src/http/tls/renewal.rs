//! The certificate is read again when its files are others, and used if it is good.

use crate::state::Tower;
use crate::tls::certificate::{Files, Stamps};
use arc_swap::ArcSwap;
use radio_base::journal::event::Event;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use tokio_rustls::rustls::ServerConfig;

/// How often the files are looked at.
const LOOK_PERIOD: Duration = Duration::from_secs(2);

/// Looks at the certificate's files; the connections that are there go on with what they have.
pub(super) async fn follow(files: Files, in_use: Stamps, good: Arc<ArcSwap<ServerConfig>>, tower: Arc<Tower>) {
    let mut watch = Watch::new(in_use);
    loop {
        sleep(LOOK_PERIOD).await;
        let files = files.clone();
        // A file system may stand still.
        let looked = tokio::task::spawn_blocking(move || {
            let seen = watch.look(files.stamps(), || files.load());
            (watch, seen)
        });
        let Ok((again, seen)) = looked.await else { return };
        watch = again;
        let note = |event| tower.note(event);
        match seen {
            Seen::Same => {}
            Seen::New(new) => {
                good.store(new);
                let was_bad = tower.tls.problem().is_some();
                tower.tls.set_problem(None);
                note(Event::CertificateNew { was_bad });
            }
            Seen::Bad(error) => {
                tower.tls.set_problem(Some(format!("the new certificate cannot be used: {error:#}")));
                note(Event::CertificateBad { error: format!("{error:#}") });
            }
            Seen::Back => {
                tower.tls.set_problem(None);
                note(Event::CertificateBack);
            }
        }
    }
}

/// What a look at the files has found.
#[derive(Debug)]
pub(super) enum Seen<T> {
    /// Nothing new.
    Same,
    /// Others, and good.
    New(T),
    /// Others, and bad.
    Bad(anyhow::Error),
    /// Those in use are there again, after bad ones.
    Back,
}

/// Looks from time to time whether the files are others.
#[derive(Debug)]
pub(super) struct Watch {
    in_use: Stamps,
    /// Others that could not be used, and whether that has been said.
    bad: Option<(Stamps, bool)>,
}

impl Watch {
    /// Those with these stamps are in use.
    #[must_use]
    pub(super) const fn new(in_use: Stamps) -> Self {
        Self { in_use, bad: None }
    }

    /// One look. Two files are never exchanged at once, so what is bad is called so when it is the same a look later.
    pub(super) fn look<T>(&mut self, stamps: Stamps, load: impl FnOnce() -> anyhow::Result<T>) -> Seen<T> {
        if stamps == self.in_use {
            return if self.bad.take().is_some_and(|(_, is_said)| is_said) { Seen::Back } else { Seen::Same };
        }
        let is_second = match self.bad {
            Some((bad, true)) if bad == stamps => return Seen::Same,
            Some((bad, false)) => bad == stamps,
            // A bad one that follows a bad one has been announced.
            Some((_, true)) | None => false,
        };
        match load() {
            Ok(new) => {
                *self = Self::new(stamps);
                Seen::New(new)
            }
            Err(error) => {
                self.bad = Some((stamps, is_second));
                if is_second { Seen::Bad(error) } else { Seen::Same }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    const fn stamps(n: u64) -> Stamps {
        [Some((1, n, 0, 0, 0)), None]
    }

    fn good() -> anyhow::Result<()> {
        Ok(())
    }

    fn bad() -> anyhow::Result<()> {
        bail!("bad")
    }

    #[test]
    fn others_are_taken_when_they_are_good_and_read_only_then() {
        let mut watch = Watch::new(stamps(1));
        assert!(matches!(watch.look(stamps(1), || -> anyhow::Result<()> { panic!("not read") }), Seen::Same));
        assert!(matches!(watch.look(stamps(2), good), Seen::New(())));
        assert!(matches!(watch.look(stamps(2), || -> anyhow::Result<()> { panic!("not read") }), Seen::Same));
    }

    #[test]
    fn a_moment_between_two_files_is_no_fault_and_a_lasting_one_is_told_once() {
        let mut watch = Watch::new(stamps(1));
        assert!(matches!(watch.look(stamps(2), bad), Seen::Same), "the other file may follow");
        assert!(matches!(watch.look(stamps(3), good), Seen::New(())));
        assert!(matches!(watch.look(stamps(4), bad), Seen::Same));
        assert!(matches!(watch.look(stamps(4), bad), Seen::Bad(_)));
        assert!(matches!(watch.look(stamps(4), bad), Seen::Same), "once");
        assert!(matches!(watch.look(stamps(3), bad), Seen::Back));
        assert!(matches!(watch.look(stamps(3), bad), Seen::Same));
    }
}
