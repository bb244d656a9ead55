//! Certificates for a test: an authority of its own, and whom it vouches for.

use std::path::{Path, PathBuf};

use anyhow::Result;
use graylane_etcd::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

/// An authority that nobody else knows.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// What it says of somebody, and the key that proves it; as PEM.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::new([])?;
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// Its own certificate, by which the others are believed; as PEM.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server on this machine, or a client, of this name.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn issue(&self, name: &str) -> Result<Certificate> {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, name);
        // etcd calls itself with the certificate of its server.
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Certificate { certificate, key: key.serialize_pem() })
    }

    /// What a client needs that believes this authority and has a certificate of it.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn client(&self, name: &str) -> Result<Tls> {
        let own = self.issue(name)?;
        let identity = Some((own.certificate.into_bytes(), own.key.into_bytes()));
        Ok(Tls { authority: self.certificate().into_bytes(), identity, server_name: None })
    }
}

/// The files of one who speaks TLS.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    /// Where they are.
    pub(crate) fn of(folder: &Path, name: &str) -> Self {
        let at = |ending| folder.join(format!("{name}.{ending}"));
        Self { authority: at("authority.pem"), certificate: at("pem"), key: at("key") }
    }

    /// Writes them.
    pub(crate) fn write(folder: &Path, name: &str, tls: &Tls) -> Result<Self> {
        let files = Self::of(folder, name);
        let (certificate, key) = tls.identity.as_ref().map_or((&[][..], &[][..]), |(one, two)| (one, two));
        std::fs::write(&files.authority, &tls.authority)?;
        std::fs::write(&files.certificate, certificate)?;
        std::fs::write(&files.key, key)?;
        Ok(files)
    }
}
