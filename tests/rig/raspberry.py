"""Checks on an emulated Raspberry Pi 3: rppal finds the board and drives a pin. PASS or FAIL lines, exit code 1."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from machine import Lines, Machine

# Of the BCM2837: three bits a pin for its function, ten pins a register; one bit a pin for its level.
GPFSEL1 = 0x3F20_0004
GPLEV0 = 0x3F20_0034
INPUT, OUTPUT = 0b000, 0b001
RUNNING = 16
# Frames to count before memory is looked at.
FRAMES = 12
# Code under emulation is some thirty times slower than on a board.
SLOW = 240
CONFIG = f"""
[station]
name = "raspberry"
[camera]
source = "simulated"
frame_rate = 0.5
[session]
autostart = false
[display]
kind = "none"
[serial]
port = "pty"
[metrics]
file = "/root/metrics.prom"
seconds = 1.0
[controls]
gpio = "rppal"
running_led_line = {RUNNING}
"""


class Raspberry(Machine):
    """QEMU's raspi3b with a card; commands go over its second serial port, since it has no virtio."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.process = self.agent = None
        self.number = 0

    def start(self):
        began = time.monotonic()
        folder = self.folder
        self.process = subprocess.Popen(
            ["qemu-system-aarch64", "-M", "raspi3b", "-display", "none", "-no-reboot"]
            + ["-kernel", folder / "kernel", "-initrd", folder / "initrd", "-dtb", folder / "board.dtb"]
            + ["-drive", f"if=sd,format=raw,file={folder / 'card.ext4'}"]
            # Debian's kernel has no /dev/gpiomem, and keeps programs from the registers of its drivers unless told.
            + ["-append", "root=/dev/mmcblk0 rw rootwait iomem=relaxed console=tty0 earlycon=pl011,0x3f201000 keep_bootcon"]
            + ["-serial", f"file:{folder / 'console.log'}"]
            + ["-chardev", f"socket,id=agent,path={folder / 'agent'},server=on,wait=off", "-serial", "chardev:agent"]
            + ["-qmp", f"unix:{folder / 'monitor'},server=on,wait=off"],
            stdin=subprocess.DEVNULL,
        )
        self.agent = Lines(self.path("agent"))
        self.monitor = Lines(self.path("monitor"))
        self.monitor.next(20)
        self.ask("qmp_capabilities")
        while not self.agent.next(400).endswith("ready"):
            pass
        return time.monotonic() - began

    def ask(self, command, **arguments):
        """What QEMU's monitor answers."""
        self.monitor.send(json.dumps({"execute": command, "arguments": arguments}))
        while True:
            answer = json.loads(self.monitor.next(20))
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])
            if "return" in answer:
                return answer["return"]

    def register(self, address):
        """A register of the board, read from outside."""
        said = self.ask("human-monitor-command", **{"command-line": f"xp /1xw {address:#x}"})
        return int(said.split(":")[1], 16)

    def function(self, pin):
        assert pin // 10 == 1, "a pin of GPFSEL1"
        return self.register(GPFSEL1) >> (pin % 10 * 3) & 0b111

    def level(self, pin):
        return self.register(GPLEV0) >> pin & 1

    def pin_becomes(self, function, level, seconds=SLOW):
        """Waits until the pin has this function and level."""
        deadline = time.monotonic() + seconds
        while (seen := (self.function(RUNNING), self.level(RUNNING))) != (function, level):
            if time.monotonic() > deadline:
                raise TimeoutError(f"pin {RUNNING}: function and level {seen}, wanted {(function, level)}")
            time.sleep(0.2)


def boots(board):
    seconds = board.start()
    model = board.run("tr -d '\\0' </proc/device-tree/model")
    assert "Raspberry Pi 3" in model, model
    return f"{seconds:.0f} s until it takes commands; {model}, {board.run('uname -r')}"


def installs(board):
    board.run("dpkg -i /root/leukoscope.deb && systemctl stop leukoscope", seconds=SLOW)
    return board.run("leukoscope --version")


def takes_the_pin(board):
    board.pin_becomes(INPUT, 0)
    board.write("/root/rppal.toml", CONFIG)
    board.run("leukoscope check-config /root/rppal.toml")
    board.run("ls /dev/pts >/root/before")
    board.run("systemd-run -q --unit counter leukoscope run --config /root/rppal.toml")
    board.pin_becomes(OUTPUT, 0)
    return f"pin {RUNNING} was an input and is an output, low"


def follows_the_count(board):
    terminal = board.until("ls /dev/pts | grep -vxFf /root/before | head -1 | grep .", 60)
    seen = []
    for _ in range(2):
        board.run(f"echo start >/dev/pts/{terminal}")
        board.pin_becomes(OUTPUT, 1)
        board.run(f"echo stop >/dev/pts/{terminal}")
        board.pin_becomes(OUTPUT, 0)
        seen.append("high, low")
    return f"start, stop, start, stop: {', '.join(seen)}"


def fits_into_memory(board):
    """Counts some frames and reads the most memory that the process ever had."""
    counted = r"""sed -n 's/^leukoscope_frames_total{fate="used"} //p' /root/metrics.prom"""
    terminal = board.run("ls /dev/pts | grep -vxFf /root/before | head -1")
    board.run(f"echo start >/dev/pts/{terminal}")
    board.until(f"[ $({counted}) -ge {FRAMES} ]", 5 * SLOW)
    frames = board.run(counted)
    said = board.run("grep -E 'VmHWM|RssAnon|RssFile' /proc/$(systemctl show -P MainPID counter)/status")
    peak = int(re.search(r"VmHWM:\s*(\d+) kB", said)[1]) / 1e3
    assert peak < 100, said
    return f"peak {peak:.0f} MB resident after {frames} frames of 640x480 px ({' '.join(said.split())})"


def lets_go(board):
    board.run("systemctl stop counter")
    board.pin_becomes(INPUT, 0)
    said = board.run("journalctl -u counter --no-pager -o cat")
    (board.folder / "journal.log").write_text(said + "\n")
    assert not re.search("rppal (registers|line|interrupts)|panicked", said), said
    return "an input again after the end; no word of trouble with the lines"


CHECKS = [boots, installs, takes_the_pin, follows_the_count, fits_into_memory, lets_go]


def main():
    board = Raspberry(sys.argv[1])
    try:
        for check in CHECKS:
            name = check.__name__.replace("_", " ")
            began = time.monotonic()
            try:
                verdict, words = "PASS", check(board)
            except Exception as problem:
                verdict, words = "FAIL", f"{type(problem).__name__}: {problem}"
            print(f"{verdict} {name} ({time.monotonic() - began:.0f} s): {words}", flush=True)
            # Each stands on the one before.
            if verdict == "FAIL":
                return 1
    finally:
        board.cut_power()
    return 0


if __name__ == "__main__":
    sys.exit(main())
