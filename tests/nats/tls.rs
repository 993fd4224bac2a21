//! Encrypted connections.

use std::path::PathBuf;
use std::process::Command;

use foreground::nats::{self, Options};
use foreground::transport::ErrorKind;
use tempfile::TempDir;

use super::server::NatsServer;
use super::{LONG, assert_kind};

/// An authority, and what it vouches for.
struct Certificates(TempDir);

impl Certificates {
    fn make() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        this.openssl(
            "req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -days 2 -keyout ca.key -out ca.pem",
        );
        for (name, extension) in
            [("server", "subjectAltName=IP:127.0.0.1"), ("client", "extendedKeyUsage=clientAuth")]
        {
            std::fs::write(this.path("extension"), extension).unwrap();
            this.openssl(&format!(
                "req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"
            ));
            this.openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extension -out {name}.pem"
            ));
        }
        this
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl").current_dir(&self.0).args(arguments.split(' ')).output();
        let output = output.expect("apt-get install openssl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn a_server_with_a_certificate() {
    let files = Certificates::make();
    let nats = NatsServer::start_with(&[
        "--tlscert",
        &files.text("server.pem"),
        "--tlskey",
        &files.text("server.key"),
    ]);
    let trusting = Options::new().root_certificates(files.path("ca.pem"));
    trusting.connect(nats.address()).unwrap().flush(LONG).unwrap();
    let address = format!("tls://127.0.0.1:{}", nats.port());
    trusting.connect(&address).unwrap().flush(LONG).unwrap();
    // Nobody vouches for it, or for another name.
    assert_kind(nats::connect(&address), ErrorKind::Refused);
    assert_kind(
        Options::new().root_certificates(files.path("client.pem")).connect(&address),
        ErrorKind::Refused,
    );
    assert_kind(trusting.connect(format!("tls://localhost:{}", nats.port())), ErrorKind::Refused);
    assert_kind(Options::new().root_certificates("/no/such/file").connect(&address), ErrorKind::InvalidInput);
}

#[test]
fn a_server_that_wants_certificates_of_its_clients() {
    let files = Certificates::make();
    let nats = NatsServer::start_with(&[
        "--tlsverify",
        "--tlscert",
        &files.text("server.pem"),
        "--tlskey",
        &files.text("server.key"),
        "--tlscacert",
        &files.text("ca.pem"),
    ]);
    let trusting = Options::new().root_certificates(files.path("ca.pem"));
    let error = trusting.connect(nats.address()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Refused | ErrorKind::Unreachable), "{error}");
    let known = trusting.client_certificate(files.path("client.pem"), files.path("client.key"));
    known.connect(nats.address()).unwrap().flush(LONG).unwrap();
}

#[test]
fn no_password_goes_to_a_server_without_tls_if_it_is_required() {
    let nats = NatsServer::start();
    assert_kind(Options::new().require_tls().connect(nats.address()), ErrorKind::Refused);
}
