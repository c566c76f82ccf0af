"""Light clients of the page: each holds the live stream and asks what the page asks, as often as the page does."""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
import socket
import threading
import time

# As in the page: seconds between two questions.
ASKED = {"/api/alarms": 5, "/api/me": 60}
LOADED = ["/", "/api/me", "/api/settings", "/api/quality", "/api/camera", "/api/interrupted", "/api/live"]
RELOADED = 600.0


def asked(port, path, body=None, cookie=None):
    """(status, headers, bytes) of one request; a body makes it a POST."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Cookie": cookie, "Origin": f"http://127.0.0.1:{port}"} if cookie else {}
    if body is not None:
        headers["Content-Type"] = "application/json"
    try:
        connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Stream:
    """The live stream: WebSocket messages, as far as this needs them."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self.socket.sendall(
            f"GET /api/live/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Origin: http://127.0.0.1:{port}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        self.read = self.socket.makefile("rb")
        status = self.read.readline()
        if b" 101 " not in status:
            raise OSError(f"the live stream was refused: {status.decode().strip()}")
        while self.read.readline() not in (b"\r\n", b""):
            pass

    def exactly(self, length):
        data = self.read.read(length)
        if len(data) < length:
            raise OSError("the live stream ended")
        return data

    def message(self):
        """The next text (str) or binary (bytes) message; pings are answered."""
        whole = b""
        first = None
        while True:
            head, length = self.exactly(2)
            opcode, length = head & 15, length & 127
            if length > 125:
                length = int.from_bytes(self.exactly(2 if length == 126 else 8), "big")
            data = self.exactly(length)
            if opcode == 8:
                raise OSError("the live stream was closed")
            if opcode == 9:
                mask = secrets.token_bytes(4)
                self.socket.sendall(bytes([0x8A, 0x80 | len(data)]) + mask
                                    + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))
            if opcode > 7:
                continue
            first = opcode or first
            whole += data
            if head & 128:
                return whole.decode() if first == 1 else whole

    def close(self):
        self.read.close()
        self.socket.close()


class Page(threading.Thread):
    """One open page."""

    def __init__(self, port, number, troubles, over):
        super().__init__(daemon=True)
        self.port, self.number, self.troubles, self.over = port, number, troubles, over
        self.pictures = self.states = self.loads = 0

    def run(self):
        # The pages are not loaded all at once.
        left = RELOADED * (1 + self.number) / 3
        while not self.over.is_set():
            try:
                self.show(time.monotonic() + left)
            except OSError as problem:
                if not self.over.is_set():
                    self.troubles.add(f"page {self.number}: {problem}")
                    self.over.wait(2)
            left = RELOADED

    def get(self, path):
        status, _, body = asked(self.port, path)
        if status != 200:
            self.troubles.add(f"page {self.number}: {path} was answered with {status}: {body[:200]!r}")
        return body

    def show(self, until):
        for path in LOADED:
            body = self.get(path)
            if path == "/":
                for asset in re.findall(r'(?:src|href)="(/?assets/[^"]+)"', body.decode()):
                    self.get("/" + asset.lstrip("/"))
        self.loads += 1
        stream = Stream(self.port)
        due = {path: time.monotonic() + every for path, every in ASKED.items()}
        try:
            while time.monotonic() < until and not self.over.is_set():
                message = stream.message()
                if isinstance(message, bytes):
                    self.pictures += 1
                elif (state := json.loads(message))["type"] == "state":
                    self.states += 1
                    if trouble := state["snapshot"]["trouble"]:
                        self.troubles.add(f"shown on the page: {trouble}")
                for path, every in ASKED.items():
                    if time.monotonic() >= due[path]:
                        self.get(path)
                        due[path] += every
        finally:
            stream.close()
