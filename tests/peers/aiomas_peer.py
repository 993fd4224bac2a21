#!/usr/bin/env python3
"""A server and a client made of aiomas 2.0.1's own channels, driven by lines of JSON.

    aiomas_peer.py server --address 127.0.0.1:0 [--codec json|msgpack] [--serializers Point,Circle]
    aiomas_peer.py client --address 127.0.0.1:4000 [the same] [--timeout SECONDS]
    aiomas_peer.py selftest

An address is host:port or the path of a Unix socket. The lines are explained in lines.py. After connecting both roles
are alike: each sends requests when told to, and answers those that it receives.

Events
    ready     address                   the server listens, or the client is connected (address: its own end)
    refused   error, text               the client could not connect; it ends
    connected channel, peer             the server has a new connection; they are numbered from 0
    outcome   channel, number, and      of a request that was sent; numbered from 0 on each channel
              value                     ... its result
              error, text, origin       ... or how it failed: the exception's class and text. Only a
                                        RemoteException has an origin, and its text is the other side's
    lost      channel, error, text      a channel's recv() has failed, as it does when the peer has gone
    closed    channel                   answers `close`
    counts    channel, received, answered, contents     answers `count`

Commands; `channel` is the last one made if it is not given
    send      contents, channel         sends a request for each content, all at once
    count     channel                   tells how many requests came, how many were answered, and the contents
    release   keys, channel             answers requests that `hold` keeps, in this order
    resume    channel                   reads again, after `deaf`
    close     channel                   closes the channel as aiomas does
    stop                                the server accepts no more; what is connected stays
    exit      code                      ends the process without closing anything

A request is [name, argument, ...]. These are answered:
    echo X          X
    add A B         A + B
    fail TEXT       raises ValueError(TEXT) in a function: the reply is the traceback
    count           how many requests this channel has received, this one included
    peer            the address of who asks, as aiomas sees it
    big N           a string of N letters
    make CLASS MEMBERS   an instance of Point(x, y) or Circle(center, radius)
    describe X      [name of X's class, its members if it is one of the two, or its repr()]
    hold KEY        KEY, but only once it is released; `never` is not released by anybody
    release KEY...  answers these `hold`s in this order, then itself: how many they were
    ask CONTENT...  asks back, all at once; the outcomes as ["value", X] or ["error", class, text]
    ask_as ID CONTENT    asks back with this id, which may be of any type; the outcome
    twice X         two replies with X to the one request
    unasked ID X    a reply with X to a request that nobody sent, then null
    raw HEX         no reply, but these bytes
    deaf            no reply, and reads no more until `resume`
    close           no reply, but closes the channel
    die             no reply, but ends the process
    die half        the same, after half of a reply's bytes
Anything else is answered by a LookupError.

aiomas passes `encoding` to msgpack.unpackb, which msgpack 1.0 took away. This script puts in its place what does the
same: strings are UTF-8 text. It also allows map keys that are not strings, as msgpack did in the days of aiomas.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import asyncio
import collections
import os
import types

import aiomas.channel
import aiomas.codecs
import msgpack
from lines import fail, from_tagged, join_address, read_commands, split_address, tell, to_tagged


def unpackb(data, encoding, **options):
    """What msgpack.unpackb did when aiomas was written."""
    assert encoding == "utf-8"
    return msgpack.unpackb(data, raw=False, strict_map_key=False, **options)


aiomas.codecs.msgpack = types.SimpleNamespace(packb=msgpack.packb, unpackb=unpackb)

CODECS = {"json": aiomas.codecs.JSON, "msgpack": aiomas.codecs.MsgPack}


@aiomas.codecs.serializable
class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y


@aiomas.codecs.serializable
class Circle:
    def __init__(self, center, radius):
        self.center = center
        self.radius = radius


CLASSES = (Point, Circle)


def serializers(names):
    """Returns what aiomas takes as extra serializers; their order is their ids on the wire."""
    by_name = {each.__name__: each for each in CLASSES}
    return [by_name[name].__serializer__ for name in names.split(",") if name]


class Session:
    """A channel, in either role."""

    def __init__(self, number, channel):
        self.number = number
        self.channel = channel
        self.sent = 0
        self.received = 0
        self.answered = 0
        self.contents = collections.deque(maxlen=1000)
        self.held = {}
        self.tasks = set()

    def keep(self, coroutine):
        """Runs it; the loop itself would forget it."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self):
        """Answers the channel's requests, until it ends."""
        try:
            while True:
                request = await self.channel.recv()
                self.received += 1
                self.contents.append(to_tagged(request.content, CLASSES))
                # One that takes long does not stop those behind it.
                self.keep(self.answer(request))
        except Exception as error:
            tell("lost", channel=self.number, error=type(error).__name__, text=str(error))

    async def answer(self, request):
        try:
            name, *arguments = request.content
            handler = getattr(self, "on_" + name, None)
            if handler is None:
                raise LookupError(name)
        except Exception as error:
            await self.reply(request.fail(error))
            return
        try:
            result = await handler(request, *arguments)
        except Exception as error:
            await self.reply(request.fail(error))
            return
        if result is not NO_REPLY:
            await self.reply(request.reply(result))

    async def reply(self, coroutine):
        try:
            await coroutine
            self.answered += 1
        except (ConnectionError, AssertionError):
            # The channel has ended meanwhile; `serve` tells it.
            pass

    def send(self, content):
        """Sends a request, and tells its outcome."""
        number = self.sent
        self.sent += 1

        def outcome(**members):
            tell("outcome", channel=self.number, number=number, **members)

        def failed(error):
            if isinstance(error, aiomas.exceptions.RemoteException):
                origin = error.origin and join_address(error.origin)
                outcome(error="RemoteException", text=error.remote_traceback, origin=origin)
            else:
                outcome(error=type(error).__name__, text=str(error))

        def done(reply):
            error = asyncio.CancelledError() if reply.cancelled() else reply.exception()
            if error is None:
                outcome(value=to_tagged(reply.result(), CLASSES))
            else:
                failed(error)

        try:
            reply = self.channel.send(content)
        except Exception as error:
            failed(error)
            return
        reply.add_done_callback(done)

    async def release(self, keys):
        for key in keys:
            await self.reply(self.held.pop(key).reply(key))
        return len(keys)

    def encode(self, *message):
        """Returns a frame, which aiomas would not send of its own."""
        data = self.channel.codec.encode(message)
        return aiomas.channel.Header.pack(len(data)) + data

    # The requests.

    async def on_echo(self, _, value):
        return value

    async def on_add(self, _, left, right):
        return left + right

    async def on_fail(self, _, text):
        raise ValueError(text)

    async def on_count(self, _):
        return self.received

    async def on_peer(self, _):
        peer = self.channel.get_extra_info("peername")
        return join_address(peer) if peer else None

    async def on_big(self, _, length):
        return "x" * length

    async def on_make(self, _, name, members):
        return next(each for each in CLASSES if each.__name__ == name)(**members)

    async def on_describe(self, _, value):
        return [type(value).__name__, vars(value) if isinstance(value, CLASSES) else repr(value)]

    async def on_hold(self, request, key):
        self.held[key] = request
        return NO_REPLY

    async def on_never(self, _):
        return NO_REPLY

    async def on_release(self, _, *keys):
        return await self.release(keys)

    async def on_ask(self, _, *contents):
        return [await outcome for outcome in [described(self.channel.send(content)) for content in contents]]

    async def on_ask_as(self, _, number, content):
        reply = asyncio.get_running_loop().create_future()
        self.channel._out_messages[number] = reply
        self.channel.transport.write(self.encode(aiomas.channel.REQUEST, number, content))
        return await described(reply)

    async def on_twice(self, request, value):
        await request.reply(value)
        return value

    async def on_unasked(self, _, number, value):
        self.channel.transport.write(self.encode(aiomas.channel.RESULT, number, value))
        return None

    async def on_raw(self, _, data):
        self.channel.transport.write(bytes.fromhex(data))
        return NO_REPLY

    async def on_deaf(self, _):
        self.channel.transport.pause_reading()
        return NO_REPLY

    async def on_close(self, _):
        # Not from this task, which closing waits for.
        self.keep(self.channel.close())
        return NO_REPLY

    async def on_die(self, request, how=None):
        if how == "half":
            frame = self.encode(aiomas.channel.RESULT, request._msg_id, "x" * 100)
            # Nothing is queued before it, so this is written at once.
            self.channel.transport.write(frame[: len(frame) // 2])
        os._exit(9)


NO_REPLY = object()


async def described(reply):
    """Returns the outcome of a request in a form that can be a reply itself."""
    try:
        return ["value", await reply]
    except aiomas.exceptions.RemoteException as error:
        return ["error", "RemoteException", error.remote_traceback]
    except Exception as error:
        return ["error", type(error).__name__, str(error)]


class Peer:
    """This process, in either role."""

    def __init__(self, options):
        self.address = split_address(options.address)
        self.options = {
            "codec": CODECS[options.codec],
            "extra_serializers": serializers(options.serializers),
        }
        self.timeout = options.timeout
        self.sessions = []
        self.server = None

    def open(self, channel):
        session = Session(len(self.sessions), channel)
        self.sessions.append(session)
        session.keep(session.serve())
        return session

    async def serve(self):
        def connected(channel):
            session = self.open(channel)
            peer = channel.get_extra_info("peername")
            tell("connected", channel=session.number, peer=peer and join_address(peer))

        self.server = await aiomas.channel.start_server(self.address, connected, **self.options)
        self.ready(join_address(self.server.sockets[0].getsockname()))

    async def connect(self):
        try:
            channel = await aiomas.channel.open_connection(self.address, timeout=self.timeout, **self.options)
        except OSError as error:
            tell("refused", error=type(error).__name__, text=str(error))
            os._exit(0)
        self.open(channel)
        self.ready(join_address(channel.get_extra_info("sockname")))

    def ready(self, address):
        tell("ready", address=address)
        loop = asyncio.get_running_loop()

        def do(command):
            loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self.carry_out(command)))

        read_commands(do)

    async def carry_out(self, command):
        try:
            await getattr(self, "do_" + command.pop("do"))(**command)
        except BaseException:
            fail()

    async def do_send(self, contents, channel=-1):
        for content in contents:
            self.sessions[channel].send(from_tagged(content, CLASSES))

    async def do_count(self, channel=-1):
        session = self.sessions[channel]
        tell(
            "counts",
            channel=session.number,
            received=session.received,
            answered=session.answered,
            contents=list(session.contents),
        )

    async def do_release(self, keys, channel=-1):
        await self.sessions[channel].release(keys)

    async def do_resume(self, channel=-1):
        self.sessions[channel].channel.transport.resume_reading()

    async def do_close(self, channel=-1):
        session = self.sessions[channel]
        await session.channel.close()
        tell("closed", channel=session.number)

    async def do_stop(self):
        self.server.close()

    async def do_exit(self, code=0):
        os._exit(code)


async def run(options):
    peer = Peer(options)
    await (peer.serve() if options.role == "server" else peer.connect())
    # The end of the input ends the process.
    await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser(description="A peer made of aiomas; see the head of this file.")
    parser.add_argument("role", choices=["server", "client", "selftest"])
    parser.add_argument("--address")
    parser.add_argument("--codec", choices=CODECS, default="json")
    parser.add_argument("--serializers", default="", help="classes, in the order of their ids")
    parser.add_argument("--timeout", type=float, default=0, help="seconds of trying to connect")
    options = parser.parse_args()
    if options.role == "selftest":
        import aiomas_selftest

        aiomas_selftest.run(CODECS)
    elif options.address is None:
        parser.error("--address is missing")
    else:
        asyncio.run(run(options))


if __name__ == "__main__":
    main()
