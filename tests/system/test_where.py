"""data.where: rows by a rule, without moving any other row to another part, and without a trace of what is left out."""

import csv
import random
import unittest

from engine import check, engine
from test_export import Exporting
from test_recordings import pilots, write_pilots


class Where(Exporting):
    N = 600

    def write_stars(self, path=None):
        """Heavy tails in rad, which says nothing; a missing mass here and there."""
        chance = random.Random(4)
        self.stars = []
        with open(path or self.source, "w", encoding="ascii") as out:
            out.write("star,rad,mass,sort,x,y\n")
            for i in range(self.N):
                rad = chance.paretovariate(2)
                mass = "" if i % 50 == 7 else f"{chance.uniform(0.2, 2):.4f}"
                x = chance.gauss(0, 1) + (1000 if rad > 1.8 else 0)
                self.stars.append({"star": i, "rad": rad, "mass": float(mass or "nan"), "sort": "KGM"[i % 3], "x": x})
                out.write(f"{i},{rad:.5f},{mass},{'KGM'[i % 3]},{x:.5f},{chance.gauss(0, 1) + 0.5 * x:.5f}\n")

    def table(self, *where):
        return {"data": {"source": self.source, "id": "star", "target": "y", "features": ["x"], "where": list(where),
                         "split": {"by": "fraction", "valid": 0.2, "test": 0.2}},
                "prepare": ["standard"], "model": [{"type": "dense", "units": "targets"}], "train": {"epochs": 2},
                "evaluate": {"metrics": ["rmse"]}}  # fmt: skip

    def parts(self, *where):
        self.export(self.table(*where), "out.csv")
        return {int(row["star"]): row for row in self.rows("out.csv")}

    def test_what_is_left_out_moves_no_row_and_no_scale(self):
        self.write_stars()
        whole, some = self.parts(), self.parts("rad <= 1.8", "mass>=0.5")
        kept = {star["star"] for star in self.stars if round(star["rad"], 5) <= 1.8 and star["mass"] >= 0.5}
        self.assertEqual(set(some), kept)
        self.assertLess(len(kept), self.N - 20)
        self.assertEqual({star: row["part"] for star, row in some.items()}, {star: whole[star]["part"] for star in kept})
        scaled = [float(row["x"]) for row in some.values() if row["part"] == "train"]
        self.assertAlmostEqual(sum(scaled) / len(scaled), 0, places=5)
        self.assertLess(max(map(abs, scaled)), 5)  # of the thousands nothing is left in the scale

    def test_texts_and_numbers_are_compared(self):
        self.write_stars()
        for where, keeps in [
            ("sort == K", lambda star: star["sort"] == "K"),
            ("sort != K", lambda star: star["sort"] != "K"),
            ("star < 100", lambda star: star["star"] < 100),
            ("star > 99", lambda star: star["star"] > 99),
            ("star == 7", None),
            ("mass != 0", lambda star: star["mass"] == star["mass"]),
        ]:
            if keeps:
                self.assertEqual(set(self.parts(where)), {star["star"] for star in self.stars if keeps(star)}, where)
            else:
                spec = self.write_spec(self.table(where))
                self.assertIn("part is empty", self.nj("export", spec, "-o", "out.csv", status=2).stderr)

    def test_integers_are_told_apart_beyond_what_a_double_holds(self):
        first = 2**53
        with open(self.source, "w", encoding="ascii") as out:
            out.write("star,x,y\n")
            for i in range(8):
                out.write(f"{first + i},{i},{i % 3}.5\n")
        spec = {"data": {"source": self.source, "id": "star", "target": "y", "split": {"train": 1, "valid": 0, "test": 0}},
                "model": [{"type": "dense", "units": "targets"}]}  # fmt: skip
        for where, kept in [
            (f"star == {first + 1}", [1]),
            (f"star != {first + 1}", [0, 2, 3, 4, 5, 6, 7]),
            (f"star > {first}", [1, 2, 3, 4, 5, 6, 7]),
            (f"star <= {first + 3}", [0, 1, 2, 3]),
            ("star > 0.5", [0, 1, 2, 3, 4, 5, 6, 7]),
        ]:
            spec["data"]["where"] = [where]
            self.export(spec, "out.csv")
            self.assertEqual([int(row["star"]) - first for row in self.rows("out.csv")], kept, where)

    def test_long_integers_are_exact_or_refused_whatever_the_column_is(self):
        first = 2**53

        def write(tail=""):
            with open(self.source, "w", encoding="ascii") as out:
                out.write("star,x,y\n" + "".join(f"{first + i},{i},{i % 3}.5\n" for i in range(8)) + tail)

        spec = {"data": {"source": self.source, "ignore": "star", "target": "y", "split": {"train": 1, "valid": 0, "test": 0},
                         "where": [f"star == {first + 1}"]},
                "model": [{"type": "dense", "units": "targets"}]}  # fmt: skip
        write()
        self.export(spec, "out.csv")
        self.assertEqual([int(row["row"]) for row in self.rows("out.csv")], [1])
        write(",8,1.5\n")  # with a missing value the column is one of doubles
        refused = "rows have a 'star' that may be 9007199254740993, but is rounded"
        self.assertIn(refused, self.nj("export", self.write_spec(spec), "-o", "out.csv", status=2).stderr)
        spec["data"]["where"] = [f"star > {first + 3}"]
        self.assertIn("data.where: 3 rows have", self.nj("export", self.write_spec(spec), "-o", "out.csv", status=2).stderr)
        spec["data"]["where"] = [f"star > {first + 30}"]
        self.assertIn("part is empty", self.nj("export", self.write_spec(spec), "-o", "out.csv", status=2).stderr)
        del spec["data"]["ignore"]  # a feature
        spec["data"]["where"] = [f"star == {first + 1}"]
        write()
        self.assertIn(refused, self.nj("export", self.write_spec(spec), "-o", "out.csv", status=2).stderr)

    def test_a_run_tells_and_needs_no_other_import(self):
        self.write_stars()
        runs = []
        for number, limit in enumerate(("1.8", "1.5")):
            runs.append(self.run_of(self.table(f"rad <= {limit}", "mass <= 1.5"), str(number)))
            self.assertEqual(runs[-1].finish().returncode, 0)
        self.assertEqual([run.events("data")[0]["built"] for run in runs], [True, False])
        for run, limit in zip(runs, (1.8, 1.5)):
            notes = " ".join(event["text"] for event in run.events("note"))
            far = sum(round(star["rad"], 5) > limit for star in self.stars)
            self.assertIn(f"of {self.N} rows (rad <= {limit}: {far} rows do not, mass <= 1.5: ", notes)
            (split,) = run.events("split")
            kept = sum(round(star["rad"], 5) <= limit and star["mass"] <= 1.5 for star in self.stars)
            self.assertEqual(sum(split[part] for part in ("train", "valid", "test")), kept)
        done = engine("predict", runs[0].folder, "--data", self.source)
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, self.N + 1))  # predict answers all

    def test_no_window_touches_a_row_that_is_left_out(self):
        write_pilots(self.source)
        with open(self.source, encoding="ascii") as file:
            given = {int(row["id"]): row for row in csv.DictReader(file)}
        for split in ({"by": "group", "test": 0.3}, {"by": "fraction", "test": 0.3, "windows": "random"}):
            spec = pilots(self.source, where=["ecg <= -3700"], split=split, allow_leak="windows at random")
            spec["data"]["features"] = ["ecg"]
            spec["prepare"] = [{"type": "window", "length": 4, "stride": 1}]
            answer = self.export(spec, "out.csv")
            self.assertGreater(answer["samples"], 100)
            for row in self.rows("out.csv"):
                seen = [float(row[name]) for name in ("ecg", "ecg[1]", "ecg[2]", "ecg[3]")]
                self.assertLessEqual(max(seen), -3700 + 1e-3)
                self.assertAlmostEqual(seen[-1], float(given[int(row["id"])]["ecg"]), places=2)

    def test_bad_conditions_are_refused(self):
        self.write_stars()
        specs = [self.table(where) for where in ("rad 1.8", "<= 3", "rad <=", "sort < K", "raad <= 1.8", "rad == far")]
        answers, done = check(specs)
        self.assertEqual(done.returncode, 2)
        for answer, message in zip(answers, ("expected a column, one of", "lacks a column", "lacks a value", "texts are compared by",
                                             "no column 'raad'; did you mean 'rad'?", "'rad' holds numbers, and 'far' is none")):  # fmt: skip
            (diagnostic,) = answer["diagnostics"]
            self.assertTrue(diagnostic["path"].startswith("data.where"), diagnostic)
            self.assertIn(message, diagnostic["message"])


if __name__ == "__main__":
    unittest.main()
