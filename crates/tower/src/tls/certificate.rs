//! The certificate: read and checked, and what tells its files from others.

use anyhow::{Context, bail};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};

/// Longest PEM file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// What is spoken within TLS.
const ALPN: &[u8] = b"http/1.1";

/// Where certificate and key are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, and those above it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Files {
    /// What connections are made with.
    ///
    /// # Errors
    /// What is wrong, with the file and the remedy. Nothing of the key is in it.
    pub fn load(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let pem = read(&self.certificate)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.with_context(|| format!("{} holds no certificate in PEM", self.certificate.display()))?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?);
        // Its error may quote the file.
        let key = key.ok().with_context(|| format!("{} holds no private key in PEM", self.key.display()))?;
        let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let versions = versions.with_safe_default_protocol_versions()?;
        let mut config = match versions.with_no_client_auth().with_single_cert(chain, key) {
            Ok(config) => config,
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                bail!(
                    "{} is not the key of {}; give the two that belong together",
                    self.key.display(),
                    self.certificate.display()
                )
            }
            Err(error) => bail!("{} cannot be used: {error}", self.certificate.display()),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Arc::new(config))
    }

    /// What tells whether they are others than before.
    #[must_use]
    pub fn stamps(&self) -> Stamps {
        [stamp(&self.certificate), stamp(&self.key)]
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.with_context(|| format!("{} cannot be read; give the tower's user the right to it", path.display()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("{} is longer than {FILE_BYTES_MAX} bytes; this is no certificate", path.display());
    }
    Ok(bytes)
}

/// What tells one file from another of the same name; `None` if there is none.
pub type Stamps = [Option<(u64, u64, u64, i64, i64)>; 2];

fn stamp(path: &Path) -> Option<(u64, u64, u64, i64, i64)> {
    let file = std::fs::metadata(path).ok()?;
    // The change time moves with permissions, too.
    Some((file.dev(), file.ino(), file.size(), file.ctime(), file.ctime_nsec()))
}
