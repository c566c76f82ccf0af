"""The emulated machine with its serial line, display bus and GPIO lines, and what most checks do with them."""

import json
import time

import screen
from machine import Machine, Serial

STATE = "/var/lib/leukoscope"
AS_SERVICE = f"runuser -u leukoscope -- env LEUKOSCOPE_STATION_STATE={STATE}"
SSD1306 = "/sys/kernel/debug/ssd1306_sim"
# Code under TCG is some thirty times slower than on a board; nothing here is about speed.
SLOW = 240


def config(**changes):
    """A configuration: everything in the service that has a kernel device here, and a simulated camera."""
    settings = {
        "station.name": "rig",
        "camera.source": "simulated",
        "camera.frame_rate": 1.0,
        "session.autostart": False,
        "session.target": 100,
        "display.kind": "ssd1306",
        "serial.port": "/dev/ttyS0",
        "controls.gpio": "cdev",
        "controls.gpio_chip": "/dev/gpiochip1",
        "controls.start_line": 5,
        "controls.stop_line": 6,
        "controls.running_led_line": 19,
        "controls.trouble_led_line": 26,
    } | {key.replace("__", "."): value for key, value in changes.items()}
    tables = {}
    for key, value in settings.items():
        table, name = key.split(".")
        # A JSON string, number or truth value is one of TOML as well.
        tables.setdefault(table, []).append(f"{name} = {json.dumps(value)}")
    return "\n".join(f"[{table}]\n" + "\n".join(lines) + "\n" for table, lines in tables.items())


class Rig:
    """The machine, the serial line, and what most checks do."""

    def __init__(self, cache, folder):
        root = cache / "root"
        self.folder = folder
        self.machine = Machine(folder, root / "kernel", root / "initrd", root / "root.ext4", folder / "payload.ext4")
        self.run, self.until = self.machine.run, self.machine.until
        self.serial = None
        self.gpio = None

    def results(self):
        lines = self.run(f"{AS_SERVICE} leukoscope sessions --json").splitlines()
        return [json.loads(line) for line in lines]

    def devices(self):
        """Loads what gives the guest a display bus and GPIO lines; after every boot."""
        self.run("mkdir -p /payload && mount -o ro /dev/vdb /payload")
        self.run("modprobe i2c-dev && insmod /payload/ssd1306_sim.ko")
        self.gpio = self.run(
            "modprobe configfs; insmod /payload/gpio-sim.ko\n"
            "mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config\n"
            "cd /sys/kernel/config/gpio-sim && mkdir -p rig/bank && echo 32 >rig/bank/num_lines && echo 1 >rig/live\n"
            "echo /sys/devices/platform/$(cat rig/dev_name)/$(cat rig/bank/chip_name)"
        )
        self.run("udevadm settle")

    def service(self, **changes):
        """Starts the service anew with a configuration, and waits until it says that it is ready."""
        changes.setdefault("controls__gpio_chip", "/dev/" + self.gpio.rsplit("/", 1)[1])
        self.run("systemctl stop leukoscope; true")
        self.machine.write("/etc/leukoscope/leukoscope.toml", config(**changes))
        self.run("/usr/bin/leukoscope check-config /etc/leukoscope/leukoscope.toml")
        began = time.monotonic()
        self.run("systemctl start --no-block leukoscope")
        self.until("systemctl show -P ActiveState leukoscope", SLOW, "active")
        return time.monotonic() - began

    def connect(self, name="serial"):
        if self.serial:
            self.serial.close()
        self.serial = Serial(self.machine, name)
        return self.serial

    def status(self):
        """The state as the serial line tells it now."""
        self.serial.send("status")
        return self.serial.until(lambda line: line["type"] == "status", SLOW)[0]

    def screen(self):
        ram = self.machine.read(f"{SSD1306}/ram")
        return screen.seen(ram, self.run(f"cat {SSD1306}/scan"))

    def line(self, number, file, value=None):
        """A GPIO line seen from outside: writes its pull or reads its value."""
        path = f"{self.gpio}/sim_gpio{number}/{file}"
        return self.run(f"cat {path}" if value is None else f"echo {value} >{path}")

    def press(self, number):
        self.line(number, "pull", "pull-down")
        time.sleep(0.5)
        self.line(number, "pull", "pull-up")

    def restarts(self):
        return int(self.run("systemctl show -P NRestarts leukoscope"))
