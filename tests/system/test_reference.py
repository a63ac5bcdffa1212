"""Scores on real data beside what others reach there, and metrics beside scikit-learn's.

The specs are tests/data/reference/*.yaml. The data sets are looked for in $NIGHTJAR_DATA, in ../shared/data beside the
source tree, and in examples/data; a set that is in none of them is skipped. The test rows of a set are every fifth row
(0-based number i with i % 5 == 4) unless its spec says otherwise.
"""

import csv
import importlib.util
import json
import math
import os
import subprocess
import unittest

from harness import BUILD, DEADLINE_S, Daemon

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())
SPECS = os.path.join(SOURCE, "tests/data/reference")
PLACES = [os.environ.get("NIGHTJAR_DATA", ""), os.path.join(SOURCE, "../shared/data"), os.path.join(SOURCE, "examples/data")]
EVERY_METRIC = "[accuracy, balanced_accuracy, log_loss, log_loss_per_class, macro_f1, auc, confusion]"

# spec, file, rows, metric, what scikit-learn reaches with the same test rows, what predicting without looking scores there
SETS = [
    ("breast_cancer", "sklearn_breast_cancer/breast_cancer.csv", 569, "test.accuracy", 1.0, 0.6283),
    ("diabetes", "sklearn_diabetes/diabetes.csv", 442, "test.rmse", 57.3752, 77.0487),
    ("digits", "sklearn_digits/digits.csv.gz", 1797, "test.accuracy", 0.9777, 0.0585),
    ("german", "german/german.csv", 1000, "test.accuracy", 0.75, 0.68),
    ("iris", "sklearn_iris/iris.csv", 150, "test.accuracy", 0.9333, 0.3333),
    ("letter", "letter/LetterRecognition.csv.gz", 20000, "test.accuracy", 0.964, 0.0408),
    ("mammography", "mammography/mammography.csv.gz", 11183, "test.balanced_accuracy", 0.8242, 0.5),
    ("phoneme", "phoneme/phoneme.csv", 5404, "test.accuracy", 0.8991, 0.7148),
    ("pima", "pima_indians_diabetes/pima-indians-diabetes.csv", 768, "test.accuracy", 0.7255, 0.6078),
    ("vehicle", "vehicle/Vehicle.csv", 846, "test.accuracy", 0.8639, 0.2485),
    ("vowel_rows", "vowel_speakers/Vowel.csv", 990, "test.accuracy", 0.9697, 0.0909),
    ("vowel_speakers", "vowel_speakers/Vowel.csv", 990, "test.accuracy", 0.4784, 0.0909),
    ("wine", "sklearn_wine/wine_data.csv", 178, "test.accuracy", 0.9714, 0.4286),
]  # fmt: skip


def find(name):
    places = [os.path.join(place, name) for place in PLACES if place]
    return next((os.path.realpath(place) for place in places if os.path.exists(place)), None)


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class Reference(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(Daemon(slots=2))
        cls.id = {}
        for name, file, rows, *_ in SETS:
            source = find(file)
            if source:
                cls.id[name] = cls.submit(name, source, rows)
        cls.rows = dict(zip(cls.id, cls.daemon.wait(*cls.id.values(), timeout=240)))

    @classmethod
    def submit(cls, name, source, rows):
        index = os.path.join(cls.daemon.folder, name + ".txt")
        with open(index, "w", encoding="utf-8") as file:
            file.writelines(f"{row}\n" for row in range(4, rows, 5))
        arguments = ["--name", name, "--set", "data.source=" + source]
        with open(os.path.join(SPECS, name + ".yaml"), encoding="utf-8") as file:
            text = file.read()
        if "test.txt" in text:
            arguments += ["--set", "data.split.test=" + index]
        if name != "diabetes":
            arguments += ["--set", "evaluate.metrics=" + EVERY_METRIC]
        done = subprocess.run(
            [os.path.join(BUILD, "nj"), "submit", os.path.join(SPECS, name + ".yaml"), "--parsable", *arguments],
            env={**cls.daemon.environment, "NIGHTJAR_NO_START": "1"}, capture_output=True, text=True, timeout=DEADLINE_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    def run_of(self, name):
        if name not in self.id:
            self.skipTest(f"the data of {name} are not here; NIGHTJAR_DATA may name their folder")
        self.assertEqual(self.rows[name]["state"], "done", self.rows[name])
        return f"{self.daemon.home}/runs/{self.id[name]}/1"

    def results(self, name):
        """Values and naive values by name, and the tables."""
        values, naive, tables = {}, {}, {}
        with open(self.run_of(name) + "/reported.jsonl", encoding="utf-8") as file:
            for event in map(json.loads, file):
                if event["event"] == "metric" and "step" not in event:
                    values[event["name"]], naive[event["name"]] = event["value"], event.get("naive")
                elif event["event"] == "table":
                    tables[event["name"]] = event
        return values, naive, tables

    def standard_error(self, name, metric, reference):
        with open(self.run_of(name) + "/artifacts/split.json", encoding="utf-8") as file:
            n = len(json.load(file)["test"])
        if metric == "test.rmse":
            return reference / math.sqrt(2 * n)
        if metric == "test.accuracy":
            return math.sqrt(reference * (1 - reference) / n)
        recalls = [(sum(row), row[i] / sum(row)) for i, row in
                   enumerate(self.results(name)[2]["test.confusion"]["rows"])]  # fmt: skip
        return math.sqrt(sum(recall * (1 - recall) / size for size, recall in recalls)) / len(recalls)

    def reaches(self, name, metric, reference, naive):
        values, naives, _ = self.results(name)
        margin = 2 * self.standard_error(name, metric, reference) + 5e-5  # the references have four digits
        worse = values[metric] - reference if metric == "test.rmse" else reference - values[metric]
        print(f"({name} {metric} {values[metric]:.4g}, reference {reference:.4g}) ", end="", flush=True)
        self.assertLessEqual(worse, margin)
        self.assertAlmostEqual(naives[metric], naive, delta=1e-4 * max(1, naive))

    def agrees(self, name):
        if not importlib.util.find_spec("sklearn"):
            self.skipTest("python3-sklearn is not installed")
        values, _, tables = self.results(name)
        rows = read_csv(self.run_of(name) + "/artifacts/predictions.csv")
        peer = peer_of_values(rows) if name == "diabetes" else peer_of_classes(rows, tables["test.confusion"])
        ours = {key: value for key, value in values.items() if key.startswith("test.")}
        self.assertEqual(set(ours), set(peer))
        for key, value in peer.items():
            self.assertAlmostEqual(ours[key], value, delta=2e-6 * max(1, abs(value)), msg=key)

    def test_predictions_hold_every_test_row_once(self):
        for name in self.id:
            with self.subTest(name), open(self.run_of(name) + "/artifacts/split.json", encoding="utf-8") as file:
                rows = [int(row["row"]) for row in read_csv(self.run_of(name) + "/artifacts/predictions.csv")]
                self.assertEqual(rows, json.load(file)["test"])
                if name != "vowel_speakers":
                    self.assertEqual(rows, list(range(4, dict((s[0], s[2]) for s in SETS)[name], 5)))

    def test_split_in_force_is_shown(self):
        number = self.id.get("vowel_speakers")
        if not number:
            self.skipTest("the data of vowel_speakers are not here")
        split = self.daemon.show(number)["result"]["split"]
        self.assertEqual((split["by"], split["train"], split["valid"], split["test"]), ("group", 528, 0, 462))
        done = subprocess.run([os.path.join(BUILD, "nj"), "show", str(number)], env=self.daemon.environment,
                              capture_output=True, text=True, timeout=DEADLINE_S)  # fmt: skip
        self.assertIn("by group: train 528 rows of 8 groups, test 462 rows of 7 groups", done.stdout)

    def test_each_set_is_a_spec_and_each_spec_a_set(self):
        self.assertEqual({name + ".yaml" for name, *_ in SETS}, set(os.listdir(SPECS)))


def peer_of_values(rows):
    from sklearn import metrics

    actual, predicted = ([float(row[f"{what}[progression]"]) for row in rows] for what in ("actual", "predicted"))
    return {
        "test.rmse": metrics.mean_squared_error(actual, predicted) ** 0.5,
        "test.mae": metrics.mean_absolute_error(actual, predicted),
        "test.r2": metrics.r2_score(actual, predicted),
    }


def peer_of_classes(rows, confusion):
    import numpy
    from sklearn import metrics

    names = [key[2:-1] for key in rows[0] if key.startswith("p[")]
    actual, predicted = ([row[what] for row in rows] for what in ("actual", "predicted"))
    share = numpy.array([[float(row[f"p[{name}]"]) for name in names] for row in rows])
    share /= share.sum(1, keepdims=True)
    code = numpy.array([names.index(name) for name in actual])
    loss = -numpy.log(numpy.clip(share, 1e-15, 1))[range(len(code)), code]
    assert (metrics.confusion_matrix(actual, predicted, labels=confusion["columns"]) == confusion["rows"]).all()
    several = {"multi_class": "ovr", "average": "macro", "labels": range(len(names))}
    peer = {
        "test.accuracy": metrics.accuracy_score(actual, predicted),
        "test.balanced_accuracy": metrics.balanced_accuracy_score(actual, predicted),
        "test.macro_f1": metrics.f1_score(actual, predicted, average="macro"),
        "test.log_loss": metrics.log_loss(code, share, labels=range(len(names)), eps=1e-15),
        "test.auc": metrics.roc_auc_score(code, share if len(names) > 2 else share[:, 1],
                                          **(several if len(names) > 2 else {})),
    }  # fmt: skip
    return peer | {f"test.log_loss_class[{name}]": loss[code == i].mean() for i, name in enumerate(names)}


for _row in SETS:
    def _reaches(self, row=_row):
        self.reaches(row[0], *row[3:])

    def _agrees(self, row=_row):
        self.agrees(row[0])

    setattr(Reference, f"test_{_row[0]}_reaches_its_reference", _reaches)
    setattr(Reference, f"test_{_row[0]}_is_measured_as_scikit_learn_does", _agrees)


if __name__ == "__main__":
    unittest.main()
