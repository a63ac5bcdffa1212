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

    def test_numbers_are_scaled_for_people_alone(self):
        self.assertRegex(self.nj("best", "all", "-m", "test.rmse", "--scale", "rmse=1e5").out, r"test\.rmse x 100000 .*\n +12\.3 ")
        out = self.nj("compare", "all", "--scale", "test.rmse=1e6").out
        self.assertIn("test.rmse x 1e+06", out)
        self.assertEqual(len(re.findall(r" 123 ", out)), 2)
        self.assertIn("test.rmse x 100000 12.3", self.nj("report", "batch:1", "--scale", "rmse=1e5").out)
        self.assertNotIn(" x ", self.nj("compare", "all", "--scale", "mae=10").out)
        plain = self.nj("best", "all", "-m", "test.rmse", "--json").out
        self.assertEqual(self.nj("best", "all", "-m", "test.rmse", "--json", "--scale", "rmse=1e5").out, plain)

    def test_nonsense_is_refused(self):
        (quiet,) = self.submit("--", "true")
        self.nj("wait", quiet)
        self.refused("show", self.ids[0], "--curves", "out.png", message="a picture is an .svg file")
        self.refused("show", self.ids[0], "--smooth", "3", message="are for --curves")
        self.refused("show", quiet, "--curves", "out.svg", message="nothing was reported by steps", status=3)
        for text in ("rmse", "rmse=", "=3", "rmse=0", "rmse=far"):
            self.refused("compare", "all", "--scale", text, message="expected METRIC=FACTOR")


if __name__ == "__main__":
    unittest.main()
