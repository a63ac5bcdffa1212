"""data.long: several targets learned by a model with one output, which is told which of them is meant."""

import csv
import math
import os
import random
import unittest

from engine import Run, check, engine
from test_recordings import Folder

DENSE = [{"type": "dense", "units": 16, "activation": "tanh"}, {"type": "dense", "units": "outputs"}]
TREES = [{"type": "boosted_trees", "depth": 3}]
TARGETS = ["y1", "y2", "y3"]
ROWS = 200


class Long(Folder):
    """y_k = (k - 2) x + 10: the mean of all says nothing of the first and the last."""

    def setUp(self):
        super().setUp()
        chance = random.Random(3)
        self.rows = []
        for i in range(ROWS):
            x = chance.uniform(-1, 1)
            self.rows.append([1000 + i, x, chance.gauss(0, 1)] + [(k - 2) * x + 10 for k in (1, 2, 3)])
        self.write(self.source, ["key", "x", "noise", *TARGETS], self.rows)

    def write(self, path, header, rows):
        with open(path, "w", encoding="ascii", newline="") as out:
            csv.writer(out).writerows([header, *rows])

    def spec(self, model, long, **more):
        train = {"epochs": 30} if model is TREES else {"optimizer": {"type": "adam", "rate": 0.01}, "batch": 8, "epochs": 40}
        data = {"source": self.source, "id": "key", "target": TARGETS, "target_transform": "standard",
                "split": {"valid": 0.2, "test": 0.2, "seed": 5}, **({"long": long} if long else {})}  # fmt: skip
        return {"data": {**data, **more.pop("data", {})}, "prepare": ["standard"], "model": model,
                "train": {**train, **more.pop("train", {})}, "evaluate": {"metrics": ["rmse"]}, **more}  # fmt: skip

    def done(self, spec, number="1"):
        run = self.run_of(spec, number)
        finished = run.finish()
        self.assertEqual(finished.returncode, 0, finished.stderr)
        return run

    def predictions(self, path):
        with open(path, encoding="ascii") as file:
            return {int(row["key"]): [float(row[f"predicted[{name}]"]) for name in TARGETS] for row in csv.DictReader(file)}

    def assert_learned(self, run):
        """Each target by itself, not their mean, which has an error of 0.47 in all."""
        told = self.predictions(run.artifact("predictions.csv"))
        truth = {row[0]: row[3:] for row in self.rows}
        self.assertEqual(len(told), 40)
        for k in range(3):
            rmse = math.sqrt(sum((told[key][k] - truth[key][k]) ** 2 for key in told) / len(told))
            self.assertLess(rmse, 0.12, TARGETS[k])
        results = run.results()
        self.assertLess(results["test.rmse"], 0.12)

    def test_a_network_learns_all_targets_by_their_number_or_place(self):
        for i, long in enumerate(("number", "one_hot")):
            self.assert_learned(self.done(self.spec(DENSE, long), str(i + 1)))

    def test_trees_learn_all_targets_and_tell_what_the_target_was_worth(self):
        run = self.done(self.spec(TREES, "number"))
        self.assert_learned(run)
        with open(run.artifact("importances.csv"), encoding="ascii") as file:
            gain = {row["feature"]: float(row["gain"]) for row in csv.DictReader(file)}
        self.assertEqual(set(gain), {"x", "noise", "target"})
        self.assertGreater(gain["target"], gain["noise"])

    def test_places_are_told_apart_in_importances(self):
        run = self.done(self.spec(TREES, "one_hot"))
        with open(run.artifact("importances.csv"), encoding="ascii") as file:
            self.assertEqual({row["feature"] for row in csv.DictReader(file)}, {"x", "noise", *(f"target={name}" for name in TARGETS)})

    def test_a_stored_model_predicts_all_targets_of_new_rows(self):
        for number, model in (("1", DENSE), ("2", TREES)):
            run = self.done(self.spec(model, "one_hot"), number)
            fresh = os.path.join(self.folder, "fresh.csv")
            self.write(fresh, ["key", "noise", "x"], [[row[0], row[2], row[1]] for row in self.rows])
            out = os.path.join(self.folder, f"out{number}.csv")
            done = engine("predict", run.folder, "--data", fresh, "-o", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            told, earlier = self.predictions(out), self.predictions(run.artifact("predictions.csv"))
            self.assertEqual(len(told), ROWS)
            for key, values in earlier.items():
                for a, b in zip(told[key], values):
                    self.assertAlmostEqual(a, b, places=5)

    def test_distributions_stand_beside_their_targets(self):
        spec = self.spec(DENSE, "number", train={"loss": "normal", "epochs": 80}, data={"target_transform": "none"})
        run = self.done(spec)
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            for name in TARGETS:
                low, value, high = (float(row[f"{what}[{name}]"]) for what in ("q0.05", "predicted", "q0.95"))
                self.assertLess(low, value)
                self.assertLess(value, high)
                self.assertAlmostEqual((high - low) / 2 / 1.6448536, float(row[f"sd[{name}]"]), places=3)

    def test_precision_and_layers_are_those_of_the_model_within(self):
        run = self.done(self.spec(DENSE, "one_hot", train={"precision": "float64"}))
        self.assert_learned(run)
        told = engine("inspect", run.folder)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout, r"dense1 +1 x 16|dense1 +16")
        self.assertIn("16 x 5", told.stdout)  # two features, and three that say the target

    def test_an_ensemble_takes_it_for_a_model_of_several_outputs(self):
        member = self.done(self.spec(DENSE, "number"), "1")
        spec = self.spec([{"type": "ensemble", "of": [member.folder]}], None)
        del spec["train"]
        whole = self.done(spec, "2")
        ours, theirs = (self.predictions(run.artifact("predictions.csv")) for run in (whole, member))
        for key, values in theirs.items():
            for a, b in zip(ours[key], values):
                self.assertAlmostEqual(a, b, places=6)
        spec["data"]["long"] = "number"
        ((answer,), _) = check([spec])
        self.assertIn("theirs may be long", answer["diagnostics"][0]["message"])

    def test_a_window_is_a_sample_for_each_target(self):
        rows = [[t, math.sin(t / 3), 0, *((k - 2) * math.sin(t / 3) for k in (1, 2, 3))] for t in range(300)]
        self.write(self.source, ["key", "x", "noise", *TARGETS], rows)
        spec = self.spec(DENSE, "number", data={"time": "key", "id": [], "ignore": ["noise"]})
        del spec["data"]["id"]
        spec["prepare"] = ["standard", {"type": "window", "length": 4, "label": "last"}]
        spec["model"] = [{"type": "flatten"}, *DENSE]
        self.assertLess(self.done(spec).results()["test.rmse"], 0.1)

    def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(self):
        whole = self.done(self.spec(DENSE, "number"), "1")
        part = self.done(self.spec(DENSE, "number", train={"epochs": 15}), "2")
        run = Run(part.experiment, self.spec(DENSE, "number"), run=2)
        run.environment["NIGHTJAR_DATA"] = part.environment["NIGHTJAR_DATA"]
        finished = run.finish()
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertEqual(min(event["step"] for event in run.events("metric") if event["name"] == "train.loss" and "step" in event), 16)
        self.assertEqual(self.predictions(whole.artifact("predictions.csv")), self.predictions(run.artifact("predictions.csv")))

    def test_what_cannot_be_is_refused(self):
        one = self.spec(DENSE, "number", data={"target": "y1"})
        classes = self.spec(DENSE, "number", data={"target": "y1", "task": "classification", "target_transform": "none"})
        fitted = self.spec(DENSE, "number", data={"target_transform": "none"}, train={"loss": "log_normal"})
        steps = self.spec(DENSE, "number", data={"time": "key"})
        del steps["data"]["id"]
        steps["prepare"] = ["standard", {"type": "window", "length": 4, "label": "each"}]
        answers, _ = check([one, classes, fitted, steps, self.spec(DENSE, "long")])
        for answer, message in zip(answers, ("is for several targets", "is for several targets", "has numbers of its own for each target",
                                             "another window.label", "off, number, one_hot")):  # fmt: skip
            self.assertIn(message, " ".join(entry["message"] for entry in answer["diagnostics"]))


if __name__ == "__main__":
    unittest.main()
