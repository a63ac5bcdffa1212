"""What begins with another experiment's weights, or measures its snapshots: what those have seen, and by what names."""

import json
import os
import random
import shutil
import tempfile
import unittest

from engine import Run, engine

ROWS = 240
SAME = {"split": {"by": "fraction", "seed": 1}}
OTHER = {"split": {"by": "fraction", "seed": 2}}


class Start(unittest.TestCase):
    """Experiment 1: trained on the split of seed 1; 2: on classes."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="nightjar-start-")
        cls.addClassCleanup(folder.cleanup)
        cls.home = folder.name
        cls.last = 0
        dice = random.Random(4)
        table = [[dice.gauss(0, 1) for _ in range(3)] for _ in range(ROWS)]
        cls.source = cls.table("rows.csv", "abc", table)
        cls.turned = cls.table("turned.csv", "acb", table)
        cls.renamed = cls.table("renamed.csv", "axc", table)
        cls.must(cls.spec(SAME, train={"epochs": 2, "snapshots": {"epochs": 1}}))
        cls.must(cls.spec(SAME, target="k"))

    @classmethod
    def table(cls, name, order, rows, classes="uv"):
        path = os.path.join(cls.home, name)
        with open(path, "w") as file:
            file.write(f"id,{','.join(order)},y,k\n")
            for i, (a, b, c) in enumerate(rows):
                value = {"a": a, "b": b, "x": b, "c": c}
                file.write(f"{i},{','.join(f'{value[name]:.5f}' for name in order)},{2 * a - c:.5f},{classes[a > b]}\n")
        return path

    @classmethod
    def spec(cls, data, target="y", start=None, train=None, **more):
        train = {"epochs": 1, **({"start": start} if start else {}), **(train or {})}
        units = "targets" if target == "y" else "classes"
        return {"data": {"source": cls.source, "id": "id", "target": target, "ignore": ["k" if target == "y" else "y"],
                         **data},
                "prepare": ["standard"], "model": [{"type": "dense", "units": 4}, {"type": "dense", "units": units}],
                "train": train, **more}

    @classmethod
    def run_of(cls, spec):
        cls.last += 1
        run = Run(os.path.join(cls.home, "runs", str(cls.last)), spec, seed=cls.last, cwd=cls.home)
        done = run.finish()
        run.status, run.errors = done.returncode, done.stderr
        return run

    @classmethod
    def must(cls, spec):
        run = cls.run_of(spec)
        assert run.status == 0, run.errors
        return run

    def check(self, spec):
        line = {"spec": spec, "cwd": self.home, "runs": os.path.join(self.home, "runs"), "seed": 1}
        return json.loads(engine("check", input=json.dumps(line) + "\n").stdout)

    def split(self, number):
        with open(os.path.join(self.home, "runs", str(number), "1", "artifacts", "split.json")) as file:
            return json.load(file)

    def refused(self, spec, n, of):
        """By a run, before it trains, and by a check."""
        told = f"leaks: models that are named were trained on {n} of the {of} rows"
        run = self.run_of(spec)
        self.assertEqual(run.status, 2)
        self.assertIn(f"data.split: {told}", run.errors)
        self.assertEqual([e for e in run.events("metric")], [])
        (found,) = self.check(spec)["diagnostics"]
        self.assertEqual(found["path"], "data.split")
        self.assertIn(told, found["message"])

    def marked(self, spec, n):
        spec["data"]["allow_leak"] = "to show it"
        run = self.must(spec)
        self.assertEqual([(mark["mark"], mark["count"]) for mark in run.events("mark")], [("LEAK", n)])
        answer = self.check(spec)
        self.assertEqual((answer["diagnostics"], answer["summary"]["mark"]), ([], "LEAK"))

    def index(self, **parts):
        for part, rows in parts.items():
            parts[part] = os.path.join(self.home, f"{part}{rows.start}-{rows.stop}.txt")
            with open(parts[part], "w") as file:
                file.writelines(f"{row}\n" for row in rows)
        return {"split": {"by": "index", **parts}}

    def warnings(self, run, where):
        return [w["text"] for w in run.events("warning") if w.get("where") == where]

    def test_rows_that_the_start_model_was_trained_on_are_a_leak(self):
        run = self.must(self.spec(SAME, start={"model": "1"}))
        self.assertEqual((run.events("mark"), self.warnings(run, "train.start.model")), ([], []))
        self.assertNotIn("mark", self.check(self.spec(SAME, start={"model": "1"}))["summary"])
        mine, theirs = self.must(self.spec(OTHER)).split(), self.split(1)
        seen = set(theirs["train"] + theirs["valid"])
        n, of = len(seen & set(mine["test"])), len(mine["test"])
        self.assertGreater(n, 0)
        elsewhere = os.path.join(self.home, "runs", "..", "rows.csv")
        self.refused(self.spec({**OTHER, "source": elsewhere}, start={"model": "1"}), n, f"{of} test")
        for more in ({}, {"match": "dense1.*"}):
            self.refused(self.spec(OTHER, start={"model": "1", **more}), n, f"{of} test")
        frozen = {"parameters": [{"type": "freeze", "match": "dense1.*"}]}
        self.refused(self.spec(OTHER, start={"model": "1", "match": "dense1.*"}, train=frozen), n, f"{of} test")
        folder = os.path.join(self.home, "runs", "1", "1", "artifacts", "snapshots")
        snapshot = os.path.join(folder, sorted(os.listdir(folder))[0])
        self.refused(self.spec(OTHER, start={"model": snapshot}), n, f"{of} test")
        n += len(set(theirs["train"]) & set(mine["valid"]))
        self.marked(self.spec(OTHER, start={"model": "1"}), n)

    def test_snapshots_are_measured_on_rows_that_they_have_not_seen(self):
        self.assertEqual(self.must(self.spec(SAME, evaluate={"snapshots": "1"})).events("mark"), [])
        spec = self.spec(OTHER, evaluate={"snapshots": "1"})
        mine, theirs = self.must(self.spec(OTHER)).split(), self.split(1)
        n = len(set(theirs["train"] + theirs["valid"]) & set(mine["test"]))
        self.refused(spec, n, f"{len(mine['test'])} test")
        self.marked(spec, n + len(set(theirs["train"]) & set(mine["valid"])))

    def test_validation_rows_that_it_was_trained_on_are_a_leak_too(self):
        self.must(self.spec(self.index(train=range(80), valid=range(80, 120), test=range(200, 240))))
        spec = self.spec(self.index(train=range(100, 200), valid=range(70, 100), test=range(200, 240)),
                         start={"model": str(self.last)})
        self.refused(spec, 10, "30 validation")
        self.marked(spec, 10)

    def test_what_the_start_of_a_start_saw_counts(self):
        self.must(self.spec(self.index(train=range(80), test=range(200, 240))))
        self.must(self.spec(self.index(train=range(80, 120), test=range(200, 240)), start={"model": str(self.last)}))
        first, second = self.last - 1, self.last
        spec = self.spec(self.index(train=range(80, 200), test=range(40)), start={"model": str(second)})
        self.refused(spec, 40, "40 test")
        ensemble = {**spec, "model": [{"type": "ensemble", "of": [str(second)]}], "prepare": [], "train": {}}
        self.refused(ensemble, 40, "40 test")
        os.rename(os.path.join(self.home, "runs", str(first)), os.path.join(self.home, "gone"))
        self.assertEqual(self.must(spec).events("mark"), [])

    def test_rows_that_cannot_be_compared_are_told(self):
        moved = os.path.join(self.home, "moved.h5")
        shutil.copy(os.path.join(self.home, "runs", "1", "1", "artifacts", "model.h5"), moved)
        run = self.must(self.spec(OTHER, start={"model": moved}))
        (told,) = self.warnings(run, "train.start.model")
        self.assertIn("not known which rows", told)
        copy = os.path.join(self.home, "copy.csv")
        shutil.copy(self.source, copy)
        run = self.must(self.spec({**OTHER, "source": copy}, start={"model": "1"}))
        self.assertEqual(self.warnings(run, "train.start.model"), [])
        self.assertTrue([note for note in run.events("note") if "are of other data" in note["text"]])

    def test_features_and_classes_at_other_places_are_told(self):
        turned = "feature 2 is 'c' and the model's is 'b': they are the same in another order"
        renamed = "feature 2 is 'x' and the model's is 'b': they are others"
        for source, told in ((self.turned, turned), (self.renamed, renamed)):
            for spec in (self.spec({**SAME, "source": source}, start={"model": "1"}),
                         self.spec({**SAME, "source": source}, evaluate={"snapshots": "1"})):
                where = "train.start.model" if "start" in spec["train"] else "evaluate.snapshots"
                (text,) = self.warnings(self.must(spec), where)
                self.assertIn(told, text)
                self.assertEqual([w for w in self.check(spec)["warnings"] if told in w], [f"{where}: {text}"])
        dice = random.Random(5)
        rows = [[dice.gauss(0, 1) for _ in range(3)] for _ in range(ROWS)]
        for classes, told in (("vw", "class 1 is 'v' and the model's is 'u': they are others"), ("uv", None)):
            source = self.table(f"{classes}.csv", "abc", rows, classes)
            run = self.must(self.spec({**SAME, "source": source}, "k", {"model": "2"}))
            found = self.warnings(run, "train.start.model")
            self.assertEqual([text.split("; ")[0] for text in found], [told] if told else [])


if __name__ == "__main__":
    unittest.main()
