use std::fmt;
use std::str::FromStr;

use omq_tokio::{
    Authenticator, CurveKeypair, CurvePublicKey, CurveSecretKey, CurveServerOptions, MechanismSetup,
};

use crate::transport::{Error, ErrorKind};

/// The public half of a pair of CURVE keys, to be given to the other side. As text it is 40 characters of Z85, as libzmq's tools write it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(CurvePublicKey);

/// The secret half of a pair of CURVE keys. Never shown by `Debug`; wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(CurveSecretKey);

/// A pair of CURVE keys: who has the secret one can prove that the public one is theirs.
///
/// # Examples
///
/// ```
/// use foreground::zmq::{Keys, PublicKey, SecretKey};
///
/// let keys = Keys::generate();
/// // To be stored, or told to the other side:
/// let (public, secret) = (keys.public().to_string(), keys.secret().to_z85());
/// let secret: SecretKey = secret.parse()?;
/// assert_eq!(Keys::from_secret(secret), keys);
/// assert_eq!(public.parse::<PublicKey>()?, keys.public());
/// # Ok::<(), foreground::transport::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    public: PublicKey,
    secret: SecretKey,
}

impl Keys {
    /// Makes a new pair, by the system's random numbers.
    pub fn generate() -> Self {
        let pair = CurveKeypair::generate();
        Self { public: PublicKey(pair.public), secret: SecretKey(pair.secret) }
    }

    /// Makes the pair of a secret key.
    pub fn from_secret(secret: SecretKey) -> Self {
        Self { public: PublicKey(secret.0.derive_public()), secret }
    }

    /// Returns the public key.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Returns the secret key.
    pub fn secret(&self) -> &SecretKey {
        &self.secret
    }

    fn pair(&self) -> CurveKeypair {
        CurveKeypair { public: self.public.0, secret: self.secret.0.clone() }
    }
}

impl SecretKey {
    /// Returns it as text, to be stored where nobody else can read it.
    pub fn to_z85(&self) -> String {
        self.0.to_z85()
    }
}

fn no_key(what: &str, error: omq_tokio::Error) -> Error {
    let text = format!("this is no {what} key of CURVE, which has 40 characters of Z85");
    Error::new(ErrorKind::InvalidInput, text).because(error)
}

impl FromStr for PublicKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        CurvePublicKey::from_z85(text).map(Self).map_err(|error| no_key("public", error))
    }
}

impl FromStr for SecretKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        CurveSecretKey::from_z85(text).map(Self).map_err(|error| no_key("secret", error))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_z85())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// How a socket proves who it is, and whom it lets in.
#[derive(Clone, Debug, Default)]
pub(crate) enum Security {
    #[default]
    None,
    /// Who binds: clients must know its public key, and have one of these themselves, if a list is given.
    Server { keys: Keys, clients: Option<Vec<PublicKey>> },
    /// Who connects.
    Client { keys: Keys, server: PublicKey },
}

impl Security {
    pub(super) fn mechanism(&self) -> MechanismSetup {
        match self {
            Self::None => MechanismSetup::Null,
            Self::Server { keys, clients } => {
                let mut options = CurveServerOptions::default();
                if let Some(clients) = clients.clone() {
                    options.authenticator = Some(Authenticator::new(move |peer| {
                        clients.iter().any(|client| *client.0.as_bytes() == peer.public_key)
                    }));
                }
                MechanismSetup::CurveServer { our_keypair: keys.pair(), options }
            }
            Self::Client { keys, server } => {
                MechanismSetup::CurveClient { our_keypair: keys.pair(), server_public: server.0 }
            }
        }
    }
}
