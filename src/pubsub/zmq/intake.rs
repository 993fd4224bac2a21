//! A SUB socket, read by a task on the private thread.

use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use omq_tokio::{Message, MonitorEvent, MonitorRecvError, MonitorStream, SocketType};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::handshakes::Handshakes;
use super::open;
use crate::pubsub::engine::{self, Settings};
use crate::pubsub::inbox::{Batch, Inbox};
use crate::transport::Error;
use crate::zmq::{Endpoint, Security, Socket, to_vec};

/// How many messages are read before other tasks have their turn, and before their room is looked at again.
const BATCH: usize = 256;

/// A frame that is as long is not copied.
const LONG: usize = 64 * 1024;

/// What is asked of the task that reads. It ends when the sender is dropped, too.
enum Command {
    Exact,
    Close,
}

pub(in crate::pubsub) struct Intake {
    commands: UnboundedSender<Command>,
}

impl Intake {
    pub(in crate::pubsub) fn connect(
        endpoint: &Endpoint,
        security: &Security,
        wanted: &Settings,
        inbox: Arc<Inbox>,
    ) -> Result<Self, Error> {
        let socket = open(SocketType::Sub, security, wanted)?;
        let (commands, mut received) = unbounded_channel();
        let runtime = socket.runtime().clone();
        let endpoint = endpoint.clone();
        // No more at once than may wait.
        let batch = usize::try_from(wanted.high_water_mark).map_or(BATCH, |mark| mark.min(BATCH));
        runtime.spawn(async move {
            read(&socket, &endpoint, &mut received, &inbox, batch).await;
            inbox.close();
        });
        Ok(Self { commands })
    }
}

/// Reads until it is told to close, or until the publisher will never let it in.
async fn read(
    socket: &Socket,
    endpoint: &Endpoint,
    commands: &mut UnboundedReceiver<Command>,
    inbox: &Inbox,
    batch: usize,
) {
    let mut events = socket.monitor();
    for channel in inbox.channels() {
        if socket.subscribe(Bytes::copy_from_slice(channel.as_bytes())).await.is_err() {
            return;
        }
    }
    if let Err(error) = socket.dial(endpoint).await {
        return inbox.refuse(error.to_string());
    }
    let mut messages = Vec::with_capacity(batch);
    let mut handshakes = Handshakes::default();
    loop {
        match next(socket, &mut events, commands, inbox, &mut messages).await {
            Next::Messages => {}
            Next::Event(event) => {
                if let Some(reason) = handshakes.see(&event) {
                    inbox.refuse(reason);
                }
                if matches!(*event, MonitorEvent::ConnectStopped { .. }) {
                    return;
                }
            }
            Next::Exact => narrow(socket, inbox).await,
            Next::Close => return,
        }
        push(&mut messages, inbox);
        // Messages that are there already would keep other sockets waiting for their turn.
        tokio::task::yield_now().await;
    }
}

enum Next {
    Messages,
    Event(Box<MonitorEvent>),
    Exact,
    Close,
}

async fn next(
    socket: &Socket,
    events: &mut MonitorStream,
    commands: &mut UnboundedReceiver<Command>,
    inbox: &Inbox,
    messages: &mut Vec<Message>,
) -> Next {
    let receive = async {
        poll_fn(|context| inbox.poll_room(context)).await;
        socket.recv_many_into(messages.capacity(), messages).await
    };
    let watch = async {
        loop {
            match events.recv().await {
                Ok(event) => return Some(event),
                // Of many that came at once the first are lost.
                Err(MonitorRecvError::Lagged(_)) => {}
                Err(_) => return None,
            }
        }
    };
    let (mut receive, mut watch) = (pin!(receive), pin!(watch));
    poll_fn(|context| {
        if let Poll::Ready(command) = commands.poll_recv(context) {
            return Poll::Ready(match command {
                Some(Command::Exact) => Next::Exact,
                Some(Command::Close) | None => Next::Close,
            });
        }
        if let Poll::Ready(event) = watch.as_mut().poll(context) {
            return Poll::Ready(event.map_or(Next::Close, |event| Next::Event(Box::new(event))));
        }
        receive.as_mut().poll(context).map(|received| match received {
            Ok(_) => Next::Messages,
            Err(_) => Next::Close,
        })
    })
    .await
}

/// How many bytes of it are copied.
fn short_len(message: &Message) -> usize {
    Some(message.byte_len()).filter(|len| *len < LONG).unwrap_or(0)
}

/// With the space that ends it, a channel matches no other.
async fn narrow(socket: &Socket, inbox: &Inbox) {
    for channel in inbox.channels().iter().filter(|channel| !channel.is_empty()) {
        // It fails when the socket is closed, which the next read finds out.
        let _ = socket.subscribe(Bytes::from(format!("{channel} "))).await;
        let _ = socket.unsubscribe(Bytes::copy_from_slice(channel.as_bytes())).await;
    }
}

/// Pushes what was read, in one go where it is short.
fn push(messages: &mut Vec<Message>, inbox: &Inbox) {
    if messages.is_empty() {
        return;
    }
    let mut batch = Batch::with_capacity(messages.len(), messages.iter().map(short_len).sum());
    for mut message in messages.drain(..) {
        let frame = message.part_slice(0).unwrap_or_default();
        match message.len() {
            1 if frame.len() < LONG => batch.frame(frame),
            1 => {
                inbox.push(mem::take(&mut batch));
                inbox.push(Batch::of(message.pop_front_payload().map(to_vec).unwrap_or_default()));
            }
            frames => batch.odd(frame, format!("it has {frames} frames and not one")),
        }
    }
    inbox.push(batch);
}

impl engine::Intake for Intake {
    fn exact(&self) {
        // It fails when the task has ended, and with it all that it would have changed.
        let _ = self.commands.send(Command::Exact);
    }

    fn close(&self) {
        let _ = self.commands.send(Command::Close);
    }
}
