//! What becomes of the attempts to connect.

use omq_tokio::MonitorEvent;

/// How often in a row the publisher may hang up during the handshake. Once or twice, it may be about to end.
const HANG_UPS: u32 = 3;

/// Finds out when a publisher does not let a subscriber in. It is tried again and again, and told once.
#[derive(Default)]
pub(super) struct Handshakes {
    /// Connected, but the handshake is not over.
    is_shaking: bool,
    hang_ups: u32,
    is_told: bool,
}

impl Handshakes {
    /// Takes note of an event. Returns why the publisher refuses, if that is what it says.
    pub(super) fn see(&mut self, event: &MonitorEvent) -> Option<String> {
        let reason = match event {
            MonitorEvent::HandshakeSucceeded { .. } => {
                *self = Self::default();
                None
            }
            MonitorEvent::HandshakeFailed { reason, .. } => {
                self.is_shaking = false;
                match reason.starts_with("io error") || reason.contains("timeout") {
                    true => self.hung_up(),
                    false => Some(reason.clone()),
                }
            }
            // An attempt that ended without a word is not told of: only that the next one waits, or begins.
            MonitorEvent::Connected { .. } => {
                std::mem::replace(&mut self.is_shaking, true).then(|| self.hung_up()).flatten()
            }
            MonitorEvent::ConnectDelayed { .. } => {
                std::mem::take(&mut self.is_shaking).then(|| self.hung_up()).flatten()
            }
            _ => None,
        };
        let reason = reason.filter(|_| !std::mem::replace(&mut self.is_told, true))?;
        Some(format!("the publisher does not let it in; compare their keys ({reason})"))
    }

    /// What libzmq does when it does not like a key or the security, and omq too when it is the server's key.
    fn hung_up(&mut self) -> Option<String> {
        self.hang_ups += 1;
        (self.hang_ups >= HANG_UPS).then(|| "it hangs up during the handshake".into())
    }
}
