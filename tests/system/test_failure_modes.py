"""The ways in which people's experiments have gone wrong without a word, each by the number that the
requirements give it: the engine refuses it, tells of it, or cannot be made to do it."""

import csv
import hashlib
import inspect
import math
import os
import random
import re
import tempfile
import unittest

from engine import SOURCE, Run, check, engine

ELSEWHERE = {  # what has a test of its own, in a file that says so: "failure mode N"
    7: "tests/unit/engine/test_train.c",  # a short last batch
    8: "tests/unit/engine/test_guard.c",  # an optimizer over foreign or frozen parameters
    13: "tests/unit/engine/test_kill.c",  # killed for want of memory
    14: "tests/unit/engine/test_network.c",  # prediction whose memory grows
    17: "tests/unit/engine/test_guard.c",  # an output that is stuck
}
LAST = 22
LINEAR = [{"type": "dense", "units": "classes"}]


class Modes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nightjar-modes-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.n_runs = 0

    def write(self, name, header, rows):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            csv.writer(file, lineterminator="\n").writerows([header, *rows])
        return path

    def run_of(self, data, status=0, seed=1, name=None, **spec):
        self.n_runs += 1
        run = Run(os.path.join(self.folder, name or f"run{self.n_runs}"),
                  {"data": data, "model": LINEAR, **spec}, seed=seed)
        done = run.finish()
        self.assertEqual(done.returncode, status, done.stderr)
        run.errors = done.stderr
        return run

    def refused(self, told, data, **spec):
        self.assertRegex(self.run_of(data, status=2, **spec).errors, told)

    def predictions(self, run):
        with open(run.artifact("predictions.csv")) as file:
            return list(csv.DictReader(file))

    # ---- windows ----

    def seats(self, order=lambda row: (row[1], row[0]), rows=240, delay=1):
        """Two seats in one file, each row's label the sign of what the same seat had `delay` rows before."""
        dice, table = random.Random(5), []
        for seat in (0, 1):
            past = [0] * delay
            for i in range(rows):
                past.append(dice.choice((-1, 1)) * dice.uniform(0.5, 1))
                table.append((seat, i, f"{past[-1]:.3f}", "up" if past[-1 - delay] > 0 else "down"))
        return self.write("seats.csv", ["seat", "time", "x", "y"], sorted(table, key=order))

    def windows(self, source, length=2, name=None, status=0, **more):
        data = {"source": source, "series": "seat", "time": "time", "features": ["x"], "target": "y", "rate": 1}
        split, options = more.pop("split", {}), more.pop("window", {})
        data.update(more, split={"by": "fraction", "valid": 0.2, "test": 0.3, **split})
        return self.run_of(data, status=status, name=name, model=["flatten", *LINEAR],
                           prepare=[{"type": "window", "length": length, **options}],
                           train={"epochs": 60, "optimizer": {"type": "adam", "rate": 0.05}})

    def test_01_windows_that_overlap_are_not_dealt_out_at_random(self):
        run = self.windows(self.seats(), split={"windows": "random"}, status=2)
        self.assertRegex(run.errors, r"data\.split: leaks: [1-9]\d* rows lie in windows of several parts")

    def test_04_labels_are_those_of_the_row_that_is_named(self):
        self.assertEqual(self.windows(self.seats(delay=0)).results()["test.accuracy"], 1)
        self.assertEqual(self.windows(self.seats(delay=1)).results()["test.accuracy"], 1)
        first = self.seats(delay=0)
        self.assertEqual(self.windows(first, window={"label": "first"}).results()["test.accuracy"], 1)
        far = self.windows(self.seats(delay=3), window={"horizon": 2}).results()["test.accuracy"]
        self.assertEqual(far, 1)
        off_by_one = self.windows(self.seats(delay=2)).results()["test.accuracy"]
        self.assertLess(off_by_one, 0.8, "what no window holds is guessed")

    def test_05_seats_are_not_mixed(self):
        mixed = self.seats(order=lambda row: (row[1], row[0]))
        self.assertEqual(self.windows(mixed).results()["test.accuracy"], 1)

    def test_06_rows_that_are_sorted_as_text_are_sorted_by_time(self):
        text = self.seats(order=lambda row: (str(row[1]), row[0]))
        run = self.windows(text, checks={"order": "warning"})
        self.assertEqual(run.results()["test.accuracy"], 1)
        self.assertIn("data.checks.order", [warning.get("where") for warning in run.events("warning")])
        self.assertRegex(self.windows(text, checks={"order": "error"}, status=2).errors, "order")

    # ---- preparing and splitting ----

    def table(self, name="rows.csv", rows=120, spoil=None, groups=12):
        """A class that the first feature tells; `spoil`: what the first feature of some rows becomes."""
        dice, table = random.Random(3), []
        for i in range(rows):
            label = dice.choice("uv")
            x = dice.gauss({"u": -3, "v": 3}[label], 1)
            if spoil and i % 5 == 4:
                x = spoil
            table.append((i, f"{i % groups:04d}", f"{x:.4f}", f"{dice.gauss(0, 1):.4f}", label))
        return self.write(name, ["id", "who", "a", "b", "y"], table)

    def index(self, rows=120):
        path = os.path.join(self.folder, "test.txt")
        with open(path, "w") as file:
            file.writelines(f"{i}\n" for i in range(rows) if i % 5 == 4)
        return {"by": "index", "test": path}

    def data(self, source, **more):
        return {"source": source, "id": "id", "ignore": "who", "target": "y", **more}

    def test_02_nothing_is_fitted_on_test_rows(self):
        one = self.run_of(self.data(self.table(), split=self.index()), prepare=["standard"])
        other = self.run_of(self.data(self.table("spoilt.csv", spoil=1e6), split=self.index()), prepare=["standard"])
        self.assertEqual(one.results()["train.loss"], other.results()["train.loss"])
        leak = self.run_of(self.data(self.table(), split=self.index()),
                           prepare=[{"type": "standard", "fit_on": "train+test"}])
        self.assertEqual([mark["mark"] for mark in leak.events("mark")], ["LEAK"])

    def test_03_rows_are_prepared_for_the_test_and_for_prediction_as_for_training(self):
        run = self.run_of(self.data(self.table(), split=self.index()), prepare=["standard", "minmax"],
                          train={"epochs": 20})
        done = engine("predict", run.folder, "--data", os.path.join(self.folder, "rows.csv"))
        self.assertEqual(done.returncode, 0, done.stderr)
        by_id = {row["id"]: row for row in csv.DictReader(done.stdout.splitlines())}
        rows = self.predictions(run)
        self.assertEqual(len(rows), 24)
        for row in rows:
            self.assertAlmostEqual(float(row["p[u]"]), float(by_id[row["id"]]["p[u]"]), places=6)

    def test_09_parts_of_one_split_share_no_row(self):
        source = self.table()
        for by in ({"by": "fraction"}, {"by": "fraction", "stratified": True}, {"by": "kfold", "folds": 4, "fold": 2},
                   {"by": "group"}, {"by": "group_kfold", "folds": 3, "fold": 1}):
            for seed in (1, 2):
                split = self.run_of({**self.data(source, split=by), **({"group": "who", "ignore": []}
                                    if "group" in by["by"] else {})}, seed=seed, train={"epochs": 1}).split()
                parts = [split["parts"][name]["rows"] if "parts" in split else split[name]
                         for name in ("train", "valid", "test")]
                self.assertEqual(sorted(sum(parts, [])), list(range(120)))

    def test_10_groups_for_validation_are_drawn_not_the_last_ones(self):
        source, chosen = self.table(), set()
        for seed in range(1, 5):
            split = self.run_of({"source": source, "id": "id", "group": "who", "target": "y",
                                 "split": {"by": "group", "valid": 0.25, "test": 0}}, seed=seed,
                                train={"epochs": 1}).split()
            chosen.add(tuple(sorted({row % 12 for row in split["valid"]})))
        self.assertNotIn((9, 10, 11), chosen)
        self.assertGreater(len(chosen), 1)

    def test_11_what_a_row_gives_does_not_depend_on_its_batch(self):
        run = self.run_of(self.data(self.table(), split=self.index()), prepare=["standard"], train={"epochs": 3},
                          model=[{"type": "dense", "units": 4}, "batch_norm", "relu", *LINEAR])
        source = os.path.join(self.folder, "rows.csv")
        every = engine("predict", run.folder, "--data", source).stdout.splitlines()
        with open(source) as file:
            lines = file.read().splitlines()
        alone = os.path.join(self.folder, "alone.csv")
        for row in (0, 77):
            with open(alone, "w") as file:
                file.write(lines[0] + "\n" + lines[1 + row] + "\n")
            self.assertEqual(engine("predict", run.folder, "--data", alone).stdout.splitlines()[1], every[1 + row])

    def test_21_a_stride_that_meets_the_same_keys_again_is_told(self):
        rows = [(p, s, f, f"{p + s / 10 + f / 100:.2f}", "uv"[p % 2]) for p in range(20) for s in range(10)
                for f in range(10)]
        source = self.write("keys.csv", ["planet", "spot", "photon", "a", "y"], rows)
        run = self.run_of({"source": source, "group": ["planet", "spot", "photon"], "features": ["a"], "target": "y",
                           "split": {"by": "group", "train": 1, "valid": 0, "test": 0}},
                          prepare=[{"type": "subset", "by": "stride", "rows": 40}], train={"epochs": 1})
        told = " ".join(note["text"] for note in run.events("note"))
        self.assertRegex(told, r"\b1 of (the )?10\b.* in its column 3", told)

    # ---- training ----

    def test_12_no_run_touches_what_another_one_left(self):
        def hashes():
            found = {}
            for folder, _, names in os.walk(os.path.join(self.folder, "1")):
                for name in names:
                    with open(os.path.join(folder, name), "rb") as file:
                        found[name] = hashlib.sha256(file.read()).hexdigest()
            return found

        data = self.data(self.table())
        self.run_of(data, name="1", train={"epochs": 5, "snapshots": {"epochs": 1}})
        before = hashes()
        self.assertIn("last.ckpt", before)
        self.run_of(data, name="2", train={"epochs": 2, "snapshots": {"epochs": 1}})
        self.assertEqual(before, hashes())

    def test_18_what_falls_at_the_end_is_told_and_not_kept(self):
        run = self.run_of(self.data(self.table(), target="b", ignore=["who", "y"]), prepare=["standard"],
                          model=[{"type": "dense", "units": "targets"}],
                          train={"epochs": 30, "optimizer": {"type": "sgd", "rate": 1.2}})
        curve = [event["value"] for event in run.events("metric")
                 if event["name"] == "valid.loss" and "step" in event]
        self.assertGreater(curve[-1], 10 * min(curve))
        self.assertTrue([w for w in run.events("warning") if "diverge" in w["text"] or "times" in w["text"]])
        self.assertLessEqual(run.results()["valid.loss"], min(curve) * (1 + 1e-9))

    # ---- predicting and measuring ----

    def test_15_rows_of_another_shape_are_refused_by_the_column(self):
        run = self.run_of(self.data(self.table()), train={"epochs": 1})
        for header, row, told in ((["id", "a"], (1, 2), "'?b'?"), (["id", "a", "b"], (1, 2, "x"), "line 2"),
                                  (["id", "a", "b"], (1, 2), "2 fields")):
            done = engine("predict", run.folder, "--data", self.write("bad.csv", header, [row]))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, told)
        wide = [{"type": "dense", "units": 3}]
        answers, _ = check([{"data": self.data(os.path.join(self.folder, "rows.csv")), "model": wide}])
        self.assertEqual(answers[0]["diagnostics"][0]["path"], "model[0].units")

    def test_16_every_id_is_answered_once_and_with_a_number(self):
        run = self.run_of(self.data(self.table()), train={"epochs": 1})
        done = engine("predict", run.folder, "--data", os.path.join(self.folder, "rows.csv"))
        rows = list(csv.DictReader(done.stdout.splitlines()))
        self.assertEqual([row["id"] for row in rows], [str(i) for i in range(120)])
        self.assertNotIn("nan", done.stdout)
        self.assertIn("120 of 120 rows predicted, each once", done.stderr)
        for rows, told in (([(1, 2, 3), (1, 4, 5)], "'1'"), ([(1, 2, "nan")], "missing"), ([(1, 2, "")], "missing")):
            done = engine("predict", run.folder, "--data", self.write("bad.csv", ["id", "a", "b"], rows))
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(told, done.stderr)

    def test_19_weights_of_the_score_fit_its_targets(self):
        rows = [(i, f"{i / 50}", f"{0.02 + i / 1000:.4f}", f"{0.05:.4f}") for i in range(50)]
        data = {"source": self.write("radii.csv", ["id", "a", "y1", "y2"], rows), "id": "id", "target": ["y1", "y2"]}
        spec = {"model": [{"type": "dense", "units": "targets"}], "train": {"epochs": 1}}
        for n in (1, 3, 50):
            self.refused(rf"{n} weights for 2 targets", data, **spec,
                         evaluate={"metrics": [{"type": "exoplanet_score", "weights": [1] * n}]})
        one = self.run_of(data, **spec, evaluate={"metrics": ["exoplanet_score"]}).results()
        other = self.run_of(data, **spec,
                            evaluate={"metrics": [{"type": "exoplanet_score", "weights": [7, 7]}]}).results()
        self.assertLessEqual(one["test.exoplanet_score"], 10000)
        self.assertAlmostEqual(one["test.exoplanet_score"], other["test.exoplanet_score"], places=6)

    def test_20_a_recurrent_network_takes_any_number_of_rows(self):
        data = self.data(self.table(), split=self.index())
        run = self.run_of(data, prepare=["standard", {"type": "reshape", "steps": 2}], train={"epochs": 1, "batch": 7},
                          model=[{"type": "lstm", "units": 3}, *LINEAR])
        source = os.path.join(self.folder, "rows.csv")
        tables = [[[float(x) for x in row[2:]] for row in list(csv.reader(
            engine("predict", run.folder, "--data", source, "--batch", batch).stdout.splitlines()))[1:]]
            for batch in ("1", "7", "119", "1024")]
        for table in tables[1:]:
            for a, b in zip(sum(tables[0], []), sum(table, []), strict=True):
                self.assertAlmostEqual(a, b, delta=1e-5 * max(1, abs(a)))

    def test_22_what_cannot_be_measured_is_left_out_of_every_mean(self):
        source = self.table()
        with open(source) as file:
            one_class = [i for i, line in enumerate(file.read().splitlines()[1:]) if line.endswith("u")][:10]
        path = os.path.join(self.folder, "test.txt")
        with open(path, "w") as file:
            file.writelines(f"{i}\n" for i in one_class)
        run = self.run_of(self.data(source, split={"by": "index", "test": path}), train={"epochs": 1},
                          evaluate={"metrics": ["auc", "accuracy"], "bootstrap": 20})
        self.assertIn("test.accuracy", run.results())
        self.assertTrue(math.isnan(run.results()["test.auc"]))
        with open(run.journal) as file:
            self.assertNotRegex(file.read(), r'"test\.auc[^}]*"value":-1')

    # ---- the list ----

    def test_every_mode_has_a_test(self):
        here = {int(name.split("_")[1]) for name, _ in inspect.getmembers(Modes, inspect.isfunction)
                if re.match(r"test_\d\d_", name)}
        for number, path in ELSEWHERE.items():
            with open(os.path.join(SOURCE, path)) as file:
                self.assertTrue(re.search(rf"failure mode {number}\b", file.read()), (number, path))
        self.assertEqual(sorted(here | set(ELSEWHERE)), list(range(1, LAST + 1)))


if __name__ == "__main__":
    unittest.main()
