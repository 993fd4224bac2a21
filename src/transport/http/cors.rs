//! Which web pages may call: the headers by which a browser learns it, and the refusal of the others.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderMap,
    HeaderValue, ORIGIN, VARY,
};

const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static("Content-Type, X-Requested-With, Accept, Origin");

/// The origins from which pages may call.
#[derive(Clone, Debug)]
pub(super) enum Origins {
    All,
    These(Vec<HeaderValue>),
}

impl Origins {
    /// Whether a request with these headers may be answered. Only browsers send an origin.
    pub(super) fn allow(&self, request: &HeaderMap) -> bool {
        match self {
            Self::All => true,
            Self::These(origins) => request.get_all(ORIGIN).iter().all(|origin| origins.contains(origin)),
        }
    }

    /// Adds to an answer what tells a browser who may read it.
    pub(super) fn tell(&self, origin: Option<&HeaderValue>, answer: &mut HeaderMap) {
        match self {
            Self::All => {
                answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            Self::These(origins) => {
                // An answer for one page must not be shown to another by a cache in between.
                answer.insert(VARY, HeaderValue::from_static("Origin"));
                let Some(origin) = origins.iter().find(|allowed| Some(*allowed) == origin) else { return };
                answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            }
        }
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
    }
}
