#!/usr/bin/env python3
"""A server and a client of the protocol of ratchet 0.8.2's ratchet.bus over sockets, driven by lines of JSON.

    ratchet_peer.py server --address 127.0.0.1:0 [--original] [--deaf]
    ratchet_peer.py client
    ratchet_peer.py selftest

An address is host:port or the path of a Unix socket. The lines are explained in lines.py. A message is its number of
parts, u16, then for each its length, u32, and its bytes; big-endian. The first part is the body, the rest are
attachments. A connection is for one request and its response: the server closes it after the response, the client
after reading that. This is written from the protocol, with nothing but Python's own library, as the original needs
Lua and does not tell what it saw.

Bytes are written in hexadecimal, in commands and events. Many of a kind can be written ["61", 1000000].

Server's events
    ready     address
    request   number, body, attachments, peer     numbered from 0, in the order in which they became whole
    dropped   number of the connection, received, error      it ended before its request was whole. Error: "end",
              or the name of the exception

Server's commands
    respond   number, body, attachments, shape    answers a request, and closes
    drop      number, reset                       closes without an answer; with a reset if that is true
    exit      code

With --original it takes phantom requests for real, as the original does: when a connection is made after a request, it
looks once more at the parts of the latest request whose first part it has taken away, and reads the missing
last one again. That succeeds if what is left in its buffer is as long as the last part was, so always if this was
empty. The event has "phantom": true, and the number of a request of its own.
With --deaf it accepts connections and reads nothing.

Client's commands
    request   address, body, attachments, shape   on a connection of its own, at the same time as others
    open      address                             connects, and neither sends nor reads
    close     number, reset                       closes a connection that `stay` or `open` kept
    exit      code

Client's events; connections are numbered from 0, in the order of the commands
    open      number, address     of its own end
    sent      number              all that was to be sent is sent
    response  number, body, attachments, after    `after` are bytes beyond the response, up to the end
    failed    number, received, error             no whole response. Error: "end", or the name of the exception
    closed    number              answers `close`, which may come after the event `open`

A shape is an object that says how a message is sent, where not as usual
    parts     N       this number of parts, whatever follows; 0 and neither body nor attachments is an empty message
    after     HEX     these bytes after the message
    truncate  N       only the first N bytes, then the end of sending
    interval  S       byte by byte, with so many seconds between
    half_close true   the end of sending after the message; what is received is still read
    unread    true    (client) never reads
    stay      true    (client) does not close after the response, but waits for the server's close
"""

import sys

sys.dont_write_bytecode = True

import argparse
import os
import socket
import struct
import threading
import time

from lines import fail, join_address, read_commands, split_address, tell

PARTS = struct.Struct("!H")
LENGTH = struct.Struct("!I")


def from_hex(text):
    if isinstance(text, list):
        part, times = text
        return bytes.fromhex(part) * times
    return bytes.fromhex(text)


def encode(body, attachments, shape):
    """Returns a message, or what `shape` makes of it."""
    parts = [] if body is None else [from_hex(body), *map(from_hex, attachments)]
    data = PARTS.pack(shape.get("parts", len(parts)))
    for part in parts:
        data += LENGTH.pack(len(part)) + part
    data += from_hex(shape.get("after", ""))
    return data[: shape.get("truncate", len(data))]


def send(connection, data, shape):
    if "interval" in shape:
        connection.sendall(data[:1])
        for each in data[1:]:
            time.sleep(shape["interval"])
            connection.sendall(bytes([each]))
    else:
        connection.sendall(data)
    if "truncate" in shape or shape.get("half_close"):
        connection.shutdown(socket.SHUT_WR)


def close(connection, reset=False):
    if reset:
        # Not to linger at all sends a reset, on TCP.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        # Ends the wait of another thread, which closing alone does not.
        connection.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


class Message:
    """A message that is being read."""

    def __init__(self):
        self.received = b""
        self.position = 0
        self.parts = []
        self.length = 0
        """Of the part read last."""

    def feed(self, data):
        """Returns whether the message is whole."""
        self.received += data
        if self.position == 0:
            if len(self.received) < PARTS.size:
                return False
            self.position = PARTS.size
        (count,) = PARTS.unpack_from(self.received)
        while len(self.parts) < count:
            start = self.position + LENGTH.size
            if len(self.received) < start:
                return False
            (self.length,) = LENGTH.unpack_from(self.received, self.position)
            if len(self.received) < start + self.length:
                return False
            self.parts.append(self.received[start : start + self.length])
            self.position = start + self.length
        return True

    def read(self, connection):
        """Reads until the message is whole; returns why it is not, if so."""
        try:
            while True:
                data = connection.recv(1 << 20)
                if not data:
                    return "end"
                if self.feed(data):
                    return None
        except OSError as error:
            return type(error).__name__

    def after(self):
        return self.received[self.position :]


def hexed(parts):
    body = parts[0].hex() if parts else ""
    return {"body": body, "attachments": [part.hex() for part in parts[1:]]}


def on_thread(work, *arguments):
    def run():
        try:
            work(*arguments)
        except BaseException:
            fail()

    threading.Thread(target=run, daemon=True).start()


class Server:
    def __init__(self, options):
        self.options = options
        self.lock = threading.Lock()
        self.requests = []
        """The connections of whole requests."""
        self.latest = None
        """With --original: the latest request, what is left of its parts, and their peer."""

    def run(self):
        address = split_address(self.options.address)
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        if family == socket.AF_INET and ":" in address[0]:
            family = socket.AF_INET6
        listener = socket.socket(family)
        if family != socket.AF_UNIX:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
        tell("ready", address=join_address(listener.getsockname()))
        read_commands(self.do)
        deaf = []
        for number in range(sys.maxsize):
            connection, peer = listener.accept()
            if self.options.deaf:
                deaf.append(connection)
                continue
            if self.options.original:
                self.look_again()
            on_thread(self.serve, number, connection, join_address(peer))

    def serve(self, number, connection, peer):
        message = Message()
        error = message.read(connection)
        if error is not None:
            tell("dropped", number=number, received=message.received.hex(), error=error)
            connection.close()
            return
        with self.lock:
            if self.options.original:
                self.latest = (connection, message, peer)
            self.took(connection, message.parts, peer)

    def took(self, connection, parts, peer, **more):
        self.requests.append(connection)
        tell("request", number=len(self.requests) - 1, peer=peer, **hexed(parts), **more)

    def look_again(self):
        with self.lock:
            if self.latest is None:
                return
            connection, message, peer = self.latest
            rest = message.after()
            if message.parts and len(rest) >= message.length:
                message.position += message.length
                message.parts = [*message.parts[1:], rest[: message.length]]
                self.took(connection, message.parts, peer, phantom=True)

    def do(self, command):
        do = command["do"]
        if do == "exit":
            os._exit(command.get("code", 0))
        with self.lock:
            connection = self.requests[command["number"]]
        if do == "respond":
            # Not here: a slow one would keep the next command waiting.
            on_thread(self.respond, connection, command)
        elif do == "drop":
            close(connection, command.get("reset", False))
        else:
            raise LookupError(do)

    def respond(self, connection, command):
        shape = command.get("shape", {})
        try:
            send(connection, encode(command.get("body"), command.get("attachments", []), shape), shape)
        except OSError:
            # The client has gone, or a phantom was answered before.
            pass
        connection.close()


class Client:
    def __init__(self):
        self.lock = threading.Lock()
        self.connections = {}
        self.made = 0

    def run(self):
        tell("ready", address="")
        read_commands(self.do)
        threading.Event().wait()

    def do(self, command):
        do = command["do"]
        if do == "exit":
            os._exit(command.get("code", 0))
        elif do in ("request", "open"):
            on_thread(self.request, self.made, command)
            self.made += 1
        elif do == "close":
            number = command["number"]
            with self.lock:
                connection = self.connections.pop(number)
            close(connection, command.get("reset", False))
            tell("closed", number=number)
        else:
            raise LookupError(do)

    def request(self, number, command):
        address = split_address(command["address"])
        shape = command.get("shape", {})
        message = Message()
        try:
            if isinstance(address, str):
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(address)
            else:
                connection = socket.create_connection(address)
            with self.lock:
                self.connections[number] = connection
            tell("open", number=number, address=join_address(connection.getsockname()))
            if command["do"] == "open":
                return
            send(connection, encode(command.get("body"), command.get("attachments", []), shape), shape)
            tell("sent", number=number)
            error = None
        except OSError as problem:
            error = type(problem).__name__
        if error is None:
            if shape.get("unread"):
                return
            error = message.read(connection)
        if error is not None:
            tell("failed", number=number, received=message.received.hex(), error=error)
            return
        if shape.get("stay"):
            self.drain(connection, message)
        else:
            with self.lock:
                self.connections.pop(number, None)
            connection.close()
        tell("response", number=number, after=message.after().hex(), **hexed(message.parts))

    def drain(self, connection, message):
        try:
            while data := connection.recv(1 << 20):
                message.received += data
        except OSError:
            pass


def main():
    parser = argparse.ArgumentParser(description="A peer of ratchet.bus; see the head of this file.")
    parser.add_argument("role", choices=["server", "client", "selftest"])
    parser.add_argument("--address", default="127.0.0.1:0")
    parser.add_argument("--original", action="store_true", help="with the original's phantom requests")
    parser.add_argument("--deaf", action="store_true", help="reads nothing")
    options = parser.parse_args()
    if options.role == "selftest":
        import ratchet_selftest

        ratchet_selftest.run()
    elif options.role == "server":
        Server(options).run()
    else:
        Client().run()


if __name__ == "__main__":
    main()
