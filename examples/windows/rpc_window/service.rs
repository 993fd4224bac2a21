//! The two transports, and the one function that serves both.

use std::error::Error;
use std::time::Duration;

use foreground::MessageRouter;
use foreground::transport::{Context, ServerTransport, Serving, http, zmq};

use crate::desk::Desk;
use crate::{options::Options, rpc};

/// How long clients may take to get their last reply.
const GRACE: Duration = Duration::from_secs(1);
/// How many bytes a message or a reply may have.
pub(crate) const LONGEST_MESSAGE: usize = 64 * 1024;

pub(crate) struct Service {
    zmq: zmq::Server,
    http: http::Server,
    servings: [Serving<Desk>; 2],
}

impl Service {
    pub(crate) fn open(router: &MessageRouter<Desk>, options: &Options) -> Result<Self, Box<dyn Error>> {
        let zmq = zmq::Options::new().message_limit(LONGEST_MESSAGE).bind(&options.zmq)?;
        // A user may take their time.
        let http =
            http::Options::new().body_limit(LONGEST_MESSAGE).reply_timeout(None).bind(&*options.http)?;
        let servings = [
            zmq.clone().serve_on(router, |desk, context, message| serve(desk, "0MQ", context, &message))?,
            http.clone().serve_on(router, |desk, context, message| serve(desk, "HTTP", context, &message))?,
        ];
        Ok(Self { zmq, http, servings })
    }

    /// Where they listen.
    pub(crate) fn addresses(&self) -> [String; 2] {
        [self.zmq.endpoint().to_string(), format!("http://{}/", self.http.local_address())]
    }

    /// Takes no more calls, answers those that wait, and ends when the replies are on their way.
    pub(crate) fn close(self, desk: &mut Desk) {
        self.zmq.close();
        self.http.close();
        drop(self.servings);
        desk.close();
        self.zmq.stop(GRACE);
        self.http.stop(GRACE);
    }
}

/// Called by the router in the foreground.
fn serve(desk: &mut Desk, transport: &'static str, context: Context, message: &[u8]) {
    for call in rpc::read(context, message) {
        desk.called(transport, call);
    }
}
