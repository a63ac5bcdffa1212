"""A test part that stays closed while one searches (evaluate.test), and how often it was opened."""

import os
import unittest

from engine import VOWEL, engine
from test_recordings import Folder


class Closed(Folder):
    def spec(self, **evaluate):
        return {"data": {"source": VOWEL, "group": "V1", "target": "Class", "split": {"by": "group", "valid": 0.2, "test": 0.2, "seed": 1}},
                "prepare": ["standard"], "model": [{"type": "dense", "units": "classes"}], "train": {"epochs": 2},
                "evaluate": {"metrics": ["accuracy"], **evaluate}}  # fmt: skip

    def run_spec(self, name, spec):
        run = self.run_of(spec, name)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        return run

    def looks(self, run):
        return run.events("split")[-1]["test_looks"]

    def test_nothing_of_a_closed_part_is_told(self):
        run = self.run_spec("1", self.spec(test=False))
        self.assertEqual(self.looks(run), 0)
        names = {event["name"] for event in run.events("metric")}
        self.assertTrue(any(name.startswith("valid.") for name in names))
        self.assertEqual([name for name in names if name.startswith("test.")], [])
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            self.assertEqual(len(file.readlines()) - 1, run.events("split")[-1]["valid"])

    def test_it_is_opened_once_and_that_is_counted(self):
        run = self.run_spec("1", self.spec(test=False))
        for n in (1, 2):
            done = engine("evaluate", run.folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("test.accuracy", done.stdout)
            self.assertEqual(done.stderr, f"the test rows were measured {n} time{'s' * (n > 1)}, this one too\n")

    def test_experiments_that_measure_it_are_counted_whatever_they_are(self):
        first = self.run_spec("1", self.spec())
        other = self.spec()
        other["data"]["features"] = ["V2", "V3"]
        other["prepare"] = ["minmax"]
        second = self.run_spec("2", other)
        self.assertEqual([self.looks(first), self.looks(second)], [1, 2])
        self.assertEqual(first.finish().returncode, 0)  # the same experiment once more is no other look
        self.assertEqual(self.looks(first), 1)
        elsewhere = self.spec()
        elsewhere["data"]["split"]["seed"] = 2
        self.assertEqual(self.looks(self.run_spec("3", elsewhere)), 1)
        self.assertIn("3 times", engine("evaluate", first.folder).stderr)
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "data", "looks"))), 2)


if __name__ == "__main__":
    unittest.main()
