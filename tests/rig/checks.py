"""Runs the checks on the emulated machine; one PASS or FAIL line each, exit code 1 when one failed."""

import argparse
import json
import sys
import time
import traceback
from pathlib import Path

import screen
from machine import Serial
from rig import AS_SERVICE, SLOW, SSD1306, Rig

SCREENS = Path(__file__).parent.parent / "outputs" / "screens"


def boots(rig):
    seconds = rig.machine.start()
    rig.devices()
    return f"{seconds:.0f} s until the guest takes commands; {rig.run('uname -m -r')}"


def installs(rig):
    said = rig.run(
        "if [ -e /payload/leukoscope.deb ]; then dpkg -i --force-confdef /payload/leukoscope.deb\n"
        "else tar -C / --keep-directory-symlink -xf /payload/leukoscope.tar && systemd-sysusers && udevadm control --reload\n"
        "    udevadm trigger && systemctl daemon-reload; fi; udevadm settle; leukoscope --version"
    )
    rig.run("id leukoscope && ls -l /usr/bin/leukoscope /dev/i2c-1 /dev/ttyS0")
    return said.splitlines()[-1]


def devices_belong_to_groups(rig):
    said = rig.run("stat -c '%n %G %a' /dev/i2c-1 /dev/gpiochip* /dev/ttyS0").splitlines()
    wanted = {"i2c-1": "i2c 660", "gpiochip0": "gpio 660", "gpiochip1": "gpio 660", "ttyS0": "dialout 660"}
    for line in said:
        name, rights = line.split(" ", 1)
        assert wanted[Path(name).name] == rights, line
    return f"{len(said)} devices"


def ready(rig):
    rig.connect()
    seconds = rig.service()
    line, _ = rig.serial.until(lambda line: line["type"] == "hello", SLOW)
    assert line["station"] == "rig", line
    return f"{seconds:.0f} s from start to ready; hello on the serial line"


def answers(rig):
    line = rig.status()
    assert (line["phase"], line["counted"], line["trouble"]) == ("waiting", 0, None), line
    rig.serial.send("dance")
    error, _ = rig.serial.until(lambda line: line["type"] == "error", SLOW)
    rig.serial.send("new S-0042")
    rig.serial.until(lambda line: line.get("phase") == "counting" and line.get("sample") == "S-0042", SLOW)
    rig.serial.send("stop")
    final, _ = rig.serial.until(lambda line: line["type"] == "preliminary", SLOW)
    assert (final["sample"], final["ending"]) == ("S-0042", "stopped"), final
    return f"error: {error['message']}"


def reconnects(rig):
    before = rig.status()["sequence"]
    rig.serial.close()
    rig.serial = None
    time.sleep(2)
    rig.connect()
    after = rig.status()["sequence"]
    assert after > before
    return "answers again after the host closed and opened its end"


def shows_waiting(rig):
    rig.service()
    expected = screen.text_picture(SCREENS / "128x64_simulated_waiting.txt")
    deadline = time.monotonic() + SLOW
    # The sample has no name yet, which is the right part of the header, below the word for the simulated source.
    parts = [(range(88), range(64)), (range(128), range(9)), (range(128), range(18, 64))]
    while True:
        rows = rig.screen()
        wrong = sum(screen.differences(rows, expected, *part) for part in parts)
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(1)
    screen.save(rows, rig.folder / "waiting.pgm")
    assert not wrong, f"{wrong} dots differ from tests/outputs/screens/128x64_simulated_waiting.txt; see {rig.folder}/waiting.pgm"
    return "dot for dot the text picture"


def shows_counting(rig):
    rig.serial.send("new S-0042")
    rig.serial.until(lambda line: line.get("phase") == "counting", SLOW)
    expected = screen.text_picture(SCREENS / "128x64_simulated.txt")
    deadline = time.monotonic() + SLOW
    while True:
        rows = rig.screen()
        wrong = screen.differences(rows, expected, y=range(19))
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(1)
    screen.save(rows, rig.folder / "counting.pgm")
    assert not wrong, f"{wrong} dots of the header differ from tests/outputs/screens; see {rig.folder}/counting.pgm"
    return "header with state and sample, dot for dot"


def display_fails_and_returns(rig):
    rig.run(f"echo Y >{SSD1306}/failing")
    # Something new to show, so that the bus is used.
    rig.serial.send("new S-0043")
    line, _ = rig.serial.until(lambda line: line.get("trouble"), SLOW)
    rig.run(f"echo N >{SSD1306}/failing")
    rig.serial.until(lambda line: line["type"] == "update" and line["trouble"] is None, SLOW)
    assert rig.restarts() == 0
    return f"told: {line['trouble']}"


def buttons_and_lights(rig):
    rig.service()
    assert rig.line(19, "value") == "0"
    rig.press(5)
    rig.serial.until(lambda line: line.get("phase") == "counting", SLOW)
    rig.until(f"cat {rig.gpio}/sim_gpio19/value", 20, "1")
    rig.press(6)
    rig.serial.until(lambda line: line["type"] == "preliminary" and line["ending"] == "stopped", SLOW)
    rig.until(f"cat {rig.gpio}/sim_gpio19/value", 20, "0")
    return "start and stop by button, the running light follows"


def watchdog(rig):
    assert rig.status()["trouble"] is None
    before = rig.restarts()
    rig.run("kill -STOP $(systemctl show -P MainPID leukoscope)")
    began = time.monotonic()
    rig.serial.until(lambda line: line["type"] == "hello" and line["sequence"] == 1, SLOW)
    seconds = time.monotonic() - began
    rig.until("systemctl show -P ActiveState leukoscope", SLOW, "active")
    assert rig.restarts() == before + 1
    assert "watchdog" in rig.run("journalctl -u leukoscope --no-pager | tail -40").lower()
    return f"hello again {seconds:.0f} s after SIGSTOP"


def stops(rig):
    rig.serial.send("new S-0044")
    # The first frame takes longest, more than the program gives its parts at the end: the networks are made ready for it.
    rig.serial.until(lambda line: line.get("phase") == "counting" and line.get("sample") == "S-0044" and line.get("RBC", 0) > 0, SLOW)
    began = time.monotonic()
    rig.run("systemctl stop leukoscope")
    seconds = time.monotonic() - began
    result = rig.run("systemctl show -P Result leukoscope")
    if result == "exit-code":
        # A frame of this emulator may take as long; the count lies there as interrupted then.
        kept = rig.run(f"{AS_SERVICE} leukoscope sessions")
        assert "S-0044" in kept, kept
        return f"ended by itself after {seconds:.1f} s, the count is kept as it was"
    assert result == "success", result
    final, _ = rig.serial.until(lambda line: line["type"] == "preliminary", 30)
    assert (final["sample"], final["ending"]) == ("S-0044", "shutdown"), final
    return f"final line with ending shutdown, {seconds:.1f} s"


def stops_while_the_line_is_held_up(rig):
    rig.service()
    rig.serial.close()
    rig.serial = None
    silent = Serial(rig.machine, reads=False)
    try:
        # More than the line takes; what is left of it must not keep the program from ending.
        silent.send("new S-0045")
        time.sleep(5)
        began = time.monotonic()
        rig.run("systemctl stop leukoscope")
        seconds = time.monotonic() - began
    finally:
        silent.close()
        rig.connect()
    result = rig.run("systemctl show -P Result leukoscope")
    # On a slow emulator the program may run out of the time that it gives its parts, and then ends itself with code 1;
    # being killed is what must not happen.
    assert result in ("success", "exit-code"), f"{result} after {seconds:.0f} s"
    return f"{result} after {seconds:.1f} s"


def page(rig):
    rig.service()
    asked = r"GET /api/me HTTP/1.1\r\nHost: localhost:8321\r\nConnection: close\r\n\r\n"
    answer = rig.run(f"exec 9<>/dev/tcp/127.0.0.1/8321 && printf '{asked}' >&9 && timeout 60 cat <&9")
    assert answer.startswith("HTTP/1.1 200") and '"station":"rig"' in answer, answer
    rig.run(f"{AS_SERVICE} sh -c 'echo a good long password | leukoscope user add ada --role admin'")
    users = rig.run(f"{AS_SERVICE} leukoscope user list")
    assert users.split() == ["ada", "admin"], users
    trail = rig.run(f"{AS_SERVICE} leukoscope audit verify")
    assert trail.startswith("whole: "), trail
    return f"answers on the loopback address; a user added beside the running service; {trail}"


def security(rig):
    table = rig.run("systemd-analyze security --no-pager leukoscope | tail -1")
    return table.lstrip("→ ")


def journal(rig):
    said = rig.run("journalctl -b -u leukoscope --no-pager -o cat")
    assert said and "panicked" not in said, said
    (rig.folder / "journal.log").write_text(said + "\n")
    warnings = rig.run("journalctl -b -u leukoscope -p warning --no-pager -o cat | sort | uniq -c | sort -rn | head -20")
    (rig.folder / "warnings.log").write_text(warnings + "\n")
    return f"{len(said.splitlines())} lines, no panic; {len(warnings.splitlines())} kinds of warning in {rig.folder}/warnings.log"


def power_cut(rig):
    rig.connect()
    rig.service()
    rig.serial.send("new P-1")
    rig.serial.until(lambda line: line.get("phase") == "counting", SLOW)
    rig.serial.send("stop")
    told, _ = rig.serial.until(lambda line: line["type"] == "preliminary", SLOW)
    # At once, with a count under way: what was said must be on the disk.
    rig.serial.send("new P-2")
    rig.serial.until(lambda line: line.get("sample") == "P-2", SLOW)
    rig.machine.cut_power()
    rig.serial.close()
    rig.serial = None
    rig.machine.start()
    rig.devices()
    rig.connect()
    rig.service()
    kept = rig.results()
    assert kept[-1]["sequence"] == told["result"] and kept[-1]["sample"] == "P-1", kept[-1]
    rig.serial.send(f"resend {told['result']}")
    again, _ = rig.serial.until(lambda line: line["type"] == "preliminary" and line["result"] == told["result"], SLOW)
    assert again["sample"] == "P-1"
    return f"result {told['result']} is there after the cut and is sent again"


def disk_full(rig):
    # Begins anew, so that there is no room left in files that have it.
    rig.service()
    rig.run(
        "journalctl --sync; fallocate -l $(($(stat -f -c '%a*%S' /) - 1048576)) /filler\n"
        "cat /dev/zero >/filler-2 2>/dev/null; true"
    )
    try:
        # The block at the end of the file may still take some results.
        for number in range(20):
            sample = f"D-{number}"
            rig.serial.send(f"new {sample}")
            rig.serial.until(lambda line: line.get("sample") == sample, SLOW)
            rig.serial.send("stop")
            line, _ = rig.serial.until(lambda line: line.get("trouble") or line["type"] == "preliminary", SLOW)
            if line["trouble"]:
                break
        assert line["trouble"], "no trouble with 20 results on a full disk"
    finally:
        rig.run("rm -f /filler /filler-2; sync")
    final, _ = rig.serial.until(lambda line: line["type"] == "preliminary" and line["sample"] == sample, SLOW)
    kept = rig.results()[-1]
    assert (kept["sequence"], kept["sample"]) == (final["result"], sample), kept
    return f"told: {line['trouble']}; kept and sent once there was room"


def clock_jumps(rig):
    before = rig.restarts()
    for jump in ("+1 day", "-2 days", "+1 day"):
        rig.run(f"date -s '{jump}'")
        rig.status()
    time.sleep(35)
    rig.status()
    assert rig.restarts() == before
    return "a day ahead, two back, one ahead: no restart, it answers"


def usb_serial_unplugged(rig):
    rig.connect("usb")
    rig.until("test -c /dev/ttyUSB0", 30)
    rig.service(serial__port="/dev/ttyUSB0")
    rig.status()
    rig.serial.close()
    rig.serial = None
    rig.until("test ! -e /dev/ttyUSB0", 30)
    rig.until("journalctl -u leukoscope -n 20 --no-pager | grep -qi serial", 30)
    rig.connect("usb")
    rig.serial.until(lambda line: line["type"] == "hello", SLOW)
    rig.status()
    return "ftdi_sio adaptor gone and back: hello again"


def feed(rig):
    """Loads the loopback camera, /dev/video9, and lets frames come."""
    rig.run("modprobe videodev && insmod /payload/v4l2loopback.ko video_nr=9 exclusive_caps=1 card_label=rig")
    start_feeder(rig)


def start_feeder(rig):
    rig.run("systemd-run -q --unit feeder /payload/feeder /dev/video9 640 480 2 /payload/frames.yuyv 30; udevadm settle")


def camera(rig):
    feed(rig)
    rig.connect()
    seconds = rig.service(camera__source="v4l:/dev/video9", camera__format="yuyv")
    rig.serial.send("new C-1")
    line, _ = rig.serial.until(lambda line: line.get("sample") == "C-1" and line.get("quality"), SLOW)
    assert line["trouble"] is None, line
    labelled = json.loads((rig.folder / "labelled.json").read_text())
    if labelled is None:
        return f"{seconds:.0f} s until ready; drawn frames: {line['quality']['verdict']}, {line['RBC']} red cells"
    # Each field is shown for 15 s, and each cell counts once however often the fields come round.
    time.sleep(75)
    line = rig.status()
    seen = {kind: line[kind] for kind in labelled}
    words = f"{seconds:.0f} s until ready; real fields with {labelled} labelled: {seen}, {line['classes']}"
    assert abs(seen["WBC"] - labelled["WBC"]) <= 2 and abs(seen["RBC"] - labelled["RBC"]) <= 0.25 * labelled["RBC"], words
    return words


def camera_fails_and_returns(rig):
    before = rig.restarts()
    rig.run("systemctl stop feeder")
    line, _ = rig.serial.until(lambda line: line.get("trouble"), SLOW)
    rig.until("rmmod v4l2loopback", SLOW)
    rig.run("test ! -e /dev/video9")
    feed(rig)
    rig.serial.until(lambda line: line["type"] == "update" and line["trouble"] is None, SLOW)
    again = rig.status()
    assert (again["sample"], again["phase"], rig.restarts()) == ("C-1", "counting", before), again
    return f"told: {line['trouble']}; the same count goes on"


def camera_by_nokhwa(rig):
    """The same loopback camera through the other library: listed, opened by name, and back after its frames stopped."""
    listed = rig.run("leukoscope devices")
    assert "nokhwa:rig" in listed or "nokhwa:9" in listed, listed
    rig.service(camera__source="nokhwa:rig", camera__format="yuyv")
    rig.serial.send("new N-1")
    line, _ = rig.serial.until(lambda line: line.get("sample") == "N-1" and line.get("quality"), SLOW)
    assert line["trouble"] is None, line
    before = rig.restarts()
    rig.run("systemctl stop feeder")
    lost, _ = rig.serial.until(lambda line: line.get("trouble"), SLOW)
    # This library reads without an end in sight and holds the device meanwhile, so the module cannot be unloaded here as a
    # USB camera is unplugged; its frames come back instead. Readers that never return are left to the watchdog.
    start_feeder(rig)
    rig.serial.until(lambda line: line.get("trouble", "") is None, SLOW)
    again, restarts = rig.status(), rig.restarts() - before
    assert again["trouble"] is None and (again["sample"] == "N-1" if restarts == 0 else restarts == 1), again
    after = "the same count goes on" if restarts == 0 else "after one restart by the watchdog"
    return f"frames by name; told: {lost['trouble']}; frames again, {after}"


def camera_of_the_kernel(rig):
    rig.run("systemctl stop leukoscope; modprobe vivid n_devs=1 vid_cap_nr=0; udevadm settle; test -c /dev/video0")
    rig.service(camera__source="v4l:/dev/video0", camera__format="yuyv")
    line = rig.status()
    assert line["trouble"] is None, line
    return "vivid gives frames"


CHECKS = [
    boots, installs, devices_belong_to_groups, ready, answers, reconnects, shows_waiting, shows_counting,
    display_fails_and_returns, buttons_and_lights, watchdog, stops, stops_while_the_line_is_held_up, page, security,
    power_cut, disk_full, clock_jumps, usb_serial_unplugged, camera, camera_fails_and_returns, camera_by_nokhwa,
    camera_of_the_kernel, journal,
]  # fmt: skip
# Without these no other check can be made.
FIRST = [boots, installs]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", help="names of checks, separated by commas")
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else None
    rig = Rig(arguments.cache, arguments.folder)
    failed = 0
    try:
        for check in CHECKS:
            if wanted and check.__name__ not in wanted and check not in FIRST + [ready]:
                continue
            name = check.__name__.replace("_", " ")
            began = time.monotonic()
            try:
                verdict, words = "PASS", check(rig)
            except Exception as problem:
                verdict, words = "FAIL", f"{type(problem).__name__}: {problem}"
                failed += 1
                with (arguments.folder / "failures.log").open("a") as file:
                    traceback.print_exc(file=file)
            print(f"{verdict} {name} ({time.monotonic() - began:.0f} s): {words}", flush=True)
            if verdict == "FAIL" and check in FIRST:
                break
    finally:
        rig.machine.cut_power()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
