"""Samples as images: copies of a recording stacked to one, cropped and turned over where a network trains, and only there."""

import csv
import os
import random
import tempfile
import unittest

from engine import Run, engine

LINES, COPIES, PIXELS = 3, 4, 6  # of a copy; of a star; of a line
STARS = 30


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="nightjar-images-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder, cls.last = folder.name, 0
        cls.source = os.path.join(cls.folder, "lines.csv")
        dice = random.Random(2)
        rows = []
        for star in range(STARS):
            bright = star % 2
            for copy in range(COPIES):
                for line in range(LINES):
                    pixels = [f"{dice.gauss(bright, 0.4):.4f}" for _ in range(PIXELS)]
                    rows.append(f"{star},{copy * LINES + line},{','.join(pixels)},{'dim' if bright == 0 else 'bright'}\n")
        dice.shuffle(rows)  # time puts them in order
        with open(cls.source, "w") as file:
            file.write("star,place," + ",".join(f"p{i}" for i in range(PIXELS)) + ",kind\n" + "".join(rows))

    def run_of(self, layers):
        type(self).last += 1
        height = COPIES * LINES
        spec = {"data": {"source": self.source, "series": ["star"], "time": "place", "target": "kind",
                         "split": {"by": "group", "group": "star", "train": 0.6, "test": 0.4}},
                "prepare": [{"type": "minmax", "together": True}, {"type": "window", "length": height, "stride": height}],
                "model": [*layers, {"type": "conv1d", "filters": 4, "size": 3, "activation": "leaky_relu"}, "global_average_pool",
                          {"type": "dense", "units": "classes"}],
                "train": {"epochs": 100, "batch": 6, "optimizer": {"type": "adam", "rate": 0.02}}}
        run = Run(os.path.join(self.folder, str(self.last)), spec)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        return run

    @staticmethod
    def read(path_or_text):
        if "\n" not in path_or_text:
            with open(path_or_text) as file:
                path_or_text = file.read()
        return list(csv.DictReader(path_or_text.splitlines()))

    def test_stacked_copies_are_cropped_in_training_alone(self):
        layers = [{"type": "random_resized_crop", "size": [8, 4], "least": 0.3}, {"type": "random_flip", "vertical": 0.5}]
        run, again = self.run_of(layers), self.run_of(layers)
        self.assertGreater(run.results()["test.accuracy"], 0.8)
        self.assertEqual(run.results(), again.results())
        told = self.read(run.artifact("predictions.csv"))
        self.assertEqual(len(told), STARS * 2 // 5, "an image a star")
        done = engine("predict", run.folder, "--data", self.source)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, engine("predict", again.folder, "--data", self.source, "--batch", "5").stdout)
        shapes = [line.split()[:4] for line in engine("inspect", run.folder).stdout.splitlines()]
        self.assertIn(["input", "x", str(LINES * COPIES), "x"], shapes)
        self.assertIn(["random_resized_crop1", "8", "x", "4"], shapes)

    def test_what_is_drawn_changes_what_is_learnt(self):
        plain = self.run_of([])
        turned = self.run_of([{"type": "random_flip", "horizontal": 0.5}])
        never = self.run_of([{"type": "random_flip", "horizontal": 0}])
        self.assertEqual(never.results(), plain.results())
        self.assertNotEqual(turned.results()["train.loss"], plain.results()["train.loss"])


if __name__ == "__main__":
    unittest.main()
