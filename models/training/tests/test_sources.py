"""The readers: classes, scales, splits, and what they say of a broken folder."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import sources
from settings import BOX_MARGIN
from sources import Wrong
from tests import tiny


class Readers(unittest.TestCase):
    """Every layout, drawn once."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = Path(cls.folder.name)
        cls.pack = tiny.pack(cls.root / "pack")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def fresh(self, name: str) -> Path:
        path = self.root / name / self.id().rsplit(".", 1)[-1]
        path.mkdir(parents=True)
        return path

    def test_the_pack_keeps_its_own_splits(self) -> None:
        found = {s.name: s for s in sources.pack(self.pack)}
        self.assertEqual({"pbc", "lmu", "marrow", "zheng1"}, set(found))
        self.assertEqual({"train", "val", "test"}, {e.split for e in found["pbc"].entries})
        self.assertEqual({"test"}, {e.split for e in found["zheng1"].entries})

    def test_lmu_leaves_out_the_packs_cells_and_those_relabelled_twice(self) -> None:
        source = sources.lmu(tiny.lmu(self.fresh("lmu")), self.pack)
        names = {e.name for e in source.entries}
        self.assertNotIn("MYO_0001", names)
        self.assertNotIn("LYT_0002", names)
        self.assertIn("LYT_0003", names)
        self.assertEqual(10, len(names))
        self.assertTrue(all(e.label == e.name[:3] for e in source.entries))

    def test_a_full_set_lies_on_the_packs_ruler(self) -> None:
        lmu = sources.lmu(tiny.lmu(self.fresh("lmu")), self.pack).entries[0]
        in_pack = next(s for s in sources.pack(self.pack) if s.name == "lmu").entries[0]
        self.assertAlmostEqual(lmu.um_per_px * 400, in_pack.um_per_px * 360, places=6)
        pbc = sources.pbc(tiny.pbc(self.fresh("pbc")), self.pack).entries[0]
        in_pack = next(s for s in sources.pack(self.pack) if s.name == "pbc").entries[0]
        self.assertAlmostEqual(pbc.um_per_px, in_pack.um_per_px * 0.7, places=6)

    def test_pbc_takes_the_class_from_the_prefix_and_leaves_out_the_packs_images(self) -> None:
        source = sources.pbc(tiny.pbc(self.fresh("pbc")), self.pack)
        labels = {e.name.split("_")[0]: e.label for e in source.entries}
        self.assertEqual({"SNE": "NGS", "NEUTROPHIL": "NEU", "MMY": "MMZ", "MY": "MYB", "PMY": "PMO", "IG": "IG", "ERB": "EBO",
                          "PLATELET": "PLT"}, labels)
        self.assertNotIn("SNE_train0", {e.name for e in source.entries})
        self.assertTrue(any("1 images left out" in n for n in source.notes))

    def test_the_shadow_folder_of_a_macs_archive_is_passed_over_and_a_second_copy_refused(self) -> None:
        root = tiny.pbc(self.fresh("pbc"))
        shadow = root / "__MACOSX/PBC_dataset_normal_DIB/ig"
        shadow.mkdir(parents=True)
        (shadow / "._IG_100.jpg").write_bytes(b"Mac OS X")
        self.assertEqual(16, len(sources.pbc(root, self.pack).entries))
        (root / "copy/ig").mkdir(parents=True)
        self.refused("two folders ig", sources.pbc, root, self.pack)

    def test_own_cells_take_their_scale_from_the_command_the_folder_or_nowhere(self) -> None:
        root = tiny.own(self.fresh("own"))
        self.assertEqual({"MYO", "NEU", "UNK"}, {e.label for e in sources.own(root).entries})
        self.assertAlmostEqual(0.1 / BOX_MARGIN, sources.own(root).entries[0].um_per_px)
        self.assertAlmostEqual(0.2 / BOX_MARGIN, sources.own(root, 0.2).entries[0].um_per_px)
        (root / "scale.toml").unlink()
        entry = sources.own(root).entries[0]
        self.assertAlmostEqual(0.07, entry.read(lambda _: 0.07).um_per_px)
        with self.assertRaisesRegex(Wrong, "scale is unknown"):
            entry.read(lambda _: None)

    def test_own_cells_of_one_group_stay_in_one_split(self) -> None:
        root = tiny.own(self.fresh("own"))
        names = [e.name for e in sources.own(root).entries]
        (root / "manifest.csv").write_text("file,um_per_px,group\n" + "".join(f"{n},0.12,patient 7\n" for n in names))
        entries = sources.own(root).entries
        self.assertEqual(1, len({e.split for e in entries}))
        self.assertAlmostEqual(0.12 / BOX_MARGIN, entries[0].um_per_px)

    def test_of_the_devices_export_only_reviewed_cells_count_and_a_session_stays_together(self) -> None:
        source = sources.device(tiny.device(self.fresh("device")))
        self.assertEqual(5, len(source.entries))
        for session in ("a1", "b2", "c3"):
            self.assertEqual(1, len({e.split for e in source.entries if session in e.name}))

    def test_splits_depend_on_the_name_alone_and_come_eight_to_one_to_one(self) -> None:
        splits = [sources.split_of(f"NGS_{k:04}") for k in range(4000)]
        for split, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
            self.assertAlmostEqual(share, splits.count(split) / 4000, delta=0.02)
        self.assertEqual("train", sources.split_of("NGS_0001"))

    def test_at_most_so_many_cells_of_a_class_and_always_the_same(self) -> None:
        source = sources.own(tiny.own(self.fresh("own")))
        kept = source.part("train", 1)
        self.assertEqual(kept, source.part("train", 1))
        self.assertEqual(len(kept), len({e.label for e in kept}))

    def refused(self, words: str, read: object, *arguments: object) -> None:
        with self.assertRaisesRegex(Wrong, words):
            read(*arguments)

    def test_a_folder_that_is_no_class_is_named_with_what_is_allowed(self) -> None:
        root = tiny.own(self.fresh("own"))
        (root / "lymphocytes").mkdir()
        self.refused("'lymphocytes' is no class.*LYT", sources.own, root)

    def test_an_empty_class_is_named(self) -> None:
        root = tiny.own(self.fresh("own"))
        (root / "BAS").mkdir()
        self.refused("BAS: no image in it", sources.own, root)

    def test_a_wrong_line_of_the_annotations_is_named_by_its_number(self) -> None:
        for line, words in (("MYO/MYO_0001.tiff MYO nan", "line 2: 3 words instead of 4"), ("MYO/MYO_0001.tiff LYT nan nan", "line 2: 'LYT'"),
                            ("MYO/MYO_0001.tiff MYO nan XYZ", "line 2: 'XYZ'")):
            with self.subTest(line):
                root = tiny.lmu(self.root / "broken" / words[-4:].strip("'"))
                lines = (root / "annotations.dat").read_text().splitlines()
                (root / "annotations.dat").write_text("\n".join([lines[0], line, *lines[2:]]))
                self.refused(words, sources.lmu, root, self.pack)

    def test_a_broken_image_is_named(self) -> None:
        root = tiny.own(self.fresh("own"))
        (root / "MYO" / "myo0.png").write_bytes(b"no image")
        entry = next(e for e in sources.own(root).entries if e.name == "MYO/myo0.png")
        self.refused("myo0.png: not a readable image", entry.read)

    def test_an_export_with_a_wrong_class_or_scale_is_named_by_its_line(self) -> None:
        for old, new, words in (("EOS/a1-1.png,EOS", "EOS/a1-1.png,XYZ", "line 2: class 'XYZ'"), ("0.122", "wide", "line 2: um_per_px 'wide'"),
                                ("reviewer", "who", "line 1: no column reviewer")):
            with self.subTest(new):
                root = tiny.device(self.root / "exports" / words[:6].replace(" ", "") / new[:4].replace("/", ""))
                path = root / "manifest.csv"
                path.write_text(path.read_text().replace(old, new, 1))
                self.refused(words, sources.device, root)


if __name__ == "__main__":
    unittest.main()
