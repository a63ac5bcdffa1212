"""The pipeline from spec.json to artifacts, on real data, and from a stored model to predictions."""

import csv
import gzip
import json
import math
import os
import random
import shutil
import signal
import tempfile
import time
import unittest

from engine import DATA, DEADLINE, DIABETES, DIGITS, IRIS, VOWEL, Run, check, engine, every_fifth, layers

SPEAKERS = {"by": "group", "train": list(range(8)), "test": list(range(8, 15))}
TRAIN = {"optimizer": {"type": "adam", "rate": 3e-3}, "batch": 32, "epochs": 60}


def vowels(split=None, **more):
    return {
        "data": {"source": VOWEL, "group": "V1", "target": "Class", "split": split or SPEAKERS, **more},
        "prepare": ["standard"],
        "model": layers(64, 32),
        "train": TRAIN,
    }


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nightjar-engine-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def run_spec(self, spec, name="1", seed=1):
        run = Run(self.path(name), spec, seed=seed)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        return run


class Scores(Folder):
    """A result is as good as the reference of the data's README within two standard errors."""

    def assert_accuracy(self, run, reference):
        n = len(run.split()["test"])
        accuracy = run.results()["test.accuracy"]
        self.assertGreater(accuracy, reference - 2 * math.sqrt(reference * (1 - reference) / n))

    def test_new_speakers_are_hard_and_known_ones_easy(self):
        apart = self.run_spec(vowels(), "apart")
        self.assert_accuracy(apart, 0.478)
        self.assertLess(apart.results()["test.accuracy"], 0.65)
        self.assertEqual(apart.events("mark"), [])
        leaking = self.run_spec(vowels(every_fifth(self.folder, 990), allow_leak="to show it"), "leaking")
        self.assert_accuracy(leaking, 0.970)
        (mark,) = leaking.events("mark")
        self.assertEqual((mark["mark"], mark["reason"], mark["count"]), ("LEAK", "to show it", 990))

    def test_training_sees_what_it_was_given(self):
        spec = vowels(every_fifth(self.folder, 990), allow_leak="to have classes of one size")
        spec["prepare"] = [{"type": "subset", "by": "stratified", "share": 0.3}, "standard",
                           {"type": "balance", "by": "oversample"}]
        spec["evaluate"] = {"metrics": ["accuracy"], "balanced": True}
        run = self.run_spec(spec)
        (note,) = [event["text"] for event in run.events("note") if "training sees" in event["text"]]
        self.assertRegex(note, r"training sees 2\d\d of its 792 rows: 11 of 11 classes, .*classes are balanced: \d+ rows")
        self.assertGreater(run.results()["test.balanced.accuracy"], 0.3)
        weighted = self.run_spec({**spec, "prepare": ["standard", {"type": "balance", "by": "weights"}]}, "weighted")
        self.assertGreater(weighted.results()["test.accuracy"], 0.5)

    def test_weights_of_classes_are_those_of_training_alone(self):
        rare = "".join(f"{i % 7 / 7 + (i % 10 == 0) / 2},{i % 11 / 11},{'b' if i % 10 == 0 else 'a'}\n" for i in range(400))
        source = self.write("rare.csv", "u,v,y\n" + rare)
        for name, model, train in (
            ("network", layers(8), {"batch": 32, "epochs": 4, "optimizer": {"type": "adam", "rate": 0.01}}),
            ("trees", [{"type": "boosted_trees", "depth": 2, "rate": 0.1}], {"epochs": 4}),
        ):
            with self.subTest(name):
                run = self.run_spec({"data": {"source": source, "target": "y", "split": {"train": 0.6, "valid": 0.4, "seed": 3}},
                                     "prepare": ["standard", {"type": "balance", "by": "weights"}], "model": model,
                                     "train": train, "evaluate": {"metrics": ["log_loss"]}}, name)  # fmt: skip
                results = run.results()
                losses = {"a": [], "b": []}
                for row in read_csv(run.artifact("predictions.csv")):
                    losses[row["actual"]].append(-math.log(float(row[f"p[{row['actual']}]"])))
                of_class = [sum(of) / len(of) for of in losses.values()]
                self.assertNotAlmostEqual(sum(of_class) / 2, results["valid.log_loss"], places=2)
                self.assertAlmostEqual(results["valid.loss"], results["valid.log_loss"], places=5)

    def test_samples_of_unequal_length_are_cut_from_their_own_ends(self):
        """Classes that the last three steps tell, and the steps before them contradict."""
        lines = ["rec,t,u,lab\n"]
        for i in range(240):
            steps, last = 4 + i * 7 % 9, 1 if i % 2 else -1
            lines += [f"r{i},{t},{(last if t >= steps - 3 else -last) + (i * 13 + t * 5) % 7 / 20},{'b' if i % 2 else 'a'}\n" for t in range(steps)]
        source = self.write("unequal.csv", "".join(lines))
        run = self.run_spec({"data": {"source": source, "series": "rec", "time": "t", "target": "lab", "group": "rec",
                                      "split": {"by": "group", "valid": 0.2, "test": 0.3, "seed": 1}},
                             "prepare": [{"type": "window", "length": 12, "stride": 12, "edges": "mask", "shorter": "keep"}],
                             "model": [{"type": "slice", "axis": "steps", "first": -3}, "global_average_pool",
                                       {"type": "dense", "units": "classes"}],
                             "train": {"epochs": 60, "batch": 16, "optimizer": {"type": "adam", "rate": 0.05}}})  # fmt: skip
        self.assertEqual(run.results()["test.accuracy"], 1)

    def test_fitting_on_test_rows_marks_every_number(self):
        run = self.run_spec({**vowels(), "prepare": [{"type": "standard", "fit_on": "train+test"}]})
        (mark,) = run.events("mark")
        self.assertEqual(mark["mark"], "LEAK")
        self.assertIn("prepare[0] (standard) is fitted on the rows of all parts", mark["reason"])

    def test_digits(self):
        spec = {
            "data": {"source": DIGITS, "header": False, "target": "c65", "split": every_fifth(self.folder, 1797)},
            "prepare": "standard",
            "model": layers(64, 32),
            "train": {"epochs": 30},
        }
        run = self.run_spec(spec)
        self.assert_accuracy(run, 0.978)
        self.assertAlmostEqual(run.naive()["test.accuracy"], 0.1, delta=0.05)

    def test_iris(self):
        spec = {
            "data": {"source": IRIS, "skip": 1, "target": "c5", "split": every_fifth(self.folder, 150)},
            "prepare": ["minmax"],
            "model": layers(),
            "train": {"optimizer": {"type": "adam", "rate": 0.1}, "epochs": 100},
        }
        self.assert_accuracy(self.run_spec(spec), 0.933)

    def test_outputs_before_softmax_are_written(self):
        spec = {
            "data": {"source": IRIS, "skip": 1, "target": "c5", "split": every_fifth(self.folder, 150)},
            "prepare": ["minmax"],
            "model": layers(),
            "train": {"epochs": 5},
            "evaluate": {"logits": True},
        }
        run = self.run_spec(spec)
        with open(run.artifact("predictions.csv")) as one, open(run.artifact("logits.csv")) as other:
            tables = [list(csv.DictReader(file)) for file in (one, other)]
        self.assertEqual(len(tables[0]), 30)
        for row, raw in zip(*tables, strict=True):
            self.assertEqual(row["row"], raw["row"])
            exponential = {name: math.exp(float(value)) for name, value in raw.items() if name != "row"}
            for name, value in exponential.items():
                share = value / sum(exponential.values())
                self.assertAlmostEqual(float(row[name.replace("logit", "p")]), share, delta=1e-6)
        spec["data"]["target"], spec["data"]["task"], spec["data"]["ignore"] = "c4", "regression", ["c5"]
        spec["model"] = [{"type": "dense", "units": 1}]
        refused = Run(os.path.join(self.folder, "refused"), spec).finish()
        self.assertEqual(refused.returncode, 2)
        self.assertIn("evaluate.logits: only networks that tell classes apart", refused.stderr)

    def test_a_run_tells_where_its_time_went(self):
        spec = {
            "data": {"source": IRIS, "skip": 1, "target": "c5", "split": every_fifth(self.folder, 150)},
            "prepare": ["minmax"],
            "model": layers(),
            "train": {"epochs": 100},
        }
        began = time.monotonic()
        run = self.run_spec(spec)
        took = time.monotonic() - began
        (table,) = (event for event in run.events("table") if event["name"] == "stages")
        self.assertEqual(table["columns"], ["stage", "seconds", "of processors", "waiting for files", "MiB read"])
        self.assertEqual([row[0] for row in table["rows"]], ["import", "prepare", "train", "write", "evaluate"])
        self.assertTrue(all(figure >= 0 for row in table["rows"] for figure in row[1:]))
        self.assertLessEqual(sum(row[1] for row in table["rows"]), took)
        self.assertGreater(table["rows"][2][2], 0)

    def test_diabetes(self):
        spec = {
            "data": {
                "source": DIABETES,
                "target": "progression",
                "target_transform": "standard",
                "split": every_fifth(self.folder, 442),
            },
            "prepare": ["standard"],
            "model": [{"type": "dense", "units": 1}],
            "train": {"optimizer": {"type": "adam", "rate": 0.01}, "epochs": 80},
        }
        results = self.run_spec(spec).results()
        self.assertLess(results["test.rmse"], 57.4 + 2 * 57.4 / math.sqrt(2 * 88))
        self.assertGreater(results["test.r2"], 0.35)


class Stopped(Folder):
    def test_numbers_are_those_of_the_best_epoch_and_a_note_says_so(self):
        """Every metric may decide; the final losses and scores belong to the weights that are kept."""
        split = {"by": "group", "train": 0.6, "valid": 0.2, "test": 0.2}
        for metric, better in (("valid.accuracy", max), ("valid.log_loss", min), ("valid.auc", max), ("valid.loss", min)):
            with self.subTest(metric):
                spec = {**vowels(split), "evaluate": {"metrics": ["accuracy", "log_loss", "auc"]}}
                spec["train"] = {**TRAIN, "epochs": 300, "early_stopping": {"metric": metric, "patience": 5}}
                run = self.run_spec(spec, metric)
                curve = [e["value"] for e in run.events("metric") if e["name"] == metric and "step" in e]
                best = curve.index(better(curve)) + 1
                self.assertEqual(len(curve), best + 5)
                (note,) = run.events("note")
                self.assertTrue(note["text"].startswith(f"training ended early, after epoch {best + 5} of 300; the "
                                                        f"weights are those of epoch {best} ({metric} "), note)
                self.assertAlmostEqual(run.results()[metric], curve[best - 1], places=6)
                self.assertAlmostEqual(run.results()["valid.loss"], run.results()["valid.log_loss"], places=6)
                self.assertEqual(sorted(os.listdir(run.checkpoint)), ["best.ckpt", "last.ckpt"])

    def test_a_likelihood_that_diverges_goes_back_too(self):
        dice = random.Random(1)
        rows = "".join(f"{x:.4f},{x + dice.gauss(0, 0.05):.4f}\n" for x in (dice.gauss(0, 1) for _ in range(200)))
        run = self.run_spec({
            "data": {"source": self.write("line.csv", "x,y\n" + rows), "target": "y", "target_transform": "standard"},
            "prepare": [],
            "model": [{"type": "dense", "units": "outputs"}],
            "train": {"loss": {"type": "normal", "sigma": "exp"}, "epochs": 26, "batch": 20, "restore_best": False,
                      "optimizer": {"type": "adam", "rate": 0.1}, "rollback": {"times": 2},
                      "schedule": {"type": "step", "at": [20], "factor": 200}},
        })  # fmt: skip
        losses = [event["value"] for event in run.events("metric") if event["name"] == "train.loss"]
        self.assertLess(losses[19], 0, "so that no loss is so many times another")
        told = [warning["text"] for warning in run.events("warning")]
        self.assertIn("training diverged in epoch 21: back to the best weights, at 0.5 of the rate", told)
        self.assertIn("training diverged in epoch 22: back to the best weights, at 0.25 of the rate", told)
        self.assertTrue([text for text in told if text.startswith("training diverges: the loss of epoch 21 is")], told)

    def test_a_final_loss_that_is_not_finite_is_told(self):
        rows = "".join(f"{i / 10},{3 * i / 10},{'train' if i % 4 else 'valid'}\n" for i in range(-20, 20))
        run = self.run_spec({
            "data": {"source": self.write("line.csv", "x,y,part\n" + rows), "target": "y",
                     "split": {"by": "column", "column": "part"}},
            "prepare": [],
            "model": [{"type": "dense", "units": "outputs"}],
            "train": {"loss": {"type": "normal", "sigma": "exp"}, "epochs": 1, "batch": 100,
                      "optimizer": {"type": "sgd", "rate": 10}, "restore_best": False},
        })  # fmt: skip
        told = {warning.get("where"): warning["text"] for warning in run.events("warning")}
        self.assertIn("train.loss is not finite", told["train.loss"])

    def test_last_weights_are_kept_where_that_is_said(self):
        split = {"by": "group", "train": 0.6, "valid": 0.2, "test": 0.2}
        run = self.run_spec({**vowels(split), "train": {**TRAIN, "restore_best": False}})
        curve = [e["value"] for e in run.events("metric") if e["name"] == "valid.loss" and "step" in e]
        self.assertNotEqual(min(curve), curve[-1])
        self.assertAlmostEqual(run.results()["valid.loss"], curve[-1], places=6)
        (note,) = run.events("note")  # of the loss, none of weights that were put back
        self.assertRegex(note["text"], r"^the training loss was still falling, by \d+ % an epoch: more epochs may help$")


class Artifacts(Folder):
    def test_split_and_predictions_agree_with_the_data(self):
        run = self.run_spec(vowels())
        rows = read_csv(VOWEL)
        split = run.split()
        self.assertEqual(sorted(split["train"] + split["test"]), list(range(990)))
        self.assertFalse({rows[i]["V1"] for i in split["train"]} & {rows[i]["V1"] for i in split["test"]})
        self.assertEqual({rows[i]["V1"] for i in split["test"]}, {str(i) for i in range(8, 15)})
        (event,) = run.events("split")
        self.assertEqual((event["train"], event["valid"], event["test"]), (528, 0, 462))
        self.assertEqual(event["groups"], {"train": 8, "valid": 0, "test": 7})
        predictions = read_csv(run.artifact("predictions.csv"))
        self.assertEqual([int(p["row"]) for p in predictions], split["test"])
        classes = sorted({row["Class"] for row in rows})
        self.assertEqual(list(predictions[0])[3:], [f"p[{name}]" for name in classes])
        right = 0
        for prediction in predictions:
            shares = {name: float(prediction[f"p[{name}]"]) for name in classes}
            self.assertAlmostEqual(sum(shares.values()), 1, delta=1e-5)
            self.assertEqual(prediction["predicted"], max(shares, key=shares.get))
            self.assertEqual(prediction["actual"], rows[int(prediction["row"])]["Class"])
            right += prediction["predicted"] == prediction["actual"]
        self.assertAlmostEqual(right / 462, run.results()["test.accuracy"], places=12)
        names = {e["name"]: e for e in run.events("artifact")}
        self.assertEqual(set(names), {"split", "model", "predictions"})
        for event in names.values():
            self.assertEqual(event["bytes"], os.path.getsize(os.path.join(run.folder, event["path"])))

    def test_equal_seeds_give_equal_results_and_others_do_not(self):
        first, again, other = (self.run_spec(vowels(), name, seed) for name, seed in (("a", 5), ("b", 5), ("c", 6)))
        self.assertEqual(first.results(), again.results())
        self.assertNotEqual(first.results(), other.results())
        with open(first.artifact("predictions.csv")) as one, open(again.artifact("predictions.csv")) as two:
            self.assertEqual(one.read(), two.read())

    def test_model_file_is_open_to_other_programs(self):
        try:
            import h5py
        except ImportError:
            self.skipTest("python3-h5py is not installed")
        run = self.run_spec(vowels())
        with h5py.File(run.artifact("model.h5")) as file:
            self.assertEqual(file["format"][()].decode(), "nightjar-model 2")
            spec = json.loads(file["spec"][()])
            self.assertEqual(spec["model"][0]["units"], "64")
            self.assertEqual(json.loads(file["provenance"][()])["source"], VOWEL)
            fitted = json.loads(file["preparation"][()])
            self.assertEqual([f["name"] for f in fitted["features"]], [f"V{i}" for i in range(2, 11)])
            self.assertEqual(fitted["classes"], sorted(fitted["classes"]))
            rows = read_csv(VOWEL)
            (standard,) = fitted["transforms"]
            names = [f["name"] for f in fitted["features"]]
            x = [[float(row[name]) * scale + offset for name, (scale, offset, _) in zip(names, standard["state"])]
                 for row in rows]
            for name in ("dense1", "dense2", "dense3"):
                weight, bias = file[f"weights/{name}/weight"][()], file[f"weights/{name}/bias"][()].ravel()
                x = x @ (weight.T if weight.shape[0] == len(bias) else weight) + bias
                x = x.clip(min=0) if name != "dense3" else x
        for prediction in read_csv(run.artifact("predictions.csv")):
            best = fitted["classes"][x[int(prediction["row"])].argmax()]
            self.assertEqual(best, prediction["predicted"])

    def test_predictions_can_be_left_out(self):
        run = self.run_spec({**vowels(), "evaluate": {"predictions": False}})
        self.assertFalse(os.path.exists(run.artifact("predictions.csv")))

    def test_ids_stand_in_predictions_as_they_were(self):
        lines = ["key,who,x,y"]
        for i in range(200):
            lines.append(f"{i:04d},{'a,b' if i % 2 else 'c'}{i},{i % 7},{'yes' if i % 7 > 3 else 'no'}")
        text = "\n".join(line if n == 0 else line.split(",", 1)[0] + ',"' + line.split(",", 1)[1].rsplit(",", 2)[0]
                         + '",' + ",".join(line.rsplit(",", 2)[1:]) for n, line in enumerate(lines))
        source = self.write("t.csv", text + "\n")
        spec = {
            "data": {"source": source, "id": ["key", "who"], "target": "y"},
            "prepare": ["standard"],
            "model": layers(),
            "train": {"epochs": 2},
        }
        run = self.run_spec(spec)
        predictions = read_csv(run.artifact("predictions.csv"))
        rows = read_csv(source)
        self.assertEqual([(p["key"], p["who"]) for p in predictions],
                         [(rows[i]["key"], rows[i]["who"]) for i in run.split()["test"]])
        self.assertTrue(predictions[0]["key"].isdigit() and len(predictions[0]["key"]) == 4)


class Fitting(Folder):
    def test_transforms_see_training_rows_only(self):
        """A test row with an absurd value changes nothing in the model."""
        lines = ["x,y"] + [f"{i % 10},{'a' if i % 10 < 5 else 'b'}" for i in range(100)]
        plain = self.write("plain.csv", "\n".join(lines) + "\n")
        lines[100] = "1e6,b"
        absurd = self.write("absurd.csv", "\n".join(lines) + "\n")
        index = self.write("test.txt", "99\n")
        losses = []
        for source in (plain, absurd):
            spec = {
                "data": {"source": source, "target": "y", "split": {"by": "index", "test": index}},
                "prepare": ["standard", {"type": "minmax", "low": -1}],
                "model": layers(),
                "train": {"epochs": 3},
            }
            losses.append(self.run_spec(spec, "of-" + os.path.basename(source)).results()["train.log_loss"])
        self.assertEqual(losses[0], losses[1])

    def test_unknown_categories_and_missing_values_are_told(self):
        lines = ["color,x,y"]
        for i in range(60):
            lines.append(f"{'red' if i % 2 else 'blue'},{'' if i == 7 else i % 4},{'a' if i % 2 else 'b'}")
        lines += ["green,1,a", ",2,b"]
        source = self.write("t.csv", "\n".join(lines) + "\n")
        index = self.write("test.txt", "60\n61\n")
        spec = {
            "data": {"source": source, "target": "y", "split": {"by": "index", "test": index}},
            "prepare": [{"type": "impute"}, "standard"],
            "model": layers(),
            "train": {"optimizer": {"type": "adam", "rate": 0.1}, "epochs": 40},
        }
        run = self.run_spec(spec)
        (warning,) = [e for e in run.events("warning") if e.get("where") == "color"]
        self.assertEqual(warning["figure"], 1)
        self.assertEqual(run.results()["train.accuracy"], 1)
        refused = Run(self.path("refused"), {**spec, "prepare": ["standard"]})
        done = refused.finish()
        self.assertEqual(done.returncode, 2)
        self.assertIn("data.features: 'x' is missing in 1 row", done.stderr)


class Predicting(Folder):
    def predict(self, run, data, *more):
        out = self.path("out.csv")
        done = engine("predict", run.folder, "--data", data, "-o", out, *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return read_csv(out)

    def test_stored_model_predicts_what_the_run_predicted(self):
        run = self.run_spec(vowels())
        stored = self.predict(run, VOWEL)
        self.assertEqual([int(p["row"]) for p in stored], list(range(990)))
        for before in read_csv(run.artifact("predictions.csv")):
            after = stored[int(before["row"])]
            self.assertEqual(before["predicted"], after["predicted"])
            for name in before:
                if name.startswith("p["):
                    self.assertAlmostEqual(float(before[name]), float(after[name]), delta=1e-5)
        for batch in ("1", "77"):
            for one, other in zip(stored, self.predict(run, VOWEL, "--batch", batch)):
                self.assertAlmostEqual(float(one["p[hid]"]), float(other["p[hid]"]), delta=1e-5)

    def test_columns_are_found_by_name_and_targets_not_needed(self):
        run = self.run_spec(vowels())
        rows = read_csv(VOWEL)
        names = [f"V{i}" for i in range(10, 1, -1)]
        text = ",".join(["extra"] + names) + "\n"
        text += "".join(",".join(["zzz"] + [row[name] for name in names]) + "\n" for row in rows)
        with gzip.open(self.path("new.csv.gz"), "wt") as file:
            file.write(text)
        self.assertEqual([p["predicted"] for p in self.predict(run, self.path("new.csv.gz"))],
                         [p["predicted"] for p in self.predict(run, VOWEL)])

    def test_regression_is_given_back_in_the_targets_units(self):
        spec = {
            "data": {"source": DIABETES, "target": "progression", "target_transform": "standard"},
            "prepare": ["minmax"],
            "model": [{"type": "dense", "units": 1}],
            "train": {"epochs": 40, "optimizer": {"type": "adam", "rate": 0.02}},
        }
        values = [float(p["predicted[progression]"]) for p in self.predict(self.run_spec(spec), DIABETES)]
        self.assertAlmostEqual(sum(values) / len(values), 152, delta=15)

    def test_what_cannot_be_predicted_is_refused(self):
        run = self.run_spec(vowels())
        cases = [
            (self.write("a.csv", "V2,V3\n1,2\n"), "has no column 'V4'"),
            (self.write("b.csv", ",".join(f"V{i}" for i in range(2, 11)) + "\n" + "x" + ",1" * 8 + "\n"),
             "line 2, column 'V2': 'x' is not a number"),
            (self.write("c.csv", ",".join(f"V{i}" for i in range(2, 11)) + "\n" + ",1" * 8 + "\n"),
             "line 2, column 'V2': the value is missing"),
            (self.path("none.csv"), "No such file"),
        ]
        for data, message in cases:
            done = engine("predict", run.folder, "--data", data, "-o", self.path("out.csv"))
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1)
            self.assertIn(message, done.stderr)
            self.assertFalse(os.path.exists(self.path("out.csv")))

    def test_damaged_model_is_refused(self):
        run = self.run_spec(vowels())
        with open(run.artifact("model.h5"), "rb") as file:
            whole = file.read()
        for size in (0, 100, len(whole) // 2):
            with open(run.artifact("model.h5"), "wb") as file:
                file.write(whole[:size])
            done = engine("predict", run.folder, "--data", VOWEL)
            self.assertEqual(done.returncode, 6, done.stderr)
            self.assertIn("model.h5", done.stderr)


class Stopping(Folder):
    def spec(self):
        return {
            **vowels({"by": "group", "train": 0.6, "valid": 0.2, "test": 0.2}),
            "train": {**TRAIN, "epochs": 400, "checkpoint": {"batches": 50}},
        }

    def wait_for(self, run, kind, process):
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if run.events(kind):
                return
            self.assertIsNone(process.poll(), "ended before it was asked to")
        self.fail(f"no event {kind}")

    def interrupted(self, name, number):
        """Results of a run that got a signal after its first checkpoint, and of the run that went on."""
        first = Run(self.path(name), self.spec())
        process = first.start()
        self.wait_for(first, "checkpoint", process)
        process.send_signal(number)
        process.communicate(timeout=DEADLINE)
        self.assertEqual(first.results(), {})
        second = Run(self.path(name), self.spec(), run=2)
        done = second.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        return process.returncode, second

    def test_run_that_was_stopped_or_killed_ends_with_the_same_bits(self):
        whole = self.run_spec(self.spec(), "whole")
        for name, number, status in (("stopped", signal.SIGTERM, 75), ("killed", signal.SIGKILL, -9)):
            returned, second = self.interrupted(name, number)
            self.assertEqual(returned, status)
            self.assertEqual(second.results(), whole.results())
            with open(whole.artifact("predictions.csv")) as one, open(second.artifact("predictions.csv")) as two:
                self.assertEqual(one.read(), two.read())

    def test_run_that_follows_one_without_memory_goes_on_with_batches_in_parts(self):
        def spec(**more):
            return {**self.spec(), "train": {**self.spec()["train"], "epochs": 60, "out_of_memory": "halve", **more}}

        whole = self.run_spec(spec(), "enough")
        first = Run(self.path("short"), spec())
        process = first.start()
        self.wait_for(first, "checkpoint", process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=DEADLINE)
        with open(os.path.join(first.folder, "events.jsonl"), "w") as file:
            file.write('{"v":1,"seq":1,"t":1,"event":"started","pid":1}\n')
            file.write('{"v":1,"seq":2,"t":2,"event":"exit","status":-1,"signal":9,"reason":"out_of_memory"}\n')
        second = Run(self.path("short"), spec(), run=2)
        done = second.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        texts = [event["text"] for event in second.events("warning")]
        self.assertIn("1 runs before were ended for want of memory: batches are worked out in 2 parts", texts)
        self.assertFalse([text for text in texts if "not resumed" in text])
        self.assertGreater(min(event["step"] for event in second.events("checkpoint")), 50)
        for name, value in whole.results().items():
            self.assertAlmostEqual(second.results()[name], value, 1)
        done = Run(self.path("reweighted"), spec(loss={"type": "cross_entropy", "reweight": True})).finish()
        self.assertEqual(done.returncode, 2)
        self.assertIn("train.out_of_memory: train.loss.reweight looks at the losses of whole batches", done.stderr)
        done = Run(self.path("normed"), {**spec(), "model": [{"type": "dense", "units": 4}, "batch_norm", {"type": "dense", "units": "classes"}]}).finish()
        self.assertEqual(done.returncode, 2)
        self.assertIn("train.out_of_memory: batch_norm1 (model[1]) takes its mean and variance over whole batches", done.stderr)

    def test_checkpoint_of_other_data_is_not_taken_up(self):
        """A source that changed between two runs of an experiment starts the training anew, and says so."""
        source = self.path("t.csv")
        shutil.copy(VOWEL, source)
        spec = self.spec()
        spec["data"] = {**spec["data"], "source": source}
        first = Run(self.path("changed"), spec)
        process = first.start()
        self.wait_for(first, "checkpoint", process)
        process.terminate()
        process.communicate(timeout=DEADLINE)
        with open(VOWEL) as file, open(source, "w") as changed:
            changed.write(file.read().replace("-3.639", "-3.638", 1))
        second = Run(self.path("changed"), spec, run=2)
        done = second.finish()
        fresh = Run(self.path("fresh"), spec)
        self.assertEqual(fresh.finish().returncode, 0)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(second.results(), fresh.results())
        self.assertTrue([e for e in second.events("warning") if "not resumed" in e["text"]])


class Failing(Folder):
    def test_error_is_one_line_an_event_and_a_status(self):
        run = Run(self.path("1"), {**vowels(), "data": {"source": self.path("none.csv"), "target": "y"}})
        done = run.finish()
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1)
        (event,) = run.events("error")
        self.assertEqual((event["kind"], event["path"]), ("INVALID", "data.source"))
        self.assertIn("No such file", event["text"])

    def test_folder_without_a_spec_is_told(self):
        done = engine("run", self.folder)
        self.assertEqual(done.returncode, 3)
        self.assertIn("spec.json", done.stderr)

    def test_usage_errors_have_status_2(self):
        for arguments in ([], ["nonsense"], ["run"], ["run", "a", "b"], ["check", "x"], ["settings", "x"],
                          ["predict"], ["predict", "x"], ["predict", "x", "--data", "y", "--batch", "0"],
                          ["predict", "x", "--nonsense"]):
            done = engine(*arguments, input="")
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr.startswith("usage: "), arguments)


class Checking(Folder):
    def test_summary_tells_what_would_run(self):
        (answer,), done = check([vowels()])
        self.assertEqual((done.returncode, answer["diagnostics"]), (0, []))
        self.assertEqual(answer["sources"], [VOWEL])
        summary = answer["summary"]
        self.assertEqual((summary["rows"], summary["features"], summary["classes"]), (990, 9, 11))
        self.assertEqual((summary["train"], summary["test"]), (528, 462))
        self.assertEqual(summary["parameters"], 9 * 64 + 64 + 64 * 32 + 32 + 32 * 11 + 11)
        self.assertGreater(summary["memory_bytes"], 990 * 9 * 4)

    def test_lines_do_not_disturb_each_other(self):
        good, leaking = vowels(), vowels({"by": "fraction"})
        marked = vowels({"by": "fraction"}, allow_leak="because")
        answers, done = check([good, leaking, marked, good, leaking] * 3)
        self.assertEqual(done.returncode, 2)
        self.assertEqual([len(a["diagnostics"]) for a in answers], [0, 1, 0, 0, 1] * 3)
        self.assertEqual([a["summary"].get("mark") for a in answers], [None, None, "LEAK", None, None] * 3)

    def test_data_are_read_once_for_a_sweep(self):
        source = self.path("t.csv")
        shutil.copy(VOWEL, source)
        lines = []
        for units in range(1, 2000):
            spec = vowels()
            spec["data"] = {**spec["data"], "source": source}
            spec["model"] = layers(units)
            lines.append(spec)
        started = time.monotonic()
        answers, done = check(lines)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len({a["summary"]["parameters"] for a in answers}), len(lines))
        self.assertLess(time.monotonic() - started, 20)

    def test_relative_paths_are_seen_from_the_folder_given(self):
        spec = vowels()
        spec["data"] = {**spec["data"], "source": "vowel_speakers/Vowel.csv"}
        (answer,), done = check([spec], cwd=DATA)
        self.assertEqual(done.returncode, 0, answer)
        self.assertEqual(answer["sources"], [VOWEL])

    def test_settings_describe_every_section(self):
        done = engine("settings")
        self.assertEqual(done.returncode, 0)
        described = json.loads(done.stdout)
        self.assertEqual(list(described), ["data", "prepare", "model", "train", "evaluate"])
        kinds = {kind["name"] for kind in described["prepare"]["kinds"]}
        self.assertGreaterEqual(kinds, {"impute", "minmax", "onehot", "standard"})


if __name__ == "__main__":
    unittest.main()
