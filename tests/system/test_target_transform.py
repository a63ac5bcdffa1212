"""Targets that are learned as logarithms: the same as a column of logarithms, with predictions and metrics in the target's own units."""

import csv
import math
import os
import random
import unittest

from engine import check, engine
from test_recordings import Folder

DENSE = [{"type": "dense", "units": 8, "activation": "tanh"}, {"type": "dense", "units": "outputs"}]
TREES = [{"type": "boosted_trees", "depth": 2}]


class Logarithms(Folder):
    def setUp(self):
        super().setUp()
        chance = random.Random(1)
        with open(self.source, "w", encoding="ascii") as out:
            out.write("x,duration,logarithm\n")
            for _ in range(300):
                x = chance.gauss(0, 1)
                duration = math.exp(1 + 0.9 * x + chance.gauss(0, 0.2))
                out.write(f"{x!r},{duration!r},{math.log(duration)!r}\n")

    def spec(self, target, transform, model, loss="mse"):
        train = {"epochs": 20} if model is TREES else {"optimizer": {"type": "adam", "rate": 0.01}, "batch": 32, "epochs": 20, "loss": loss}
        return {"data": {"source": self.source, "features": ["x"], "target": target, "target_transform": transform,
                         "split": {"valid": 0.2, "test": 0.2, "seed": 5}},
                "prepare": ["standard"], "model": model, "train": train, "evaluate": {"metrics": ["rmse", "mae"]}}  # fmt: skip

    def predictions(self, run):
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            rows = list(csv.DictReader(file))
        name = next(key for key in rows[0] if key.startswith("actual["))
        return [(float(row[name]), float(row[name.replace("actual", "predicted")])) for row in rows]

    def same_as_a_column_of_logarithms(self, transform, plain, model):
        runs = [self.run_of(self.spec("duration", transform, model), "1"), self.run_of(self.spec("logarithm", plain, model), "2")]
        for run in runs:
            done = run.finish()
            self.assertEqual(done.returncode, 0, done.stderr)
        ours, theirs = map(self.predictions, runs)
        self.assertEqual(len(ours), 60)
        for (actual, predicted), (logarithm, learned) in zip(ours, theirs):
            self.assertAlmostEqual(math.log(actual), logarithm, places=12)
            self.assertAlmostEqual(math.log(predicted), learned, places=5)
        rmse = math.sqrt(sum((a - p) ** 2 for a, p in ours) / len(ours))
        self.assertAlmostEqual(runs[0].results()["test.rmse"], rmse, places=5)
        self.assertAlmostEqual(runs[0].results()["train.loss"], runs[1].results()["train.loss"], places=5)
        return runs[0]

    def test_a_network_learns_logarithms(self):
        self.same_as_a_column_of_logarithms("log_standard", "standard", DENSE)

    def test_a_network_learns_logarithms_that_are_not_scaled(self):
        self.same_as_a_column_of_logarithms("log", "none", DENSE)

    def test_trees_learn_logarithms(self):
        self.same_as_a_column_of_logarithms("log_standard", "standard", TREES)

    def test_a_stored_model_gives_the_targets_units(self):
        run = self.run_of(self.spec("duration", "log_standard", DENSE), "1")
        self.assertEqual(run.finish().returncode, 0)
        out = os.path.join(self.folder, "out.csv")
        done = engine("predict", run.folder, "--data", self.source, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(out, encoding="ascii") as file:
            predicted = {int(row["row"]): float(row["predicted[duration]"]) for row in csv.DictReader(file)}
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            for row in csv.DictReader(file):
                self.assertAlmostEqual(predicted[int(row["row"])], float(row["predicted[duration]"]), places=6)

    def test_predictions_far_from_0_keep_what_tells_them_apart(self):
        """Targets of a small spread about 1e9 are learned scaled: a prediction is more than a float32."""
        with open(self.source, encoding="ascii") as file:
            rows = list(csv.DictReader(file))
        with open(self.source, "w", encoding="ascii") as out:
            out.write("x,far\n" + "".join(f"{row['x']},{1e9 + 0.1 * float(row['logarithm']):.4f}\n" for row in rows))
        run = self.run_of(self.spec("far", "standard", DENSE), "1")
        self.assertEqual(run.finish().returncode, 0)
        predicted = self.predictions(run)
        self.assertGreater(len({value for _, value in predicted}), 50)
        mae = sum(abs(a - p) for a, p in predicted) / len(predicted)
        self.assertAlmostEqual(mae, run.results()["test.mae"], places=9)
        out = os.path.join(self.folder, "out.csv")
        self.assertEqual(engine("predict", run.folder, "--data", self.source, "-o", out).returncode, 0)
        with open(out, encoding="ascii") as file:
            again = {row["row"]: float(row["predicted[far]"]) for row in csv.DictReader(file)}
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            for row in csv.DictReader(file):
                self.assertAlmostEqual(again[row["row"]], float(row["predicted[far]"]), delta=1e-5)

    def test_what_is_a_float_has_as_many_digits(self):
        run = self.run_of(self.spec("logarithm", "none", DENSE), "1")
        self.assertEqual(run.finish().returncode, 0)
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            for row in csv.DictReader(file):
                self.assertLessEqual(len(row["predicted[logarithm]"].split("e")[0].lstrip("-0.").replace(".", "")), 9)

    def test_quantiles_keep_their_order(self):
        spec = self.spec("duration", "log", DENSE, {"type": "quantile", "levels": [0.1, 0.5, 0.9]})
        spec["evaluate"]["metrics"] = ["crps", {"type": "interval", "level": 0.8}]
        run = self.run_of(spec, "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(min(predicted for _, predicted in self.predictions(run)), 0)
        self.assertLess(run.results()["test.crps"], run.naive()["test.crps"])

    def test_what_cannot_be_is_refused(self):
        poisson = self.spec("duration", "log", DENSE, "poisson")
        density = self.spec("duration", "log", DENSE, "normal")
        (one, two), _ = check([poisson, density])
        self.assertIn("needs targets as they are", one["diagnostics"][0]["message"])
        self.assertEqual(two["diagnostics"][0]["path"], "data.target_transform")
        negative = self.run_of(self.spec("logarithm", "log", DENSE), "1")
        done = negative.finish()
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"data.target_transform: a logarithm needs targets above 0, but 'logarithm' is -\S+ in row \d+ of ")


if __name__ == "__main__":
    unittest.main()
