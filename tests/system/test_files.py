"""Trainings from several files, from files joined by a key, and from each format, through the prepared data."""

import json
import math
import os
import random
import struct
import unittest
import zipfile

from engine import engine
from test_recordings import Folder

LAYERS = [{"type": "dense", "units": 8, "activation": "tanh"}, {"type": "dense", "units": "classes"}]
TRAIN = {"optimizer": {"type": "adam", "rate": 0.02}, "batch": 16, "epochs": 15}


def spec(data, prepare=("standard",), model=None):
    return {"data": data, "prepare": list(prepare), "model": model or LAYERS, "train": TRAIN, "evaluate": {"metrics": ["accuracy"]}}


def samples(n, steps, seed):
    """Two channels: fast swings or slow ones, as the class says."""
    chance = random.Random(seed)
    for i in range(n):
        label = i % 2
        length = steps - i % 3
        phase = chance.uniform(0, 6)
        speed = (0.4, 1.6)[label]
        yield label, [[math.sin(speed * t + phase) + chance.gauss(0, 0.05) for t in range(length)] for _ in range(2)]


def write_ts(path, n, seed):
    with open(path, "w", encoding="ascii") as out:
        out.write("@problemName swings\n@timeStamps false\n@univariate false\n@dimensions 2\n@classLabel true slow fast\n@data\n")
        for label, channels in samples(n, 12, seed):
            out.write(":".join(",".join(f"{x:.5f}" for x in channel) for channel in channels) + f":{('slow', 'fast')[label]}\n")


def npy(array, shape):
    """A little-endian float64 .npy of nested lists, flattened."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape!r}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(array)}d", *array)


class Files(Folder):
    def path(self, name):
        return os.path.join(self.folder, name)

    def good_run(self, what, name):
        run = self.run_of(what, name)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(run.results()["test.accuracy"], 0.8)
        return run

    def write_rows(self, name, n, seed, header="who,x,label"):
        chance = random.Random(seed)
        with open(self.path(name), "w", encoding="ascii") as out:
            out.write(header + "\n")
            for i in range(n):
                x = chance.gauss(0, 1)
                out.write(f"p{i % 5},{x:.6f},{'ab'[x + (i % 5 - 2) > 0]}\n")

    def test_published_files_train_and_a_changed_one_is_noticed(self):
        for name, n, seed in (("day1.csv", 200, 1), ("day2.csv", 200, 2), ("test.csv", 100, 3)):
            self.write_rows(name, n, seed)
        data = {"source": self.path("day*.csv"), "target": "label",
                "split": {"by": "files", "valid": 0.2, "test": self.path("test.csv")}}  # fmt: skip
        run = self.good_run(spec(data), "1")
        (split,) = run.events("split")
        self.assertEqual([split[part] for part in ("train", "valid", "test")], [320, 80, 100])
        self.assertEqual([run.events("data")[0]["built"], self.good_run(spec(data), "2").events("data")[0]["built"]], [True, False])
        done = engine("evaluate", run.folder, "--data", self.path("test.csv"), "--metric", "accuracy", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertAlmostEqual(json.loads(done.stdout)["data.accuracy"], run.results()["test.accuracy"], places=6)
        done = engine("evaluate", run.folder, "--metric", "accuracy", "--json")
        self.assertAlmostEqual(json.loads(done.stdout)["test.accuracy"], run.results()["test.accuracy"], places=6)
        self.write_rows("day2.csv", 210, 4)
        again = self.good_run(spec(data), "3")
        self.assertTrue(again.events("data")[0]["built"])
        self.assertEqual(again.events("split")[0]["train"], 328)

    def test_joined_columns_train_and_are_looked_up_for_new_rows(self):
        self.write_rows("rows.csv", 400, 1)
        with open(self.path("people.csv"), "w", encoding="ascii") as out:
            out.write("id,bias,note\n" + "".join(f"p{i},{i - 2},n{i}\n" for i in range(5)))
        data = {"source": self.path("rows.csv"), "target": "label", "ignore": ["who"],
                "join": [{"type": "lookup", "source": self.path("people.csv"), "on": "who=id", "columns": ["bias"]}]}  # fmt: skip
        run = self.good_run(spec(data), "1")
        self.assertGreater(run.results()["test.accuracy"], 0.9)  # who cannot be told from x alone
        self.write_rows("new.csv", 50, 9)
        out = self.path("out.csv")
        done = engine("predict", run.folder, "--data", self.path("new.csv"), "--output", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(out, encoding="ascii") as file:
            self.assertEqual(len(file.readlines()), 51)
        with open(self.path("people.csv"), "a", encoding="ascii") as file:
            file.write("p5,3,n\n")
        self.assertTrue(self.good_run(spec(data), "2").events("data")[0]["built"])

    def test_recordings_of_ts_files(self):
        write_ts(self.path("swings_TRAIN.ts"), 60, 1)
        write_ts(self.path("swings_TEST.ts"), 40, 2)
        data = {"source": self.path("swings_TRAIN.ts"), "series": "series", "time": "row", "target": "label",
                "features": ["dim1", "dim2"], "split": {"by": "files", "test": self.path("swings_TEST.ts")}}  # fmt: skip
        window = {"type": "window", "length": 9, "stride": 100}
        run = self.good_run(spec(data, [window, {"type": "summary", "features": ["mean_change"]}]), "1")
        self.assertEqual([run.events("split")[0][part] for part in ("train", "test")], [60, 40])

    def test_arrays_of_npz(self):
        x, y = [], []
        for label, channels in samples(120, 12, 1):
            x += [channels[k][t] for t in range(10) for k in range(2)]
            y.append(float(label))
        with zipfile.ZipFile(self.path("swings.npz"), "w") as archive:
            archive.writestr("x.npy", npy(x, (120, 10, 2)))
            archive.writestr("y.npy", npy(y, (120,)))
        data = {"source": self.path("swings.npz"), "series": "series", "time": "row", "target": "y", "task": "classification",
                "features": ["x1", "x2"], "split": {"by": "group", "group": ["series"], "valid": 0.1, "test": 0.3}}  # fmt: skip
        window = {"type": "window", "length": 10}
        self.good_run(spec(data, [window, {"type": "summary", "features": ["mean_change"]}]), "1")

    def test_arrays_of_hdf5(self):
        """What a model predicted, written as HDF5, is data like any other: of three shares the third is what two leave."""
        chance = random.Random(3)
        with open(self.path("rows.csv"), "w", encoding="ascii") as out:
            out.write("x,y,label\n")
            for _ in range(300):
                x, y = chance.gauss(0, 1), chance.gauss(0, 1)
                out.write(f"{x:.6f},{y:.6f},{'abc'[(x > 0) + (y > 0)]}\n")
        run = self.run_of(spec({"source": self.path("rows.csv"), "target": "label"}), "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        done = engine("predict", run.folder, "--data", self.path("rows.csv"), "-o", self.path("shares.h5"))
        self.assertEqual(done.returncode, 0, done.stderr)
        data = {"source": self.path("shares.h5"), "features": ["prediction1", "prediction2"], "target": "prediction3", "task": "regression",
                "split": {"valid": 0.2, "test": 0.2}}  # fmt: skip
        linear = {**spec(data, model=[{"type": "dense", "units": "targets"}]), "evaluate": {"metrics": ["r2"]},
                  "train": {"optimizer": {"type": "adam", "rate": 0.05}, "epochs": 100}}  # fmt: skip
        again = self.run_of(linear, "2")
        done = again.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(again.results()["test.r2"], 0.999)

    def test_folders_of_text_files(self):
        for folder in ("curves", "labels"):
            os.mkdir(self.path(folder))
        for i, (label, channels) in enumerate(samples(80, 12, 1)):
            with open(self.path(f"curves/{i:04d}.txt"), "w", encoding="ascii") as out:
                out.write(f"# star: {i}\n" + "".join("\t".join(f"{channels[k][t]:.5f}" for k in range(2)) + "\n" for t in range(10)))
            with open(self.path(f"labels/{i:04d}.txt"), "w", encoding="ascii") as out:
                out.write(f"{label}\n")
        data = {"source": self.path("curves"), "series": "key", "time": "row", "target": "y1", "task": "classification",
                "format": {"type": "text_folder", "name": "{key:4}.txt", "labels": "labels"},
                "split": {"by": "group", "group": ["key"], "test": 0.3}}  # fmt: skip
        window = {"type": "window", "length": 10}
        self.good_run(spec(data, [window, {"type": "summary", "features": ["mean_change"]}]), "1")
        self.assertFalse(self.good_run(spec(data, [window, {"type": "summary", "features": ["mean_change"]}]), "2").events("data")[0]["built"])

    def test_a_file_of_a_folder_that_changes_is_noticed(self):
        for folder in ("curves", "labels"):
            os.mkdir(self.path(folder))
        for i in range(30):
            with open(self.path(f"curves/{i:04d}.txt"), "w", encoding="ascii") as out:
                out.write(f"{i} 1 2 3\n")
            with open(self.path(f"labels/{i:04d}.txt"), "w", encoding="ascii") as out:
                out.write(f"{i / 10}\n")
        data = {"source": self.path("curves"), "series": "key", "time": "row", "target": "y1", "split": {"by": "group", "group": ["key"]},
                "format": {"type": "text_folder", "name": "{key:4}.txt", "labels": "labels", "lines": "columns"}}  # fmt: skip
        whole = {**spec(data, model=[{"type": "dense", "units": "targets"}]), "evaluate": {"metrics": ["mae"]},
                 "train": {"optimizer": "sgd", "epochs": 1}}  # fmt: skip
        built = []
        for i, change in enumerate((None, None, "curves/0007.txt", None, "labels/0007.txt", None)):
            if change:
                with open(self.path(change), encoding="ascii") as file:
                    text = file.read()
                with open(self.path(change), "w", encoding="ascii") as out:
                    out.write(text.replace("7", "8"))  # as many bytes
            run = self.run_of(whole, str(i))
            done = run.finish()
            self.assertEqual(done.returncode, 0, done.stderr)
            built.append(run.events("data")[0]["built"])
        self.assertEqual(built, [True, False, True, False, True, False])


if __name__ == "__main__":
    unittest.main()
