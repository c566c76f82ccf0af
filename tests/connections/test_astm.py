"""The station against python-astm, a laboratory system's end that others wrote: it takes results and sends orders."""

import os
import re
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from astm.client import Client
from astm.server import BaseRecordsDispatcher, Server

BINARY = os.environ["LEUKOSCOPE"]
PATIENCE = 90


def config(folder, tcp):
    file = Path(folder) / "leukoscope.toml"
    file.write_text(f"""
[station]
name = "ward 3"
state = "{folder}/state"
[session]
target = 10
[serial]
port = "none"
[display]
kind = "none"
[web]
listen = "none"
[astm]
tcp = "{tcp}"
send = "all"
charset = "utf-8"
""")
    return file


def started(folder, tcp):
    log = open(Path(folder) / "log", "w")
    return subprocess.Popen([BINARY, "run", "--config", config(folder, tcp), "--sample", "A-17"],
                            stdout=subprocess.PIPE, stderr=log, text=True)


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"waited in vain for {what}")


class Astm(unittest.TestCase):
    def serve(self, port=0):
        """A laboratory system that listens; its records so far, and its port."""
        records = []

        class Host(BaseRecordsDispatcher):
            def wrap(self, record):
                records.append(record)
                return record

        server = Server("127.0.0.1", port, dispatcher=Host, encoding="utf-8")
        self.addCleanup(server.close)
        threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.2}, daemon=True).start()
        return records, server.socket.getsockname()[1]

    def test_a_result_arrives_as_records_that_python_astm_reads(self):
        records, port = self.serve()
        with tempfile.TemporaryDirectory() as folder:
            station = started(folder, f"127.0.0.1:{port}")
            self.addCleanup(station.wait)
            self.addCleanup(station.terminate)
            until("the terminator record", lambda: any(record[0] == "L" for record in records))
            kinds = "".join(record[0] for record in records)
            self.assertRegex(kinds, r"^HPOC+R+L$")
            order = next(record for record in records if record[0] == "O")
            self.assertEqual((order[2], order[25]), ("A-17", "P"))
            results = [record for record in records if record[0] == "R"]
            shares = [record for record in results if record[4] == "%"]
            self.assertTrue(shares, results)
            self.assertTrue(all(re.fullmatch(r"\d+\.\d", record[3]) and record[8] == "P" for record in shares), shares)
            total = next(record for record in results if record[2][3] == "CELLS")
            self.assertGreaterEqual(int(total[3]), 10)
            self.assertAlmostEqual(sum(float(r[3]) for r in shares if r[2][3] not in ("UNK", "EBO", "KSC")), 100, delta=0.6)

    def test_an_order_by_python_astm_is_on_the_worklist(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with tempfile.TemporaryDirectory() as folder:
            station = started(folder, f"listen:127.0.0.1:{port}")
            self.addCleanup(station.wait)
            self.addCleanup(station.terminate)
            until("the station", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            time.sleep(1)

            def orders():
                yield ["H", [[None], [None, "&"]], None, None, "host", None, None, None, None, None, None, "P", "LIS2-A2"]
                yield ["P", "1"]
                yield ["O", "1", "B-4", "77", None, "S"]
                yield ["L", "1", "N"]

            def send():
                client = Client(orders, "127.0.0.1", port, encoding="utf-8", timeout=10)
                client.run(timeout=0.5)

            threading.Thread(target=send, daemon=True).start()
            store = f"{folder}/state/leukoscope.sqlite"
            query = "SELECT sample, order_id, urgent FROM ordered"
            def ordered():
                with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
                    return connection.execute(query).fetchall()

            self.assertEqual(until("the order", ordered), [("B-4", "77", 1)])


if __name__ == "__main__":
    unittest.main()
