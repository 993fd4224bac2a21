#!/usr/bin/env python3
"""The other ends of a bus: sockets of libzmq (pyzmq), and the publisher of shellbot 17.10.20, driven by lines of JSON.

    bus_peer.py sub|xsub --address tcp://127.0.0.1:4000 [--bind] [--subscribe A --subscribe B] [--hwm N] [--curve KEYS]
    bus_peer.py pub|xpub --address tcp://127.0.0.1:0 [--connect] [--hwm N] [--curve KEYS]
    bus_peer.py shellbot --address tcp://127.0.0.1:4000

A sub connects, a pub binds, unless told otherwise. Frames are text of latin-1. The lines are explained in lines.py.

KEYS are, in Z85 and with commas between them, a public key, its secret one, and that of the server if this is a client.

Events
    ready     address       it is connected, or binds there
    refused   why           the other side does not let it in: a handshake that failed for security
    got       frames        a message, unless `quiet`
    counts    received, last        answers `count`; the frames of the last message
    subscribed   topics     an xpub has these subscriptions now, in order of their coming

Commands
    send      frames        sends a message of these frames
    flood     channel, count, size   sends so many messages of `channel {"n": N, "pad": ".."}`, of so many bytes
    put       channels, message      shellbot's own put()
    quiet                   counts messages and no longer tells each
    count                   tells how many messages came
    pause                   reads no more, until `resume`
    resume
    stop                    shellbot's publisher is told to stop by its switch: `stopped`, with its counter
"""

import sys

sys.dont_write_bytecode = True

import argparse
import importlib.util
import json
import multiprocessing
import os
import queue

import zmq
from lines import read_commands, tell
from zmq.utils.monitor import recv_monitor_message

WAIT = 5
"""Milliseconds for which a socket is watched before the next command is looked for."""


def text(frame):
    return frame.decode("latin-1")


class Bus:
    def __init__(self, options):
        self.options = options
        self.commands = queue.Queue()
        self.socket = zmq.Context.instance().socket(getattr(zmq, options.role.upper()))
        self.socket.linger = 0
        if options.hwm is not None:
            self.socket.set_hwm(options.hwm)
        if options.curve:
            self.secure(options.curve.split(","))
        self.received = 0
        self.last = []
        self.topics = []
        self.is_quiet = False
        self.is_paused = False
        self.monitor = self.socket.get_monitor_socket()
        for topic in options.subscribe:
            if options.role == "sub":
                self.socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
        if options.bind or (options.role.endswith("pub") and not options.connect):
            self.socket.bind(options.address)
            tell("ready", address=self.socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())
        else:
            self.socket.connect(options.address)
        if options.role == "xsub":
            for topic in options.subscribe:
                self.socket.send(b"\x01" + topic.encode())

    def secure(self, keys):
        public, secret, *server = (key.encode() for key in keys)
        self.socket.curve_publickey = public
        self.socket.curve_secretkey = secret
        if server:
            self.socket.curve_serverkey = server[0]
        else:
            self.socket.curve_server = True

    def run(self):
        poller = zmq.Poller()
        poller.register(self.monitor, zmq.POLLIN)
        while True:
            while not self.commands.empty():
                self.do(self.commands.get())
            sockets = [self.monitor]
            if self.options.role != "pub" and not self.is_paused:
                sockets.append(self.socket)
            for socket in sockets:
                poller.register(socket, zmq.POLLIN)
            ready = dict(poller.poll(WAIT))
            for socket in sockets:
                poller.unregister(socket)
            if self.monitor in ready:
                self.watch(recv_monitor_message(self.monitor))
            if self.socket in ready:
                self.receive()

    def watch(self, event):
        kind = event["event"]
        is_client = not (self.options.bind or self.options.role.endswith("pub")) or self.options.connect
        if kind == zmq.EVENT_HANDSHAKE_SUCCEEDED and is_client:
            tell("ready", address=event["endpoint"].decode())
        elif kind in (zmq.EVENT_HANDSHAKE_FAILED_AUTH, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
                      zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL):
            tell("refused", why=event["value"])

    def receive(self):
        for _ in range(1000):
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if self.options.role == "xpub":
                topic = text(frames[0])
                self.topics.append(topic[1:]) if topic[0] == "\x01" else self.topics.remove(topic[1:])
                tell("subscribed", topics=self.topics)
                continue
            self.received += 1
            self.last = [text(frame) for frame in frames]
            if not self.is_quiet:
                tell("got", frames=self.last)

    def do(self, command):
        what = command["do"]
        if what == "send":
            self.socket.send_multipart([frame.encode("latin-1") for frame in command["frames"]])
        elif what == "flood":
            for n in range(command["count"]):
                head = f'{command["channel"]} {{"n": {n}, "pad": "'
                self.socket.send_string(head + "." * (command["size"] - len(head) - 2) + '"}')
        elif what == "quiet":
            self.is_quiet = True
        elif what == "count":
            tell("counts", received=self.received, last=self.last)
        elif what in ("pause", "resume"):
            self.is_paused = what == "pause"
            tell(what + "d")
        else:
            raise ValueError(what)


class Settings:
    """What shellbot's publisher asks of its context, in memory that its process shares. (The original keeps it in one more process.)"""

    def __init__(self, address):
        self.address = address
        self.parent = os.getpid()
        self.counter = multiprocessing.Value("q", 0)
        self.is_on = multiprocessing.Value("b", 1)

    def get(self, key, default=None):
        # The publisher asks this all the time. It must not outlive the test.
        if os.getpid() != self.parent and os.getppid() != self.parent:
            os._exit(0)
        if key == "general.switch":
            return "on" if self.is_on.value else "off"
        return {"bus.address": self.address, "publisher.counter": self.counter.value}.get(key, default)

    def set(self, key, value):
        if key == "general.switch":
            self.is_on.value = value == "on"
        elif key == "publisher.counter":
            self.counter.value = value

    def increment(self, key):
        self.counter.value += 1


def shellbot(options):
    # The file alone: the package around it would import all that talks to chat servers.
    folder = importlib.util.find_spec("shellbot").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("shellbot_bus", os.path.join(folder, "bus.py"))
    bus = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bus)
    settings = Settings(options.address)
    publisher = bus.Bus(settings).publish()
    publisher.start()
    tell("ready", address=options.address)
    # Not `read_commands`: when the input ends, so must the process that publishes.
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "put":
            publisher.put(command["channels"], command["message"])
        elif command["do"] == "stop":
            settings.set("general.switch", "off")
            publisher.join()
            tell("stopped", counter=settings.get("publisher.counter"))
        else:
            raise ValueError(command["do"])
    publisher.terminate()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["sub", "xsub", "pub", "xpub", "shellbot"])
    parser.add_argument("--address", required=True)
    parser.add_argument("--bind", action="store_true")
    parser.add_argument("--connect", action="store_true")
    parser.add_argument("--subscribe", action="append", default=[])
    parser.add_argument("--hwm", type=int)
    parser.add_argument("--curve")
    options = parser.parse_args()
    if options.role == "shellbot":
        shellbot(options)
        return
    bus = Bus(options)
    read_commands(bus.commands.put)
    bus.run()


if __name__ == "__main__":
    main()
