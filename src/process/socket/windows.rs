//! A named pipe with a name that nobody guesses, which only this user may open.
//!
//! This compiles for Windows, and was not run there. What it does with the pipe is in `bridge`, which is tested on Unix.

use std::io;
use std::time::Instant;

use interprocess::local_socket::{GenericNamespaced, ListenerOptions, Name, prelude::*};
use interprocess::os::windows::local_socket::ListenerOptionsExt;
use interprocess::os::windows::security_descriptor::SecurityDescriptor;
use widestring::u16cstr;

use super::bridge;
use crate::net::{Admission, Stream};

pub(super) use super::bridge::{Open, wait_carried};

pub(super) fn open(
    strangers: usize,
    on_connect: impl Fn(Stream, Admission) + Send + Sync + 'static,
) -> io::Result<(String, Open)> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    let address = format!("foreground-{:032x}", u128::from_be_bytes(random));
    // All rights for the owner, none for anybody else, and nothing inherited. The first instance of the pipe is made by us or not at all, and
    // clients of other machines are rejected; both are the rule with `interprocess`.
    let only_the_owner = SecurityDescriptor::deserialize(u16cstr!("D:P(A;;GA;;;OW)"))?;
    let options = ListenerOptions::new().security_descriptor(only_the_owner);
    let open = bridge::open(options, name(&address)?, strangers, on_connect)?;
    Ok((address, open))
}

pub(super) fn connect(address: &str, deadline: Option<Instant>) -> io::Result<Stream> {
    bridge::connect(&name(address)?, deadline)
}

fn name(address: &str) -> io::Result<Name<'static>> {
    Ok(address.to_ns_name::<GenericNamespaced>()?.into_owned())
}
