"""train.precision: networks in double, from their training to what is predicted with them."""

import csv
import json
import os
import random
import re
import tempfile
import time
import unittest

from engine import DEADLINE, Run, check, engine

ROWS = 120
LAYERS = [{"type": "dense", "units": 12, "activation": "tanh"}, {"type": "dense", "units": "targets"}]


class Precision(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        try:
            import h5py
        except ImportError:
            raise unittest.SkipTest("python3-h5py is not installed")
        cls.h5py = h5py
        folder = tempfile.TemporaryDirectory(prefix="nightjar-precision-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder, cls.last = folder.name, 0
        dice = random.Random(4)
        cls.source = os.path.join(cls.folder, "rows.csv")
        with open(cls.source, "w") as file:
            file.write("id,a,b,y\n")
            for i in range(ROWS):
                a, b = dice.gauss(0, 1), dice.gauss(0, 1)
                file.write(f"{i},{a:.5f},{b:.5f},{a * b + dice.gauss(0, 0.1):.5f}\n")
        cls.narrow = cls.must(cls.run_of("float32"))
        cls.wide = cls.must(cls.run_of("float64"))

    @classmethod
    def spec(cls, precision, model=None, **train):
        return {"data": {"source": cls.source, "id": "id", "target": "y"}, "model": model or LAYERS,
                "train": {"precision": precision, **({} if model else {"epochs": 5, "batch": 16}), **train}}

    @classmethod
    def run_of(cls, precision, **more):
        cls.last += 1
        return Run(os.path.join(cls.folder, str(cls.last)), cls.spec(precision, **more), seed=3)

    @classmethod
    def must(cls, run):
        done = run.finish()
        assert done.returncode == 0, done.stderr
        return run

    def weights(self, run):
        with self.h5py.File(run.artifact("model.h5")) as file:
            return {f"{layer}.{name}": file["weights"][layer][name][()]
                    for layer in file["weights"] for name in file["weights"][layer]}

    def predicted(self, run, *arguments):
        done = engine("predict", run.folder, "--data", self.source, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {int(row["id"]): float(row["predicted[y]"]) for row in csv.DictReader(done.stdout.splitlines())}

    def test_weights_are_double_and_near_those_of_float(self):
        narrow, wide = self.weights(self.narrow), self.weights(self.wide)
        self.assertEqual(narrow.keys(), wide.keys())
        for name in narrow:
            self.assertEqual((narrow[name].dtype, wide[name].dtype), ("float32", "float64"))
            self.assertLess(abs(narrow[name] - wide[name]).max(), 1e-4)
            self.assertTrue((wide[name] != wide[name].astype("float32")).any(), f"{name} has no more digits")

    def test_predictions_are_those_of_the_run_and_of_its_weights_in_double(self):
        with open(self.wide.artifact("predictions.csv")) as file:
            told = {int(row["id"]): float(row["predicted[y]"]) for row in csv.DictReader(file)}
        again = self.predicted(self.wide)
        self.assertEqual({row: again[row] for row in told}, told)
        self.assertEqual(again, self.predicted(self.wide, "--batch", "7", "--cpus", "2"))
        self.assertTrue(any(value != float(f"{value:.9g}") for value in told.values()), "digits are lost")

    def test_what_is_predicted_is_the_double_sum(self):
        import numpy
        model = os.path.join(self.folder, "predicted.h5")
        rows = numpy.genfromtxt(self.source, delimiter=",", skip_header=1)
        x = rows[:, 1:3].astype("float32").astype("float64")  # as features are stored
        for run, close in ((self.wide, 1e-13), (self.narrow, 1e-5)):
            w = {name: value.astype("float64") for name, value in self.weights(run).items()}
            hidden = numpy.tanh(x @ w["dense1.weight"].T + w["dense1.bias"].ravel())
            y = hidden @ w["dense2.weight"].T + w["dense2.bias"].ravel()
            self.predicted(run, "-o", model)
            with self.h5py.File(model) as file:
                got = file["prediction"][()].ravel()
            # predictions are in the target's own units
            slope, offset = numpy.polyfit(y.ravel(), got, 1)
            off = abs(slope * y.ravel() + offset - got).max()
            self.assertLess(off, close)
            if run is self.narrow:
                self.assertGreater(off, 1e-10, "float would do as well")

    def test_a_killed_run_goes_on_bit_for_bit(self):
        often = {"epochs": 200, "checkpoint": {"batches": 3}}
        straight = self.must(self.run_of("float64", **often))
        first = self.run_of("float64", **often)
        process = first.start()
        deadline = time.monotonic() + DEADLINE
        while not first.events("checkpoint"):
            self.assertIsNone(process.poll(), "it ended")
            self.assertLess(time.monotonic(), deadline)
        process.kill()
        process.communicate(timeout=DEADLINE)
        second = self.must(Run(first.experiment, self.spec("float64", **often), seed=3, run=2))
        self.assertEqual(second.events("warning"), straight.events("warning"))
        self.assertGreater(second.events("checkpoint")[0]["step"], 3, "it began anew")
        for name, value in self.weights(straight).items():
            self.assertEqual(self.weights(second)[name].tobytes(), value.tobytes(), name)
        self.assertEqual(second.results(), straight.results())

    def test_a_run_without_a_model_predicts_from_its_checkpoint(self):
        run = self.must(self.run_of("float64"))
        wanted = self.predicted(run)
        os.unlink(run.artifact("model.h5"))
        self.assertEqual(self.predicted(run), wanted)
        self.assertIn("parameters of float64", engine("inspect", run.folder).stdout)

    def test_snapshots_are_double(self):
        run = self.must(self.run_of("float64", snapshots={"epochs": 2}))
        folder = run.artifact("snapshots")
        names = sorted(os.listdir(folder))
        self.assertEqual(len(names), 2)
        with self.h5py.File(os.path.join(folder, names[0])) as file:
            self.assertEqual(file["weights"]["dense1"]["weight"].dtype, "float64")

    def test_a_checkpoint_of_the_other_precision_is_not_gone_on_with(self):
        cut = self.must(self.run_of("float32", limit={"batches": 11}))
        rest = self.must(Run(cut.experiment, self.spec("float64"), seed=3, run=2))
        self.assertIn("not resumed", json.dumps(rest.events("warning")))
        for name, value in self.weights(self.wide).items():
            self.assertEqual(self.weights(rest)[name].tobytes(), value.tobytes())

    def test_a_run_begins_with_weights_of_the_other_precision(self):
        for run, other in ((self.wide, "float32"), (self.narrow, "float64")):
            frozen = [{"type": "freeze", "match": "dense1.*"}]
            started = self.weights(self.must(self.run_of(other, start={"model": run.artifact("model.h5")},
                                                         parameters=frozen)))
            for name in ("dense1.weight", "dense1.bias"):
                self.assertTrue((started[name] == self.weights(run)[name].astype(other)).all(), name)

    def test_figures_of_a_stored_model_are_those_of_its_run(self):
        done = engine("evaluate", self.wide.folder, "--json", "--metric", "rmse")
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = json.loads(done.stdout)
        self.assertTrue(figures)
        for name, value in figures.items():
            self.assertEqual(value, self.wide.results()[name], name)

    def test_a_model_tells_its_precision_and_weighs_twice_as_much(self):
        narrow, wide = (json.loads(engine("inspect", run.folder, "--json").stdout) for run in (self.narrow, self.wide))
        self.assertEqual((narrow["precision"], wide["precision"]), ("float32", "float64"))
        self.assertEqual(narrow["parameters"], wide["parameters"])
        self.assertGreater(wide["training_bytes"], 1.2 * narrow["training_bytes"])
        answers, _ = check([self.spec("float32"), self.spec("float64")])
        less, more = (answer["summary"]["memory_bytes"] for answer in answers)
        self.assertAlmostEqual((more - less) / (wide["training_bytes"] - narrow["training_bytes"]), 1, 1)
        self.assertRegex(engine("inspect", self.wide.folder).stdout, r"parameters of float64; ")

    def test_an_ensemble_of_doubles_is_double(self):
        model = [{"type": "ensemble", "of": [self.wide.artifact("model.h5"), self.narrow.artifact("model.h5")]}]
        self.assertEqual(self.must(self.run_of("float64", model=model)).events("error"), [])
        done = self.run_of("float32", model=model).finish()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("the model is float64's", done.stderr)

    def test_trees_have_none(self):
        answers, done = check([{**self.spec("float64"), "model": [{"type": "boosted_trees"}],
                                "train": {"precision": "float64"}}])
        self.assertEqual(done.returncode, 2)
        self.assertEqual([d["path"] for d in answers[0]["diagnostics"]], ["train.precision"])

    def test_a_trial_of_a_spec_is_double_too(self):
        line = {"spec": self.spec("float64"), "cwd": self.folder, "folder": os.path.join(self.folder, "data")}
        done = engine("try", input=json.dumps(line) + "\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(re.match(r'\{"seconds":', done.stdout))


if __name__ == "__main__":
    unittest.main()
