"""Stored models of a daemon's experiments: nj evaluate, nj predict, and specs that lean on them."""

import csv
import json
import os
import subprocess
import unittest

from harness import DEADLINE_S, Daemon, wait_until

ROWS = "key,a,b,y\n" + "".join(f"{3 * i},{i % 7},{i % 5},{'uv'[i % 7 > 3]}\n" for i in range(210))


class Stored(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.daemon.start()
        cls.addClassCleanup(cls.daemon.__exit__, None, None, None)
        with open(os.path.join(cls.daemon.folder, "rows.csv"), "w") as file:
            file.write(ROWS)
        cls.first = cls.submit(train={"epochs": 3, "snapshots": {"epochs": 1}})
        row = cls.daemon.wait(cls.first)[0]
        assert row["state"] == "done", row

    @classmethod
    def nj(cls, *arguments, status=0):
        done = subprocess.run([cls.daemon.program("nj"), *map(str, arguments)], capture_output=True, text=True,
                              timeout=DEADLINE_S, env=cls.daemon.environment, cwd=cls.daemon.folder)
        assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    @classmethod
    def spec(cls, **more):
        spec = {"name": "stored", "data": {"source": "rows.csv", "id": "key", "target": "y"}, "prepare": ["standard"],
                "model": [{"type": "dense", "units": 6, "activation": "tanh"}, {"type": "dense", "units": "classes"}],
                "train": {"epochs": 3}, **more}
        path = os.path.join(cls.daemon.folder, "spec.yaml")
        with open(path, "w") as file:
            json.dump(spec, file)
        return path

    @classmethod
    def submit(cls, **more):
        return int(cls.nj("submit", cls.spec(**more)).stdout.split()[1])

    def results(self, number):
        return self.daemon.show(number)["result"]["metrics"]

    def test_figures_are_those_that_the_run_told(self):
        figures = json.loads(self.nj("evaluate", self.first, "-m", "accuracy", "-m", "log_loss", "--json").stdout)
        results = self.results(self.first)
        self.assertEqual(len(figures), 6)
        for name, value in figures.items():
            self.assertAlmostEqual(value, results[name], places=9)
        lines = self.nj("evaluate", self.first, "--run", 1, "--metric", "macro_f1", "--data", "rows.csv").stdout
        self.assertRegex(lines, r"^data\.macro_f1 [0-9.]+\n$")

    def test_a_model_is_asked_with_the_core_that_its_run_had(self):
        core = self.daemon.show(self.first)["runs"][0]["blas_core"]
        if not core:
            self.skipTest("OpenBLAS chooses for this processor")
        environment = {**self.daemon.environment, "OPENBLAS_VERBOSE": "2"}
        for verb in (["evaluate", str(self.first)], ["predict", str(self.first), "--data", "rows.csv"],
                     ["check", self.spec(), "--try"]):
            done = subprocess.run([self.daemon.program("nj"), *verb], capture_output=True, text=True, timeout=DEADLINE_S,
                                  env=environment, cwd=self.daemon.folder, check=False)
            self.assertIn(f"Core: {core}", done.stdout + done.stderr, verb)

    def test_a_model_shows_its_layers_shapes_and_parameters(self):
        lines = self.nj("show", self.first, "--model").stdout.splitlines()
        self.assertEqual([line.split() for line in lines[:4]], [
            ["input", "x", "2"],
            ["layer", "output", "parameters", "weights"],
            ["dense1", "6", "18", "weight", "6", "x", "2,", "bias", "6"],
            ["dense2", "2", "14", "weight", "2", "x", "6,", "bias", "2"]])
        self.assertRegex(lines[4], r"^32 parameters; .* to predict, .* to train$")
        answer = json.loads(self.nj("show", self.first, "--model", "--json").stdout)
        self.assertEqual(answer["layers"][0]["weights"], {"weight": [6, 2], "bias": [6]})
        self.assertGreater(answer["training_bytes"], answer["predicting_bytes"])

    def test_a_matrix_of_one_column_or_row_is_shown_as_one(self):
        number = self.submit(data={"source": "rows.csv", "id": "key", "target": "y", "features": ["a"], "ignore": ["b"]},
                             model=[{"type": "dense", "units": 6}, {"type": "dense", "units": 1},
                                    {"type": "dense", "units": "classes"}],
                             train={"epochs": 1, "parameters": {"type": "l2"}})
        self.daemon.wait(number)
        answer = json.loads(self.nj("show", number, "--model", "--json").stdout)
        self.assertEqual([layer["weights"] for layer in answer["layers"]], [
            {"weight": [6, 1], "bias": [6]}, {"weight": [1, 6], "bias": [1]}, {"weight": [2, 1], "bias": [2]}])

    def test_what_a_run_predicted_is_drawn(self):
        self.nj("evaluate", self.first, "--plot", "out.svg", "--target", "u")
        with open(os.path.join(self.daemon.folder, "out.svg")) as file:
            self.assertRegex(file.read(), r">u, true; (\d+) of \1 rows<")
        none = self.submit(evaluate={"predictions": False})
        self.daemon.wait(none)
        self.assertIn("has left no predictions", self.nj("evaluate", none, "--plot", "out.svg", status=3).stderr)

    def test_what_has_no_model_is_told(self):
        self.assertIn("has not run that often", self.nj("evaluate", self.first, "--run", 7, status=3).stderr)
        command = self.daemon.submit("true")
        self.daemon.wait(command)
        for verb in (("evaluate", command), ("predict", command, "--data", "rows.csv")):
            self.assertIn("is a command", self.nj(*verb, status=2).stderr)
        held = self.submit(queue={"hold": True})
        self.assertIn("has not run yet", self.nj("evaluate", held, status=3).stderr)

    def test_running_experiment_predicts_from_its_checkpoint(self):
        number = self.submit(train={"epochs": 1000000, "checkpoint": {"epochs": 1},
                                    "early_stopping": {"metric": "valid.loss"}})
        folder = os.path.join(self.daemon.home, "runs", str(number))
        wait_until(lambda: os.path.exists(os.path.join(folder, "checkpoint", "last.ckpt")))
        lines = list(csv.reader(self.nj("predict", number, "--data", "rows.csv").stdout.splitlines()))
        self.assertEqual(lines[0], ["key", "predicted", "p[u]", "p[v]"])
        self.assertEqual([int(line[0]) for line in lines[1:]], [3 * i for i in range(210)])
        self.assertEqual(len(json.loads(self.nj("evaluate", number, "--json", "-m", "accuracy").stdout)), 3)
        self.assertFalse(os.path.exists(os.path.join(folder, "1", "artifacts", "model.h5")), "it still trains")
        self.nj("cancel", number)
        self.daemon.wait(number)
        self.nj("predict", number, "--data", "rows.csv")

    def test_a_command_predicts_with_the_model_of_another(self):
        wanted = self.nj("predict", self.first, "--data", "rows.csv").stdout
        self.nj("submit", "--name", "command", "--wait", "--", self.daemon.program("nj"), "predict", self.first,
                "--data", "rows.csv", "-o", "command.csv")
        with open(os.path.join(self.daemon.folder, "command.csv")) as file:
            self.assertEqual(file.read(), wanted)

    def test_specs_that_name_experiments_are_checked(self):
        late = self.first + 100
        for key, part in (("train.start.model", {"train": {"start": {"model": None}}}),
                          ("evaluate.snapshots", {"evaluate": {"snapshots": None}})):
            def with_(value, part=part, **more):
                text = json.loads(json.dumps(part).replace("null", json.dumps(value)))
                return self.spec(**text, **more)

            self.nj("check", with_(str(self.first)))
            self.assertIn("tried in", self.nj("check", with_(str(self.first)), "--try").stdout)
            for bad in (str(late), "nowhere.h5"):
                told = self.nj("check", with_(bad), status=2).stderr
                self.assertRegex(told, rf"spec\.yaml:1: {key}: .*{bad}")
            self.nj("check", with_(str(late), queue={"after_ok": [f"{late}-{late + 2}"]}))
            self.nj("submit", with_(str(late)), status=2)


if __name__ == "__main__":
    unittest.main()
