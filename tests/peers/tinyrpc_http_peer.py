#!/usr/bin/env python3
"""JSON-RPC over HTTP by tinyrpc 1.1.7, driven by lines of JSON.

    tinyrpc_http_peer.py server          its RPCServer over WSGI, on werkzeug
    tinyrpc_http_peer.py client URL      its RPCClient, by requests

The lines are explained in lines.py.

Events
    ready     address               the server listens; a client is ready at once (address: its URL)
    outcome   value                 of a call: its result
              error, text           ... or the exception's class and text

Commands of a client
    call      method, arguments     calls, and waits for the result
    notify    method, arguments     calls without waiting for a result; the outcome's value is null
    send      text                  sends a text as it is; the outcome's value is the text that comes back

The server's methods: echo(x), add(a, b), count() of the calls so far, fail(text).
"""

import sys

sys.dont_write_bytecode = True

import logging
import threading

from lines import join_address, read_commands, tell
from tinyrpc.protocols.jsonrpc import JSONRPCProtocol


def serve():
    from tinyrpc.dispatch import RPCDispatcher
    from tinyrpc.server import RPCServer
    from tinyrpc.transports.wsgi import WsgiServerTransport
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    dispatcher = RPCDispatcher()
    calls = 0

    @dispatcher.public
    def echo(value):
        nonlocal calls
        calls += 1
        return value

    @dispatcher.public
    def add(a, b):
        nonlocal calls
        calls += 1
        return a + b

    @dispatcher.public
    def count():
        return calls

    @dispatcher.public
    def fail(text):
        raise ValueError(text)

    transport = WsgiServerTransport(max_content_length=10_000_000)
    web = make_server("127.0.0.1", 0, transport.handle, threaded=True)
    tell("ready", address=join_address(web.socket.getsockname()))
    read_commands(lambda command: None)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    RPCServer(transport, JSONRPCProtocol(), dispatcher).serve_forever()


def call(url):
    from tinyrpc import RPCClient
    from tinyrpc.transports.http import HttpPostClientTransport

    transport = HttpPostClientTransport(url, timeout=60, proxies={"http": None})
    client = RPCClient(JSONRPCProtocol(), transport)
    tell("ready", address=url)

    def do(command):
        try:
            if command["do"] == "send":
                value = transport.send_message(command["text"].encode()).decode()
            else:
                one_way = command["do"] == "notify"
                value = client.call(command["method"], command["arguments"], {}, one_way=one_way)
        except Exception as error:
            tell("outcome", error=type(error).__name__, text=str(error))
        else:
            tell("outcome", value=value)

    read_commands(do)
    threading.Event().wait()


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    else:
        call(sys.argv[2])
