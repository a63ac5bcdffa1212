"""nj data: what sources of every format hold, told by the real programs; and bad sources, each told in one line."""

import gzip
import json
import os
import struct
import subprocess
import tempfile
import unittest

from harness import BUILD, DEADLINE_S

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())
SHARED = os.environ.get("NIGHTJAR_DATA", os.path.join(SOURCE, "../shared/data"))


def shared(name):
    path = os.path.realpath(os.path.join(SHARED, name))
    if not os.path.exists(path):
        raise unittest.SkipTest(f"{name} is not here; NIGHTJAR_DATA may name the folder of the data sets")
    return path


class Data(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def nj(self, *arguments):
        return subprocess.run([os.path.join(BUILD, "nj"), "data", *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=DEADLINE_S)  # fmt: skip

    def describe(self, source, *arguments, **settings):
        options = [part for path, value in settings.items() for part in ("--set", f"data.{path}={value}")]
        done = self.nj("describe", source, "--json", *options, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        answer = json.loads(done.stdout)
        return answer, {column["name"]: column for column in answer["columns"]}

    def refused(self, source, *messages, **settings):
        options = [part for path, value in settings.items() for part in ("--set", f"data.{path}={value}")]
        done = self.nj("describe", source, *options)
        self.assertEqual((done.returncode, done.stdout), (done.returncode or -1, ""), done.stdout)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for message in messages:
            self.assertIn(message, done.stderr)
        return done.returncode

    def put(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return name

    def generate(self, *arguments):
        subprocess.run([os.path.join(BUILD, "tests/generate"), *arguments], cwd=self.folder, check=True, timeout=DEADLINE_S)


class Pilots(Data):
    """Recordings as users have them, at a thirtieth of the scale."""

    def test_a_description_tells_what_a_user_must_know(self):
        self.generate("pilots", "--rows", "150000", "-o", "train.csv")
        answer, column = self.describe("train.csv", "--window", "64/4", target="event", time="time",
                                       series="[crew, seat, experiment]")  # fmt: skip
        self.assertEqual((answer["rows"], len(column), answer["format"]), (150000, 28, "csv"))
        self.assertEqual(sorted(answer["classes"]), ["A", "B", "C", "D"])
        self.assertEqual(len(answer["groups"]), 54)
        self.assertEqual(sum(group["rows"] for group in answer["groups"]), 150000)
        self.assertEqual(answer["time"]["rate"], 256)
        self.assertGreater(answer["time"]["backwards"], 20)  # seconds are sorted as text: 0, 1, 10, 2
        self.assertEqual([column[name]["role"] for name in ("time", "crew", "event", "r")],
                         ["time", "group", "target", "feature"])  # fmt: skip
        dead = next(group for group in answer["groups"] if group["name"] == "2/1/DA")
        self.assertGreater(dead["rows"], 500)
        self.assertTrue(any(leak.startswith("r tells the group") for leak in answer["leaks"]), answer["leaks"])
        self.assertFalse(any(leak.startswith("eeg") for leak in answer["leaks"]), answer["leaks"])
        windows = sum((group["rows"] - 64) // 4 + 1 for group in answer["groups"] if group["rows"] >= 64)
        self.assertEqual(answer["window"]["windows"], windows)
        self.assertEqual(answer["window"]["bytes_as_copies"], windows * 64 * 23 * 4)
        self.assertEqual(answer["window"]["bytes_as_views"], 150000 * 23 * 4)
        self.assertAlmostEqual(sum(column["r"]["histogram"]), 0.99, delta=0.011)

    def test_the_same_seed_makes_the_same_bytes(self):
        for name in ("a", "b"):
            self.generate("pilots", "--rows", "2000", "-o", name)
        with open(os.path.join(self.folder, "a"), "rb") as a, open(os.path.join(self.folder, "b"), "rb") as b:
            text = a.read()
            self.assertEqual(text, b.read())
        values = [value for line in text.decode().split("\n")[1:-1] for value in line.split(",")[4:27]]
        long = sum(len(value.strip("-").replace(".", "").lstrip("0")) >= 16 for value in values) / len(values)
        self.assertAlmostEqual(long, 0.13, delta=0.02)
        self.assertEqual([value for value in values if value != repr(float(value))], [])

    def test_a_person_sees_a_table(self):
        self.generate("operations", "--rows", "500", "-o", "or.csv")
        done = self.nj("describe", "or.csv", "--set", "data.target=ActualTime")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("or.csv: csv, 500 rows, 10 columns", done.stdout)
        self.assertRegex(done.stdout, r"ActualTime +real +target")
        head = self.nj("head", "or.csv", "-n", "3")
        self.assertEqual(head.stdout.count("Surgeon"), 3, head.stdout)


class LightCurves(Data):
    FORMAT = 'data.format={type: text_folder, name: "{planet:4}_{spot:2}_{photon:2}.txt", labels: %s, lines: columns}'

    def curves(self, source, labels):
        answer, column = self.describe(source, "--window", "100/100", "--set", self.FORMAT % labels)
        self.assertEqual(answer["format"], "text_folder")
        return answer, column

    def test_long_integers_keep_their_digits(self):
        long = [9007199254740993, 9007199254740992, 1234567890123451]
        self.put("long.csv", "g,t,y\n" + "".join(f"{g},{1700000000123 + i},{i}.5\n" for i, g in enumerate(long)) + ",,1.5\n")
        rows = json.loads(self.nj("head", "long.csv", "--json").stdout)["rows"]
        self.assertEqual([row[0] for row in rows], [str(long[0]), str(long[1]), long[2], None])
        self.assertEqual([row[1:] for row in rows[:2]], [[1700000000123, 0.5], [1700000000124, 1.5]])
        shown = self.nj("head", "long.csv").stdout
        for number in (*long, 1700000000124):
            self.assertIn(str(number), shown)
        _, column = self.describe("long.csv")
        self.assertEqual([column[name]["minimum"] for name in "gt"], [long[2], 1700000000123])
        self.assertEqual([column[name]["maximum"] for name in "gt"], [str(long[0]), 1700000000125])
        self.assertEqual(column["g"]["missing"], 1)

    def test_a_generated_folder(self):
        self.generate("exoplanets", "--planets", "2", "--spots", "2", "--draws", "2", "-o", "x")
        answer, column = self.curves("x/noisy_train", "params_train")
        self.assertEqual((answer["rows"], answer["series"]), (2400, 8))
        self.assertEqual(len(column), 3 + 6 + 55 + 2 + 55)
        self.assertEqual(answer["window"]["windows"], 8 * 3)
        self.assertEqual((column["planet"]["role"], column["y1"]["role"], column["c1"]["role"]),
                         ("aside", "aside", "feature"))  # fmt: skip
        self.assertEqual(column["planet"]["distinct"], 2)

    def test_the_six_real_files(self):
        with open(shared("ariel2021_stats/mean.txt"), encoding="utf-8") as file:
            mean = [float(line) for line in file]
        with open(shared("ariel2021_stats/std.txt"), encoding="utf-8") as file:
            deviation = [float(line) for line in file]
        samples = shared("ariel2021_samples")
        answer, column = self.curves(samples + "/noisy_train", samples + "/params_train")
        test, _ = self.describe(samples + "/noisy_test", "--set", self.FORMAT.replace("labels: %s, ", ""))
        self.assertEqual((answer["rows"], answer["series"], test["series"]), (900, 3, 3))
        for i in range(55):
            whole = sum(mean[300 * i : 300 * i + 300]) / 300
            spread = max(deviation[300 * i + 30 : 300 * i + 300])  # of one step over all files
            self.assertAlmostEqual(column[f"c{i + 1}"]["mean"], whole, delta=spread)
            self.assertGreater(column[f"y{i + 1}"]["minimum"], 0.02)
        for i, name in enumerate(("star_temp", "star_logg", "star_rad", "star_mass", "star_k_mag", "period")):
            self.assertLess(abs(column[name]["mean"] - mean[16500 + i]), 2 * deviation[16500 + i])


class Formats(Data):
    def test_real_files_of_each_format(self):
        for name, form, rows, series, columns in [
            ("basicmotions/BasicMotions_TRAIN.ts", "ts", 4000, 40, 8),
            ("japanesevowels/JapaneseVowels_TRAIN.ts.gz", "ts", 4274, 270, 14),
            ("weka_segment/segment-test.arff", "arff", 810, 0, 20),
            ("eeg_eye_state/EEG_Eye_State.arff.gz", "arff", 14980, 0, 15),
            ("sklearn_digits/digits.csv.gz", "csv", 1797, 0, 65),
        ]:
            with self.subTest(name):
                answer, _ = self.describe(shared(name))
                self.assertEqual((answer["format"], answer["rows"], answer["series"], len(answer["columns"])),
                                 (form, rows, series, columns))  # fmt: skip

    def test_arrays(self):
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 2), }\n"
        content = b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + struct.pack("<12f", *range(12))
        answer, column = self.describe(self.put("x.npy", content))
        self.assertEqual((answer["rows"], answer["series"], column["c2"]["maximum"]), (6, 2, 11))

    def test_recordings_are_trained_from_in_windows_of_their_own(self):
        lines = [",".join(str(100 * i + step) for step in range(6)) + f":{'ab'[i % 2]}\n" for i in range(20)]
        self.put("x.ts", "@classLabel true a b\n@data\n" + "".join(lines))
        self.put("x.yaml", "data: {source: x.ts, series: series, time: row, target: label,"
                           " split: {by: group, group: series, train: 0.5, valid: 0.2, test: 0.3}}\n"
                           "prepare: [standard, {type: window, length: 6}]\n"
                           "model: [{type: lstm, units: 4}, {type: dense, units: classes}]\n")  # fmt: skip
        done = subprocess.run([os.path.join(BUILD, "nj"), "check", "x.yaml", "--json"], cwd=self.folder,
                              capture_output=True, text=True, timeout=DEADLINE_S)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        summary = json.loads(done.stdout)["summary"]
        self.assertEqual([summary[name] for name in ("rows", "features", "classes")], [120, 1, 2])
        self.put("x.yaml", "data: {source: x.ts, time: row, target: label}\nmodel: [{type: dense, units: classes}]\n")
        done = subprocess.run([os.path.join(BUILD, "nj"), "check", "x.yaml"], cwd=self.folder, capture_output=True,
                              text=True, timeout=DEADLINE_S)  # fmt: skip
        self.assertEqual(done.returncode, 2)
        self.assertIn("data.series: is needed: x.ts holds 20 recordings", done.stderr.replace(self.folder + "/", ""))

    def test_a_spec_stands_for_its_data(self):
        self.put("x.csv", "a,b\n1,u\n2,v\n")
        self.put("x.yaml", "data: {source: x.csv, target: b}\nprepare: [{type: window, length: 2}]\nmodel: []\n")
        answer, column = self.describe("x.yaml")
        self.assertEqual((column["b"]["role"], answer["window"]["windows"]), ("target", 1))


class BadInput(Data):
    def test_each_is_one_line_with_its_place(self):
        for name, content, *messages in [
            ("ragged.csv", "a,b\n1,2\n1\n", "ragged.csv: line 3: 1 fields"),
            ("quote.csv", 'a,b\n1,"x" y\n', "quote.csv: line 2, column 2: text behind a closing quote"),
            ("nul.csv", b"a,b\n1,x\0y\n", "nul.csv: line 2, column 2: a NUL byte"),
            ("latin.csv", b"a,b\n1,\xe4\n", "latin.csv: line 2, column 2: invalid UTF-8"),
            ("long.csv", "a,b\n1," + "x" * 10_000_000 + "\n", "long.csv: line 2, column 2: a field of over"),
            ("short.ts", "@classLabel true a\n@data\n1,2", "short.ts: line 3: has no label"),
            ("cut.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 100000)[:200], "cut.csv.gz: the gzip file is truncated"),
            ("no.h5", "hello", "no.h5: is not an HDF5 file"),
            ("no.npz", "hello", "no.npz: 'c': is not in NumPy's format"),
            ("absurd.arff", "@attribute d date\n@data\n2021-02-31\n", "line 3, column 'd': '2021-02-31' is a date that"),
            ("empty.csv", "", "empty.csv: is empty"),
        ]:  # fmt: skip
            with self.subTest(name):
                self.assertIn(self.refused(self.put(name, content), *messages), (2, 6))

    def test_what_is_not_there(self):
        self.assertEqual(self.refused("gone.csv", "gone.csv: No such file"), 3)
        self.put("x.csv", "a,b\n1,2\n")
        self.assertEqual(self.refused("x.csv", "x.csv has no column 'c'", target="c"), 2)
        self.assertEqual(self.refused("x.csv", "data.format", format="excel"), 2)
        self.assertEqual(self.refused("x.csv", "data.colour", colour="red"), 2)

    def test_a_partner_that_is_missing(self):
        self.generate("exoplanets", "--planets", "1", "--spots", "1", "--draws", "2", "-o", "x")
        os.remove(os.path.join(self.folder, "x/params_train", sorted(os.listdir(self.folder + "/x/params_train"))[1]))
        done = self.nj("describe", "x/noisy_train", "--set", LightCurves.FORMAT % "params_train")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1))
        self.assertIn("has no partner", done.stderr)


if __name__ == "__main__":
    unittest.main()
