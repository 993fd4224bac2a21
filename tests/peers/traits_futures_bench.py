"""Times messages through the multiprocessing router of traits_futures, for the benchmarks.

One pipe, whose sender is in a worker process, and a running asyncio loop, which is the router's event loop. Prints one line of
JSON: the median time of a message in a flood, and from the send to the callback when one message comes at a time.
"""

import argparse
import asyncio
import json
import statistics
import time

from traits_futures.api import MultiprocessingContext
from traits_futures.asyncio.event_loop import AsyncioEventLoop


def flood(sender, count):
    with sender:
        for number in range(count):
            sender.send((number, 0.5, 1.0))


def pings(sender, count, rest):
    with sender:
        for _ in range(count):
            time.sleep(rest)
            sender.send(time.monotonic_ns())



def measure(loop, router, pool, work, args, count, take):
    """Runs `work` in the other process, and the loop until `count` messages have come."""
    done = asyncio.Event()
    come = 0

    def on_message(event):
        nonlocal come
        take(come, event.new)
        come += 1
        if come == count:
            done.set()

    sender, receiver = router.pipe()
    receiver.observe(on_message, "message")
    future = pool.submit(work, sender, *args)
    loop.run_until_complete(asyncio.wait_for(done.wait(), 100))
    future.result()
    router.close_pipe(receiver)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--pings", type=int, required=True)
    arguments = parser.parse_args()

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    context = MultiprocessingContext()
    pool = context.worker_pool(max_workers=1)
    router = context.message_router(event_loop=AsyncioEventLoop())
    router.start()
    try:
        times = []

        def in_order(come, message):
            assert message[0] == come, "messages were lost or doubled"
            if come in (0, arguments.messages - 1):
                times.append(time.monotonic_ns())

        measure(loop, router, pool, flood, (arguments.messages,), arguments.messages, in_order)
        latencies = []
        take = lambda come, sent: latencies.append(time.monotonic_ns() - sent)
        measure(loop, router, pool, pings, (arguments.pings, 0.002), arguments.pings, take)
        message = (times[1] - times[0]) / (arguments.messages - 1)
        print(json.dumps({"message_ns": message, "latency_ns": statistics.median(latencies)}))
    finally:
        router.stop()
        pool.shutdown()
        context.close()


if __name__ == "__main__":
    main()
