"""A client of NATS, by nats-py.

    nats_peer.py ADDRESS

Commands:
    {"do": "request", "subject": "a", "data": "text"}   -> "reply" with "data" and "headers", or "failed" with "error"
    {"do": "serve", "subject": "a"}                     -> "serving"; answers with the text in capitals, and "fail"
                                                           with an error as services of NATS have it
    {"do": "publish", "subject": "a", "data": "text"}   -> "published", when the server has it
    {"do": "subscribe", "subject": "a"}                 -> "subscribed", and then "message" with "subject" and "data"
"""

import asyncio
import sys

import lines
import nats


async def main():
    connection = await nats.connect(sys.argv[1])

    async def do(command):
        subject, data = command["subject"], command.get("data", "").encode()
        if command["do"] == "request":
            try:
                reply = await connection.request(subject, data, timeout=30)
                lines.tell("reply", data=reply.data.decode(), headers=reply.headers)
            except nats.errors.Error as error:
                lines.tell("failed", error=type(error).__name__)
        elif command["do"] == "serve":
            await connection.subscribe(subject, cb=answer)
            await connection.flush()
            lines.tell("serving")
        elif command["do"] == "publish":
            await connection.publish(subject, data)
            await connection.flush()
            lines.tell("published")
        elif command["do"] == "subscribe":
            await connection.subscribe(subject, cb=show)
            await connection.flush()
            lines.tell("subscribed")

    async def answer(message):
        if message.data == b"fail":
            headers = {"Nats-Service-Error-Code": "418", "Nats-Service-Error": "a teapot"}
            await connection.publish(message.reply, b"details", headers=headers)
        else:
            await message.respond(message.data.upper())

    async def show(message):
        lines.tell("message", subject=message.subject, data=message.data.decode())

    async def checked(command):
        try:
            await do(command)
        except BaseException:
            lines.fail()

    loop = asyncio.get_running_loop()
    lines.read_commands(lambda command: asyncio.run_coroutine_threadsafe(checked(command), loop))
    lines.tell("ready")
    await asyncio.Event().wait()


asyncio.run(main())
