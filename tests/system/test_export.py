"""nj data export: the samples that a model is given, in files for other programs."""

import csv
import json
import math
import os
import subprocess
import unittest

from harness import BUILD, DEADLINE_S
from engine import VOWEL
from test_recordings import SENSORS, Folder, pilots, write_pilots


class Exporting(Folder):
    def nj(self, *arguments, status=0):
        environment = {**os.environ, "NIGHTJAR_HOME": os.path.join(self.folder, "home"), "NIGHTJAR_DATA": ""}
        done = subprocess.run([os.path.join(BUILD, "nj"), "data", *arguments], cwd=self.folder, env=environment, capture_output=True,
                              text=True, timeout=DEADLINE_S)  # fmt: skip
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def write_spec(self, spec):
        path = os.path.join(self.folder, "spec.yaml")
        with open(path, "w", encoding="ascii") as file:
            json.dump(spec, file)
        return path

    def export(self, spec, name, *options):
        answer = self.nj("export", self.write_spec(spec), "-o", name, "--json", *options).stdout
        return json.loads(answer)

    def rows(self, name):
        with open(os.path.join(self.folder, name), encoding="ascii") as file:
            return list(csv.DictReader(file))

    def recorded(self):
        """What reads HDF5, and the source's rows by their ids; skips where there is none."""
        try:
            import h5py
        except ImportError:
            self.skipTest("python3-h5py is not installed")
        write_pilots(self.source)
        with open(self.source, encoding="ascii") as file:
            return h5py, {int(row["id"]): row for row in csv.DictReader(file)}


class Export(Exporting):
    def test_a_table_is_scaled_by_its_training_rows(self):
        spec = {"data": {"source": VOWEL, "group": "V1", "target": "Class", "split": {"by": "group", "valid": 0.2, "test": 0.2}},
                "prepare": ["standard"]}  # fmt: skip
        answer = self.export(spec, "out.csv")
        rows = self.rows("out.csv")
        self.assertEqual((len(rows), answer["inputs"]), (990, {"x": [1, 9]}))
        self.assertEqual({part: sum(row["part"] == part for row in rows) for part in ("train", "valid", "test")},
                         {part: answer[part] for part in ("train", "valid", "test")})  # fmt: skip
        for column in [f"V{i}" for i in range(2, 11)]:
            values = [float(row[column]) for row in rows if row["part"] == "train"]
            mean = sum(values) / len(values)
            self.assertAlmostEqual(mean, 0, places=6)
            self.assertAlmostEqual(sum((value - mean) ** 2 for value in values) / len(values), 1, places=5)
        with open(VOWEL, encoding="ascii") as file:
            classes = [row["Class"] for row in csv.DictReader(file)]
        self.assertTrue(all(row["Class"] == classes[int(row["row"])] for row in rows))

    def test_a_subset_and_a_balance_follow_the_seed_though_the_split_is_fixed(self):
        with open(self.source, "w", encoding="ascii") as out:
            out.write("star,x,sort\n" + "".join(f"{i},{i % 7},{'ab'[i % 10 < 3]}\n" for i in range(400)))
        for prepare in ({"type": "subset", "by": "random", "rows": 60}, {"type": "balance", "by": "undersample"}):
            spec = {"data": {"source": self.source, "id": "star", "target": "sort",
                             "split": {"by": "fraction", "valid": 0, "test": 0.25, "seed": 1}},
                    "prepare": [prepare]}  # fmt: skip
            train, test = [], []
            for seed in (0, 0, 1):
                self.export({**spec, "seed": seed}, "out.csv")
                train.append({row["star"] for row in self.rows("out.csv") if row["part"] == "train"})
                test.append({row["star"] for row in self.rows("out.csv") if row["part"] == "test"})
            self.assertEqual(train[0], train[1])
            self.assertNotEqual(train[0], train[2], prepare)
            self.assertEqual(test[0], test[2])

    def test_text_ids_do_not_go_into_an_array_without_a_word(self):
        with open(self.source, "w", encoding="ascii") as out:
            out.write("star,x,y\n" + "".join(f"s{i},{i},{i}.5\n" for i in range(4)))
        spec = {"data": {"source": self.source, "id": "star", "target": "y", "split": {"train": 1, "valid": 0, "test": 0}}}
        self.assertIn("warning: star: ids are texts", self.nj("export", self.write_spec(spec), "-o", "out.h5").stderr)
        self.assertNotIn("warning: star", self.nj("export", self.write_spec(spec), "-o", "out.csv").stderr)
        self.assertEqual([row["star"] for row in self.rows("out.csv")], ["s0", "s1", "s2", "s3"])
        self.assertIn("No such file or directory", self.nj("export", self.write_spec(spec), "-o", "nowhere/out.h5", status=3).stderr)

    def test_what_is_read_is_not_written_over(self):
        files = {"src.csv": "k,x,y\n" + "".join(f"{i},{i},{i}.5\n" for i in range(6)), "other.csv": "k,z\n0,1\n1,2\n",
                 "test.csv": "1\n3\n"}  # fmt: skip
        for name, text in files.items():
            with open(os.path.join(self.folder, name), "w", encoding="ascii") as out:
                out.write(text)
        os.symlink("src.csv", os.path.join(self.folder, "alias.csv"))
        os.link(os.path.join(self.folder, "other.csv"), os.path.join(self.folder, "linked.csv"))
        spec = self.write_spec({"data": {"source": "src.csv", "target": "y", "features": ["x", "z"],
                                         "join": [{"type": "lookup", "source": "other.csv", "on": "k", "missing": "keep"}],
                                         "split": {"by": "index", "test": "test.csv"}}})  # fmt: skip
        for output, what in (("src.csv", "data.source"), ("./alias.csv", "data.source"), ("linked.csv", "data.join"), ("test.csv", "data.split")):
            for verb in ("export", "drift"):
                refused = self.nj(verb, spec, "-o", output, status=2).stderr
                self.assertIn(f"{output}: is read as {what}", refused)
        os.link(os.path.join(self.folder, "src.csv"), os.path.join(self.folder, "drawn.svg"))
        self.assertIn("is read as data.source", self.nj("plot", spec, "-o", "drawn.svg", status=2).stderr)
        for name, text in files.items():
            with open(os.path.join(self.folder, name), encoding="ascii") as file:
                self.assertEqual(file.read(), text)

    def sines(self, hole=None, **band):
        """A sine of 2 Hz, ten rows a second, through a band-pass."""
        with open(self.source, "w", encoding="ascii") as out:
            out.write("t,a,y\n" + "".join(f"{i / 10},{'' if i == hole else math.sin(0.4 * math.pi * i + 0.3)},{i}.5\n" for i in range(200)))
        return {"data": {"source": self.source, "time": "t", "features": ["a"], "target": "y", "task": "regression",
                         "split": {"by": "time", "test": 0.25}},
                "prepare": [{"type": "band_pass", "low": 1, "high": 3, **band}, "impute", {"type": "window", "length": 1}]}  # fmt: skip

    def power(self, spec):
        self.export(spec, "out.csv")
        values = [float(row["a"]) for row in self.rows("out.csv")]
        return sum(value * value for value in values[50:150]) / 100

    def test_a_band_pass_has_the_rate_of_the_data(self):
        spec = self.sines()
        self.assertIn("prepare[0]: rate is left out", self.nj("export", self.write_spec(spec), "-o", "out.csv", status=2).stderr)
        spec["data"]["rate"] = 10
        self.assertAlmostEqual(self.power(spec), 0.5, delta=0.02)
        spec["data"]["rate"] = 5  # Hz: what was fitted with another rate is another
        self.assertIn("below half the rate (2.5)", self.nj("export", self.write_spec(spec), "-o", "out.csv", status=2).stderr)
        spec = self.sines(rate=256)
        self.assertLess(self.power(spec), 0.1)
        spec["data"]["rate"] = 10
        told = self.nj("export", self.write_spec(spec), "-o", "out.csv").stderr
        self.assertIn("warning: prepare[0]: the rate is 256 where data.rate is 10", told)
        spec["data"]["rate"] = 256
        self.assertNotIn("warning: prepare[0]", self.nj("export", self.write_spec(spec), "-o", "out.csv").stderr)

    def test_a_band_pass_takes_no_missing_values(self):
        refused = self.nj("export", self.write_spec(self.sines(hole=10, rate=10)), "-o", "out.csv", status=2).stderr
        self.assertIn("prepare[0]: 'a' is missing in 1 training values, and band_pass takes none", refused)
        spec = self.sines(hole=10, rate=10)
        spec["prepare"] = ["last_value", "impute", *spec["prepare"]]
        self.assertAlmostEqual(self.power(spec), 0.5, delta=0.02)
        self.export(self.sines(hole=160, rate=10), "out.csv")  # a test row: the filter begins anew behind it
        values = [float(row["a"]) for row in self.rows("out.csv")][170:]
        self.assertGreater(sum(value * value for value in values) / len(values), 0.3)

    def test_log1p_of_what_is_lower_than_in_training_is_its_own(self):
        with open(self.source, "w", encoding="ascii") as out:
            out.write("a,y,p\n5,1.5,train\n9,2.5,train\n0,3.5,test\n-0.5,3.5,test\n-1,4,test\n-7,4,test\n")
        self.export({"data": {"source": self.source, "target": "y", "split": {"by": "column", "column": "p"}}, "prepare": ["log1p"]}, "out.csv")
        values = [float(row["a"]) for row in self.rows("out.csv")]
        for value, x in zip(values, (5, 9, 0, -0.5)):
            self.assertAlmostEqual(value, math.log1p(x), places=6)
        self.assertEqual(values[4], values[5])
        self.assertLess(values[4], -16)
        self.assertTrue(math.isfinite(values[4]))

    def test_values_that_a_transform_makes_too_large_are_told(self):
        data = {"source": self.source, "time": "t", "features": ["a", "b"], "target": "y", "task": "regression",
                "split": {"by": "time", "test": 0.25}}  # fmt: skip
        with open(self.source, "w", encoding="ascii") as out:
            out.write("t,a,b,y\n" + "".join(f"{i},{'1e30' if i in (17, 19) else i},{i},{i}.5\n" for i in range(20)))
        large = {"type": "scale", "columns": ["a"], "multiply": 1e30}
        window = {"type": "window", "length": 2}
        for prepare, n, row in (([{"type": "square", "columns": ["a"]}], "2 values are", 17), ([large], "2 values are", 17),
                                ([large, window], "2 values are", 17), ([window, large], "2 values are", 17),
                                ([window, large, "summary"], "at least ", "18")):  # fmt: skip
            told = self.nj("export", self.write_spec({"data": data, "prepare": prepare}), "-o", "out.csv").stderr
            self.assertRegex(told, rf"warning: a[^:]*: {n}.* not finite once prepared, the first in (the window of )?row {row} of ")
            self.assertNotIn("warning: b", told)
        told = self.nj("export", self.write_spec({"data": data, "prepare": ["standard", window]}), "-o", "out.csv").stderr
        self.assertNotIn("not finite", told)

    def test_steps_that_lose_their_mask_are_told(self):
        with open(self.source, "w", encoding="ascii") as out:
            out.write("s,t,a,y\nu,0,1,1.5\nu,1,2,1.5\nu,2,3,1.5\nu,3,4,1.5\nv,0,9,2.5\n")
        spec = {"data": {"source": self.source, "series": "s", "time": "t", "features": ["a"], "target": "y", "task": "regression",
                         "split": {"train": 1, "valid": 0, "test": 0}}}  # fmt: skip
        for edges, shorter, more, told in (("mask", "keep", {"type": "steps", "every": 2}, True), ("drop", "drop", {"type": "steps", "every": 2}, False),
                                           ("mask", "keep", {"type": "reshape", "steps": 2}, True), ("mask", "keep", {"type": "paa", "segments": 2}, False)):
            spec["prepare"] = [{"type": "window", "length": 4, "edges": edges, "shorter": shorter}, more]
            text = self.nj("export", self.write_spec(spec), "-o", "out.csv").stderr
            self.assertEqual("warning: prepare[1]: " in text and "no mask tells" in text, told, text)

    def test_dates_are_those_of_joined_tables_too(self):
        days = [f"2020-01-0{i}" for i in range(1, 9)]
        with open(self.source, "w", encoding="ascii") as out:
            out.write("day,x,y\n" + "".join(f"{day},{i},{i}.5\n" for i, day in enumerate(days)))
        other = os.path.join(self.folder, "other.csv")
        with open(other, "w", encoding="ascii") as out:
            out.write("date,heat,born\n" + "".join(f"{day},{10 * i},2000-01-01\n" for i, day in enumerate(days)))
        data = {"source": self.source, "time": "day", "target": "y", "dates": ["day", "born"],
                "join": [{"type": "lookup", "source": other, "on": ["day=date"]}], "split": {"by": "time", "test": 0.25}}  # fmt: skip
        self.export({"data": data}, "out.csv")
        rows = self.rows("out.csv")
        self.assertEqual([row["heat"] for row in rows], [str(10 * i) for i in range(8)])
        self.assertEqual({float(row["born"]) for row in rows}, {946684800.0})
        self.assertEqual([row["part"] for row in rows], ["train"] * 6 + ["test"] * 2)
        wrong = self.write_spec({"data": {**data, "dates": ["day", "bron"]}})
        self.assertIn("has a column 'bron'", self.nj("export", wrong, "-o", "out.csv", status=2).stderr)

    def test_rows_without_a_target_leak_into_no_part(self):
        with open(self.source, "w", encoding="ascii") as out:
            out.write("g,x,y\na,1,1.5\na,2,2.5\na,3,\nb,4,3.5\nb,5,4.5\nb,6,\n")
        with open(os.path.join(self.folder, "test.txt"), "w", encoding="ascii") as out:
            out.write("2\n3\n4\n")
        data = {"source": self.source, "group": "g", "target": "y", "missing_targets": "drop",
                "split": {"by": "index", "test": os.path.join(self.folder, "test.txt")}}  # fmt: skip
        self.export({"data": data}, "out.csv")
        self.assertEqual([row["part"] for row in self.rows("out.csv")], ["train", "train", "test", "test"])
        with open(os.path.join(self.folder, "test.txt"), "w", encoding="ascii") as out:
            out.write("1\n2\n3\n4\n")
        refused = self.nj("export", self.write_spec({"data": data}), "-o", "out.csv", status=2).stderr
        self.assertIn("1 of the 2 groups of 'g' (2 rows)", refused)

    def test_a_seeded_shuffle_goes_over_all_samples(self):
        write_pilots(self.source)
        spec = pilots(self.source)
        spec["prepare"] = [{"type": "balance", "by": "undersample"}, *spec["prepare"]]
        orders = {}
        for name, options in [("plain", []), ("once", ["--shuffle"]), ("again", ["--shuffle"]), ("other", ["--shuffle", "--set", "seed=5"])]:
            answer = self.export(spec, name + ".csv", "--part", "train", *options)
            rows = self.rows(name + ".csv")
            self.assertEqual(answer["samples"], len(rows))
            self.assertEqual(sum(row["event"] == "A" for row in rows) * 2, len(rows))
            orders[name] = [int(row["id"]) for row in rows]
        self.assertEqual(orders["once"], orders["again"])
        self.assertNotEqual(orders["once"], orders["other"])
        self.assertEqual(sorted(orders["once"]), sorted(orders["plain"]))
        n = len(orders["once"])
        half = set(sorted(orders["once"])[: n // 2])  # what stood in the first half of the file is all over the order
        self.assertLess(abs(sum(row in half for row in orders["once"][: n // 2]) - n // 4), n // 10)

    def test_windows_become_an_array_of_three_dimensions(self):
        h5py, given = self.recorded()
        training = [row for row in given.values() if int(row["crew"]) <= 4]
        low, high = ({sensor: choose(float(row[sensor]) for row in training) for sensor in SENSORS} for choose in (min, max))
        answer = self.export(pilots(self.source), "out.h5", "--shuffle")
        with h5py.File(os.path.join(self.folder, "out.h5")) as file:
            x, ids, parts, labels = (file[name][:] for name in ("x", "id", "part", "label"))
            meta = json.loads(file["meta"][()])
        self.assertEqual(x.shape, (answer["samples"], 16, 3))
        self.assertEqual(meta["columns"]["x"], SENSORS)
        self.assertTrue(meta["shuffled"])
        self.assertEqual(meta["preparation"]["transforms"][0]["type"], "minmax")
        for i in range(0, len(x), 37):
            row = given[int(ids[i, 0])]
            self.assertEqual(meta["classes"][labels[i, 0]], row["event"])
            self.assertEqual(meta["parts"][parts[i, 0]], {5: "valid", 6: "test"}.get(int(row["crew"]), "train"))
            for k, sensor in enumerate(SENSORS):
                scaled = (float(row[sensor]) - low[sensor]) / (high[sensor] - low[sensor])
                self.assertAlmostEqual(float(x[i, -1, k]), scaled, places=4)

    def test_labels_of_each_step_stand_beside_the_steps(self):
        h5py, given = self.recorded()
        spec = pilots(self.source)
        spec["data"]["features"] = ["r"]
        spec["prepare"] = [{"type": "window", "length": 16, "stride": 16, "label": "each"}]
        self.export(spec, "out.h5", "--part", "test")
        with h5py.File(os.path.join(self.folder, "out.h5")) as file:
            x, labels, ids, meta = file["x"][:], file["label"][:], file["id"][:], json.loads(file["meta"][()])
        self.assertEqual(labels.shape, (*x.shape[:2], 1))
        for i, label in enumerate(labels[:, :, 0]):
            last = given[int(ids[i, 0])]
            recording = sorted((row for row in given.values() if (row["crew"], row["seat"]) == (last["crew"], last["seat"])),
                               key=lambda row: float(row["time"]))  # fmt: skip
            end = recording.index(last) + 1
            self.assertEqual([meta["classes"][code] for code in label], [row["event"] for row in recording[end - 16 : end]])
        self.assertIn("go to an .h5 file", self.nj("export", self.write_spec(spec), "-o", "out.csv", status=2).stderr)

    def test_draws_of_a_planet_become_one_row(self):
        with open(self.source, "w", encoding="ascii") as out:
            out.write("planet,draw,a,b,y\n")
            for planet in range(12):
                for draw in range(5):
                    out.write(f"{planet},{draw},{planet * 10 + draw},{draw / 10},{planet / 4}\n")
        spec = {"data": {"source": self.source, "series": "planet", "time": "draw", "target": "y", "task": "regression",
                         "group": "planet", "features": ["a", "b"], "split": {"by": "group", "test": 0.25}},
                "prepare": [{"type": "window", "length": 5, "stride": 5}, "reshape"]}  # fmt: skip
        self.assertEqual(self.export(spec, "out.csv")["inputs"], {"x": [1, 10]})
        rows = self.rows("out.csv")
        planets = [int(row["row"]) // 5 for row in rows]
        self.assertEqual(sorted(planets), list(range(12)))
        for row, planet in zip(rows, planets):
            self.assertEqual([float(row[f"v{i + 1}"]) for i in range(0, 10, 2)], [planet * 10 + draw for draw in range(5)])
            self.assertEqual(float(row["y"]), planet / 4)

    def test_columns_are_counted_over_recordings(self):
        """In most recordings a goes with y; over all rows b does, since one recording lies far away."""
        with open(self.source, "w", encoding="ascii") as out:
            out.write("run,step,a,b,c,y\n")
            for run in range(7):
                for step in range(20):
                    y, noise = step, (step * 7 + run * 3) % 11
                    far = 1000 if run == 6 else 0
                    out.write(f"{run},{step},{-y + 0.01 * noise if run < 6 else noise},{noise + far},{(noise * 5) % 11},{y + far}\n")
        spec = {"data": {"source": self.source, "series": "run", "time": "step", "target": "y", "task": "regression", "features": ["a", "b", "c"],
                         "split": {"train": 1, "valid": 0, "test": 0}}}  # fmt: skip
        for more, stays in (({}, "b"), ({"over": "recordings"}, "a")):
            spec["prepare"] = [{"type": "top_k", "k": 1, **more}]
            done = self.nj("export", self.write_spec(spec), "-o", "out.csv")
            self.assertEqual(set(self.rows("out.csv")[0]), {"row", "part", stays, "y"})
            self.assertEqual("prepare[0]: of 7 lists a is in 6, a, the last of the 1 that stay, in 6" in done.stderr, bool(more), done.stderr)
        spec["prepare"] = [{"type": "top_k", "k": 3, "list": 1, "over": "recordings"}]
        done = self.nj("export", self.write_spec(spec), "-o", "out.csv")
        self.assertIn("all columns stay: of 7 lists a is in 6", done.stderr)
        del spec["data"]["series"], spec["data"]["time"]
        self.assertIn("over: recordings needs data.series", self.nj("export", self.write_spec(spec), "-o", "out.csv", status=2).stderr)

    def test_what_was_exported_is_a_source(self):
        write_pilots(self.source)
        spec = pilots(self.source)
        spec["prepare"] = ["standard"]
        self.export(spec, "out.h5", "--part", "train")
        described = json.loads(self.nj("describe", "out.h5", "--json").stdout)
        self.assertEqual([column["name"] for column in described["columns"]], ["id1", "label1", "part1", "x1", "x2", "x3"])

    def test_nonsense_is_refused_and_leaves_nothing(self):
        spec = self.write_spec({"data": {"source": VOWEL, "target": "Class", "split": {"by": "fraction", "test": 0.2}}})
        for arguments, message in [
            ([spec], "-o says where to"),
            ([spec, "-o", "out.txt"], "samples go to a .csv or .h5 file"),
            ([spec, "-o", "no/where.csv"], "no/where.csv.new"),
            ([spec, "-o", "out.csv", "--part", "valid"], "there is no such part"),
            ([spec, "-o", "out.csv", "--part", "some"], "--part"),
            ([spec, "-o", "out.csv", "-n", "3"], "--rows is for head, plot"),
            ([spec, "-o", "out.csv", "--set", "data.target=none"], "data.target"),
            (["-o", "out.csv"], "takes one spec"),
        ]:
            done = self.nj("export", *arguments, status=3 if "no/where.csv" in arguments else 2)
            self.assertIn(message, done.stderr)
            self.assertEqual(done.stdout, "")
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("out")], [])


if __name__ == "__main__":
    unittest.main()
