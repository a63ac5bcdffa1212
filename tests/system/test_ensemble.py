"""Ensembles: stored models of other experiments, averaged and stacked, as specs that name them."""

import csv
import json
import os
import random
import tempfile
import unittest

from engine import Run, check, engine

FEATURES = ["a", "b", "c"]


class Ensembles(unittest.TestCase):
    """Experiments 1-3: the folds of a network; 4-6: of another one that sees less; 7 and 8: one target each."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="nightjar-ensemble-")
        cls.addClassCleanup(folder.cleanup)
        cls.home = folder.name
        cls.last = 0
        dice = random.Random(8)
        cls.source = os.path.join(cls.home, "rows.csv")
        with open(cls.source, "w") as file:
            file.write("id,a,b,c,y,z,k\n")
            for i in range(240):
                a, b, c = (dice.gauss(0, 1) for _ in range(3))
                y = 2 * a + b * b - c + dice.gauss(0, 0.3)
                file.write(f"{i},{a:.5f},{b:.5f},{c:.5f},{y:.5f},{50 - y + a:.5f},{'pqr'[int(y > 0) + int(y > 2)]}\n")
        cls.outer = os.path.join(cls.home, "test.txt")  # nobody trains on every fourth row
        cls.rest = os.path.join(cls.home, "rest.txt")
        with open(cls.outer, "w") as test, open(cls.rest, "w") as rest:
            for i in range(240):
                (test if i % 4 == 3 else rest).write(f"{i}\n")
        wide = [{"type": "dense", "units": 16, "activation": "tanh"}, {"type": "dense", "units": "targets"}]
        for model, prepare in ((wide, ["standard"]), (wide[1:], [{"type": "standard"}])):
            for fold in range(3):
                cls.fold(fold, model, prepare)
        for target in ("y", "z"):
            cls.must(cls.spec([target], wide, ["standard"]))

    @classmethod
    def spec(cls, target, model, prepare=(), split=None, **more):
        return {"data": {"source": cls.source, "id": "id", "features": FEATURES, "ignore": ["k"],
                         "target": target, "split": split or {"by": "index", "train": cls.rest, "test": cls.outer}},
                "prepare": list(prepare), "model": model, **more}

    @classmethod
    def fold(cls, fold, model, prepare):
        """Trained on two thirds of the rows that the outer test leaves."""
        parts = {"train": os.path.join(cls.home, f"fold{fold}.txt"), "valid": os.path.join(cls.home, f"valid{fold}.txt"),
                 "test": os.path.join(cls.home, f"out{fold}.txt")}
        files = {part: open(path, "w") for part, path in parts.items()}
        for n, row in enumerate(i for i in range(240) if i % 4 != 3):
            files["test" if n % 3 == fold else "valid" if n % 9 == (fold + 1) % 3 else "train"].write(f"{row}\n")
        for file in files.values():
            file.close()
        cls.must(cls.spec(["y"], model, prepare, {"by": "index", **parts},
                          train={"epochs": 40, "optimizer": {"type": "adam", "rate": 0.02}}))

    @classmethod
    def run_of(cls, spec):
        cls.last += 1
        run = Run(os.path.join(cls.home, "runs", str(cls.last)), spec, seed=cls.last)
        done = run.finish()
        run.status, run.errors = done.returncode, done.stderr
        return run

    @classmethod
    def must(cls, spec):
        run = cls.run_of(spec)
        assert run.status == 0, run.errors
        return run

    def ensemble(self, target=("y",), data=None, **settings):
        spec = self.spec(list(target), [{"type": "ensemble", **settings}], evaluate={"metrics": ["rmse", "r2"]})
        spec["data"].update(data or {})
        return spec

    def predictions(self, number, *arguments):
        done = engine("predict", os.path.join(self.home, "runs", str(number), "1"), "--data", self.source, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [float(row[1]) for row in list(csv.reader(done.stdout.splitlines()))[1:]]

    def weights(self, run):
        (text,) = [note["text"] for note in run.events("note") if note["text"].startswith("weights")]
        return [float(part.rsplit(": ", 1)[1]) for part in text.split(": ", 1)[1].split(", ")]

    def assert_near(self, got, wanted):
        for a, b in zip(got, wanted, strict=True):
            self.assertAlmostEqual(a, b, delta=1e-5 * max(1, abs(b)))

    def test_the_mean_is_that_of_what_each_predicts_and_the_model_file_holds_all(self):
        run = self.must(self.ensemble(of=["1", "4-5"]))
        one, other = self.predictions(1), [self.predictions(i) for i in (4, 5)]
        wanted = [(a + (b + c) / 2) / 2 for a, b, c in zip(one, *other)]
        with open(run.artifact("predictions.csv")) as file:
            self.assert_near([float(row["predicted[y]"]) for row in csv.DictReader(file)], wanted[3::4])
        moved = os.path.join(self.home, "alone.h5")
        os.rename(run.artifact("model.h5"), moved)
        os.rename(os.path.join(self.home, "runs", "4"), os.path.join(self.home, "runs", "away"))
        try:
            done = engine("predict", moved, "--data", self.source, "--cpus", "2")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assert_near([float(row[1]) for row in list(csv.reader(done.stdout.splitlines()))[1:]], wanted)
        finally:
            os.rename(os.path.join(self.home, "runs", "away"), os.path.join(self.home, "runs", "4"))

    def test_weights_are_given_or_come_from_scores_or_leave_the_worse_out(self):
        one, other = self.predictions(1), self.predictions(4)
        run = self.must(self.ensemble(of=["1", "4"], weights=[3, 1]))
        self.assert_near(self.predictions(self.last), [(3 * a + b) / 4 for a, b in zip(one, other)])
        scores = [Run.results(self.stored(i))["valid.rmse"] for i in (1, 4)]
        run = self.must(self.ensemble(of=["1", "4"], by="score", metric="valid.rmse"))
        for weight, score in zip(self.weights(run), scores):
            self.assertAlmostEqual(weight, 1 / score, delta=1e-3 / score)
        run = self.must(self.ensemble(of=["1", "4"], metric="valid.rmse", threshold=(scores[0] + scores[1]) / 2))
        self.assertEqual(self.weights(run), [1, 0])
        self.assert_near(self.predictions(self.last), one)
        run = self.run_of(self.ensemble(of=["1", "4"], metric="valid.rmse", threshold=1e-9))
        self.assertIn("leaves no learner", run.errors)

    def stored(self, number):
        run = Run.__new__(Run)
        run.journal = os.path.join(self.home, "runs", str(number), "1", "reported.jsonl")
        return run

    def test_stacking_leans_on_what_each_predicts_of_rows_that_it_has_not_seen(self):
        run = self.must(self.ensemble(of=["1-3", "4-6"], by="stack"))
        strong, weak = self.weights(run)
        self.assertGreater(strong, 0.8)
        self.assertLess(weak, 0.2)
        truth, rows = [], [i for i in range(240) if i % 4 != 3]
        with open(self.source) as file:
            truth = [float(row["y"]) for row in csv.DictReader(file)]
        folds = [[self.predictions(first + fold) for fold in range(3)] for first in (1, 4)]
        columns = [[learner[n % 3][row] for n, row in enumerate(rows)] for learner in folds]
        mean = sum(truth[row] for row in rows) / len(rows)

        def error(a, b):
            """What the weights make smallest, about: targets are as they are (offset 0, scale 1)."""
            return sum((truth[row] - a * columns[0][n] - b * columns[1][n]) ** 2 for n, row in enumerate(rows))

        self.assertLess(error(strong, weak), error(0, 0))
        for a, b in ((0.01, 0), (-0.01, 0), (0, 0.01), (0.01, -0.01), (-0.01, 0.01)):
            if strong + a >= 0 and weak + b >= 0:
                self.assertLessEqual(error(strong, weak), error(strong + a, weak + b), mean)
        run = self.run_of(self.ensemble(of=["1", "4-6"], by="stack"))
        self.assertEqual(run.status, 2)
        self.assertIn("1 cannot be stacked", run.errors)

    def test_models_of_single_targets_make_one_of_all(self):
        run = self.must(self.ensemble(("z", "y"), of=["7", "8"]))
        with open(run.artifact("predictions.csv")) as file:
            rows = list(csv.DictReader(file))
        self.assert_near([float(row["predicted[y]"]) for row in rows], self.predictions(7)[3::4])
        self.assert_near([float(row["predicted[z]"]) for row in rows], self.predictions(8)[3::4])
        run = self.run_of(self.ensemble(("z", "y"), of=["7"]))
        self.assertIn("no learner predicts output 0", run.errors)

    def test_classes_are_known_by_their_names(self):
        spec = self.spec(["k"], [{"type": "dense", "units": "classes"}], ["standard"])
        spec["data"]["ignore"] = ["y", "z"]
        first = self.last + 1
        self.must(spec)
        less = os.path.join(self.home, "less.csv")  # a model that has never seen an r
        with open(self.source) as file, open(less, "w") as out:
            out.writelines(line for line in file if not line.endswith("r\n"))
        self.must({**spec, "data": {**spec["data"], "source": less, "split": {"by": "fraction"}}})
        together = {**spec, "model": [{"type": "ensemble", "of": [str(first), str(first + 1)]}], "prepare": []}
        run = self.must(together)
        tables = []
        for number in (first, first + 1, self.last):
            folder = os.path.join(self.home, "runs", str(number), "1")
            tables.append(list(csv.DictReader(engine("predict", folder, "--data", self.source).stdout.splitlines())))
        for one, other, both in zip(*tables):
            self.assertNotIn("p[r]", other)
            for name in ("p[p]", "p[q]", "p[r]"):
                self.assertAlmostEqual(float(both[name]), (float(one[name]) + float(other.get(name, 0))) / 2, places=6)
        self.assertTrue([w for w in run.events("warning") if "not known which rows" in w["text"]])

    def test_test_rows_that_a_member_was_trained_on_are_a_leak(self):
        split = {"split": {"by": "fraction", "test": 0.5, "seed": 1}}
        run = self.run_of(self.ensemble(of=["1", "2"], data=split))
        self.assertEqual(run.status, 2)
        self.assertRegex(run.errors, r"data\.split: leaks: .* trained on \d+ of the 120 test rows")
        run = self.must(self.ensemble(of=["1", "2"], data={**split, "allow_leak": "to show it"}))
        self.assertEqual([mark["mark"] for mark in run.events("mark")], ["LEAK"])
        model = os.path.join(self.home, "elsewhere.h5")
        with open(os.path.join(self.home, "runs/1/1/artifacts/model.h5"), "rb") as file, open(model, "wb") as copy:
            copy.write(file.read())
        run = self.must(self.ensemble(of=[model]))
        self.assertTrue([w for w in run.events("warning") if "not known which rows" in w["text"]])

    def test_test_rows_that_choose_the_members_are_a_leak(self):
        fold = {part: os.path.join(self.home, name) for part, name in
                (("train", "fold0.txt"), ("valid", "valid0.txt"), ("test", "out0.txt"))}
        data = {"split": {"by": "index", **fold}}
        for settings in ({"by": "score"}, {"threshold": 100}):
            spec = self.ensemble(of=["1", "4"], metric="test.rmse", data=data, **settings)
            run = self.run_of(spec)
            self.assertEqual(run.status, 2)
            self.assertRegex(run.errors, r"model\[0\]\.metric: leaks: .* by figures of 60 of the 60 test rows")
            line = {"spec": spec, "cwd": self.home, "runs": os.path.join(self.home, "runs")}
            (answer,) = [json.loads(engine("check", input=json.dumps(line) + "\n").stdout)["diagnostics"]]
            self.assertEqual([found["path"] for found in answer], ["model[0].metric"])
            spec["data"]["allow_leak"] = "to show it"
            self.assertEqual([(m["mark"], m["count"]) for m in self.must(spec).events("mark")], [("LEAK", 60)])
        for settings in ({"by": "score", "metric": "valid.rmse"}, {"metric": "test.rmse"}):  # which is not read
            self.assertEqual(self.must(self.ensemble(of=["1", "4"], data=data, **settings)).events("mark"), [])
        run = self.must(self.ensemble(of=["1", "4"], by="score", metric="test.rmse"))  # of other rows than the outer test's
        self.assertEqual(run.events("mark"), [])

    def rows(self, name, numbers):
        path = os.path.join(self.home, name)
        with open(path, "w") as file:
            file.writelines(f"{number}\n" for number in numbers)
        return path

    def test_no_member_hides_what_another_one_saw(self):
        halves = [self.rows("early.txt", range(120)), self.rows("late.txt", range(120, 240))]
        layers = [{"type": "dense", "units": "targets"}]
        for train, test in (reversed(halves), halves):
            self.must(self.spec(["y"], layers, ["standard"], {"by": "index", "train": train, "test": test}))
        split = {"split": {"by": "index", "train": halves[0], "test": halves[1]}}
        run = self.run_of(self.ensemble(of=[str(self.last - 1), str(self.last)], data=split))
        self.assertEqual(run.status, 2)
        self.assertIn("trained on 120 of the 120 test rows", run.errors)

    def test_a_window_saw_more_rows_than_it_predicts(self):
        member = self.spec(["y"], ["flatten", {"type": "dense", "units": "targets"}],
                           ["standard", {"type": "window", "length": 8}], {"by": "time", "train": 0.5, "test": 0.5})
        member["data"]["time"] = "row"
        self.must(member)
        first = self.rows("first.txt", range(7))  # no window predicts them
        data = {"time": "row", "split": {"by": "index", "test": first}}
        run = self.run_of(self.ensemble(of=[str(self.last)], data=data))
        self.assertEqual(run.status, 2)
        self.assertIn("trained on 7 of the 7 test rows", run.errors)

    def test_what_cannot_be_is_told_with_its_place(self):
        cases = [({"of": ["99"]}, "model[0].of", "99"), ({"of": []}, "model[0].of", ""),
                 ({"of": ["1"], "weights": [1, 2]}, "model[0]", "2 weights for 1 learner"),
                 ({"of": ["1"], "by": "score", "weights": [1]}, "model[0]", "by: mean")]
        specs = [self.ensemble(**settings) for settings, _, _ in cases]
        lines = "".join(json.dumps({"spec": spec, "cwd": self.home, "runs": os.path.join(self.home, "runs")}) + "\n"
                        for spec in [*specs, self.ensemble(of=["1-3"])])
        answers = [json.loads(line) for line in engine("check", input=lines).stdout.splitlines()]
        for (_, path, told), answer in zip(cases, answers):
            self.assertEqual(answer["diagnostics"][0]["path"], path, answer)
            self.assertIn(told, answer["diagnostics"][0]["message"])
        self.assertEqual(answers[-1]["diagnostics"], [])
        answers, _ = check([{**self.ensemble(of=["1"]), "train": {"epochs": 3}}])
        self.assertEqual(answers[0]["diagnostics"][0]["path"], "train.epochs")
        answers, _ = check([self.ensemble(of=["1"], data={"target_transform": "log"})])
        self.assertEqual(answers[0]["diagnostics"][0]["path"], "data.target_transform")
        spec = self.ensemble(of=["1"])
        spec["data"]["features"] = ["a", "b"]
        self.assertIn("has not the model's features", self.run_of(spec).errors)
        spec = self.ensemble(("k",), of=["1"], data={"ignore": ["y"], "task": "classification"})
        spec["evaluate"] = {"metrics": ["accuracy"]}
        self.assertIn("1 predicts numbers", self.run_of(spec).errors)


if __name__ == "__main__":
    unittest.main()
