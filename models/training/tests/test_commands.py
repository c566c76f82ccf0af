"""What a person does, by the commands: check, train, quantize, evaluate, install. One short training serves most tests."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import tempfile
import tomllib
import unittest
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import leukotrain
import train_classifier
from distance import features_of, fitted
from nets import Classifier
from settings import CLASSES, CLASSIFIER_SIZE, RED_SIZE, RED_TYPES
from tests import tiny

SCALE = "0.0002"
"""Of the recipe's epochs: two steps of the classifier, one of each stage of the detector."""


def run(*words: object) -> tuple[int, str]:
    """Exit code and everything a command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = leukotrain.main([str(w) for w in words])
    return code, out.getvalue()


def sums(folder: Path) -> dict[str, str]:
    """sha256 of the two networks."""
    return {n: hashlib.sha256((folder / n).read_bytes()).hexdigest() for n in ("cells.onnx", "detector.onnx")}


class Commands(unittest.TestCase):
    """A tiny pack with an own folder, trained once."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = Path(cls.folder.name)
        cls.pack = tiny.pack(cls.root / "pack")
        cls.own, cls.device = tiny.own(cls.root / "own"), tiny.device(cls.root / "device")
        cls.trained = cls.train("a", 7)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    @classmethod
    def train(cls, name: str, seed: int, *more: object) -> Path:
        """Train and quantize into a work folder; gives the folder of the three files."""
        work = cls.root / name
        for command in ("train", "quantize"):
            code, said = run(command, "--data", cls.pack, "--own", cls.own, "--device", cls.device, "--work", work, "--seed", seed,
                             "--epochs", SCALE, *more)
            assert code == 0, said
        return work / "model"

    def copy(self) -> Path:
        """A pack of its own to spoil."""
        path = self.root / self.id().rsplit(".", 1)[-1]
        shutil.copytree(self.pack, path)
        return path

    def test_check_passes_a_sound_pack_and_counts_it(self) -> None:
        code, said = run("check", "--data", self.pack, "--own", self.own, "--device", self.device)
        self.assertEqual(0, code, said)
        self.assertRegex(said, r"pbc +BAS +3 +2 +3")
        self.assertRegex(said, r"own +UNKNOWN: find out")

    def test_check_finds_an_image_planted_in_two_splits(self) -> None:
        pack = self.copy()
        shutil.copy(pack / "cells/pbc/train/BAS/BA_train0.jpg", pack / "cells/pbc/test/BAS/BA_other.jpg")
        code, said = run("check", "--data", pack)
        self.assertEqual(2, code)
        self.assertRegex(said, "LEAKS.*1\n.*BA_(train0|other)")

    def test_check_finds_an_image_of_the_pack_in_a_users_folder(self) -> None:
        own = tiny.own(self.root / "leaking")
        (own / "BAS").mkdir()
        shutil.copy(self.pack / "cells/pbc/test/BAS/BA_test0.jpg", own / "BAS/mine.jpg")
        code, said = run("check", "--data", self.pack, "--own", own)
        self.assertEqual(2, code)
        self.assertIn("mine.jpg", said)

    def test_check_names_a_wrong_class_a_broken_image_and_a_box_out_of_place(self) -> None:
        pack = self.copy()
        (pack / "cells/pbc/val/MON/MO_val0.jpg").write_bytes(b"broken")
        box = pack / "fields/txl/val/bccd_val0.txt"
        box.write_text("1 14 0.5 0.1 0.1\n")
        code, said = run("check", "--data", pack)
        self.assertEqual(2, code)
        self.assertIn("MO_val0.jpg: not a readable image", said)
        self.assertIn("bccd_val0.txt: a box outside", said)
        (pack / "cells/pbc/train/BAS").rename(pack / "cells/pbc/train/BASO")
        code, said = run("check", "--data", pack)
        self.assertEqual(2, code)
        self.assertIn("'BASO' is no class", said)

    def test_the_same_seed_gives_the_same_files_and_another_seed_others(self) -> None:
        self.assertEqual(sums(self.trained), sums(self.train("again", 7)))
        other = sums(self.train("other", 8))
        for name, value in sums(self.trained).items():
            self.assertNotEqual(value, other[name])

    def test_the_card_counts_what_was_read(self) -> None:
        card = tomllib.loads((self.trained / "model.toml").read_text())
        images = {row["source"]: row["images"] for row in card["training"]}
        self.assertEqual(24, images["Acevedo et al. 2020 (PBC)"])
        self.assertEqual(12, images["TXL-PBC (fields/txl)"])
        own = [e for e in leukotrain.sources.own(self.own).entries if e.split == "train"]
        self.assertEqual(len(own), images["the laboratory's own cells"])
        self.assertEqual(CLASSES, card["classifier"]["classes"])
        self.assertAlmostEqual(1.0, sum(card["classifier"]["prior"]), places=3)
        self.assertIn("MYO", card["classifier"]["experimental"])

    def test_the_int8_file_computes_what_the_integers_are_simulated_to(self) -> None:
        torch.manual_seed(0)
        net = Classifier(len(CLASSES)).eval()
        net.load_state_dict(torch.load(self.root / "a/classifier.pt"))
        x = torch.rand(16, 3, CLASSIFIER_SIZE, CLASSIFIER_SIZE)
        twin = train_classifier.QuantClassifier(net, x)
        measured = fitted([features_of(twin.convs, x)])
        file = leukotrain.make_files.cells_onnx(twin, CLASSIFIER_SIZE, measured).SerializeToString()
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        logits, evidence = session.run(["logits", "evidence"], {"crop": x.numpy()})
        with torch.no_grad():
            simulated = twin(x).numpy()
        self.assertLess(np.abs(logits - simulated).max(), 0.05 * simulated.std() + 1e-3)
        self.assertTrue((logits.argmax(1) == simulated.argmax(1)).all())
        self.assertLess(np.abs(evidence.mean((2, 3)) - logits).max(), 1e-4)

    def test_evaluate_gives_every_figure_with_its_interval_and_pictures(self) -> None:
        json_file, pictures = self.root / "figures.json", self.root / "pictures"
        code, said = run("evaluate", "--data", self.pack, "--own", self.own, "--models", self.trained, "--json", json_file, "--pictures",
                         pictures, "--float", self.root / "a/classifier.pt")
        self.assertEqual(0, code, said)
        found = json.loads(json_file.read_text())
        names = {f["name"]: f for f in found["figures"]}
        for name in ("pbc test, 11 classes, balanced accuracy", "pbc test, 8 groups, accuracy", "BCCD test, five classes at boxes, ECE",
                     "chula test, five classes at boxes, answered", "zheng1, five classes, accuracy", "lmu of the pack, 15 classes, accuracy",
                     "pbc test, mature against immature or blast, ROC AUC", "white cell against everything else, ROC AUC",
                     "white cell against heavy blur, ROC AUC", "txl test, RBC count error", "txl test, WBC F1",
                     "false white cells per iml field", "pbc, int8 gives float's answer"):
            self.assertIn(name, names)
            low, value, high = (names[name][k] for k in ("low", "value", "high"))
            self.assertLessEqual(low, high)
            if "ECE" not in name:
                self.assertTrue(low - 1e-9 <= value <= high + 1e-9, names[name])
        self.assertEqual({"class", "n", "precision", "sensitivity"}, set(found["tables"]["pbc test, 11 classes"][0]))
        for picture in pictures.glob("*.png"):
            self.assertLess(picture.stat().st_size, 200_000)
        self.assertTrue((pictures / "confusion-pbc-test.png").exists())

    def test_red_cells_are_taught_beside_the_installed_networks_the_same_by_the_same_seed(self) -> None:
        folders = []
        for name in ("red", "red-again"):
            work = self.root / name
            code, said = run("red-cells", "--data", self.pack, "--work", work, "--seed", 3, "--epochs", SCALE)
            self.assertEqual(0, code, said)
            folders.append(work / "model")
        self.assertRegex(said, r"val, int8: balanced accuracy [01]\.\d+")
        self.assertEqual(*[(folder / "redcells.onnx").read_bytes() for folder in folders])
        self.assertEqual(sums(leukotrain.HERE.parent), sums(folders[0]))
        card = tomllib.loads((folders[0] / "model.toml").read_text())
        table = card["red_cells"]
        self.assertEqual((RED_TYPES, RED_SIZE), (table["classes"], table["size"]))
        self.assertEqual(3, next(row["images"] for row in card["training"] if row["source"].startswith("Chula RBC")))
        session = onnxruntime.InferenceSession(folders[0] / "redcells.onnx", providers=["CPUExecutionProvider"])
        [answer] = session.run(None, {session.get_inputs()[0].name: np.full((2, 3, RED_SIZE, RED_SIZE), 0.8, np.float32)})
        self.assertEqual((2, len(RED_TYPES)), answer.shape)
        code, said = run("install", "--from", folders[0], "--to", self.root / "with-red")
        self.assertEqual(0, code, said)
        with (folders[0] / "redcells.onnx").open("ab") as f:
            f.write(b"x")
        code, said = run("install", "--from", folders[0], "--to", self.root / "with-red")
        self.assertEqual((2, True), (code, "redcells.onnx" in said), said)

    def test_red_cells_without_names_are_refused(self) -> None:
        pack = self.copy()
        shutil.rmtree(pack / "fields/chula_rbc/val")
        code, said = run("red-cells", "--data", pack, "--models", self.trained, "--work", self.root / "nameless")
        self.assertEqual((2, True), (code, "no named red cells" in said), said)

    def test_red_cells_that_the_detector_does_not_find_are_refused(self) -> None:
        code, said = run("red-cells", "--data", self.pack, "--models", self.trained, "--work", self.root / "unseen", "--epochs", SCALE)
        self.assertEqual((2, True), (code, "the detector finds none of the named red cells of val" in said), said)

    def test_install_keeps_the_files_before_and_can_go_back(self) -> None:
        to = self.root / "installed"
        code, said = run("install", "--from", self.trained, "--to", to)
        self.assertEqual(0, code, said)
        first = sums(to)
        second = shutil.copytree(self.trained, self.root / "second")
        card = (second / "model.toml").read_text()
        (second / "model.toml").write_text(card + "# another\n")
        code, said = run("install", "--from", second, "--to", to)
        self.assertEqual(0, code, said)
        self.assertIn("# another", (to / "model.toml").read_text())
        backup = next(to.glob("before-*"))
        self.assertEqual(first, sums(backup))
        self.assertEqual(card, (backup / "model.toml").read_text())
        code, said = run("install", "--from", backup, "--to", to)
        self.assertEqual(0, code, said)
        self.assertEqual(card, (to / "model.toml").read_text())

    def test_install_refuses_files_that_do_not_fit_together(self) -> None:
        to, broken = self.root / "untouched", shutil.copytree(self.trained, self.root / "broken-model")
        with (broken / "cells.onnx").open("ab") as f:
            f.write(b"x")
        code, said = run("install", "--from", broken, "--to", to)
        self.assertEqual(2, code)
        self.assertIn("sha256 differs", said)
        self.assertFalse(to.exists())

    def test_a_work_folder_is_not_gone_on_with_under_other_settings(self) -> None:
        code, said = run("train", "--data", self.pack, "--work", self.root / "a", "--seed", 9, "--epochs", SCALE)
        self.assertEqual(2, code)
        self.assertIn("begun with other settings", said)

    def test_the_classifier_alone_can_be_trained_beside_the_installed_detector(self) -> None:
        work = self.root / "classifier-only"
        for command in ("train", "quantize"):
            code, said = run(command, "--data", self.pack, "--work", work, "--models", self.trained, "--only", "classifier", "--epochs", SCALE)
            self.assertEqual(0, code, said)
        self.assertEqual(sums(self.trained)["detector.onnx"], sums(work / "model")["detector.onnx"])

    def test_training_goes_on_from_the_installed_networks(self) -> None:
        work = self.root / "from-installed"
        for command in ("train", "quantize"):
            code, said = run(command, "--data", self.pack, "--work", work, "--models", self.trained, "--from-installed", "--epochs", SCALE)
            self.assertEqual(0, code, said)
        self.assertFalse((work / "classifier_1.pt").exists(), "the last stage alone")
        for name, value in sums(self.trained).items():
            self.assertNotEqual(value, sums(work / "model")[name])

    def test_a_laboratory_left_out_is_measured(self) -> None:
        work = self.root / "left-out"
        code, said = run("leave-out", "--data", self.pack, "--work", work, "--models", self.trained, "--epochs", SCALE,
                         "--laboratory", "chula", "--laboratory", "marrow")
        self.assertEqual(0, code, said)
        found = json.loads((work / "left_out.json").read_text())
        # chula: 3 + 2 fields of two cells; marrow: BLA and NGS of three splits, no class fits PLASMA.
        self.assertEqual({"chula": 10, "marrow": 6}, {name: figures[0]["n"] for name, figures in found.items()})
        self.assertIn("chula left out, balanced accuracy", said)

    def test_a_missing_pack_is_said_in_a_sentence(self) -> None:
        code, said = run("check", "--data", self.root / "nowhere")
        self.assertEqual(2, code)
        self.assertIn("no such folder", said)


if __name__ == "__main__":
    os.nice(5)
    unittest.main()
