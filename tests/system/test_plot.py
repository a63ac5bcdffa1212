"""nj data plot and nj data drift: recordings as curves, windows of each class, how scalers' figures come about."""

import csv
import json
import math
import os
import subprocess
import unittest
import xml.etree.ElementTree as xml

from harness import BUILD, DEADLINE_S
from test_recordings import RATE, SENSORS, Folder, pilots, write_pilots

SVG = "{http://www.w3.org/2000/svg}"


class Pictures(Folder):
    def setUp(self):
        super().setUp()
        write_pilots(self.source)
        with open(self.source, encoding="ascii") as file:
            self.rows = list(csv.DictReader(file))
        self.spec = os.path.join(self.folder, "spec.yaml")
        with open(self.spec, "w", encoding="ascii") as file:
            json.dump(pilots(self.source), file)

    def nj(self, *arguments, status=0):
        environment = {**os.environ, "NIGHTJAR_HOME": os.path.join(self.folder, "home"), "NIGHTJAR_DATA": ""}
        done = subprocess.run([os.path.join(BUILD, "nj"), "data", *arguments], cwd=self.folder, env=environment, capture_output=True,
                              text=True, timeout=DEADLINE_S)  # fmt: skip
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def answer(self, *arguments):
        return json.loads(self.nj(*arguments, "--json").stdout)

    def picture(self, *arguments):
        self.nj(*arguments, "-o", "out.svg")
        root = xml.parse(os.path.join(self.folder, "out.svg")).getroot()
        return [item.text for item in root.iter(SVG + "text")], list(root.iter(SVG + "polyline"))

    def recording(self, crew, seat):
        rows = [row for row in self.rows if (row["crew"], row["seat"]) == (crew, seat)]
        return sorted(rows, key=lambda row: float(row["time"]))

    def test_a_recording_is_drawn_in_the_order_of_its_time(self):
        answer = self.answer("plot", self.spec, "--columns", "ecg,r", "--recording", "2/1", "--rows", "90-110")
        (line,) = answer["lines"]
        rows = self.recording("2", "1")[90:111]
        self.assertEqual((answer["x"], answer["columns"], answer["color"]["classes"]), ("time", ["ecg", "r"], ["A", "B"]))
        self.assertEqual(line["x"], [float(row["time"]) for row in rows])
        self.assertEqual([answer["color"]["classes"][code] for code in line["color"]], [row["event"] for row in rows])
        for got, row in zip(line["y"][1], rows):
            self.assertAlmostEqual(got, float(row["r"]), places=3)
        texts, lines = self.picture("plot", self.spec, "--columns", "ecg,r", "--recording", "2/1", "--rows", "90-110")
        self.assertEqual({"ecg", "r", "time", "A", "B"} - set(texts), set())
        self.assertEqual(len({line.get("stroke") for line in lines}), 2)  # rows 90 to 95 are A, then B
        self.assertEqual(len(lines), 4)
        self.assertEqual(sum(len(line.get("points").split()) for line in lines), 2 * 22)  # the change is in both

    def test_a_source_alone_is_drawn_as_it_stands(self):
        answer = self.answer("plot", self.source, "--columns", "r", "--rows", "0-9", "--color", "seat")
        (line,) = answer["lines"]
        self.assertEqual((answer["x"], line["x"]), ("row", list(range(10))))
        self.assertEqual([answer["color"]["classes"][code] for code in line["color"]], [row["seat"] for row in self.rows[:10]])

    def test_numbers_are_drawn_where_nobody_says_which(self):
        answer = self.answer("plot", self.source, "--rows", "0-9", "--color", "event")
        self.assertEqual(answer["columns"], [name for name in self.rows[0] if name != "event"])
        self.assertNotIn("left_out", answer)
        with open(self.spec, encoding="ascii") as file:
            spec = json.load(file)
        del spec["data"]["features"]
        with open(self.spec, "w", encoding="ascii") as file:
            json.dump(spec, file)
        columns = self.answer("plot", self.spec, "--rows", "0-9", "--recording", "1/0")["columns"]
        self.assertEqual(columns, SENSORS)  # neither keys nor time nor the target
        wide = os.path.join(self.folder, "wide.csv")
        with open(wide, "w", encoding="ascii") as out:
            csv.writer(out).writerows([["name", *(f"x{i}" for i in range(40))], *([word, *range(40)] for word in "abc")])
        answer = self.answer("plot", wide)
        self.assertEqual((answer["columns"], answer["left_out"]), ([f"x{i}" for i in range(32)], 8))
        told = self.nj("plot", wide, "-o", "wide.svg")
        self.assertEqual(told.stderr, "nj: 32 columns are drawn, 8 more are not: --columns says which\n")
        words = os.path.join(self.folder, "words.csv")
        with open(words, "w", encoding="ascii") as out:
            out.write("a,b\nx,y\nz,w\n")
        self.assertIn("no column holds numbers", self.nj("plot", words, status=2).stderr)

    def test_recordings_are_lines_of_their_own(self):
        answer = self.answer("plot", self.spec, "--columns", "r", "--color", "none")
        self.assertEqual((answer["x"], len(answer["lines"])), ("row", 12))
        self.assertEqual({len(line["x"]) for line in answer["lines"]}, {24 * RATE})

    def test_numbers_colour_by_intervals(self):
        for color in ("time", "row", "ecg"):
            answer = self.answer("plot", self.spec, "--columns", "r", "--recording", "1/0", "--color", color)
            (line,) = answer["lines"]
            self.assertEqual(len(answer["color"]["classes"]), 8)
            self.assertEqual(set(line["color"]) <= set(range(8)), True)
            if color != "ecg":
                self.assertEqual(line["color"], sorted(line["color"]))
        first = min(float(row["ecg"]) for row in self.recording("1", "0"))
        self.assertAlmostEqual(float(answer["color"]["classes"][0].split()[0]), first, delta=0.01)

    def test_windows_of_each_class_stand_beside_one_another(self):
        arguments = ("plot", self.spec, "--samples", "3", "--window", "32")
        answer = self.answer(*arguments)
        self.assertEqual([line["class"] for line in answer["lines"]], [0, 0, 0, 1, 1, 1])
        for line in answer["lines"]:
            self.assertEqual((line["x"], set(line["color"])), (list(range(32)), {line["class"]}))
        self.assertEqual(answer, self.answer(*arguments))
        self.assertNotEqual(answer, self.answer(*arguments, "--set", "seed=9"))
        texts, lines = self.picture(*arguments)
        self.assertEqual({"A", "B", *SENSORS} - set(texts), set())
        self.assertEqual(len(lines), 6 * len(SENSORS))

    def test_figures_of_training_rows_come_about_chunk_by_chunk(self):
        self.nj("drift", self.spec, "--chunk", "1000", "-o", "drift.csv")
        with open(os.path.join(self.folder, "drift.csv"), encoding="ascii") as file:
            lines = list(csv.DictReader(file))
        training = [row for row in self.rows if int(row["crew"]) <= 4]
        n = len(training)
        self.assertEqual(len(lines), len(SENSORS) * math.ceil(n / 1000))
        for sensor in SENSORS:
            of = [line for line in lines if line["column"] == sensor]
            values = [float(row[sensor]) for row in training]
            mean = sum(values) / n
            last = {name: float(of[-1][name]) for name in ("n", "minimum", "maximum", "mean", "sd")}
            self.assertEqual(last["n"], n)
            self.assertAlmostEqual(last["minimum"], min(values), delta=1e-3)
            self.assertAlmostEqual(last["maximum"], max(values), delta=1e-3)
            self.assertAlmostEqual(last["mean"], mean, delta=1e-3)
            self.assertAlmostEqual(last["sd"], math.sqrt(sum((x - mean) ** 2 for x in values) / n), delta=1e-3)
            lows = [float(line["minimum"]) for line in of]
            self.assertEqual(lows, sorted(lows, reverse=True))
            self.assertEqual(lows[-1], min(float(line["chunk_minimum"]) for line in of))
            self.assertEqual(sum(int(line["chunk_n"]) for line in of), n)
        texts, lines = self.picture("drift", self.spec, "--chunk", "1000", "--columns", "r")
        self.assertEqual({"r", "minimum so far", "mean so far", "maximum so far"} - set(texts), set())
        self.assertEqual(len(lines), 6)

    def test_nonsense_is_refused(self):
        for arguments, message in [
            (["plot", self.spec, "--columns", "pulse"], "no column 'pulse'"),
            (["plot", self.spec, "--columns", "r,,ecg"], "expected names"),
            (["plot", self.spec, "--rows", "9-3"], "expected FIRST-LAST"),
            (["plot", self.spec, "--rows", "3"], "expected FIRST-LAST"),
            (["plot", self.spec, "--rows", "99999999-99999999"], "there are rows 0 to"),
            (["plot", self.spec, "--recording", "9/9"], "there is no recording '9/9'; the first is 1/1"),
            (["plot", self.spec, "--window", "8"], "--window is the length of"),
            (["plot", self.spec, "--samples", "2", "--window", "100000"], "no 100000 rows that follow one another"),
            (["plot", self.spec, "--samples", "2", "--color", "none"], "need a colour"),
            (["plot", self.source, "--columns", "r", "-o", "out.png"], "a picture is an .svg file"),
            (["plot", self.source, "--columns", "r", "--chunk", "3"], "--chunk is for drift"),
            (["drift", self.spec, "--chunk", "0"], "--chunk"),
            (["drift", self.spec, "--columns", "event"], "no feature 'event'"),
            (["drift", self.spec, "-o", "out.h5"], "expected a .csv or .svg file"),
        ]:
            done = self.nj(*arguments, status=2)
            self.assertIn(message, done.stderr)
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))


if __name__ == "__main__":
    unittest.main()
