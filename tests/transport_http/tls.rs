//! The client by TLS, against a small server with a certificate that was made just now.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use foreground::transport::http::Client;
use foreground::transport::{ClientTransport, ErrorKind};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::Script;

/// Answers each connection's request, as long as it is one by TLS.
struct Secure {
    address: SocketAddr,
    /// Of who signed the server's certificate.
    root: String,
}

impl Secure {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let config = Arc::new(config);
            for stream in listener.incoming() {
                let (Ok(stream), Ok(connection)) = (stream, ServerConnection::new(config.clone())) else {
                    return;
                };
                let mut stream = StreamOwned::new(connection, stream);
                let mut request = [0; 10_000];
                let mut length = 0;
                while !request[..length].ends_with(b"hello") {
                    match stream.read(&mut request[length..]) {
                        Ok(read) if read > 0 => length += read,
                        _ => break,
                    }
                }
                if request[..length].ends_with(b"hello") {
                    let _ = stream.write_all(
                        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret",
                    );
                }
            }
        });
        Self { address, root: issuer.pem() }
    }

    fn client(&self, host: &str) -> Client {
        Client::new(format!("https://{host}:{}/", self.address.port())).unwrap()
    }
}

#[test]
fn a_certificate_of_ones_own_is_trusted_when_it_is_given() {
    let server = Secure::new("localhost");
    let client = server.client("localhost").root_certificate(&server.root).unwrap();
    for _ in 0..3 {
        assert_eq!(client.send_message(b"hello".to_vec(), true).unwrap().unwrap(), b"secret");
    }
    let alone = client.without_system_roots();
    assert_eq!(alone.send_message(b"hello".to_vec(), true).unwrap().unwrap(), b"secret");
    // Several in one text.
    let other = Secure::new("localhost");
    let both = server.client("localhost").root_certificate(other.root + &server.root).unwrap();
    assert_eq!(both.send_message(b"hello".to_vec(), true).unwrap().unwrap(), b"secret");
}

#[test]
fn an_address_by_number_is_one_too() {
    let server = Secure::new("127.0.0.1");
    let client = server.client("127.0.0.1").root_certificate(&server.root).unwrap();
    assert_eq!(client.send_message(b"hello".to_vec(), true).unwrap().unwrap(), b"secret");
}

#[test]
fn whom_nobody_vouches_for_is_refused() {
    let server = Secure::new("localhost");
    let stranger = Secure::new("localhost");
    for client in [
        server.client("localhost"),
        server.client("localhost").root_certificate(&stranger.root).unwrap(),
        server.client("localhost").without_system_roots(),
        // The right one, but of another name.
        server.client("127.0.0.1").root_certificate(&server.root).unwrap(),
    ] {
        let error = client.send_message(b"hello".to_vec(), true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
}

#[test]
fn a_server_without_tls_is_told_apart() {
    let script = Script::new(&["HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"]);
    let client = Client::new(format!("https://{}/", script.address())).unwrap();
    let error =
        client.timeout(std::time::Duration::from_secs(1)).send_message(b"hello".to_vec(), true).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Disconnected | ErrorKind::Timeout),
        "{error:?}"
    );
}

#[test]
fn what_is_no_certificate_is_told_so() {
    for text in ["", "nonsense", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        let error = Client::new("https://h").unwrap().root_certificate(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
    }
}
