#!/usr/bin/env python3
"""Sends its progress to a Rust program, by the ticket in its environment; the guide `process_wire` has the bytes.

The other side opens the pipe with `RemotePipeOptions::new().type_name("step")`, and starts this with its ticket. Look for: `send` waits while
the pipe is full, and fails once nobody receives.
"""
import json, os, socket, struct, sys, threading, urllib.parse


class RemoteSender:
    def __init__(self, type_name):
        head, address = os.environ["FOREGROUND_TICKET"].strip().split("@", 1)
        _, number, secret = head.split(".")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(urllib.parse.unquote(address))
        texts = b"".join(struct.pack(">H", len(text)) + text for text in (b"json", type_name.encode()))
        self.write(b"H", struct.pack(">HQ", 1, int(number, 16)) + bytes.fromhex(secret) + texts)
        kind, answer = self.read()
        if kind != b"W":
            raise PermissionError(answer[1:].decode())
        _version, kind, capacity, _limit = struct.unpack(">HBII", answer)
        self.room = capacity if kind else float("inf")  # of a latest pipe, each value here waits for the one before
        self.closed, self.changed = False, threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()
        self.write(b"S")

    def write(self, kind, payload=b""):
        self.socket.sendall(struct.pack(">I", 1 + len(payload)) + kind + payload)

    def read(self):
        try:
            (length,) = struct.unpack(">I", self.socket.recv(4, socket.MSG_WAITALL))
            frame = self.socket.recv(length, socket.MSG_WAITALL)
            return frame[:1], frame[1:]
        except (OSError, struct.error):
            return b"X", b""  # the connection has ended

    def listen(self):
        while not self.closed:
            kind, payload = self.read()
            with self.changed:
                self.room += int.from_bytes(payload, "big") if kind == b"C" else 0
                self.closed = kind == b"X"
                self.changed.notify_all()

    def send(self, message):
        with self.changed:
            self.changed.wait_for(lambda: self.room > 0 or self.closed)
            if self.closed:
                raise BrokenPipeError("nobody receives any more")
            self.room -= 1
            self.write(b"M", json.dumps(message).encode())

    def stop(self, panicked=False):
        self.write(b"E", b"\1" if panicked else b"\0")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    sender = RemoteSender("step")
    try:
        for done in range(1, count + 1):
            sender.send({"done": done, "of": count})
        sender.stop()
    except ConnectionError:
        sys.exit(9)
