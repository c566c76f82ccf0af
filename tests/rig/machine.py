"""The emulated ARM machine: started, told what to do, and cut from its power."""

import base64
import json
import queue
import socket
import subprocess
import threading
import time
from pathlib import Path


class GuestFailed(Exception):
    """A command in the guest ended with another exit code than 0."""


class Lines:
    """Lines over a Unix socket that QEMU listens on."""

    def __init__(self, path, reads=True):
        deadline = time.monotonic() + 20
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self.lines = queue.Queue()
        # QEMU sends a serial line byte by byte, and a Unix socket holds less than 300 of these: read at all times.
        if reads:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        rest = b""
        while True:
            try:
                piece = self.socket.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                self.lines.put(None)
                return
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                self.lines.put(line.decode(errors="replace").rstrip("\r"))

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def next(self, seconds):
        """The next line without its end; TimeoutError when none came whole in time."""
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"no line within {seconds} s") from None
        if line is None:
            raise ConnectionError("the machine has closed the line")
        return line

    def close(self):
        # A close alone would wait for the thread that reads.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class Machine:
    """One machine with its disk in `folder`; the disk outlives a power cut."""

    def __init__(self, folder, kernel, initrd, root, payload):
        self.folder, self.kernel, self.initrd, self.payload = Path(folder), kernel, initrd, payload
        self.disk = self.folder / "disk.ext4"
        subprocess.run(["cp", "--sparse=always", root, self.disk], check=True)
        self.process = self.agent = None
        self.number = 0
        self.boots = 0

    def path(self, name):
        return self.folder / name

    def start(self):
        """Boots until the guest takes commands; gives the seconds that took."""
        began = time.monotonic()
        self.boots += 1
        for name in ("agent", "serial", "usb", "monitor"):
            self.path(name).unlink(missing_ok=True)

        def line(name):
            return ["-chardev", f"socket,id={name},path={self.path(name)},server=on,wait=off"]

        def drive(name, file, more):
            return ["-drive", f"if=none,id={name},file={file},format=raw{more}", "-device", f"virtio-blk-pci,drive={name}"]

        self.process = subprocess.Popen(
            ["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-smp", "2", "-m", "1024", "-accel", "tcg,thread=multi"]
            + ["-display", "none", "-no-reboot", "-nic", "none"]
            + ["-kernel", self.kernel, "-initrd", self.initrd]
            + ["-append", "root=/dev/vda rw console=ttyAMA0 8250.nr_uarts=4 loglevel=4 panic=5"]
            + drive("disk", self.disk, "") + drive("payload", self.payload, ",readonly=on")
            + ["-serial", f"file:{self.path(f'console-{self.boots}.log')}"]
            + ["-device", "virtio-serial-pci"] + line("agent") + ["-device", "virtserialport,chardev=agent,name=rig"]
            + line("serial") + ["-device", "pci-serial,chardev=serial"]
            # It is unplugged while nobody is connected to its socket.
            + ["-device", "qemu-xhci"] + line("usb") + ["-device", "usb-serial,chardev=usb"]
            + ["-qmp", f"unix:{self.path('monitor')},server=on,wait=off"],
            stdin=subprocess.DEVNULL,
        )
        self.agent = Lines(self.path("agent"))
        while self.agent.next(400) != "ready":
            pass
        return time.monotonic() - began

    def run(self, script, seconds=120, check=True):
        """What a bash script in the guest says, as root. Raises `GuestFailed` when it fails and `check` is on."""
        self.number += 1
        self.agent.send(f"{self.number} {base64.b64encode(script.encode()).decode()}")
        while True:
            number, code, *output = self.agent.next(seconds).split(" ")
            if number == str(self.number):
                break
        output = base64.b64decode(output[0] if output else "").decode(errors="replace").strip()
        if check and code != "0":
            raise GuestFailed(f"exit code {code} of:\n{script}\n{output}")
        return output

    def read(self, path):
        """The bytes of a file in the guest."""
        return base64.b64decode(self.run(f"base64 -w0 {path}"))

    def write(self, path, text):
        """Writes a text file in the guest."""
        self.run(f"base64 -d >{path} <<<{base64.b64encode(text.encode()).decode()}")

    def until(self, script, seconds, wanted=None):
        """Asks again until the script succeeds and says `wanted` (any words without it); gives what it said."""
        deadline = time.monotonic() + seconds
        while True:
            said = self.run(script + "\n", check=False) if wanted is not None else None
            if wanted is None:
                try:
                    return self.run(script)
                except GuestFailed:
                    pass
            elif said == wanted:
                return said
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds} s: {script} (wanted {wanted!r}, last {said!r})")
            time.sleep(0.3)

    def cut_power(self):
        """Ends the machine at once: what the guest had not written to its disk is lost."""
        if self.process:
            self.process.kill()
            self.process.wait()
        if self.agent:
            self.agent.close()
        self.process = self.agent = None


class Serial:
    """The host at the other end of the serial line."""

    def __init__(self, machine, name="serial", reads=True):
        self.lines = Lines(machine.path(name), reads)
        # Lines that were cut, with the one that came after each.
        self.torn = []
        self.torn_file = machine.path("torn.log")

    def send(self, request):
        self.lines.send(request)

    def until(self, wanted, seconds):
        """The first line that is wanted, and those before it.

        Half a line is kept in `torn` when a `hello` follows, as the protocol has it after a reconnection; else it is an
        error.
        """
        deadline = time.monotonic() + seconds
        before = []
        half = None
        while True:
            try:
                raw = self.lines.next(max(0.01, deadline - time.monotonic()))
            except TimeoutError:
                kinds = [(line["type"], line.get("phase")) for line in before[-5:]]
                raise TimeoutError(f"the line wanted did not come within {seconds} s; last: {kinds}") from None
            if not raw.strip():
                continue
            try:
                line = json.loads(raw)
            except json.JSONDecodeError:
                half = raw
                self.torn.append(raw)
                with self.torn_file.open("a") as file:
                    file.write(raw + "\n")
                continue
            if half is not None and line["type"] != "hello":
                raise ValueError(f"a line that is no JSON within others: {half}")
            half = None
            if wanted(line):
                return line, before
            before.append(line)

    def close(self):
        self.lines.close()
