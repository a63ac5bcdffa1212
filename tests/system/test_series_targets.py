"""Targets that are the same in all rows of a recording are stored once; nothing but the size of what is stored tells."""

import csv
import os
import random
import unittest

from test_recordings import Folder

STEPS = 40
DENSE = [{"type": "flatten"}, {"type": "dense", "units": 8, "activation": "tanh"}, {"type": "dense", "units": "targets"}]
TREES = [{"type": "boosted_trees", "depth": 2}]


class Targets(Folder):
    def write(self, varies):
        """Twelve recordings; a thirteenth, which is in no part, has targets that vary or do not."""
        chance = random.Random(2)
        with open(self.source, "w", encoding="ascii", newline="") as out:
            table = csv.writer(out)
            table.writerow(["who", "t", "a", "b", "y1", "y2"])
            for who in range(13):
                level, slope = chance.uniform(1, 3), chance.uniform(-1, 1)
                for t in range(STEPS + 7 * (who % 3)):
                    y = [level, 3 + slope] if who < 12 or not varies else [1 + t, 2 + t]
                    table.writerow([f"p{who:02}", t, level + chance.gauss(0, 0.1), slope * t + chance.gauss(0, 0.1), *y])

    def run_with(self, name, model, prepare, **data):
        train = {"epochs": 8} if model is TREES else {"optimizer": {"type": "adam", "rate": 0.01}, "batch": 8, "epochs": 8}
        spec = {
            "data": {"source": self.source, "series": "who", "time": "t", "group": "who", "target": ["y1", "y2"], "where": "who != p12",
                     "split": {"by": "group", "valid": ["p08", "p09"], "test": ["p10", "p11"]}, **data},
            "prepare": prepare, "model": model, "train": train, "evaluate": {"metrics": ["rmse", "mae", "per_output"]},
        }  # fmt: skip
        run = self.run_of(spec, name)
        run.environment["NIGHTJAR_DATA"] = os.path.join(self.folder, "data", name)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            return run, file.read()

    def test_every_way_to_use_them_gives_the_same(self):
        window = [{"type": "window", "length": 10, "stride": 5, "label": "last"}]
        cases = [
            (DENSE, ["standard", *window], {"target_transform": "standard"}),
            (DENSE, ["standard", *window], {"target_transform": "log_standard"}),
            (DENSE, ["standard", *window], {"long": "number"}),
            (DENSE, [{"type": "top_k", "k": 1}, *window], {}),
            (TREES, [], {"target_transform": "log"}),
            (TREES, window, {"long": "one_hot"}),
        ]
        for i, (model, prepare, data) in enumerate(cases):
            told = []
            for varies in (False, True):
                self.write(varies)
                run, predictions = self.run_with(f"{i}{varies}", model, prepare, **data)
                told.append((predictions, run.results(), [e["value"] for e in run.events("metric")]))
            self.assertEqual(told[0], told[1], cases[i])

    def test_what_is_true_stands_beside_what_is_predicted(self):
        self.write(False)
        _, predictions = self.run_with("1", TREES, [])
        with open(self.source, encoding="ascii") as file:
            rows = list(csv.DictReader(file))
        told = list(csv.DictReader(predictions.splitlines()))
        self.assertEqual(len(told), sum(row["who"] in ("p10", "p11") for row in rows))
        for line in told:
            row = rows[int(line["row"])]
            for name in ("y1", "y2"):
                self.assertAlmostEqual(float(line[f"actual[{name}]"]), float(row[name]), places=12)

    def test_files_are_recordings_or_parts_of_one(self):
        """Labels of a folder are of files: they need not be carried by rows, unless files with others make one recording."""
        for number, (series, same) in enumerate(((["planet", "draw"], False), (["planet"], True), (["planet"], False), (["draw"], False))):
            root = os.path.join(self.folder, f"files{number}")
            truth = []
            for name in ("curves", "labels"):
                os.makedirs(os.path.join(root, name))
            for i in range(60):
                planet, draw = divmod(i, 2)
                label = [planet / 3 if same else i / 7, 10 - planet if same else 1 + i]
                with open(os.path.join(root, "curves", f"{planet:02}_{draw}.txt"), "w", encoding="ascii") as out:
                    out.write(f"{i} {i + 1} {i + 2} {i + 3}\n")
                with open(os.path.join(root, "labels", f"{planet:02}_{draw}.txt"), "w", encoding="ascii") as out:
                    out.write(f"{label[0]!r} {label[1]!r}\n")
                truth += [label] * 4
            data = {"source": os.path.join(root, "curves"), "series": series, "time": "row", "target": ["y1", "y2"], "features": ["c1"],
                    "group": "planet", "split": {"by": "group", "test": 0.5}, "where": [], "allow_leak": "of draws",
                    "format": {"type": "text_folder", "name": "{planet:2}_{draw:1}.txt", "labels": "labels", "lines": "columns"}}  # fmt: skip
            _, predictions = self.run_with(f"f{number}", TREES, [], **data)
            told = list(csv.DictReader(predictions.splitlines()))
            self.assertGreater(len(told), 100)
            for line in told:
                for k, name in enumerate(("y1", "y2")):
                    self.assertAlmostEqual(float(line[f"actual[{name}]"]), truth[int(line["row"])][k], places=12)

    def test_less_is_stored(self):
        sizes = []
        for varies in (False, True):
            self.write(varies)
            self.run_with(str(varies), TREES, [])
            folder = os.path.join(self.folder, "data", str(varies))
            sizes += [os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(".h5")]
        self.assertLess(sizes[0], sizes[1])


if __name__ == "__main__":
    unittest.main()
