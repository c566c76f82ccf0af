"""The hosts of the tests, made of others' software: python-hl7's MLLP server, and a FHIR server on node."""

import asyncio
import os
import subprocess
import threading
from pathlib import Path

import hl7
import hl7.mllp


class Hl7Host:
    """Takes messages by python-hl7's MLLP server and accepts each by its own acknowledgement."""

    def __init__(self):
        self.messages = []
        self.loop = asyncio.new_event_loop()
        self.port = None
        started = threading.Event()

        async def serve():
            server = await hl7.mllp.start_hl7_server(self.answer, "127.0.0.1", 0, encoding="utf-8")
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            async with server:
                await server.serve_forever()

        def run():
            asyncio.set_event_loop(self.loop)
            try:
                self.loop.run_until_complete(serve())
            except asyncio.CancelledError:
                pass

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        assert started.wait(10)

    async def answer(self, reader, writer):
        try:
            while not reader.at_eof():
                message = await reader.readmessage()
                self.messages.append(message)
                writer.writemessage(message.create_ack())
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    def of_status(self, status):
        return [message for message in self.messages if str(message.segment("OBR")[25]) == status]

    def end(self):
        self.loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self.loop)])
        self.thread.join(10)


def asks(port, text):
    """Sends a message by python-hl7's MLLP client; returns the answer."""

    async def talk():
        reader, writer = await asyncio.wait_for(
            hl7.mllp.open_hl7_connection("127.0.0.1", port, encoding="utf-8"), 10)
        writer.writemessage(hl7.parse(text))
        await writer.drain()
        answer = await asyncio.wait_for(reader.readmessage(), 10)
        writer.close()
        return answer

    return asyncio.run(talk())


class FhirServer:
    def __init__(self):
        script = Path(__file__).with_name("fhir_server.mjs")
        self.process = subprocess.Popen(
            ["node", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://"), self.url

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
