//! The certificate of the public listener: read, made, and read again without a restart.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, bail};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// The certificate in use; clones share it.
#[derive(Clone, Debug)]
pub struct Certificate {
    source: Tls,
    current: Arc<RwLock<Arc<CertifiedKey>>>,
}

impl Certificate {
    /// Reads or makes what the configuration names; `None` when TLS is off. `host` is the name in
    /// a certificate that is made.
    pub fn open(config: &Tls, host: &str) -> anyhow::Result<Option<Self>> {
        let key = match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => read(certificate, key)?,
            (None, None) if config.ephemeral => make(host)?,
            (None, None) => return Ok(None),
            _ => bail!("server.tls needs both a certificate and a key"),
        };
        let current = Arc::new(RwLock::new(Arc::new(key)));
        Ok(Some(Self { source: config.clone(), current }))
    }

    /// Reads the files again; what was in use stays in use if they cannot be used.
    pub fn reload(&self) -> anyhow::Result<()> {
        if let (Some(certificate), Some(key)) = (&self.source.certificate, &self.source.key) {
            let key = Arc::new(read(certificate, key)?);
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = key;
        }
        Ok(())
    }

    /// The certificate in DER, for a test that wants to trust it.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.end_entity_cert().map(|der| der.to_vec()).unwrap_or_default()
    }

    /// TLS 1.3 and TLS 1.2 with forward secrecy and AEAD only, which is all that rustls has.
    pub(super) fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(certificate: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("server.tls.certificate {}", certificate.display()))?;
    if chain.is_empty() {
        bail!("server.tls.certificate {}: there is no certificate in it", certificate.display());
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("server.tls.key {}", key.display()))?;
    CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider())
        .context("server.tls: the certificate and the key do not belong together")
}

fn make(host: &str) -> anyhow::Result<CertifiedKey> {
    let mut names = vec![String::from("localhost"), "127.0.0.1".into(), "::1".into()];
    if !names.iter().any(|name| name == host) {
        names.push(host.into());
    }
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let chain = vec![made.cert.der().clone()];
    Ok(CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?)
}
