"""The self test of ratchet_peer.py, which runs it."""

import os
import socket
import tempfile
import threading

from lines import Driver, split_address

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ratchet_peer.py")


def run():
    with tempfile.TemporaryDirectory() as folder:
        for address in "127.0.0.1:0", os.path.join(folder, "socket"):
            check(address)
            print(f"ratchet.bus over {'a Unix socket' if '/' in address else 'TCP'}: as it should be")
        check_bytes()
        check_original()
        print("ratchet.bus, byte by byte and with phantoms: as it should be")


def check(address):
    is_tcp = "/" not in address
    with Driver(PEER, "server", "--address", address) as server, Driver(PEER, "client") as client:
        address = server.wait_for("ready")["address"]
        client.wait_for("ready")
        asked = 0

        def ask(**request):
            nonlocal asked
            asked += 1
            client.tell("request", address=address, **request)
            return asked - 1

        def request():
            return server.wait_for("request")

        def answer(found, **response):
            server.tell("respond", number=found["number"], **response)

        # Whole messages, answered in the other order.
        first = ask(body="6869", attachments=["", "00ff"])
        at_first = request()
        assert (at_first["body"], at_first["attachments"]) == ("6869", ["", "00ff"]), at_first
        second = ask(body=["78", 8 << 20])
        at_second = request()
        assert at_second["body"] == "78" * (8 << 20)
        answer(at_second, body=["79", 8 << 20], attachments=["61"])
        response = client.wait_for("response", number=second)
        assert (response["body"], response["attachments"]) == ("79" * (8 << 20), ["61"])
        answer(at_first, body="")
        response = client.wait_for("response", number=first)
        assert (response["body"], response["attachments"], response["after"]) == ("", [], "")
        if is_tcp:
            assert at_first["peer"] == client.wait_for("open", number=first)["address"]

        # No parts at all, either way.
        number = ask()
        found = request()
        assert (found["body"], found["attachments"]) == ("", [])
        answer(found)
        assert client.wait_for("response", number=number)["body"] == ""

        # In the shapes that a peer has to bear.
        for shape in {"after": "0001"}, {"interval": 0.001}, {"half_close": True}, {"stay": True}:
            number = ask(body="6869", shape=shape)
            answer(request(), body="6a", shape={**shape, "half_close": True})
            response = client.wait_for("response", number=number)
            assert response["body"] == "6a" and response["after"] in ("", shape.get("after")), response

        # A request that is not whole.
        for length in 0, 1, 2, 5, 7:
            number = ask(body="6869", shape={"truncate": length})
            assert server.wait_for("dropped")["received"] == "0001000000026869"[: 2 * length]
            assert client.wait_for("failed", number=number)["error"] == "end"
        ask(body="", shape={"parts": 2, "unread": True})
        client.wait_for("sent", number=asked - 1)
        client.tell("close", number=asked - 1, reset=is_tcp)
        client.wait_for("closed", number=asked - 1)
        dropped = server.wait_for("dropped")
        assert dropped["error"] in (("ConnectionResetError", "end") if is_tcp else ("end",)), dropped

        # A response that is not whole, or does not come.
        number = ask(body="61")
        answer(request(), body="6869", shape={"truncate": 7})
        failed = client.wait_for("failed", number=number)
        assert (failed["received"], failed["error"]) == ("00010000000268", "end"), failed
        for reset in False, True:
            number = ask(body="61")
            server.tell("drop", number=request()["number"], reset=reset)
            failed = client.wait_for("failed", number=number)
            assert failed["error"] == ("ConnectionResetError" if reset and is_tcp else "end"), failed

        client.tell("exit", code=5)
        assert client.wait_for_end() == 5


def check_bytes():
    """What is sent, against bytes that are written down here."""
    with Driver(PEER, "server") as server, Driver(PEER, "client") as client:
        address = split_address(server.wait_for("ready")["address"])
        client.wait_for("ready")
        with socket.create_connection(address) as connection:
            connection.sendall(b"\x00\x02\x00\x00\x00\x02hi\x00\x00\x00\x01!")
            found = server.wait_for("request")
            assert (found["body"], found["attachments"]) == ("6869", ["21"])
            server.tell("respond", number=found["number"], body="6f6b", attachments=[""])
            assert read_all(connection) == b"\x00\x02\x00\x00\x00\x02ok\x00\x00\x00\x00"

        with socket.create_server(("127.0.0.1", 0)) as listener:
            client.tell("request", address="127.0.0.1:%d" % listener.getsockname()[1], body="61", attachments=["62"])
            connection, _ = listener.accept()
            with connection:
                expected = b"\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x01b"
                assert connection.recv(len(expected), socket.MSG_WAITALL) == expected
                connection.sendall(b"\x00\x00")
                assert client.wait_for("response")["body"] == ""
                # The client closes first if the server does not.
                assert connection.recv(1) == b""


def check_original():
    """An empty last part comes twice, and bytes after a request come as another."""
    with Driver(PEER, "server", "--original") as server, Driver(PEER, "client") as client:
        address = server.wait_for("ready")["address"]
        cases = [
            ({"body": ""}, ("", [])),
            ({"body": "61", "attachments": [""]}, ("", [""])),
            ({"body": "61", "attachments": ["62", ""]}, ("62", ["", ""])),
            ({"body": "61", "shape": {"after": "62"}}, ("62", [])),
            ({"body": "61", "attachments": ["62"]}, None),
        ]
        for request, phantom in cases:
            client.tell("request", address=address, **request)
            server.wait_for("request")
            # Another connection makes it look again.
            client.tell("request", address=address, body="7a")
            if phantom is not None:
                found = server.wait_for("request", phantom=True)
                assert (found["body"], found["attachments"]) == phantom, (request, found)
            assert server.wait_for("request")["body"] == "7a", request

    with Driver(PEER, "server", "--deaf") as server, Driver(PEER, "client") as client:
        address = server.wait_for("ready")["address"]
        client.tell("request", address=address, body=["61", 64 << 20])
        client.wait_for("open")
        client.tell("close", number=0)
        client.wait_for("closed")


def read_all(connection):
    data = b""
    while more := connection.recv(4096):
        data += more
    return data
