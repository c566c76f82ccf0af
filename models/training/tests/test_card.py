"""The seal of model.toml: the same as the program computes, whatever does not matter aside."""

import tomllib
import unittest
from pathlib import Path

import card

SHIPPED = Path(__file__).parents[2] / "model.toml"


class Seal(unittest.TestCase):
    def test_the_shipped_card_has_its_seal(self):
        shipped = tomllib.loads(SHIPPED.read_text())
        self.assertEqual(shipped[card.KEY], card.seal(shipped))

    def test_every_value_counts_and_no_comment_does(self):
        text = "# a\nb = 1\n\n[t]\nx = 0.5\nnames = [\"A\", \"B\"]\n"
        seal = card.seal(tomllib.loads(text))
        self.assertEqual(card.seal(tomllib.loads(text.replace("# a", "# c") + "# d\n")), seal)
        for before, after in [("b = 1", "b = 1.0"), ("0.5", "0.25"), ('"A", "B"', '"B", "A"'), ("[t]", "[u]")]:
            self.assertNotEqual(card.seal(tomllib.loads(text.replace(before, after))), seal, after)

    def test_a_card_is_sealed_before_its_first_table(self):
        text = card.sealed("# written\n\n[t]\nx = 0.5\n\n[u]\ny = 2\n")
        found = tomllib.loads(text)
        self.assertEqual(found.pop(card.KEY), card.seal(found))
        self.assertEqual(found, {"t": {"x": 0.5}, "u": {"y": 2}})


if __name__ == "__main__":
    unittest.main()
