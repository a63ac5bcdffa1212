"""Stored models on new rows: the same numbers however they are shared out, and figures without training."""

import csv
import json
import os
import random
import re
import shutil
import struct
import subprocess
import tempfile
import unittest

from engine import DEADLINE, ENGINE, Run, engine


def has_tiles():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        flags = file.read().split()
    return {"amx_tile", "amx_bf16", "avx512_bf16"} <= set(flags)


class Stored(unittest.TestCase):
    """One small training for all tests."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="nightjar-predict-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.train = cls.write("train.csv", 300, target=True)
        cls.new = cls.write("new.csv", 20000, target=False)
        spec = {"data": {"source": cls.train, "id": "key", "target": "y"}, "prepare": ["standard"],
                "model": [{"type": "dense", "units": 8, "activation": "tanh"}, {"type": "dense", "units": "targets"}],
                "train": {"epochs": 3, "checkpoint": {"epochs": 1}}}
        cls.run_ = Run(os.path.join(cls.folder, "run"), spec)
        done = cls.run_.finish()
        assert done.returncode == 0, done.stderr

    @classmethod
    def write(cls, name, rows, target, first=0):
        dice = random.Random(name)
        path = os.path.join(cls.folder, name)
        with open(path, "w") as file:
            file.write("key,a,b" + (",y" if target else "") + "\n")
            for i in range(first, first + rows):
                a, b = dice.gauss(0, 1), dice.gauss(0, 1)
                file.write(f"{7 * i},{a:.5f},{b:.5f}" + (f",{3 * a - b:.4f}" if target else "") + "\n")
        return path

    def predict(self, *arguments, model=None, data=None, status=0, kernel=None):
        environment = {"env": dict(os.environ, NIGHTJAR_KERNEL=kernel)} if kernel else {}
        done = engine("predict", model or self.run_.folder, "--data", data or self.new, *arguments, **environment)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def numbers(self, *arguments, **keywords):
        lines = list(csv.reader(self.predict(*arguments, **keywords).stdout.splitlines()))
        self.assertEqual(lines[0], ["key", "predicted[y]"])
        return [int(line[0]) for line in lines[1:]], [float(line[1]) for line in lines[1:]]

    def test_every_id_comes_once_in_order_whatever_the_threads(self):
        one = self.predict("--cpus", "1")
        self.assertEqual(one.stdout, self.predict("--cpus", "3").stdout)
        self.assertEqual(self.numbers()[0], [7 * i for i in range(20000)])
        self.assertIn("20000 of 20000 rows predicted, each once", one.stderr)

    def test_batches_of_any_size_give_the_same(self):
        _, wanted = self.numbers()
        for batch in ("1", "37", "20000", "auto"):
            _, got = self.numbers("--batch", batch)
            for a, b in zip(got, wanted, strict=True):
                self.assertLessEqual(abs(a - b), 1e-5 * max(1, abs(b)))

    def test_tiles_of_bfloat16_predict_the_same_to_their_bound(self):
        """A term is off by at most 2^-15 of its size: of sums of a few terms around 1 that is less than 1e-4."""
        _, wanted = self.numbers()
        ids, got = self.numbers("--compute", "bf16x3")
        self.assertEqual(ids, [7 * i for i in range(20000)])
        for a, b in zip(got, wanted, strict=True):
            self.assertLessEqual(abs(a - b), 1e-4 * max(1, abs(b)))
        for batch in ("1", "37", "20000", "auto"):
            _, other = self.numbers("--compute", "bf16x3", "--batch", batch)
            for a, b in zip(other, got, strict=True):
                self.assertLessEqual(abs(a - b), 1e-5 * max(1, abs(b)))
        self.assertEqual(self.numbers("--compute", "float32")[1], wanted)
        if has_tiles():
            self.assertNotEqual(got, wanted)
            self.assertRegex(self.predict("--compute", "bf16x3").stderr, r"each once \([0-9.]+ s, bf16x3\)")

    def test_without_tiles_float32_is_used_and_said(self):
        plain = self.predict(kernel="avx2")
        done = self.predict("--compute", "bf16x3", kernel="avx2")
        self.assertEqual(done.stdout, plain.stdout)
        self.assertEqual(len(re.findall("bf16x3 needs .*as in training", done.stderr)), 1)
        self.assertNotIn("bf16x3", plain.stderr)

    def test_what_predictions_were_computed_in_is_kept_with_them(self):
        out = os.path.join(self.folder, "tiles.h5")
        for compute in ("float32", "bf16x3"):
            self.predict("--compute", compute, "-o", out)
            with open(out, "rb") as file:
                self.assertEqual(b'"compute":"bf16x3"' in file.read(), compute == "bf16x3" and has_tiles())

    def test_figures_may_be_measured_in_tiles_too(self):
        def measure(*more):
            done = engine("evaluate", self.run_.folder, "--metric", "mae", "--json", *more)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)["test.mae"]
        wanted, got = measure(), measure("--compute", "bf16x3")
        self.assertLessEqual(abs(got - wanted), 1e-4 * max(1, abs(wanted)))
        if has_tiles():
            self.assertNotEqual(got, wanted)
        self.assertEqual(engine("evaluate", self.run_.folder, "--compute", "half").returncode, 2)

    def test_other_ways_of_computing_are_refused(self):
        done = self.predict("--compute", "float8", status=2)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn("float32|bf16x3", done.stderr)

    def test_files_are_whole_or_not_there(self):
        out = os.path.join(self.folder, "out.csv")
        self.predict("-o", out)
        with open(out) as file:
            self.assertEqual(file.read(), self.predict().stdout)
        broken = os.path.join(self.folder, "broken.csv")
        with open(broken, "w") as file:
            file.write("key,a,b\n0,1,2\n0,3,4\n")
        other = os.path.join(self.folder, "other.csv")
        self.assertIn("'0'", self.predict("-o", other, data=broken, status=2).stderr)
        self.assertFalse(os.path.exists(other) or os.path.exists(other + ".new"))
        self.assertIn(".csv or .h5", self.predict("-o", "out.txt", status=2).stderr)

    def test_hdf5_holds_predictions_and_ids(self):
        out = os.path.join(self.folder, "out.h5")
        self.predict("-o", out)
        with open(out, "rb") as file:
            data = file.read()
        self.assertEqual(data[:8], b"\x89HDF\r\n\x1a\n")
        ids, values = self.numbers()
        self.assertIn(struct.pack(f"<{len(ids)}q", *ids), data)
        self.assertIn(b'{"columns":["y"],"ids":["key"]}', data)
        shapes = [struct.unpack_from(f"<{len(values)}d", data, at) for at in range(0, len(data) - 8 * len(values) + 1, 4096)]
        self.assertTrue(any(all(abs(a - b) <= 1e-8 * max(1, abs(b)) for a, b in zip(shape, values)) for shape in shapes))
        self.predict("-o", os.path.join(self.folder, "no", "out.h5"), status=3)

    def test_run_without_a_model_predicts_from_its_checkpoint(self):
        wanted = self.predict().stdout
        model = self.run_.artifact("model.h5")
        os.rename(model, model + ".away")
        try:
            self.assertEqual(self.predict().stdout, wanted)
            best = os.path.join(self.run_.checkpoint, "best.ckpt")
            os.rename(best, best + ".away")
            self.assertEqual(len(self.numbers()[0]), 20000)  # the last weights
            os.rename(best + ".away", best)
        finally:
            os.rename(model + ".away", model)
        empty = Run(os.path.join(self.folder, "empty"), {"data": {"source": self.train, "id": "key", "target": "y"},
                                                         "model": [{"type": "dense", "units": "targets"}]})
        self.assertIn("neither a model nor a checkpoint", self.predict(model=empty.folder, status=3).stderr)

    def test_distributions_are_told_by_mean_spread_and_quantiles(self):
        for loss, columns in (({"type": "normal", "components": 2}, ["mean", "sd", "q0.05", "q0.25", "q0.5", "q0.75", "q0.95"]),
                              ({"type": "quantile", "levels": [0.2, 0.8]}, ["q0.2", "q0.8"])):
            run = Run(os.path.join(self.folder, loss["type"]), {
                "data": {"source": self.train, "id": "key", "target": "y"}, "train": {"epochs": 3, "loss": loss},
                "model": [{"type": "dense", "units": "outputs"}]})
            self.assertEqual(run.finish().returncode, 0)
            with open(run.artifact("predictions.csv")) as file:
                rows = list(csv.DictReader(file))
            self.assertEqual(list(rows[0]), ["key", "actual[y]", "predicted[y]", *(f"{name}[y]" for name in columns)])
            for row in rows:
                quantiles = [float(row[f"{name}[y]"]) for name in columns if name.startswith("q")]
                self.assertEqual(quantiles, sorted(quantiles))
                if "sd" in columns:
                    self.assertAlmostEqual(float(row["mean[y]"]), float(row["predicted[y]"]), places=5)
                    self.assertGreater(float(row["sd[y]"]), 0)
            new = list(csv.DictReader(self.predict(model=run.folder).stdout.splitlines()))
            self.assertEqual(list(new[0]), ["key", "predicted[y]", *(f"{name}[y]" for name in columns)])

    def test_files_of_predictions_are_compared_by_their_scores(self):
        """By the figures of the run that wrote them; what is not of the same truth is refused."""
        mine, worse = self.run_.artifact("predictions.csv"), os.path.join(self.folder, "worse.csv")
        with open(mine) as file:
            rows = list(csv.DictReader(file))
        with open(worse, "w") as file:
            file.write("key,actual[y],predicted[y]\n")
            file.writelines(f"{row['key']},{row['actual[y]']},{float(row['actual[y]']) + 2}\n" for row in rows)
        done = engine("score", mine, worse, "--metric", "rmse", "--metric", "mae")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(lines[0], [str(len(rows)), "rows", mine, worse])
        figures = {line[0]: [float(figure) for figure in line[1:]] for line in lines[1:]}
        for name in ("rmse", "mae"):
            self.assertAlmostEqual(figures[name][0], self.run_.results()[f"test.{name}"], 6)
            self.assertAlmostEqual(figures[name][1], 2, 6)
        short, words = os.path.join(self.folder, "short.csv"), os.path.join(self.folder, "words.csv")
        for path, text in ((short, "key,actual[y],predicted[y]\n1,2,3\n"), (words, "key,actual[y],predicted[y]\n1,x,3\n")):
            with open(path, "w") as file:
                file.write(text)
        for files, text in (((mine, short), "has not the rows and columns"), ((words,), "line 2, column 2: 'x' is no number"),
                            ((self.new,), "has no columns of predictions")):
            done = engine("score", *files)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(text, done.stderr)

    def test_files_of_predictions_are_averaged(self):
        """Row by row, by numpy's mean; rows that are not the same are refused, and nothing is written."""
        paths = [os.path.join(self.folder, f"{name}.csv") for name in "abc"]
        dice = random.Random(4)
        values = [[dice.gauss(0, 1) for _ in range(20)] for _ in paths]
        for path, column in zip(paths, values):
            with open(path, "w") as file:
                file.write('key,"actual[y]","predicted[y]",mean[y],q0.05[y]\n')
                file.writelines(f'"r,{i}",{i},{value!r},1,2\n' for i, value in enumerate(column))
        out = os.path.join(self.folder, "mean.csv")
        done = engine("score", *paths, "--metric", "mae", "--mean", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(out) as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(list(rows[0]), ["key", "actual[y]", "predicted[y]"], "no mean of quantiles")
        self.assertEqual([row["key"] for row in rows], [f"r,{i}" for i in range(20)])
        error = 0
        for i, row in enumerate(rows):
            self.assertAlmostEqual(float(row["predicted[y]"]), sum(column[i] for column in values) / 3, places=15)
            error += abs(sum(column[i] for column in values) / 3 - i) / 20
        lines = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(lines[0][2:], [*paths, out])
        self.assertAlmostEqual(float(lines[1][4]), error, 7)
        classes = []
        for name, p in (("d", 0.9), ("e", 0.3)):
            classes.append(os.path.join(self.folder, f"{name}.csv"))
            with open(classes[-1], "w") as file:
                file.write(f"key,predicted,p[u],p[v]\n1,x,{p},{1 - p}\n2,x,0.1,0.9\n")
        done = engine("score", *classes, "--mean", out)
        self.assertEqual((done.returncode, done.stdout), (0, ""), "nothing is said to be true")
        with open(out) as file:
            self.assertEqual([(row["predicted"], round(float(row["p[u]"]), 9)) for row in csv.DictReader(file)],
                             [("u", 0.6), ("v", 0.1)])
        os.unlink(out)
        with open(paths[1]) as file:
            text = file.read()
        for changed, message in ((text.replace('"r,3"', '"r,4"'), "line 5: key is 'r,4'"),
                                 (text.replace('"r,3",3,', '"r,3",4,'), "not the same row"),
                                 (text[:text.index('"r,19"')], "not as many rows"),
                                 (text.replace("predicted[y]", "predicted[z]"), "has no column predicted[y]"),
                                 (text.replace('"r,3",3,', '"r,3",3,x'), "is no number")):
            with open(paths[1], "w") as file:
                file.write(changed)
            done = engine("score", *paths, "--mean", out)
            self.assertEqual(done.returncode, 2, changed)
            self.assertIn(message, done.stderr)
            self.assertFalse(os.path.exists(out))

    def test_what_is_read_is_not_written_over(self):
        model = os.path.join(self.folder, "copy.h5")
        shutil.copy(self.run_.artifact("model.h5"), model)
        new = self.write("few.csv", 5, target=False)
        for output, what in ((new, "--data"), (self.train, "data.source"), (model, "the model")):
            with open(output, "rb") as file:
                before = file.read()
            self.assertIn(f"{output}: is read as {what}", self.predict("-o", output, model=model, data=new, status=2).stderr)
            with open(output, "rb") as file:
                self.assertEqual(file.read(), before)
        done = engine("score", self.run_.artifact("predictions.csv"), "--mean", self.run_.artifact("predictions.csv"))
        self.assertEqual((done.returncode, "is read as --predictions" in done.stderr), (2, True), done.stderr)

    def test_figures_are_those_of_the_run_and_new_ones_need_no_training(self):
        done = engine("evaluate", self.run_.folder, "--metric", "rmse", "--metric", "mae", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        figures, results = json.loads(done.stdout), self.run_.results()
        for part in ("train", "valid", "test"):
            for name in ("rmse", "mae"):
                self.assertAlmostEqual(figures[f"{part}.{name}"], results[f"{part}.{name}"], places=9)
        done = engine("evaluate", self.run_.folder, "--metric", "r2", "--data", self.train)
        self.assertRegex(done.stdout, r"^data\.r2 -?[0-9.]+\n$")
        done = engine("evaluate", self.run_.folder, "--metric", "acuracy")
        self.assertEqual((done.returncode, "did you mean 'accuracy'" in done.stderr), (2, True), done.stderr)


class Long(unittest.TestCase):
    def test_how_long_it_will_take_is_told_before_it_does(self):
        """From the rate of the first batches: what is left, and how long that takes."""
        with tempfile.TemporaryDirectory(prefix="nightjar-long-") as folder:
            rows = 800000
            for name, n in (("train.csv", 600), ("new.csv", rows)):
                with open(os.path.join(folder, name), "w", encoding="ascii") as file:
                    file.write("t,a" + (",y" if n < rows else "") + "\n")
                    file.writelines(f"{i},{i % 7}" + (f",{'pq'[i // 300 % 2]}" if n < rows else "") + "\n" for i in range(n))
            run = Run(os.path.join(folder, "run"), {
                "data": {"source": os.path.join(folder, "train.csv"), "time": "t", "target": "y",
                         "split": {"train": 1, "valid": 0, "test": 0}},
                "prepare": [{"type": "window", "length": 256, "stride": 64}],
                "model": [{"type": "lstm", "units": 32 if os.environ.get("NIGHTJAR_SANITIZE") else 160}, {"type": "dense", "units": "classes"}],
                "train": {"epochs": 1}})
            done = run.finish()
            self.assertEqual(done.returncode, 0, done.stderr)
            out = os.path.join(folder, "out.csv")
            process = subprocess.Popen([ENGINE, "predict", run.folder, "--data", os.path.join(folder, "new.csv"), "-o", out],
                                       stderr=subprocess.PIPE, text=True)
            line = process.stderr.readline()
            process.kill()
            process.communicate(timeout=DEADLINE)
            told = re.fullmatch(r"(\d+) rows/s; about (\d+\.?\d*) (s|min|h) for the (\d+) rows that are left\n", line)
            self.assertTrue(told, line)
            rate, left = int(told[1]), int(told[4])
            seconds = float(told[2]) * {"s": 1, "min": 60, "h": 3600}[told[3]]
            self.assertTrue(0 < left < rows)
            self.assertTrue(0.5 * left <= rate * seconds <= 2 * left, line)
            self.assertFalse(os.path.exists(out))


if __name__ == "__main__":
    unittest.main()
