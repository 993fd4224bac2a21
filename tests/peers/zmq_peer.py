"""A peer made of tinyrpc 1.1.7 or of bare sockets, over the 0MQ of libzmq.

    zmq_peer.py rpc-server --address A   tinyrpc's RPCServer, with JSON-RPC 2.0 over its ZmqServerTransport
    zmq_peer.py rpc-client --address A   tinyrpc's RPCClient over its ZmqClientTransport
    zmq_peer.py router --address A       a ROUTER socket that binds
    zmq_peer.py rep --address A          a REP socket that binds
    zmq_peer.py dealer --address A       a DEALER socket that connects
    zmq_peer.py req --address A          a REQ socket that connects

Options: `--timeout S` of the client; `--echo` has a router or rep answer each message with the same; `--public-key=K --secret-key=K`
and, for who connects, `--server-key=K` turn CURVE on; `--deny` has a server let nobody in.

The methods of the server: `echo(x)`, `add(a, b)`, `fail(text)`, `note(x)`. Each call is told: {"event": "called", "method": M, "arguments": [..]}.

Commands to the client: {"do": "call", "method": M, "arguments": [..], "one_way": bool}, answered by
{"event": "outcome", "value": X} or {"event": "outcome", "error": CLASS, "text": T}.

Commands to bare sockets: {"do": "send", "frames": [HEX, ..]}; what comes is told as {"event": "received", "frames": [HEX, ..]}.
How a handshake ended is told as {"event": "handshake", "how": NAME}, with libzmq's name of the event.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import os

import zmq
from lines import fail, read_commands, tell
from tinyrpc import RPCClient
from tinyrpc.dispatch import RPCDispatcher
from tinyrpc.protocols.jsonrpc import JSONRPCProtocol
from tinyrpc.server import RPCServer
from tinyrpc.transports.zmq import ZmqClientTransport, ZmqServerTransport
from zmq.utils.monitor import recv_monitor_message

BINDING = {"rpc-server": zmq.ROUTER, "router": zmq.ROUTER, "rep": zmq.REP}
CONNECTING = {"rpc-client": zmq.REQ, "req": zmq.REQ, "dealer": zmq.DEALER}

HANDSHAKES = {
    zmq.Event.HANDSHAKE_SUCCEEDED,
    zmq.Event.HANDSHAKE_FAILED_NO_DETAIL,
    zmq.Event.HANDSHAKE_FAILED_PROTOCOL,
    zmq.Event.HANDSHAKE_FAILED_AUTH,
    zmq.Event.DISCONNECTED,
}


def open_socket(context, options):
    socket = context.socket({**BINDING, **CONNECTING}[options.role])
    socket.linger = 0
    if options.secret_key:
        socket.curve_publickey = options.public_key.encode()
        socket.curve_secretkey = options.secret_key.encode()
        if options.server_key:
            socket.curve_serverkey = options.server_key.encode()
        else:
            socket.curve_server = True
    monitor = socket.get_monitor_socket()
    if options.role in BINDING:
        socket.bind(options.address)
    else:
        socket.connect(options.address)
    return socket, monitor


def serve(socket):
    dispatcher = RPCDispatcher()

    def called(method):
        def call(*arguments):
            tell("called", method=method.__name__, arguments=arguments)
            return method(*arguments)

        dispatcher.add_method(call, method.__name__)
        return method

    @called
    def echo(x):
        return x

    @called
    def add(a, b):
        return a + b

    @called
    def note(x):
        pass

    @called
    def fail(text):
        raise ValueError(text)

    RPCServer(ZmqServerTransport(socket), JSONRPCProtocol(), dispatcher).serve_forever()


def call(client, command):
    try:
        value = client.call(command["method"], command["arguments"], {}, command.get("one_way", False))
    except Exception as error:
        tell("outcome", error=type(error).__name__, text=str(error))
    else:
        tell("outcome", value=value)


def relay(socket, monitor, door, echo):
    """Passes on what comes from either side. A socket is for one thread."""
    commands = socket.context.socket(zmq.PULL)
    commands.bind("inproc://commands")

    sending = socket.context.socket(zmq.PUSH)
    sending.connect("inproc://commands")
    read_commands(lambda command: sending.send_multipart([bytes.fromhex(frame) for frame in command["frames"]]))

    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(commands, zmq.POLLIN)
    poller.register(monitor, zmq.POLLIN)
    poller.register(door, zmq.POLLIN)
    while True:
        ready = dict(poller.poll())
        if commands in ready:
            try:
                socket.send_multipart(commands.recv_multipart(), zmq.NOBLOCK)
            except zmq.Again:
                # libzmq gives up a peer with which it cannot shake hands, and then there is nobody to send to.
                tell("unsent")
        if door in ready:
            version, number, *_ = door.recv_multipart()
            door.send_multipart([version, number, b"400", b"nobody comes in", b"", b""])
        if monitor in ready:
            event = recv_monitor_message(monitor)["event"]
            if event in HANDSHAKES:
                tell("handshake", how=event.name)
        if socket in ready:
            frames = socket.recv_multipart()
            if echo:
                socket.send_multipart(frames)
            else:
                tell("received", frames=[frame.hex() for frame in frames])


def main():
    parser = argparse.ArgumentParser(description="A peer over 0MQ; see the head of this file.")
    parser.add_argument("role", choices=[*BINDING, *CONNECTING])
    parser.add_argument("--address", required=True)
    parser.add_argument("--timeout", type=float)
    parser.add_argument("--echo", action="store_true")
    parser.add_argument("--public-key")
    parser.add_argument("--secret-key")
    parser.add_argument("--server-key")
    parser.add_argument("--deny", action="store_true")
    options = parser.parse_args()

    context = zmq.Context()
    # Where libzmq asks whom to let in.
    door = context.socket(zmq.REP)
    if options.deny:
        door.bind("inproc://zeromq.zap.01")
    socket, monitor = open_socket(context, options)
    tell("ready", address=socket.last_endpoint.decode().rstrip("\0"))
    try:
        if options.role == "rpc-server":
            read_commands(lambda command: None)
            serve(socket)
        elif options.role == "rpc-client":
            client = RPCClient(JSONRPCProtocol(), ZmqClientTransport(socket, options.timeout))
            # Only the thread that reads uses the socket from here on.
            read_commands(lambda command: call(client, command))
            import threading

            threading.Event().wait()
        else:
            relay(socket, monitor, door, options.echo)
    except Exception:
        fail()
    os._exit(0)


if __name__ == "__main__":
    main()
