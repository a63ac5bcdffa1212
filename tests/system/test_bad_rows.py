"""Rows that are not as they should be, deep in a file that several threads read: one line with file, row and column, the exit
status of bad input, and nothing left half-written."""

import csv
import os
import subprocess
import tempfile
import unittest

from engine import check
from test_recordings import Folder

ROWS = 40_000  # some blocks of a file that is read in parallel
BAD = 35_001  # the row's number; its line is two further
LAYERS = [{"type": "dense", "units": "classes"}]


def spec(source, **data):
    return {"data": {"source": source, "target": "label", "features": ["x", "z"], **data},
            "model": LAYERS, "train": {"epochs": 1}, "evaluate": {"metrics": ["accuracy"]}}  # fmt: skip


class BadRows(Folder):
    @classmethod
    def setUpClass(cls):
        cls.lines = ["id,day,x,z,who,label\n"]
        cls.lines += [f"{i},2021-05-{i % 28 + 1:02},{i % 97}.5,{i % 89},p{i % 7},{'ab'[i % 2]}\n" for i in range(ROWS)]

    def write(self, bad, row=BAD):
        lines = list(self.lines)
        lines[row + 1] = bad
        with open(self.source, "wb") as file:
            for line in lines:
                file.write(line if isinstance(line, bytes) else line.encode())

    def refused(self, message, name="1", status=2, **data):
        run = self.run_of(spec(self.source, **data), name)
        done = run.finish()
        self.assertEqual((done.returncode, done.stderr.count("\n")), (status, 1), done.stderr)
        self.assertIn(message, done.stderr)
        folder = os.path.join(self.folder, "data")
        left = [entry for entry in os.listdir(folder) if not entry.endswith(".lock") and entry != "sources"]
        self.assertEqual(left, [])

    def test_each_is_told_with_its_place(self):
        line = BAD + 2
        for i, (bad, message, data) in enumerate([
            ("1,2021-05-01,1,2,p1\n", f"line {line}: 5 fields", {}),
            ("1,2021-05-01,1,2,p1,a,b\n", f"line {line}: 7 fields", {}),
            ('1,2021-05-01,1,2,p1,"a" b\n', f"line {line}, column 6: text behind a closing quote", {}),
            (b"1,2021-05-01,1,2\0,p1,a\n", f"line {line}, column 4: a NUL byte", {}),
            (b"1,2021-05-01,1,2,p\xe4,a\n", f"line {line}, column 5: invalid UTF-8", {}),
            (f"1,2021-05-01,1,{'7' * 10_000_000},p1,a\n", f"line {line}, column 4: a field of over", {}),
            ("1,2021-05-01,1,1e999,p1,a\n", f"line {line}, column 'z': '1e999' is beyond the range of numbers", {}),
            ("1,2021-05-01,1,1e39,p1,a\n", f"column 'z': 1e+39 in row {BAD} is beyond the range of float32", {}),
            ("1,2021-05-01,1,many,p1,a\n", f"line {line} of", {}),
            ("1,2021-05-01,1,many,p1,a\n", f"line {line}, column 'z': 'many' is not a number", {"numeric": ["z"]}),
            ("1,2021-02-31,1,2,p1,a\n", f"line {line}, column 'day': '2021-02-31' is a date that does not exist",
             {"dates": ["day"], "time": "day"}),
            ("1,soon,1,2,p1,a\n", f"line {line}, column 'day': 'soon' is not a date as", {"dates": ["day"], "features": ["day"]}),
            ("1,2021-05-01,1,2,,a\n", f"'who' is missing in 1 row of {self.source}, first in line {line}", {"group": ["who"]}),
            ("1,2021-05-01,1,2,p1,\n", f"'label' is missing in 1 row of {self.source}, first in line {line}", {}),
            ("7,2021-05-01,1,2,p1,a\n", f"'7' stands in rows 7 and {BAD}", {"id": ["id"]}),
            ("1,2021-05-01,1,,p1,a\n", f"'z' is missing in 1 row of {self.source}, first in line {line}", {"unstored": True}),
        ]):  # fmt: skip
            with self.subTest(message):
                self.write(bad)
                if data.pop("unstored", False):  # what nothing imputes shows once the data are prepared
                    done = self.run_of(spec(self.source), f"{i}").finish()
                    self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
                    self.assertIn(message, done.stderr)
                else:
                    self.refused(message, f"{i}", **data)

    def test_of_two_the_first_is_told(self):
        self.write("1,2021-05-01,1\n", 20_000)
        with open(self.source, "a", encoding="ascii") as file:
            file.write("1\n")
        self.refused("line 20002: 3 fields")

    def test_a_key_without_a_partner(self):
        self.write(f"{BAD},2021-05-01,1,2,p9,a\n")
        other = os.path.join(self.folder, "people.csv")
        with open(other, "w", encoding="ascii") as file:
            file.write("who,age\n" + "".join(f"p{i},{30 + i}\n" for i in range(7)))
        self.refused(f"row {BAD}: {other} has no row 'p9'", join=[{"type": "lookup", "source": other, "on": "who"}], features=["x", "age"])

    def test_a_full_disk_leaves_nothing(self):
        self.write(self.lines[BAD + 1])
        small = tempfile.mkdtemp(prefix="nightjar-small-")
        self.addCleanup(os.rmdir, small)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("mounting a tmpfs is not permitted here")
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        run = self.run_of(spec(self.source), "1")
        run.environment["NIGHTJAR_DATA"] = small
        done = run.finish()
        self.assertEqual((done.returncode, done.stderr.count("\n")), (7, 1), done.stderr)
        self.assertIn("No space left", done.stderr)
        self.assertEqual([name for name in os.listdir(small) if not name.endswith(".lock") and name != "sources"], [])


class Dates(Folder):
    def test_dates_are_seconds_and_order_rows(self):
        with open(self.source, "w", encoding="ascii") as file:
            file.write("when,x,label\n2021-05-02,1,a\n2021-05-01T12:00:00,2,b\n1970-01-01T00:01:00Z,3,a\n2021-05-03,4,b\n")
        data = {"dates": ["when"], "time": "when", "features": ["when", "x"], "split": {"train": 1, "valid": 0, "test": 0}}
        answers, done = check([spec(self.source, **{**data, "features": ["x"]})])
        self.assertEqual(answers[0]["diagnostics"], [], done.stderr)
        run = self.run_of(spec(self.source, **{**data, "features": ["x"], "split": {"by": "time", "train": 0.75, "test": 0.25}}), "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(run.artifact("predictions.csv"), encoding="ascii") as file:
            self.assertEqual([row["row"] for row in csv.DictReader(file)], ["3"])

    def test_other_formats_do_not_read_it(self):
        path = os.path.join(self.folder, "x.arff")
        with open(path, "w", encoding="ascii") as file:
            file.write("@relation r\n@attribute x numeric\n@attribute z numeric\n@attribute label {a,b}\n@data\n1,2,a\n2,1,b\n")
        (answer,), _ = check([spec(path, dates=["x"])])
        self.assertEqual(answer["diagnostics"][0]["path"], "data.dates")


class UnseenClasses(Folder):
    def run_with(self, policy, name):
        with open(self.source, "w", encoding="ascii") as file:
            file.write("x,z,part,label\n" + "".join(f"{i},{i % 3},{'train' if i < 40 else 'test'},{'ab'[i % 2]}\n" for i in range(60)))
            file.write("60,1,test,c\n61,1,test,c\n")
        run = self.run_of(spec(self.source, unseen_classes=policy, split={"by": "column", "column": "part"}), name)
        return run, run.finish()

    def test_the_policy_decides(self):
        run, done = self.run_with("warning", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(run.events("split")[0]["test"], 22)
        self.assertTrue(any(event["text"] == "no training row has it" for event in run.events("warning")))
        run, done = self.run_with("drop", "2")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((run.events("split")[0]["test"], run.events("split")[0]["unused"]), (20, 2))
        run, done = self.run_with("error", "3")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"data.unseen_classes: row 60 of {self.source}, in the test part, has the class 'c'", done.stderr)


if __name__ == "__main__":
    unittest.main()
