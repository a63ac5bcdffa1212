"""How long a training will take, from how long epochs took before: told by nj check, and as a run begins."""

import json
import os
import socket
import subprocess
import tempfile
import unittest

from engine import BUILD, DEADLINE, ENGINE, Run, layers

ROWS = 200


class Paces(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nightjar-paces-")
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        self.paces = os.path.join(self.home, "data", "paces")
        self.source = self.write(ROWS)
        self.last = 0

    def write(self, rows):
        path = os.path.join(self.home, f"rows{rows}.csv")
        with open(path, "w") as file:
            file.write("a,b,y\n" + "".join(f"{i % 7},{i % 5},{'uv'[i % 7 > 3]}\n" for i in range(rows)))
        return path

    def spec(self, units=8, source=None, model=None, **train):
        return {"data": {"source": source or self.source, "target": "y", "split": {"train": 0.5, "valid": 0.25, "test": 0.25}},
                "model": model or layers(units), "train": {"epochs": 3, **train}}

    def run_of(self, spec):
        self.last += 1
        run = Run(os.path.join(self.home, "runs", str(self.last)), spec)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        return run

    def lines(self):
        with open(self.paces) as file:
            return [line.split() for line in file]

    def remember(self, **changes):
        """What a run left, as if its epochs had taken an hour."""
        self.run_of(self.spec())
        (line,) = self.lines()
        names = ["machine", "kernel", "kinds", "steps", "width", "rows", "batch", "parameters", "experiment", "epoch_s", "rest_s"]
        line = {**dict(zip(names, line, strict=True)), "experiment": 12, "epoch_s": 3600, "rest_s": 60, **changes}
        with open(self.paces, "w") as file:
            file.write("half a line\n" + " ".join(map(str, line.values())) + "\nanother half")

    def summary(self, spec):
        line = {"spec": spec, "cwd": self.home, "runs": os.path.join(self.home, "runs")}
        done = subprocess.run([ENGINE, "check"], input=json.dumps(line) + "\n", capture_output=True, text=True,
                              timeout=DEADLINE)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["diagnostics"], [])
        return answer["summary"]

    def test_a_run_leaves_how_long_its_epochs_took(self):
        run = self.run_of(self.spec(epochs=20))
        (line,) = self.lines()
        self.assertEqual(line[0], socket.gethostname().replace(" ", "_"))
        self.assertEqual(line[3:9], ["1", "2", "100", "32", str(8 * 3 + 2 * 9), "1"])
        self.assertLess(float(line[9]), sum(stage[1] for stage in run.events("table")[-1]["rows"]))
        self.assertEqual(len(self.lines()), 1)
        self.run_of(self.spec(limit={"batches": 2}))
        self.assertEqual(len(self.lines()), 1, "no epoch was whole")

    def test_the_same_again_takes_as_long(self):
        self.remember()
        summary = self.summary(self.spec(epochs=5))
        self.assertEqual(summary["expected_s"], 5 * 3600 + 60)
        self.assertEqual(summary["expected"], "experiment 12 took that")
        self.assertIn("about 3h 01m at most, 1h 00m an epoch: experiment 12 took that",
                      [note["text"] for note in self.run_of(self.spec()).events("note")])

    def test_a_run_says_what_is_left_before_it_has_a_pace(self):
        self.remember()
        run = self.run_of(self.spec())
        first = run.events("progress")[0]
        self.assertEqual((first["done"], first["total"], first["left"]), (0, 3, 3 * 3600))
        self.assertEqual([event for event in run.events("progress")[1:] if "left" in event], [])
        limited = self.run_of(self.spec(limit={"time": "2h"}))
        self.assertEqual(limited.events("progress")[0]["left"], 2 * 3600)

    def test_a_limit_of_time_counts(self):
        self.remember()
        self.assertEqual(self.summary(self.spec(epochs=5, limit={"time": "2h"}))["expected_s"], 2 * 3600 + 60)

    def test_other_sizes_are_scaled_and_said(self):
        self.remember()
        wide, rows = self.spec(units=16), self.spec(source=self.write(4 * ROWS))
        factor = (16 * 3 + 2 * 17) / (8 * 3 + 2 * 9)
        summary = self.summary(wide)
        self.assertAlmostEqual(summary["expected_s"], 3 * 3600 * factor + 60, delta=0.1)
        self.assertEqual(summary["expected"], f"scaled from experiment 12, by {factor:.3g} in parameters")
        summary = self.summary(rows)
        self.assertAlmostEqual(summary["expected_s"], 3 * 3600 * 4 + 60, delta=0.1)
        self.assertEqual(summary["expected"], "scaled from experiment 12, by 4 in rows")

    def test_the_most_similar_of_several_tells(self):
        self.remember()
        with open(self.paces) as file:
            line = file.read().splitlines()[1].split()
        for experiment, parameters, batch in ((13, 60, 32), (14, 42, 16), (15, 42, 32), (16, 42, 64)):
            line[6:9] = [str(batch), str(parameters), str(experiment)]
            with open(self.paces, "a") as file:
                file.write("\n" + " ".join(line) + "\n")
        self.assertEqual(self.summary(self.spec())["expected"], "experiment 15 took that")
        self.assertEqual(self.summary(self.spec(batch=64))["expected"], "experiment 16 took that")

    def test_what_is_not_alike_tells_nothing(self):
        for changes in ({"machine": "another"}, {"kernel": "another"}, {"parameters": 421}, {"steps": 2}, {"rows": 0}):
            if os.path.exists(self.paces):
                os.unlink(self.paces)
            self.remember(**changes)
            self.assertNotIn("expected", self.summary(self.spec()), changes)
        os.unlink(self.paces)
        self.remember()
        self.assertIn("expected", self.summary(self.spec()))
        for other in (self.spec(model=layers(8, 8)), self.spec(precision="float64"),
                      self.spec(model=[{"type": "boosted_trees"}]) | {"train": {"epochs": 3}}):
            self.assertNotIn("expected", self.summary(other))

    def test_the_client_says_it_and_from_what(self):
        self.remember()
        path = os.path.join(self.home, "night.yaml")
        with open(path, "w") as file:
            json.dump(self.spec(epochs=5), file)
        environment = {**os.environ, "NIGHTJAR_HOME": self.home, "NIGHTJAR_BIN": BUILD}
        done = subprocess.run([os.path.join(BUILD, "nj"), "check", path], capture_output=True, text=True, timeout=DEADLINE,
                              env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("night.yaml: a run takes about 5h 01m at most (experiment 12 took that)\n", done.stdout)
        done = subprocess.run([os.path.join(BUILD, "nj"), "check", "--json", path], capture_output=True, text=True,
                              timeout=DEADLINE, env=environment)
        self.assertEqual(json.loads(done.stdout)["summary"]["expected_s"], 5 * 3600 + 60)


if __name__ == "__main__":
    unittest.main()
