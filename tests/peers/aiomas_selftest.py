"""The self test of aiomas_peer.py, which runs it."""

import os
import tempfile

from lines import Driver

PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "aiomas_peer.py")


def run(codecs):
    """Plays both roles against each other, by each codec and kind of socket."""
    with tempfile.TemporaryDirectory() as folder:
        for codec in codecs:
            for address in ("127.0.0.1:0", os.path.join(folder, codec)):
                check(codec, address)
                print(f"aiomas by {codec} over {'a Unix socket' if '/' in address else 'TCP'}: as it should be")


def check(codec, address):
    def peer(role, address, serializers="Point,Circle"):
        return Driver(PEER, role, "--codec", codec, "--address", address, "--serializers", serializers)

    def outcome(client, content):
        client.tell("send", contents=[content])
        return client.wait_for("outcome")

    def value(client, *content):
        found = outcome(client, list(content))
        assert "value" in found, found
        return found["value"]

    with peer("server", address) as server:
        address = server.wait_for("ready")["address"]
        with peer("client", address) as client:
            client.wait_for("ready")
            server.wait_for("connected", channel=0)

            contents = [None, True, -7, 1.5, "é\0\n", [1, [2]], {"a": {"b": []}}]
            contents += [{"$float": "nan"}, {"$utf16": "d83d"} if codec == "json" else {"$int": str(2**63)}]
            if codec == "msgpack":
                contents[-1] = 2**64 - 1
                contents += [{"$bytes": "00ff"}, {"$map": [[1, "a"], [[2, 3], None]]}, {"$ext": [5, "01"]}]
            else:
                contents += [{"$int": str(2**70)}]
            assert value(client, "echo", contents) == contents
            assert value(client, "add", 2, 3) == 5
            assert value(client, "count") == 3
            assert value(client, "big", 8 << 20) == "x" * (8 << 20)
            assert value(client, "echo", {"$repeat": ["y", 8 << 20]}) == "y" * (8 << 20)

            failure = outcome(client, ["fail", "no such thing"])
            assert failure["error"] == "RemoteException", failure
            assert failure["text"].startswith("Traceback (most recent call last):\n"), failure
            assert failure["text"].endswith("ValueError: no such thing\n"), failure
            assert failure["origin"] == address, failure
            assert outcome(client, ["unheard of"])["text"].endswith("LookupError: unheard of\n")
            assert "TypeError: " in outcome(client, 7)["text"]

            point = {"$object": ["Point", {"x": 1, "y": 2}]}
            circle = {"$object": ["Circle", {"center": point, "radius": 3}]}
            assert value(client, "echo", circle) == circle
            assert value(client, "make", "Point", {"x": 1, "y": 2}) == point
            assert value(client, "describe", point) == ["Point", {"x": 1, "y": 2}]

            client.tell("send", contents=[["hold", 1], ["hold", 2], ["hold", 3], ["release", 3, 1, 2]])
            assert [client.wait_for("outcome")["value"] for _ in range(4)] == [3, 1, 2, 3]
            client.tell("send", contents=[["hold", 4]])
            # An answer shows that the one before it has arrived.
            value(client, "count")
            server.tell("release", keys=[4])
            assert client.wait_for("outcome")["value"] == 4

            asked = value(client, "ask", ["echo", 1], ["fail", "a"], ["count"])
            assert asked[0] == ["value", 1] and asked[1][2].endswith("ValueError: a\n") and asked[2] == ["value", 3]
            for number in "text", None:
                assert value(client, "ask_as", number, ["echo", 1]) == ["value", 1]
            client.tell("count")
            counts = client.wait_for("counts")
            assert (counts["received"], counts["answered"]) == (5, 5), counts
            assert counts["contents"][1] == ["fail", "a"], counts

            server.tell("send", contents=[["echo", "from the server"]], channel=0)
            assert server.wait_for("outcome", channel=0)["value"] == "from the server"

            client.tell("send", contents=[["echo", n] for n in range(1000)])
            assert [client.wait_for("outcome")["value"] for _ in range(1000)] == list(range(1000))

            client.tell("send", contents=[["never"], ["never"]])
            value(client, "count")
            client.tell("close")
            assert {client.wait_for("outcome")["error"] for _ in range(2)} == {"ConnectionResetError"}
            client.wait_for("closed")
            client.wait_for("lost", error="ConnectionResetError")
            server.wait_for("lost", channel=0, error="ConnectionResetError")

        # What ends a channel of the original.
        endings = [["twice", 1], ["unasked", 77, 1], ["raw", "00000001ff"], ["close"], ["never"]]
        for number, content in enumerate(endings, 1):
            with peer("client", address) as client:
                client.wait_for("ready")
                client.tell("send", contents=[content])
                if content == ["never"]:
                    client.tell("exit", code=7)
                    assert client.wait_for_end() == 7
                else:
                    client.wait_for("lost")
                server.wait_for("lost", channel=number)

        with peer("client", address, "Circle,Point") as client:
            # The other order: ids are exchanged, and so are the classes, whose members then do not fit.
            client.wait_for("ready")
            client.tell("send", contents=[["describe", point]])
            client.wait_for("lost")

        with peer("client", address) as client:
            client.wait_for("ready")
            client.tell("send", contents=[["deaf"], ["echo", {"$repeat": ["z", 8 << 20]}], ["echo", 1]])
            number = server.wait_for("connected", channel=len(endings) + 2)["channel"]
            server.tell("count", channel=number)
            counts = server.wait_for("counts", channel=number)
            assert counts["received"] in (0, 1), counts
            while counts["received"] < 1:
                server.tell("count", channel=number)
                counts = server.wait_for("counts", channel=number)
            server.tell("resume", channel=number)
            assert len(client.wait_for("outcome")["value"]) == 8 << 20
            assert client.wait_for("outcome")["value"] == 1
            server.tell("stop")

        with peer("client", address) as client:
            client.wait_for("refused")

    for how in [], ["half"]:
        # Python removes it itself from 3.13 on.
        if os.path.exists(address):
            os.unlink(address)
        with peer("server", address) as server, peer("client", server.wait_for("ready")["address"]) as client:
            client.wait_for("ready")
            client.tell("send", contents=[["never"], ["die", *how]])
            assert [client.wait_for("outcome")["error"] for _ in range(2)] == ["ConnectionResetError"] * 2
            assert server.wait_for_end() == 9
