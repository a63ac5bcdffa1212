"""Boosted trees as users run them: a spec in, importances and predictions out, and a kill that leaves no trace."""

import csv
import ctypes
import os
import random
import sys
import tempfile
import unittest

from engine import DIABETES, IRIS, Run, check, engine, every_fifth

os.environ["OMP_NUM_THREADS"] = "1"  # threads that wait for each other are slow on a busy machine
MODEL = {"type": "boosted_trees", "depth": 3, "subsample": 0.7, "colsample_bytree": 0.6}


def spec(source, target, split, epochs=60, **data):
    return {"data": {"source": source, "target": target, "split": split, **data},
            "model": [MODEL], "train": {"epochs": epochs}}


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


class Trees(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nightjar-trees-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_one(self, name, described, **keywords):
        run = Run(os.path.join(self.folder, name), described, **keywords)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        return run

    def test_classes_are_learnt_and_the_stored_model_predicts_the_same(self):
        run = self.run_one("iris", spec(IRIS, "c5", every_fifth(self.folder, 150), skip=1))
        self.assertGreater(run.results()["test.accuracy"], 0.85)
        whole = rows(run.artifact("predictions.csv"))
        new = os.path.join(self.folder, "new.csv")
        done = engine("predict", run.folder, "--data", IRIS, "-o", new)
        self.assertEqual(done.returncode, 0, done.stderr)
        predicted = {row["row"]: row for row in rows(new)}
        self.assertEqual(len(whole), 30)
        for row in whole:
            self.assertEqual({k: v for k, v in row.items() if k != "actual"}, predicted[row["row"]])

    def test_importances_name_what_mattered(self):
        run = self.run_one("diabetes", spec(DIABETES, "progression", every_fifth(self.folder, 442)))
        self.assertGreater(run.results()["test.r2"], 0.3)
        table = rows(run.artifact("importances.csv"))
        self.assertAlmostEqual(sum(float(row["share"]) for row in table), 1, places=4)
        self.assertIn("bmi", [row["feature"] for row in table[:3]])
        self.assertEqual(len(table), 10)
        self.assertIn("importances", [event["name"] for event in run.events("artifact")])

    def test_killed_training_ends_with_the_same_trees(self):
        described = spec(DIABETES, "progression", every_fifth(self.folder, 442), epochs=40)
        described["train"]["checkpoint"] = {"batches": 3, "time": 0}
        undisturbed = self.run_one("undisturbed", described)
        dice = random.Random(3)
        for round_ in range(2):
            folder = os.path.join(self.folder, f"killed{round_}")
            first = Run(folder, described)
            process = first.start()
            wanted = dice.randrange(2, 10)
            while process.poll() is None and len(first.events("checkpoint")) < wanted:
                pass
            process.kill()
            process.communicate()
            second = Run(folder, described, run=2)
            done = second.finish()
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(second.results(), undisturbed.results())
            for path in ("{}/artifacts/predictions.csv", "{}/artifacts/importances.csv"):
                with open(os.path.join(second.experiment, path.format(2)), "rb") as one, \
                        open(os.path.join(undisturbed.experiment, path.format(1)), "rb") as other:
                    self.assertEqual(one.read(), other.read(), path)

    def test_base_score_is_in_the_targets_own_units(self):
        for transform in ("none", "standard", "log", "log_standard"):
            described = spec(DIABETES, "progression", every_fifth(self.folder, 442), epochs=1, target_transform=transform)
            described["data"]["task"] = "regression"
            described["model"] = [{"type": "boosted_trees", "rate": 1e-6, "depth": 1, "base_score": [3]}]
            for row in rows(self.run_one(transform, described).artifact("predictions.csv")):
                self.assertAlmostEqual(float(row["predicted[progression]"]), 3, delta=2e-3)
        described["model"][0]["base_score"] = [-1]
        done = Run(os.path.join(self.folder, "refused"), described).finish()
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("model[0].base_score: -1 has no logarithm", done.stderr)

    def test_settings_that_trees_do_not_read_are_refused(self):
        described = spec(IRIS, "c5", every_fifth(self.folder, 150), skip=1)
        described["train"].update(batch=32, optimizer="adam")
        answers, _ = check([described])
        self.assertEqual({d["path"]: d["message"] for d in answers[0]["diagnostics"]},
                         {"train.batch": "is not read by boosted_trees",
                          "train.optimizer": "is not read by boosted_trees"})


if __name__ == "__main__":
    try:
        ctypes.CDLL("libxgboost.so.0")
    except OSError as error:
        print("skipped:", error)
        sys.exit(77)
    unittest.main()
