//! TLS of what the tower asks of others: it trusts whom the system trusts.

use anyhow::bail;
use std::sync::Arc;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What a client needs; reads the system's certificates.
///
/// # Errors
/// There are none.
pub fn config() -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        bail!("there are no certificate authorities to trust; install ca-certificates, or set SSL_CERT_FILE");
    }
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(versions.with_root_certificates(roots).with_no_client_auth()))
}
