//! What the tests share: the settings in which each is run, and watches over them.

use std::panic::resume_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use foreground::channel::{Channel, Json, Listener, MessagePack, Options, Value};
use foreground::net::Address;
use tempfile::TempDir;

use crate::peer::aiomas::{Aiomas, Codec};
use crate::raw::Raw;

/// A test that takes longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(100);

/// By which codec, and over which socket.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub codec: Codec,
    pub unix: bool,
}

/// Where somebody listens, or will.
pub struct Place {
    /// As both this crate and aiomas take it.
    pub address: String,
    _folder: TempDir,
}

impl Setting {
    pub const JSON_TCP: Self = Self { codec: Codec::Json, unix: false };
    pub const JSON_UNIX: Self = Self { codec: Codec::Json, unix: true };
    pub const MSGPACK_TCP: Self = Self { codec: Codec::MsgPack, unix: false };
    pub const MSGPACK_UNIX: Self = Self { codec: Codec::MsgPack, unix: true };

    /// The name of the test that runs in it.
    pub fn name(self) -> &'static str {
        match (self.codec, self.unix) {
            (Codec::Json, false) => "json_tcp",
            (Codec::Json, true) => "json_unix",
            (Codec::MsgPack, false) => "msgpack_tcp",
            (Codec::MsgPack, true) => "msgpack_unix",
        }
    }

    pub fn is_json(self) -> bool {
        self.codec == Codec::Json
    }

    /// The same socket with the other codec.
    pub fn other_codec(self) -> Self {
        let codec = if self.is_json() { Codec::MsgPack } else { Codec::Json };
        Self { codec, ..self }
    }

    pub fn options(self) -> Options {
        match self.codec {
            Codec::Json => Options::new().codec(Json),
            Codec::MsgPack => Options::new().codec(MessagePack),
        }
    }

    /// Somewhere to listen.
    pub fn place(self) -> Place {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let address = match self.unix {
            true => folder.path().join("socket").to_str().expect("the folder's name is text").to_owned(),
            false => "127.0.0.1:0".to_owned(),
        };
        Place { address, _folder: folder }
    }

    /// Listens somewhere; the place then says where.
    pub fn listen(self) -> (Listener, Place) {
        self.listen_with(&self.options())
    }

    pub fn listen_with(self, options: &Options) -> (Listener, Place) {
        let mut place = self.place();
        let listener = options.listen(&place.address).expect("it can listen");
        place.address = plain(&listener.local_address());
        (listener, place)
    }

    /// Both ends of a connection: who connected, and who listened.
    pub fn pair(self) -> (Channel, Channel) {
        self.pair_with(&self.options(), &self.options())
    }

    pub fn pair_with(self, client: &Options, server: &Options) -> (Channel, Channel) {
        let (listener, place) = self.listen_with(server);
        let client = client.connect(&place.address).expect("somebody listens");
        let server = listener.accept().expect("somebody connects");
        (client, server)
    }

    /// A server of aiomas, and a channel to it.
    pub fn aiomas_server(self) -> (Aiomas, Channel, Place) {
        self.aiomas_server_with(&self.options(), &[])
    }

    pub fn aiomas_server_with(self, options: &Options, more: &[&str]) -> (Aiomas, Channel, Place) {
        let place = self.place();
        let mut server = Aiomas::start("server", self.codec, &place.address, more).expect("it listens");
        let channel = options.connect(server.address()).expect("the server listens");
        server.wait_for_connection();
        (server, channel, place)
    }

    /// A client of aiomas, and our end of its connection.
    pub fn aiomas_client(self) -> (Aiomas, Channel, Place) {
        self.aiomas_client_with(&self.options(), &[])
    }

    pub fn aiomas_client_with(self, options: &Options, more: &[&str]) -> (Aiomas, Channel, Place) {
        let (listener, place) = self.listen_with(options);
        let client = Aiomas::start("client", self.codec, &place.address, more).expect("we listen");
        let channel = listener.accept().expect("it connects");
        (client, channel, place)
    }

    /// A peer without manners, and our end of its connection.
    pub fn raw_client(self) -> (Raw, Channel) {
        self.raw_client_with(&self.options())
    }

    pub fn raw_client_with(self, options: &Options) -> (Raw, Channel) {
        let (listener, place) = self.listen_with(options);
        let raw = Raw::connect(self, &place.address);
        (raw, listener.accept().expect("it connects"))
    }
}

/// An address as aiomas writes it.
pub fn plain(address: &Address) -> String {
    let text = address.to_string();
    text.strip_prefix("unix:").unwrap_or(&text).to_owned()
}

/// Runs a test, which must not take for ever.
pub fn within_limit(test: impl FnOnce() + Send + 'static) {
    let (sender, ended) = mpsc::channel::<()>();
    let runner = thread::spawn(move || {
        // Dropped when the test ends, in whatever way.
        let _sender = sender;
        test();
    });
    match ended.recv_timeout(TIME_LIMIT) {
        Err(RecvTimeoutError::Timeout) => panic!("it hangs: nothing ended it for {TIME_LIMIT:?}"),
        _ => {
            if let Err(panic) = runner.join() {
                resume_unwind(panic);
            }
        }
    }
}

/// Waits for what nobody tells of, such as the end of a thread.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "{what} does not come about");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// Answers each request with its content, until the channel ends.
pub fn echo(channel: Channel) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        while let Ok(request) = channel.recv() {
            let content: Value = request.content().expect("anything is a value");
            // The peer may have gone meanwhile.
            let _ = request.reply(&content);
        }
    })
}

/// Makes of each function a test for each setting.
macro_rules! each_setting {
    ($($test:ident),* $(,)?) => { each_setting!(@ crate::support::run; $($test),*); };
    (@ $run:path; $($test:ident),*) => {$(
        mod $test {
            use crate::support::Setting;

            #[test]
            fn json_tcp() {
                $run(concat!(module_path!(), "::json_tcp"), || super::$test(Setting::JSON_TCP));
            }
            #[test]
            fn json_unix() {
                $run(concat!(module_path!(), "::json_unix"), || super::$test(Setting::JSON_UNIX));
            }
            #[test]
            fn msgpack_tcp() {
                $run(concat!(module_path!(), "::msgpack_tcp"), || super::$test(Setting::MSGPACK_TCP));
            }
            #[test]
            fn msgpack_unix() {
                $run(concat!(module_path!(), "::msgpack_unix"), || super::$test(Setting::MSGPACK_UNIX));
            }
        }
    )*};
}

/// The same for tests that need a process of their own, as they measure it.
macro_rules! each_setting_alone {
    ($($test:ident),* $(,)?) => { each_setting!(@ crate::alone::run; $($test),*); };
}

pub fn run(_name: &str, test: impl FnOnce() + Send + 'static) {
    within_limit(test);
}
