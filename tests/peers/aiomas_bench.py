#!/usr/bin/env python3
"""Measures aiomas 2.0.1's own channels between two processes, both Python, to compare this crate's with.

    aiomas_bench.py [--codec json|msgpack] [--address PATH|host:port] [--size 64]
                    [--round-trips 5000] [--in-flight 1000] [--rounds 20]

The server replies with the content of each request, a string of so many letters. Prints one JSON object:
    codec, transport, size, python
    round_trip_ns       median, least, mean, p99    of one request at a time
    in_flight           how many requests are sent at once, before the first reply is awaited
    requests_per_second median, most                over the rounds in which all of them were answered
"""

import sys

sys.dont_write_bytecode = True

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time

import aiomas.channel
from aiomas_peer import CODECS
from lines import join_address, split_address


async def serve(options):
    async def answer(channel):
        try:
            while True:
                request = await channel.recv()
                await request.reply(request.content)
        except ConnectionError:
            pass

    address = split_address(options.address)
    server = await aiomas.channel.start_server(address, answer, codec=CODECS[options.codec])
    print(join_address(server.sockets[0].getsockname()), flush=True)
    # Until the client closes this process's input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


async def measure(options, address):
    channel = await aiomas.channel.open_connection(split_address(address), codec=CODECS[options.codec])
    content = "x" * options.size
    # What is done the first time only is not measured.
    for _ in range(options.round_trips // 10):
        await channel.send(content)

    trips = []
    for _ in range(options.round_trips):
        start = time.perf_counter_ns()
        reply = await channel.send(content)
        trips.append(time.perf_counter_ns() - start)
        assert reply == content
    trips.sort()

    rates = []
    for _ in range(options.rounds):
        start = time.perf_counter_ns()
        replies = [channel.send(content) for _ in range(options.in_flight)]
        for reply in replies:
            await reply
        rates.append(options.in_flight * 1e9 / (time.perf_counter_ns() - start))
    await channel.close()

    return {
        "codec": options.codec,
        "transport": "unix" if "/" in address else "tcp",
        "size": options.size,
        "python": platform.python_version(),
        "round_trip_ns": {
            "median": round(statistics.median(trips)),
            "least": trips[0],
            "mean": round(statistics.fmean(trips)),
            "p99": trips[len(trips) * 99 // 100],
        },
        "in_flight": options.in_flight,
        "requests_per_second": {"median": round(statistics.median(rates)), "most": round(max(rates))},
    }


def main():
    parser = argparse.ArgumentParser(description="Measures aiomas; see the head of this file.")
    parser.add_argument("--codec", choices=CODECS, default="json")
    parser.add_argument("--address", help="a Unix socket in a folder of its own, if it is not given")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--round-trips", type=int, default=5000)
    parser.add_argument("--in-flight", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(options))
        return
    with tempfile.TemporaryDirectory() as folder:
        address = options.address or os.path.join(folder, "socket")
        server = subprocess.Popen(
            [sys.executable, __file__, "--serve", "--address", address, "--codec", options.codec],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        address = server.stdout.readline().strip()
        print(json.dumps(asyncio.run(measure(options, address))))
        server.communicate()


if __name__ == "__main__":
    main()
