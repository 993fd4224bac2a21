//! Whom a client trusts.

use std::io;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::transport::{Error, ErrorKind};

/// The certificates that may have signed a server's.
#[derive(Clone, Default)]
pub(super) struct Roots {
    own: Vec<Certificate<'static>>,
    own_only: bool,
}

impl Roots {
    pub(super) fn add(&mut self, certificates: Vec<Certificate<'static>>) {
        self.own.extend(certificates);
    }

    pub(super) fn leave_out_the_systems(&mut self) {
        self.own_only = true;
    }

    /// Reads the system's certificates from its files.
    pub(super) fn config(&self) -> TlsConfig {
        let mut roots = self.own.clone();
        if !self.own_only {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                log::debug!("foreground: a certificate of the system cannot be read: {error}");
            }
            roots.extend(found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()));
        }
        let roots =
            if roots.is_empty() && !self.own_only { RootCerts::WebPki } else { RootCerts::from(roots) };
        TlsConfig::builder().root_certs(roots).build()
    }
}

/// The certificates in a text.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, Error> {
    let invalid = || Error::new(ErrorKind::InvalidInput, "that text holds no certificate; give it as PEM");
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| invalid().because(error))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err(invalid()) } else { Ok(certificates) }
}

pub(super) fn kind(error: &rustls::Error) -> ErrorKind {
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::AlertReceived(_)
        | rustls::Error::PeerIncompatible(_) => ErrorKind::Refused,
        _ => ErrorKind::Protocol,
    }
}

/// The kind of an error of TLS that comes as one of the system's.
pub(super) fn kind_of(error: &io::Error) -> Option<ErrorKind> {
    error.get_ref()?.downcast_ref::<rustls::Error>().map(kind)
}

pub(super) fn text(server: &str) -> String {
    format!("there is no secure connection to {server}; its certificate may need `root_certificate`")
}
