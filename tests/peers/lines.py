"""What the peers share: how they are driven by the lines of their standard input and output.

A test starts a peer as its child, writes commands to its input and reads events from its output. Each is one JSON
object a line. A command has its name in "do", an event in "event"; the other members are documented in the head of
each peer. A peer ends at once when its input ends, so it does not outlive the test. A command that the peer
cannot carry out ends it with a traceback on its standard error, which the test shows.

The first event of a server, and of a client of aiomas, is
    {"event": "ready", "address": "127.0.0.1:40001"}        or the path of a Unix socket
and from then on it takes commands.

Contents that JSON cannot say are written as an object with one member:
    {"$bytes": "00ff"}              bytes
    {"$map": [[1, "a"], ...]}       a map with keys that are no strings, or that begin with "$"
    {"$float": "nan"}               or "inf", "-inf"
    {"$int": "-18446744073709551616"}   an integer outside of what 64 bits hold, with or without a sign
    {"$utf16": "d800"}              a string with lone surrogates, as big-endian UTF-16
    {"$object": ["Point", {"x": 1, "y": 2}]}    an instance of a class of the peer
    {"$ext": [5, "00ff"]}           an extension of MessagePack
    {"$repeat": ["x", 8388608]}     a long string (only in commands)
"""

import collections
import json
import math
import os
import queue
import subprocess
import sys
import tempfile
import threading

DEADLINE = 60
"""Seconds that a self test waits for an event."""


def split_address(address):
    """Returns (host, port) of "host:port", with or without brackets, and a path as it is."""
    if "/" in address:
        return address
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def join_address(address):
    """Returns as one string what a socket says of an address."""
    if isinstance(address, (list, tuple)):
        host, port = address[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return address.decode() if isinstance(address, bytes) else address


def to_tagged(value, classes=()):
    """Returns what stands for `value` on a line."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else {"$int": str(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return {"$utf16": value.encode("utf-16-be", "surrogatepass").hex()}
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": bytes(value).hex()}
    if type(value).__name__ == "ExtType":
        return {"$ext": [value.code, value.data.hex()]}
    if isinstance(value, (list, tuple)):
        return [to_tagged(each, classes) for each in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return {key: to_tagged(each, classes) for key, each in value.items()}
        return {"$map": [[to_tagged(key, classes), to_tagged(each, classes)] for key, each in value.items()]}
    if isinstance(value, tuple(classes)):
        return {"$object": [type(value).__name__, to_tagged(vars(value), classes)]}
    return {"$unknown": repr(value)}


def from_tagged(value, classes=()):
    """Returns what `value`, of a line, stands for."""
    if isinstance(value, list):
        return [from_tagged(each, classes) for each in value]
    if not isinstance(value, dict):
        return value
    tag, content = next(iter(value.items())) if len(value) == 1 else (None, None)
    if tag == "$bytes":
        return bytes.fromhex(content)
    if tag == "$map":
        return {hashable(from_tagged(key, classes)): from_tagged(each, classes) for key, each in content}
    if tag == "$float":
        return float(content)
    if tag == "$int":
        return int(content)
    if tag == "$utf16":
        return bytes.fromhex(content).decode("utf-16-be", "surrogatepass")
    if tag == "$object":
        name, members = content
        by_name = {each.__name__: each for each in classes}
        return by_name[name](**from_tagged(members, classes))
    if tag == "$ext":
        import msgpack

        return msgpack.ExtType(content[0], bytes.fromhex(content[1]))
    if tag == "$repeat":
        return content[0] * content[1]
    return {key: from_tagged(each, classes) for key, each in value.items()}


def hashable(key):
    return tuple(map(hashable, key)) if isinstance(key, list) else key


_output = threading.Lock()


def tell(event, **members):
    """Writes an event, from any thread."""
    line = json.dumps({"event": event, **members}) + "\n"
    with _output:
        try:
            sys.stdout.write(line)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever drove this peer has gone.
            os._exit(0)


def read_commands(do):
    """Calls `do` with each command, on a thread of its own, until the input ends and with it this process."""

    def read():
        for line in sys.stdin:
            try:
                do(json.loads(line))
            except BaseException:
                fail()
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()


def fail():
    """Ends this process with the traceback of the exception that is being handled."""
    import traceback

    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)


class Driver:
    """A peer as a child, as the self tests drive it. What is done by Rust's tests is in tests/support/peer.rs."""

    def __init__(self, *arguments):
        # What is not as it should be for a peer may be what the test is about.
        self._errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._events = queue.Queue()
        self._kept = collections.deque()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._events.put(json.loads(line))
        self._events.put(None)

    def tell(self, do, **members):
        self.process.stdin.write(json.dumps({"do": do, **members}) + "\n")
        self.process.stdin.flush()

    def wait_for(self, event, **members):
        """Returns the first event so named, and with these members, that was not returned yet."""

        def is_it(found):
            return found["event"] == event and all(found.get(key) == value for key, value in members.items())

        for found in self._kept:
            if is_it(found):
                self._kept.remove(found)
                return found
        while True:
            found = self._events.get(timeout=DEADLINE)
            assert found is not None, f"{self.process.args} ended without {event}"
            if is_it(found):
                return found
            self._kept.append(found)

    def wait_for_end(self):
        return self.process.wait(timeout=DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        self.process.wait(timeout=DEADLINE)
        self.process.stdout.close()
        if kind is not None:
            self._errors.seek(0)
            print(f"{self.process.args} wrote:\n{self._errors.read()}", file=sys.stderr)
        self._errors.close()
