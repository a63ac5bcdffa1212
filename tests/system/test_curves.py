"""nj show --curves: series as a picture; --scale: a metric's numbers as one likes to read them."""

import os
import re
import unittest
import xml.etree.ElementTree as xml

from test_client import Case as ClientCase
from test_client import NJ

SVG = "{http://www.w3.org/2000/svg}"
STEPS = 40


class Curves(ClientCase):
    def setUp(self):
        super().setUp()
        lines = "; ".join(f"echo '{{\"loss\": {(step % 2) + 1 / (step + 1)}, \"rate\": 0.1, \"step\": {step}}}'" for step in range(STEPS))
        script = f'({lines}) >> "$NIGHTJAR_EVENTS"; {NJ} event test.rmse=0.000123'
        self.ids = [self.submit("--", "sh", "-c", script)[0] for _ in range(2)]
        self.nj("wait", *self.ids)

    def draw(self, *arguments):
        self.nj("show", *self.ids, "--curves", "out.svg", *arguments)
        root = xml.parse(os.path.join(self.folder, "out.svg")).getroot()
        return [item.text for item in root.iter(SVG + "text")], list(root.iter(SVG + "polyline"))

    @staticmethod
    def heights(line):
        return [float(point.split(",")[1]) for point in line.get("points").split()]

    def test_each_metric_has_a_panel_and_each_experiment_a_colour(self):
        texts, lines = self.draw("--smooth", "1")
        self.assertEqual({"loss", "rate", *(f"experiment {number}" for number in self.ids)} - set(texts), set())
        self.assertEqual(len(lines), 4)
        self.assertEqual(len({line.get("stroke") for line in lines}), 2)
        self.assertTrue(all(len(self.heights(line)) == STEPS for line in lines))

    def test_a_moving_average_calms_what_goes_up_and_down(self):
        texts, lines = self.draw("--metric", "loss", "--smooth", "2")
        self.assertNotIn("rate", texts)
        faint, calm = ([line for line in lines if (line.get("opacity") is not None) == wanted] for wanted in (True, False))
        self.assertEqual((len(faint), len(calm)), (2, 2))
        jumps = [[abs(a - b) for a, b in zip(heights[5:], heights[6:])] for heights in map(self.heights, (faint[0], calm[0]))]
        self.assertLess(10 * max(jumps[1]), max(jumps[0]))

    def test_numbers_are_scaled(self):
        self.assertRegex(self.nj("best", "all", "-m", "test.rmse", "--scale", "rmse=1e5").out, r"test\.rmse x 100000 .*\n +12\.3 ")
        out = self.nj("compare", "all", "--scale", "test.rmse=1e6").out
        self.assertIn("test.rmse x 1e+06", out)
        self.assertEqual(len(re.findall(r" 123 ", out)), 2)
        self.assertIn("test.rmse x 100000 12.3", self.nj("report", "batch:1", "--scale", "rmse=1e5").out)
        self.assertNotIn(" x ", self.nj("compare", "all", "--scale", "mae=10").out)
        both = [self.nj("best", "all", "-m", "test.rmse", "--json", *more).json() for more in ([], ["--scale", "rmse=7", "--scale", "rmse=1e5"])]
        self.assertEqual([1e5 * row["value"] for row in both[0]["rows"]], [row["value"] for row in both[1]["rows"]])

    def test_what_is_scaled_in_a_report_is_scaled_everywhere(self):
        script = 'nj event test.rmse=0.00$1$NIGHTJAR_SEED'.replace("nj", NJ)
        path = self.write("seeds.yaml", f"command: [sh, -c, '{script}', sh, '{{x}}']\n"
                          "sweep: {goal: {minimize: test.rmse}, parameters: {x: [1, 5]}, replicates: 3}\n")
        ids = self.submit("--wait", path)
        batch = f"batch:{self.nj('show', ids[0], '--json').json()['batch']}"
        plain, scaled = (self.nj("report", batch, "--json", *more).json()["batches"][0] for more in ([], ["--scale", "rmse=1e5"]))
        for before, after in zip(plain["configurations"], scaled["configurations"], strict=True):
            for name in ("mean", "sd", "low", "high"):
                self.assertAlmostEqual(after[name], 1e5 * before[name], msg=name)
            self.assertAlmostEqual(after["best"]["value"], 1e5 * before["best"]["value"])
        numbers = [list(map(float, re.findall(r"\(([-0-9.e]+), n=3\)", report["findings"][0]))) for report in (plain, scaled)]
        self.assertEqual(numbers, [[0.0011, 0.0051], [110, 510]])
        text = self.nj("report", batch, "--scale", "rmse=1e5").out
        self.assertIn("x: test.rmse x 100000 1 (110, n=3) is better than 5 (510, n=3): they differ by 400,", text)
        self.assertRegex(text, r"1  3 +110 \S+ 10 +85\.159 \.\. 134\.84 ")
        self.assertRegex(self.nj("compare", batch, "-m", "test.rmse", "--scale", "rmse=1e5").out, r"\n3 +1 +110 \S+ 10 \(85\.159 \.\. 134\.84\)")

    def test_nonsense_is_refused(self):
        (quiet,) = self.submit("--", "true")
        self.nj("wait", quiet)
        self.refused("show", self.ids[0], "--curves", "out.png", message="a picture is an .svg file")
        self.refused("show", self.ids[0], "--smooth", "3", message="are for --curves")
        self.refused("show", quiet, "--curves", "out.svg", message="nothing was reported by steps", status=3)
        for text in ("rmse", "rmse=", "=3", "rmse=0", "rmse=far"):
            self.refused("compare", "all", "--scale", text, message="expected METRIC=FACTOR")


class Outputs(ClientCase):
    """nj evaluate --plot: what is predicted beside what is true."""

    ROWS = 50

    def write(self, name, columns, predicted):
        """Of each column 10, 20, ... plus a row's number is true."""
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write("id," + ",".join(f"actual[{c}],predicted[{c}]" for c in columns) + "\n")
            for row in range(self.ROWS):
                truth = [10 * (k + 1) + row for k in range(len(columns))]
                file.write(f"{row}," + ",".join(f"{t},{predicted(t, k)}" for k, t in enumerate(truth)) + "\n")
        return path

    def draw(self, *arguments):
        self.nj("evaluate", *arguments, "--plot", "out.svg")
        root = xml.parse(os.path.join(self.folder, "out.svg")).getroot()
        lines = [[tuple(map(float, point.split(","))) for point in line.get("points").split()]
                 for line in root.iter(SVG + "polyline")]
        dots = [(item.get("fill"), float(item.get("x")), float(item.get("y"))) for item in root.iter(SVG + "rect")
                if item.get("width") == "2.4"]
        return [item.text for item in root.iter(SVG + "text")], lines, dots

    def test_each_output_has_its_means_its_spread_and_its_error(self):
        names = ["wl_1", "wl_2", "wl_4"]
        good = self.write("good.csv", names, lambda t, k: t + (0.5 if k == 1 else 0))
        bad = self.write("bad.csv", names, lambda t, k: 35)
        texts, lines, dots = self.draw("-p", good, "-p", bad)
        self.assertEqual(dots, [])
        self.assertEqual({"true", good, bad, "rmse", "output, by the number in its name"} - set(texts), set())
        self.assertEqual(sum(len(line) == 2 for line in lines), 9, "a bar for each mean")
        bars, curves = lines[:9], lines[9:]
        self.assertEqual(len(curves), 5)  # true, and of each file mean and error
        true, good_mean, good_error, bad_mean, bad_error = curves
        for x, bar in zip(true, bars):
            self.assertAlmostEqual((bar[0][1] + bar[1][1]) / 2, x[1], delta=0.11)
        self.assertAlmostEqual((true[2][0] - true[0][0]) / (true[1][0] - true[0][0]), 3, delta=0.01)
        self.assertEqual(true[0][1], good_mean[0][1])
        self.assertLess(good_mean[1][1], true[1][1], "half a unit higher")
        self.assertEqual(len({y for _, y in bad_mean}), 1)
        scale = (true[0][1] - true[1][1]) / 10  # pixels of a unit
        self.assertAlmostEqual((true[1][1] - good_mean[1][1]) / scale, 0.5, delta=0.1)
        self.assertTrue(all(b[1] < g[1] for b, g in zip(bad_error, good_error)), "larger errors are higher up")

    def test_a_single_output_is_drawn_row_by_row_with_the_diagonal(self):
        good = self.write("good.csv", ["a", "b"], lambda t, k: t)
        texts, lines, dots = self.draw("-p", good, "--target", "b")
        self.assertEqual((len(lines), len(dots)), (1, self.ROWS))
        self.assertIn(f"b, true; {self.ROWS} of {self.ROWS} rows", texts)
        (x1, y1), (x2, y2) = lines[0]
        for _, x, y in dots:
            self.assertAlmostEqual(y1 + (x + 1.2 - x1) * (y2 - y1) / (x2 - x1), y + 1.2, delta=0.2)
        alone = self.write("alone.csv", ["a"], lambda t, k: t + 1)
        self.assertEqual(len(self.draw("-p", alone)[2]), self.ROWS)

    def test_files_are_averaged_and_measured_beside_one_another(self):
        low = self.write("low.csv", ["a"], lambda t, k: t - 3)
        high = self.write("high.csv", ["a"], lambda t, k: t + 1)
        out = self.nj("evaluate", "-p", low, "-p", high, "-m", "mae", "--mean", "mean.csv").out.splitlines()
        self.assertEqual(out[0].split()[2:], [low, high, "mean.csv"])
        self.assertEqual(out[1].split(), ["mae", "3", "1", "1"])
        self.refused("evaluate", "3", "--mean", "mean.csv", message="--mean is for --predictions")
        self.refused("evaluate", "-p", low, "--mean", "mean.h5", message="is a .csv file")

    def test_names_without_numbers_lie_in_their_order(self):
        texts, _, _ = self.draw("-p", self.write("named.csv", ["mass", "radius"], lambda t, k: t))
        self.assertIn("output: 0 mass, 1 radius", texts)

    def test_shares_of_classes_are_beside_their_probabilities(self):
        path = os.path.join(self.folder, "classes.csv")
        with open(path, "w") as file:
            file.write("id,actual,predicted,p[u],p[v]\n" + "1,u,u,0.75,0.25\n2,v,u,0.75,0.25\n" * 10)
        texts, lines, _ = self.draw("-p", path)
        self.assertIn("share, mean p; bars: 1 sd", texts)
        (_, share_u), (_, share_v) = lines[4]
        (_, p_u), (_, p_v) = lines[5]
        self.assertEqual(share_u, share_v)
        self.assertAlmostEqual(share_u - p_u, p_v - share_v, delta=0.2)

    def test_what_cannot_be_drawn_is_refused(self):
        good = self.write("good.csv", ["a", "b"], lambda t, k: t)
        other = self.write("other.csv", ["a", "c"], lambda t, k: t)
        for arguments, message in ((("-p", good, "--plot", "x.png"), "a picture is an .svg file"),
                                   (("-p", good, "--target", "a"), "--target is for --plot"),
                                   (("-p", good, "--plot", "x.svg", "--target", "c"), "predicts no c"),
                                   (("-p", good, "-p", other, "--plot", "x.svg"), "has c where"),
                                   (("-p", good, "--plot", "x.svg", "-m", "rmse"), "--plot goes with"),
                                   (("3", "-p", good, "--plot", "x.svg"), "there is no ID to it")):
            self.refused("evaluate", *arguments, message=message)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "x.svg")))


if __name__ == "__main__":
    unittest.main()
