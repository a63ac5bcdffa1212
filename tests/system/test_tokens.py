"""Sequences of texts, of unequal length, through an embedding into a recurrent network; words that were never seen."""

import csv
import os
import random
import unittest

from engine import engine
from test_recordings import Folder

WORDS = ["fill", "heat", "stir", "cool", "drain", "rinse"]


class Tokens(Folder):
    def write(self, path, n, seed, words, labels=True):
        """A run is bad where it stirs before it heats; a run knows no more than its steps."""
        chance = random.Random(seed)
        with open(path, "w", encoding="ascii") as out:
            out.write("run,step,what" + (",label" if labels else "") + "\n")
            rows = 0
            for run in range(n):
                steps = [chance.choice(words) for _ in range(chance.randint(1, 4))]
                middle = ["heat", "stir"] if run % 2 else ["stir", "heat"]
                steps = [word for word in steps if word not in ("heat", "stir")] + middle
                for i, word in enumerate(steps):
                    out.write(f"{run},{i},{word}" + (f",{'bad' if run % 2 == 0 else 'good'}" if labels else "") + "\n")
                    rows += 1
        return rows

    def spec(self, **tokens):
        return {
            "data": {"source": self.source, "series": ["run"], "time": "step", "features": ["what"], "target": "label", "group": ["run"],
                     "split": {"by": "group", "valid": 0.2, "test": 0.2}},
            "prepare": [{"type": "tokens", **tokens}, {"type": "window", "length": 6, "stride": 6, "edges": "mask", "shorter": "keep"}],
            "model": [{"type": "embedding", "units": 4}, {"type": "gru", "units": 8}, {"type": "dense", "units": "classes"}],
            "train": {"optimizer": {"type": "adam", "rate": 0.03}, "batch": 16, "epochs": 25}, "evaluate": {"metrics": ["accuracy"]},
        }  # fmt: skip

    def test_an_embedding_learns_from_sequences_and_meets_new_words(self):
        self.write(self.source, 120, 1, WORDS)
        run = self.run_of(self.spec(), "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        (split,) = run.events("split")
        self.assertEqual(sum(split[part] for part in ("train", "valid", "test")), 120)  # each run is a sample
        self.assertGreater(run.results()["test.accuracy"], 0.95)
        new = os.path.join(self.folder, "new.csv")
        rows = self.write(new, 20, 2, [*WORDS, "whirl", "shake"], labels=False)
        out = os.path.join(self.folder, "out.csv")
        done = engine("predict", run.folder, "--data", new, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(out, encoding="ascii") as file, open(new, encoding="ascii") as given:
            predictions = list(csv.DictReader(file))
            steps = list(csv.DictReader(given))
        self.assertEqual(len(predictions), rows)
        ends = [i for i in range(rows) if i + 1 == rows or steps[i + 1]["run"] != steps[i]["run"]]
        right = sum(predictions[i]["predicted"] == ("bad" if int(steps[i]["run"]) % 2 == 0 else "good") for i in ends)
        self.assertGreaterEqual(right, 19)

    def test_a_small_vocabulary_makes_a_small_table(self):
        self.write(self.source, 60, 1, WORDS)
        run = self.run_of(self.spec(vocabulary=2), "1")  # heat and stir are in every run
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(run.results()["test.accuracy"], 0.9)


if __name__ == "__main__":
    unittest.main()
