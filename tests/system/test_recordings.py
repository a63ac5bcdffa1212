"""From a file of recordings to windows in a trained network, and data that are prepared once for all."""

import csv
import glob
import math
import os
import random
import shutil
import signal
import tempfile
import time
import unittest

from engine import DEADLINE, Run, engine
from harness import wait_until

RATE = 16  # rows a second
SENSORS = ["r", "ecg", "gsr"]
WINDOW = {"type": "window", "length": 16, "stride": 4}
SPLIT = {"by": "group", "train": [1, 2, 3, 4], "valid": [5], "test": [6]}


def write_pilots(path, crews=6, seconds=24, labels=True, seed=3):
    """Two seats of each crew interleaved, their times sorted as texts. An event is a faster swing of r."""
    chance = random.Random(seed)
    times = sorted((f"{i / RATE:.8f}" for i in range(seconds * RATE)))
    with open(path, "w", encoding="ascii") as out:
        out.write(",".join(["id", "crew", "seat", "time", *SENSORS] + (["event"] if labels else [])) + "\n")
        row = 0
        for crew in range(1, crews + 1):
            for stamp in times:
                for seat in (1, 0):
                    t = float(stamp)
                    event = int(t // 6) % 2
                    swing = math.sin(t * (12 if event else 3) + crew + seat)
                    values = [700 + 40 * swing + chance.gauss(0, 2), -4000 + chance.gauss(0, 200), 600 + crew]
                    line = [row, crew, seat, stamp, *(f"{value:.6f}" for value in values)]
                    out.write(",".join(map(str, line + (["AB"[event]] if labels else []))) + "\n")
                    row += 1
    return row


def pilots(path, **more):
    return {
        "data": {"source": path, "id": "id", "group": "crew", "series": ["crew", "seat"], "time": "time", "rate": RATE,
                 "features": SENSORS, "target": "event", "split": SPLIT, **more},
        "prepare": ["minmax", WINDOW],
        "model": [{"type": "lstm", "units": 16}, {"type": "dense", "units": "classes"}],
        "train": {"optimizer": {"type": "adam", "rate": 1e-2}, "batch": 16, "epochs": 12},
        "evaluate": {"metrics": ["accuracy"]},
    }


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nightjar-data-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.source = os.path.join(self.folder, "pilots.csv")

    def run_of(self, spec, name):
        run = Run(os.path.join(self.folder, "runs", name), spec)
        run.environment["NIGHTJAR_DATA"] = os.path.join(self.folder, "data")
        return run

    def prepared(self):
        return glob.glob(os.path.join(self.folder, "data", "*.h5"))


class Windows(Folder):
    def test_windows_of_pilots_train_a_network_that_predicts_every_row(self):
        write_pilots(self.source)
        run = self.run_of(pilots(self.source), "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        (split,) = run.events("split")
        per_recording = (24 * RATE - 16) // 4 + 1
        self.assertEqual([split[part] for part in ("train", "valid", "test")], [8 * per_recording, 2 * per_recording, 2 * per_recording])
        self.assertIn("as views", "".join(note["text"] for note in run.events("note")))
        self.assertGreater(run.results()["test.accuracy"], run.naive()["test.accuracy"] + 0.1)
        new = os.path.join(self.folder, "new.csv")
        rows = write_pilots(new, crews=2, seconds=3, labels=False)
        done = engine("predict", run.folder, "--data", new)
        self.assertEqual(done.returncode, 0, done.stderr)
        table = list(csv.DictReader(done.stdout.splitlines()))
        self.assertEqual([row["id"] for row in table], [str(i) for i in range(rows)])
        self.assertTrue(all(math.isfinite(float(row["p[A]"])) for row in table))

    def test_windows_that_leak_are_refused_or_marked(self):
        write_pilots(self.source, crews=2)
        random_windows = {"group": [], "split": {"windows": "random"}}
        refused = self.run_of(pilots(self.source, **random_windows), "1").finish()
        self.assertEqual(refused.returncode, 2)
        self.assertRegex(refused.stderr, r"data\.split: leaks: [1-9]\d* rows lie in windows of several parts")
        run = self.run_of(pilots(self.source, **random_windows, allow_leak="to show it"), "2")
        self.assertEqual(run.finish().returncode, 0)
        (mark,) = run.events("mark")
        self.assertEqual(mark["mark"], "LEAK")
        self.assertGreater(mark["count"], 0)

class EachStep(Folder):
    """A label for each step of a window, of a network that ends in a sequence."""

    def each(self, window=None, **more):
        spec = pilots(self.source, **more)
        spec["prepare"] = ["minmax", {"type": "window", "length": 16, "stride": 8, "label": "each", **(window or {})}]
        spec["model"][0]["sequences"] = True
        return spec

    def rows_of(self, run, name="predictions"):
        with open(os.path.join(run.folder, "artifacts", f"{name}.csv"), encoding="ascii") as file:
            return list(csv.DictReader(file))

    def test_every_row_is_measured_and_predicted_once(self):
        rows = write_pilots(self.source, crews=6, seconds=12)
        spec = self.each()
        spec["evaluate"].update(balanced=True, bootstrap=20, logits=True, metrics=["accuracy", "log_loss", "confusion"])
        spec["prepare"].append({"type": "balance", "by": "weights"})
        run = self.run_of(spec, "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        # every row of crew 6 lies in a window, most of them in two
        with open(self.source, encoding="ascii") as file:
            truth = {row["id"]: row["event"] for row in csv.DictReader(file) if row["crew"] == "6"}
        table = self.rows_of(run)
        self.assertEqual(sorted(row["id"] for row in table), sorted(truth))
        self.assertEqual(sorted(row["id"] for row in self.rows_of(run, "logits")), sorted(truth))
        right = sum(row["actual"] == row["predicted"] for row in table)
        self.assertTrue(all(row["actual"] == truth[row["id"]] for row in table))
        self.assertAlmostEqual(run.results()["test.accuracy"], right / len(table), 12)
        self.assertGreater(run.results()["test.accuracy"], run.naive()["test.accuracy"] + 0.1)
        share = sum(label == "A" for label in truth.values()) / len(truth)
        self.assertAlmostEqual(run.naive()["test.accuracy"], max(share, 1 - share), 12)
        confusion = next(table for table in run.events("table") if table["name"] == "test.confusion")
        self.assertEqual(sum(map(sum, confusion["rows"])), len(truth))
        self.check_new_rows(run, rows)

    def check_new_rows(self, run, rows):
        """In the file's order, whatever the batch and the number of processors; the same figures once more."""
        answers = []
        for how in (["--cpus", "1"], ["--cpus", "2", "--batch", "7"], ["--batch", "auto"]):
            done = engine("predict", run.folder, "--data", self.source, *how)
            self.assertEqual(done.returncode, 0, done.stderr)
            table = list(csv.DictReader(done.stdout.splitlines()))
            self.assertEqual([row["id"] for row in table], [str(i) for i in range(rows)])
            answers.append([float(row["p[A]"]) for row in table])
        for other in answers[1:]:
            self.assertLess(max(abs(a - b) for a, b in zip(answers[0], other)), 1e-5)
        done = engine("evaluate", run.folder, "--metric", "accuracy", "--metric", "log_loss")
        self.assertEqual(done.returncode, 0, done.stderr)
        again = dict(line.split() for line in done.stdout.splitlines())
        self.assertAlmostEqual(float(again["test.log_loss"]), run.results()["test.log_loss"], 7)
        of_file = engine("evaluate", run.folder, "--data", self.source, "--metric", "accuracy")
        self.assertRegex(of_file.stdout, r"^data\.accuracy 0\.\d+")

    def test_targets_that_are_not_known_are_told_of_no_step(self):
        write_pilots(self.source, crews=3)
        with open(self.source, encoding="ascii") as file:
            lines = file.read().splitlines()
        for i in range(1, len(lines), 5):
            lines[i] = lines[i].rsplit(",", 1)[0] + ","
        with open(self.source, "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        split = {"by": "group", "train": [1], "valid": [2], "test": [3]}
        run = self.run_of(self.each(split=split, missing_targets="drop"), "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        known = [line.split(",")[0] for line in lines[1:] if line.split(",")[1] == "3" and not line.endswith(",")]
        self.assertEqual(sorted(row["id"] for row in self.rows_of(run)), sorted(known))

    def test_steps_foretell_and_unequal_recordings_are_whole_samples(self):
        write_pilots(self.source, crews=6, seconds=12)
        spec = self.each({"horizon": 4}, target="r", task="regression", features=["r", "ecg"], target_transform="standard")
        spec["model"][1]["units"] = "targets"
        spec["evaluate"] = {"metrics": ["rmse"]}
        ahead = self.run_of(spec, "ahead")
        done = ahead.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        # a step sees r 4 rows before the one that it predicts; windows of 16 rows and 4 begin at every eighth
        self.assertEqual(len(self.rows_of(ahead)), 2 * ((12 * RATE - 20) // 8 * 8 + 16))
        self.assertLess(ahead.results()["test.rmse"], 0.7 * ahead.naive()["test.rmse"])
        whole = self.run_of(self.each({"length": 500, "edges": "mask", "shorter": "keep"}), "whole")
        done = whole.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.rows_of(whole)), 2 * 12 * RATE)

    def test_what_has_no_prediction_for_each_step_is_refused(self):
        write_pilots(self.source, crews=6)
        cases = (
            (lambda spec: spec["model"][0].pop("sequences"), r"model\[1\]\.units: the network ends in 1 steps, but each of the window's 16"),
            (lambda spec: spec["prepare"].append({"type": "paa", "segments": 4}), r"ends in 4 steps, but each of the window's 16"),
            (lambda spec: spec.update(model=["boosted_trees"], train={"epochs": 2}), r"model: boosted_trees predicts one thing a window"),
            (lambda spec: spec["prepare"].append("balance"), r"prepare: balance by choosing windows needs one label a window"),
        )
        for i, (change, text) in enumerate(cases):
            with self.subTest(text):
                spec = self.each()
                change(spec)
                done = self.run_of(spec, str(i)).finish()
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertRegex(done.stderr, text)

    def test_state_is_carried_from_window_to_window(self):
        rows = write_pilots(self.source, crews=6, seconds=12)
        spec = self.each({"stride": 16})
        spec["model"][0]["stateful"] = True
        spec["train"].update(shuffle=False, epochs=3)
        run = self.run_of(spec, "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        answers = [engine("predict", run.folder, "--data", self.source, *how) for how in (["--batch", "3"], ["--cpus", "2"])]
        self.assertEqual([done.returncode for done in answers], [0, 0], answers[0].stderr)
        self.assertEqual(answers[0].stdout, answers[1].stdout)
        self.assertEqual(len(answers[0].stdout.splitlines()), rows + 1)

    def test_windows_that_leak_are_refused(self):
        write_pilots(self.source, crews=2)
        done = self.run_of(self.each(group=[], split={"windows": "random"}), "1").finish()
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"data\.split: leaks: [1-9]\d* rows lie in windows of several parts")


class Stateful(Folder):
    """A layer that begins a window with the state that the window before it left."""

    def stateful(self, **more):
        spec = pilots(self.source, **more)
        spec["prepare"] = ["minmax", {"type": "window", "length": 4, "stride": 4}]
        spec["model"][0]["stateful"] = True
        spec["train"].update(shuffle=False, epochs=4, checkpoint={"batches": 5})
        return spec

    def test_it_goes_on_after_a_stop_and_predicts_alike_in_any_batches(self):
        write_pilots(self.source)
        run = self.run_of(self.stateful(), "whole")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        again = self.run_of(self.stateful(), "again")
        process = again.start()
        wait_until(lambda: again.events("checkpoint"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)
        self.assertEqual(again.finish().returncode, 0)
        self.assertEqual(again.results(), run.results())
        new = os.path.join(self.folder, "new.csv")
        rows = write_pilots(new, crews=2, seconds=3, labels=False)
        answers = [engine("predict", run.folder, "--data", new, *how) for how in (["--batch", "3"], ["--cpus", "2"])]
        self.assertEqual([done.returncode for done in answers], [0, 0], answers[0].stderr)
        self.assertEqual(answers[0].stdout, answers[1].stdout)
        self.assertEqual(len(answers[0].stdout.splitlines()), rows + 1)
        forgetful = self.stateful()
        del forgetful["model"][0]["stateful"]
        other = self.run_of(forgetful, "forgetful")
        self.assertEqual(other.finish().returncode, 0)
        self.assertNotEqual(other.results(), run.results())

    def test_what_takes_windows_out_of_their_order_is_refused(self):
        write_pilots(self.source)

        def refused(change, message):
            spec = self.stateful()
            change(spec)
            done = self.run_of(spec, str(random.random())).finish()
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, message)

        refused(lambda spec: spec["train"].update(shuffle=True), r"train\.shuffle: has to be false: model\[0\]\.stateful")
        refused(lambda spec: spec["train"].update(last_batch="pad"), r"train\.last_batch: pad repeats")
        refused(lambda spec: spec.update(prepare=["minmax", WINDOW]), r"model\[0\]\.stateful: .* whose stride is its length")
        refused(lambda spec: spec.update(prepare=["minmax"]), r"model\[0\]\.stateful: ")
        refused(lambda spec: spec["prepare"].append("balance"), r"prepare: takes samples out of their order")
        refused(lambda spec: spec["model"][0].update(bidirectional=True), r"model\[0\]: stateful: the second direction")


class Foretelling(Folder):
    """A series that is foretold from its own past, with hours that nobody measured."""

    GONE = (50, 61, 62, 150)

    def hourly(self, window, **more):
        with open(self.source, "w", encoding="ascii") as file:
            file.write("hour,air\n")
            for hour in range(200):
                file.write(f"{hour},{'NA' if hour in self.GONE else f'{10 + 3 * math.sin(hour / 5):.6f}'}\n")
        data = {"source": self.source, "time": "hour", "features": ["air"], "target": "air", "task": "regression",
                "split": {"by": "time", "train": 0.7, "test": 0.3}, **more}
        return {"data": data, "prepare": ["impute", "standard", {"type": "window", "length": 4, **window}],
                "model": ["flatten", {"type": "dense", "units": 8, "activation": "tanh"},
                          {"type": "dense", "units": "targets"}],
                "train": {"optimizer": {"type": "adam", "rate": 1e-2}, "batch": 16, "epochs": 30},
                "evaluate": {"metrics": ["rmse", "r2"]}}

    def test_own_past_is_looked_at_and_hours_without_a_value_are_no_samples(self):
        run = self.run_of(self.hourly({"horizon": 1}, missing_targets="drop"), "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            rows = {int(row["row"]) for row in csv.DictReader(file)}
        # the first four rows of the test part have no window of its rows before them
        self.assertEqual(rows, set(range(144, 200)) - set(self.GONE))
        (split,) = run.events("split")
        self.assertEqual(split["train"], 140 - 4 - 3)
        self.assertGreater(run.results()["test.r2"], 0.8)
        self.assertTrue(all(math.isfinite(value) for value in run.results().values()))

    def test_what_is_to_be_predicted_is_not_looked_at(self):
        """Also where the data are prepared already, for somebody who foretells."""
        self.assertEqual(self.run_of(self.hourly({"horizon": 1}, missing_targets="drop"), "1").finish().returncode, 0)
        for name, window in (("2", {}), ("3", {"label": "first"})):
            done = self.run_of(self.hourly(window, missing_targets="drop"), name).finish()
            self.assertEqual(done.returncode, 2)
            self.assertIn("data.features: 'air' is the target, too", done.stderr)

    def test_rows_without_a_target_are_refused_where_nothing_is_said(self):
        done = self.run_of(self.hourly({"horizon": 1}), "1").finish()
        self.assertEqual(done.returncode, 2)
        self.assertIn("data.target: 'air' is missing in 4 rows", done.stderr)


class Unlabelled(Folder):
    """A table some of whose rows nobody has given a class."""

    ROWS = 400

    def table(self, prepare=(), balance=None, **more):
        with open(self.source, "w", encoding="ascii") as file:
            file.write("hour,x,kind\n")
            for hour in range(self.ROWS):
                x = math.sin(hour / 9)
                file.write(f"{hour},{x:.6f},{'' if hour % 5 == 2 else 'up' if x > 0.2 else 'down'}\n")
        data = {"source": self.source, "id": "hour", "features": "x", "target": "kind", "missing_targets": "drop", **more}
        return {"data": data, "prepare": [*prepare, "standard", *([{"type": "balance", "by": balance}] if balance else [])],
                "model": [*(["flatten"] if prepare else []), {"type": "dense", "units": "classes"}],
                "train": {"optimizer": {"type": "adam", "rate": 0.1}, "batch": 16, "epochs": 20},
                "evaluate": {"metrics": ["accuracy"], "predictions": True}}  # fmt: skip

    def test_they_are_refused_where_nothing_is_said(self):
        done = self.run_of(self.table(missing_targets="refuse"), "1").finish()
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"data.target: 'kind' is missing in 80 rows of {self.source}, first in line 4", done.stderr)

    def test_they_are_no_samples(self):
        window = {"type": "window", "length": 4}
        for name, spec in {
            "fraction": self.table(),
            "stratified": self.table(split={"stratified": True}),
            "kfold": self.table(split={"by": "kfold", "stratified": True, "valid": 0.2}),
            "weights": self.table(balance="weights"),
            "oversample": self.table(balance="oversample"),
            "last": self.table([window], time="row"),
            "majority": self.table([{**window, "label": "majority"}], time="row"),
            "top_k": self.table(["top_k"]),
        }.items():
            with self.subTest(name):
                spec["model"] = spec["model"] if name != "top_k" else [{"type": "dense", "units": "classes"}]
                run = self.run_of(spec, name)
                done = run.finish()
                self.assertEqual(done.returncode, 0, done.stderr)
                (split,) = run.events("split")
                # the first three rows of each part have no whole window; one of them has no class in any case
                told = 320 if "time" not in spec["data"] else 320 - 3 * 2
                self.assertEqual(split["train"] + split["valid"] + split["test"], told)
                with open(run.artifact("predictions.csv"), encoding="ascii") as file:
                    hours = [int(row["hour"]) for row in csv.DictReader(file)]
                self.assertEqual(len(hours), split["test"])
                self.assertFalse([hour for hour in hours if hour % 5 == 2])
                self.assertGreater(run.results()["test.accuracy"], 0.85)

    def test_a_column_without_any_class(self):
        spec = self.table()
        with open(self.source, "w", encoding="ascii") as file:
            file.write("hour,x,kind\n" + "".join(f"{i},{i % 7},\n" for i in range(40)))
        spec["data"]["task"] = "classification"
        done = self.run_of(spec, "1").finish()
        self.assertEqual(done.returncode, 2)
        self.assertIn("data.target: 'kind' has no value in any row", done.stderr)


class Prepared(Folder):
    def half_built(self):
        return glob.glob(os.path.join(self.folder, "data", "*.new"))

    def built(self, name):
        run = self.run_of(pilots(self.source), name)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        (data,) = run.events("data")
        return data["built"], run.results()

    def test_the_second_experiment_finds_its_data_and_has_the_same_numbers(self):
        write_pilots(self.source, crews=6)
        built, first = self.built("1")
        again, second = self.built("2")
        self.assertEqual((built, again), (True, False))
        self.assertEqual(first, second)
        self.assertEqual(len(self.prepared()), 1)

    def test_who_comes_while_data_are_built_waits_for_them(self):
        write_pilots(self.source)
        runs = [self.run_of(pilots(self.source), str(i)) for i in range(3)]
        processes = [run.start() for run in runs]
        for process in processes:
            _, errors = process.communicate(timeout=DEADLINE)
            self.assertEqual(process.returncode, 0, errors)
        self.assertEqual([run.events("data")[0]["built"] for run in runs].count(True), 1)

    def test_a_build_that_was_killed_is_done_again(self):
        write_pilots(self.source)
        process = self.run_of(pilots(self.source), "1").start()
        until = time.monotonic() + DEADLINE
        while process.poll() is None and not self.half_built() and not self.prepared() and time.monotonic() < until:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=DEADLINE)
        there = bool(self.prepared())
        built, _ = self.built("2")
        self.assertEqual(built, not there)
        self.assertEqual(self.half_built(), [])

    def test_mistakes_in_files_are_one_line_with_their_place(self):
        write_pilots(self.source, crews=1)
        with open(self.source, encoding="ascii") as file:
            good = file.read().splitlines()
        cases = {
            "ragged": (good[:300] + ["1,2,3"] + good[300:], "line 301: 3 fields"),
            "no number": (good[:300] + [good[300].replace(",-", ",x-")] + good[301:], "line 301"),
            "overflow": (good[:300] + [good[300].replace(",-", ",-9e999")] + good[301:], "line 301"),
            "NUL": (good[:300] + ["\0" + good[300]] + good[301:], "NUL"),
            "time": (good[:300] + [",".join(["9999", "1", "1", ""] + good[300].split(",")[4:])] + good[300:], "data.time"),
            "twice": (good + [good[-1]], "data.id"),
        }
        for number, (name, (lines, told)) in enumerate(cases.items()):
            path = os.path.join(self.folder, f"{number}.csv")
            with open(path, "w", encoding="ascii") as file:
                file.write("\n".join(lines) + "\n")
            with self.subTest(name):
                done = self.run_of(pilots(path), f"bad{number}").finish()
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(told, done.stderr)
                self.assertEqual(self.prepared(), [])


if __name__ == "__main__":
    unittest.main()
