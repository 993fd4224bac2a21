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

/// What somebody has settled about CURVE, for servers and for clients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Curve {
    server: Option<Keys>,
    allowed: Option<Vec<PublicKey>>,
    client: Option<(Keys, PublicKey)>,
}

impl Curve {
    pub(crate) fn server(&mut self, keys: Keys) {
        self.server = Some(keys);
    }

    pub(crate) fn allow(&mut self, clients: impl IntoIterator<Item = PublicKey>) {
        self.allowed.get_or_insert_default().extend(clients);
    }

    pub(crate) fn client(&mut self, keys: Keys, server: PublicKey) {
        self.client = Some((keys, server));
    }

    /// For who binds. What contradicts itself is an error, lest it mean no security at all.
    pub(crate) fn for_server(&self) -> Result<Security, Error> {
        let problem = match (&self.server, &self.allowed, &self.client) {
            (None, None, None) => return Ok(Security::None),
            (Some(keys), clients, None) => {
                return Ok(Security::Server { keys: keys.clone(), clients: clients.clone() });
            }
            (_, _, Some(_)) => "`curve_client` is for those who connect; who listens takes `curve_server`",
            (None, Some(_), None) => {
                "without `curve_server` nobody proves who they are, so `allow` is in vain"
            }
        };
        Err(Error::new(ErrorKind::InvalidInput, problem))
    }

    /// For who connects.
    pub(crate) fn for_client(&self) -> Result<Security, Error> {
        if self.server.is_some() || self.allowed.is_some() {
            let text =
                "`curve_server` and `allow` are for those who listen; who connects takes `curve_client`";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        Ok(match self.client.clone() {
            None => Security::None,
            Some((keys, server)) => Security::Client { keys, server },
        })
    }
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
