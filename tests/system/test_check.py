"""nj check: every problem of a file with its line, sweeps and lists expanded, no daemon started."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.path.abspath(os.environ.get("NIGHTJAR_BUILD", "build/dev"))
NJ = os.path.join(BUILD, "nj")
ROWS = "id,g,a,b,y\n" + "".join(f"{i},{'pqrs'[i % 4]},{i / 10},{i % 3},{'uv'[i % 2]}\n" for i in range(40))
PIPELINE = """\
data: {source: data.csv, id: id, ignore: g, target: y}
model:
  - {type: dense, units: classes}
train: {epochs: 2}
"""


class Check(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nightjar-check-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.write("data.csv", ROWS)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def nj(self, *arguments, **more):
        home = os.path.join(self.folder, "home")
        environment = dict(os.environ, NIGHTJAR_HOME=home)
        done = subprocess.run(
            [NJ, *arguments], capture_output=True, text=True, timeout=300, cwd=self.folder, env=environment, **more
        )
        self.assertFalse(os.path.exists(home), "a daemon was started")
        return done

    def problems(self, text, *options, status=2):
        self.write("night.yaml", text)
        done = self.nj("check", "night.yaml", *options)
        self.assertEqual(done.returncode, status, done.stderr)
        return [line for line in done.stderr.splitlines() if ": warning: " not in line]

    def test_a_good_pipeline_is_summed_up(self):
        self.write("night.yaml", PIPELINE)
        done = self.nj("check", "night.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(
            done.stdout,
            r"^night.yaml: good: 1 experiment, 40 rows, 2 features, 2 classes, 6 parameters, .* of memory\n$",
        )

    def test_batches_that_come_out_even_are_hinted_at(self):
        self.write("night.yaml", PIPELINE)
        for batch, more, hint in (
            (8, [], r"28 training rows are 3 batches of 8 and 4 more, which are a shorter last batch; even: 4, 7, 14"),
            (8, ["train.last_batch=drop"], "which are left out of each epoch; even: 4, 7, 14"),
            (25, ["train.last_batch=pad"], "which are filled up with others; even: 14, 28"),
            (14, [], None),
        ):
            with self.subTest(batch=batch, more=more):
                sets = [text for item in (f"train.batch={batch}", *more) for text in ("--set", item)]
                done = self.nj("check", "night.yaml", *sets)
                self.assertEqual(done.returncode, 0, done.stderr)
                if hint:
                    self.assertRegex(done.stdout, r"night.yaml: hint: train\.batch: .*" + hint + r"\n")
                else:
                    self.assertNotIn("hint", done.stdout)

    def test_rows_whose_value_names_no_part_are_warned_of(self):
        rows = "p,a,y\n" + "".join(f"{p},{i},{'uv'[i % 2]}\n" for i, p in enumerate(["train"] * 6 + ["test", "val", "tset"]))
        spec = PIPELINE.replace("id: id, ignore: g", "split: {by: column, column: p}%s")
        for more, where, said in (
            ("", "", "1 row is in no part: 'tset' is none of train, valid, validation, val and test"),
            (",1,u\n,2,v\n", "", "3 rows are in no part: their 2 values, the first 'tset', are none of"),
            (",1,u\n,2,v\n", ", where: a != 8", "2 rows are in no part: a missing value is none of"),
            ("", ", where: a != 8", None),
        ):
            self.write("data.csv", rows + more)
            self.write("night.yaml", spec % where)
            done = self.nj("check", "night.yaml")
            self.assertEqual(done.returncode, 0, done.stderr)
            if said:
                self.assertIn(f"warning: data.split.column: {said}", done.stderr)
            else:
                self.assertNotIn("no part", done.stderr)

    def test_a_sweep_over_the_train_size_is_warned_of(self):
        sizes = "sweep: {parameters: {data.split: [{by: fraction, train: 0.3, test: 0.2}, {by: fraction, train: 0.7, test: 0.2}]%s}}\n"
        for more, warned in ((", train.batch: [8, 16]", True), ("", False)):
            self.write("night.yaml", PIPELINE + sizes % more)
            done = self.nj("check", "night.yaml")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("the sweep varies how many rows train (12 to 28) beside other settings" in done.stderr, warned, done.stderr)

    def test_every_problem_is_told_by_line(self):
        self.assertEqual(
            self.problems(
                "nme: x\n"
                "resources: {cpus: 0}\n"
                "data:\n"
                "  source: data.csv\n"
                "  target: y\n"
                "  headr: true\n"
                "model:\n"
                "  - {type: dense, units: 0}\n"
                "train:\n"
                "  optimizer:\n"
                "    type: adam\n"
                "    rate: -1\n"
            ),
            [
                "night.yaml:1: nme: unknown setting; did you mean 'name'?",
                "night.yaml:2: resources.cpus: 0 is outside [0.1, 1024]",
                "night.yaml:6: data.headr: unknown setting; did you mean 'header'?",
                "night.yaml:8: model[0].units: 0 is outside [1, 1048576]",
                "night.yaml:12: train.optimizer.rate: -1 is outside (0, 10]",
            ],
        )

    def test_quantiles_that_the_loss_does_not_predict_are_refused(self):
        asked = (
            "data: {source: data.csv, id: id, ignore: [g, y], target: a, task: regression}\n"
            "model: [{type: dense, units: outputs}]\n"
            "train: {epochs: 2, loss: {type: quantile, levels: [0.1, 0.5, 0.9]}}\n"
            "evaluate: {metrics: [crps, {type: interval, level: %s}]}\n"
        )
        self.assertEqual(self.problems(asked % 0.8, status=0), [])
        self.assertEqual(
            self.problems(asked % 0.9),
            ["night.yaml:4: evaluate.metrics[1]: interval asks for quantiles from 0.05 to 0.95, but the loss predicts none outside 0.1 to 0.9"],
        )

    def test_what_training_would_refuse_is_refused_before(self):
        for text, problem in (
            (PIPELINE.replace("train: {", "train: {batch: 29, last_batch: drop, "),
             r"train\.batch: 28 training rows are less than a batch, and train\.last_batch drops it"),
            (PIPELINE.replace("train: {", "train: {parameters: [{type: freeze}], "),
             r"train\.parameters: every parameter is frozen: nothing is left to train"),
            (PIPELINE.replace("train: {", "train: {parameters: [{type: freeze, match: dens7.*}], "),
             r"train\.parameters\[0\]\.match: the model has no parameter dens7\.\*"),
            (PIPELINE.replace("ignore: g, target: y", "ignore: [g, y], target: a").replace("train: {", "train: {logits: 1, ")
             .replace("classes", "outputs"),
             r"train\.logits: only networks that tell classes apart have them"),
            (PIPELINE.replace("ignore: g, target: y", "ignore: [g, y], target: a").replace("classes", "outputs") + "evaluate: {logits: true}\n",
             r"evaluate\.logits: only networks that tell classes apart have them"),
        ):
            with self.subTest(problem=problem):
                (line,) = self.problems(text)
                self.assertRegex(line, rf"^night\.yaml:\d+: {problem}$")

    def test_a_name_is_text_and_what_is_null_is_left_out(self):
        for name in ("[a, b]", "true", "{a: b}"):
            with self.subTest(name=name):
                self.assertEqual(self.problems(f"name: {name}\n" + PIPELINE), ["night.yaml:1: name: expected a text"])
        self.assertEqual(self.problems("name: null\nseed: null\nprepare:\n" + PIPELINE.replace("{epochs: 2}", "{epochs: null}"), status=0), [])

    def test_what_some_trials_have_is_told_with_their_parameter(self):
        sweep = "sweep:\n  parameters:\n    train.optimizer.rate: [0.1, -1]\n    train.epochs: [1, 2, 3]\n  replicates: 5\n"
        self.assertEqual(
            self.problems(PIPELINE + sweep),
            ["night.yaml:7: train.optimizer.rate: -1 is outside (0, 10] (with train.optimizer.rate = -1)"],
        )

    def test_what_all_trials_have_is_told_once(self):
        sweep = "sweep: {parameters: {train.epochs: [1, 2, 3]}}\n"
        self.assertEqual(
            self.problems(PIPELINE.replace("target: y", "target: z") + sweep),
            [f"night.yaml:1: data.target: {self.folder}/data.csv has no column 'z'"],
        )

    def test_what_many_trials_have_with_other_numbers_is_told_once(self):
        sweep = ("sweep:\n  method: random\n  trials: 5\n  seed: 1\n  parameters:\n"
                 "    model[0].units: {low: 4.5, high: 9.5}\n")
        (problem,) = self.problems(PIPELINE + sweep)
        self.assertRegex(problem, r"model\[0\]\.units: expected an integer, not [\d.]+ \(with model\[0\]\.units = "
                                  r"[\d.]+, and 4 more like it; int: true in its range draws whole numbers\)$")

    def test_a_goal_that_no_run_reports_is_refused(self):
        """The metric of sweep.goal is one that every configuration's run will have, or a night learns nothing."""
        numbers = PIPELINE.replace("target: y", "target: b, task: regression").replace("classes", "targets")
        no_valid = PIPELINE.replace("target: y", "target: y, split: {by: fraction, valid: 0, test: 0.3}")
        own = "valid.accuracy, valid.balanced_accuracy, valid.log_loss"
        for text, goal, refused in (
            (PIPELINE, "valid.mea", f"no run reports valid.mea; runs report valid.loss, {own}"),
            (PIPELINE, "valid.rmse", f"no run reports valid.rmse; runs report valid.loss, {own}"),
            (PIPELINE, "accuracy", "there is no accuracy; pipelines report train.<metric>, valid.<metric> and test.<metric>"),
            (PIPELINE, "test.loss", f"no run reports test.loss; runs report {own.replace('valid', 'test')}"),
            (PIPELINE, "test.balanced.accuracy", f"no run reports test.balanced.accuracy; runs report {own.replace('valid', 'test')}"),
            (PIPELINE + "evaluate: {test: false}\n", "test.accuracy", "no run reports test.accuracy: evaluate.test is false"),
            (PIPELINE + "evaluate: {metrics: [mcc]}\n", "valid.accuracy", "no run reports valid.accuracy; runs report valid.loss, valid.mcc"),
            (no_valid, "valid.loss", "valid.loss needs a validation part, and data.split has none"),
            (numbers, "valid.accuracy", "no run reports valid.accuracy; runs report valid.loss, valid.mae, valid.r2, valid.rmse"),
        ):
            sweep = "sweep:\n  goal: {minimize: %s}\n  parameters: {train.epochs: [1, 2]}\n" % goal
            line = 2 + text.count("\n")
            self.assertEqual(self.problems(text + sweep), [f"night.yaml:{line}: sweep.goal: {refused}"])
        epochs = PIPELINE.replace("epochs: 2", "epochs: 2, full_loss: true, batch_losses: 1, early_stopping: {metric: valid.mcc, patience: 1}")
        for text, goal in (
            (PIPELINE, "train.loss"),
            (PIPELINE, "valid.log_loss"),
            (PIPELINE + "evaluate: {balanced: true}\n", "test.balanced.accuracy"),
            (PIPELINE + "evaluate: {metrics: [log_loss_per_class]}\n", "'test.log_loss_class[u]'"),
            (epochs, "train.full_loss"),
            (epochs, "train.batch_loss"),
            (epochs, "valid.mcc"),
            (numbers, "test.rmse"),
        ):
            sweep = "sweep: {goal: {maximize: %s}, parameters: {train.epochs: [1, 2]}}\n" % goal
            self.assertEqual(self.problems(text + sweep, status=0), [])
        command = "command: [echo, '{a}']\nsweep: {goal: {minimize: whatever}, parameters: {a: [1, 2]}}\n"
        self.assertEqual(self.problems(command, status=0), [])

    def test_a_goal_that_one_configuration_lacks_is_told_with_it(self):
        sweep = "sweep: {goal: {minimize: test.mcc}, parameters: {evaluate.metrics: [[mcc], [accuracy]]}}\n"
        (problem,) = self.problems(PIPELINE + sweep)
        self.assertIn('sweep.goal: no run reports test.mcc; runs report test.accuracy (with evaluate.metrics = ["accuracy"])', problem)

    def test_a_sweep_is_counted(self):
        self.write("night.yaml", PIPELINE + "sweep: {parameters: {train.epochs: [1, 2, 3]}, replicates: 4}\n")
        done = self.nj("check", "night.yaml")
        self.assertIn("good: 12 experiments of 3 configurations", done.stdout)

    def test_many_configurations_are_not_all_looked_at(self):
        sweep = "sweep: {parameters: {train.epochs: {low: 1, high: 700, int: true}}}\n"
        self.write("night.yaml", PIPELINE + sweep)
        done = self.nj("check", "night.yaml")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("good: 700 experiments of more than 500 configurations", done.stdout)
        self.assertIn("only the first 500 configurations were checked", done.stdout)

    def test_problems_of_a_list_have_their_lines(self):
        self.assertEqual(
            self.problems(
                "- {command: [a], resources: {cpus: -1}}\n"
                "- {command: [b], seed: x}\n"
                "- command: [c]\n"
                "  queue:\n"
                "    prioriy: 3\n"
            ),
            [
                "night.yaml:1: experiments[0].resources.cpus: -1 is outside [0.1, 1024]",
                "night.yaml:2: experiments[1].seed: expected a whole number from 0 to 2^53 - 1",
                "night.yaml:5: experiments[2].queue.prioriy: unknown setting; did you mean 'priority'?",
            ],
        )

    def test_pipelines_of_a_list_are_checked_by_the_engine(self):
        self.assertEqual(
            self.problems(
                PIPELINE + "experiments:\n  - {train: {epochs: 3}}\n  - train:\n      batch: 0\n  - {}\n"
            ),
            ["night.yaml:8: experiments[1].train.batch: 0 is outside [1, 16777216]"],
        )

    def test_a_setting_of_the_command_line_is_checked_and_has_no_line(self):
        self.assertEqual(
            self.problems(PIPELINE, "--set", "train.epochs=0", "--set", "name=3"),
            ["night.yaml: train.epochs: 0 is outside [1, 1000000000]"],
        )
        self.assertEqual(self.problems(PIPELINE, "--set", "train={epochs: 1}", status=0), [])

    def test_broken_text_is_told_with_its_line(self):
        self.assertEqual(self.problems("a: 1\nb: [1\nc: 2\n")[0][:14], "night.yaml:3: ")
        self.assertEqual(
            self.problems("name: a\nname: b\n"), ["night.yaml:2: 'name' is here twice; first on line 1"]
        )
        self.assertEqual(self.problems(""), ["night.yaml: the spec is empty"])

    def test_every_file_is_looked_at(self):
        self.write("a.yaml", "command: [a]\nsed: 1\n")
        self.write("b.yaml", "command: [b]\n")
        done = self.nj("check", "a.yaml", "nosuch.yaml", "b.yaml")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(
            done.stderr.splitlines(),
            ["a.yaml:2: sed: unknown setting; did you mean 'seed'?", "nosuch.yaml: No such file or directory"],
        )
        self.assertEqual(done.stdout, "b.yaml: good: 1 experiment\n")

    def test_standard_input_is_read(self):
        done = self.nj("check", "-", input=PIPELINE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith("<stdin>: good: 1 experiment, 40 rows"), done.stdout)

    def test_a_command_needs_neither_daemon_nor_engine(self):
        self.write("night.yaml", "command: [a]\n")
        environment = dict(os.environ, NIGHTJAR_BIN="/nonexistent")
        done = subprocess.run(
            [NJ, "check", "night.yaml"], capture_output=True, text=True, timeout=300, cwd=self.folder, env=environment
        )
        self.assertEqual((done.returncode, done.stdout), (0, "night.yaml: good: 1 experiment\n"))

    def test_a_program_that_is_not_there_is_an_error_of_its_own(self):
        self.write("night.yaml", PIPELINE)
        environment = dict(os.environ, NIGHTJAR_BIN="/nonexistent")
        done = subprocess.run(
            [NJ, "check", "night.yaml"], capture_output=True, text=True, timeout=300, cwd=self.folder, env=environment
        )
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("/nonexistent/nightjard", done.stderr)

    def test_json_holds_it_all(self):
        self.write("night.yaml", PIPELINE + "sweep: {parameters: {train.epochs: [0, 2]}}\n")
        done = self.nj("check", "--json", "night.yaml")
        self.assertEqual(done.returncode, 2)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["file"], "night.yaml")
        self.assertIs(answer["good"], False)
        self.assertEqual(answer["experiments"], 2)
        self.assertEqual(
            answer["diagnostics"],
            [
                {
                    "path": "train.epochs",
                    "message": "0 is outside [1, 1000000000] (with train.epochs = 0)",
                    "line": 5,
                }
            ],
        )
        self.assertEqual(answer["sources"], [os.path.join(self.folder, "data.csv")])
        self.assertEqual(answer["summary"]["rows"], 40)

    def test_explain_finds_what_it_is_asked_for(self):
        done = self.nj("explain", "train.optimizer.rate")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("train.optimizer.adam.rate\n    number in (0, 10]; default 0.001\n", done.stdout)
        self.assertIn("train.optimizer.sgd.rate\n", done.stdout)
        found = json.loads(self.nj("explain", "resources.cpus", "--json").stdout)
        self.assertEqual([(one["path"], one["default"]) for one in found], [("resources.cpus", 1)])
        self.assertIn("    low\n", self.nj("explain", "sweep.parameters").stdout)

    def test_explain_suggests(self):
        done = self.nj("explain", "train.optimizer.adam.rat")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(
            done.stderr, "nj: train.optimizer.adam.rat: unknown setting; did you mean 'rate'?\n"
        )


if __name__ == "__main__":
    unittest.main()
