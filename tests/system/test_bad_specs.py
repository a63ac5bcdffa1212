"""Specs that cannot work: each gets its one line and exit status 2, all of them before anything runs."""

import copy
import gzip
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from engine import BUILD, DEADLINE, IRIS, VOWEL, check
from harness import Daemon

GOOD = {
    "name": "bad",
    "data": {
        "source": VOWEL,
        "group": "V1",
        "target": "Class",
        "split": {"by": "group", "train": [0, 1, 2, 3, 4], "valid": [5, 6, 7], "test": [8, 9, 10, 11, 12, 13, 14]},
    },
    "prepare": ["standard"],
    "model": [{"type": "dense", "units": 16, "activation": "relu"}, {"type": "dense", "units": "classes"}],
    "train": {"optimizer": {"type": "adam", "rate": 1e-3}, "batch": 32, "epochs": 5},
    "evaluate": {"metrics": ["accuracy"]},
}
IRIS_DATA = {"source": IRIS, "skip": 1, "target": "c5"}
FRACTION = {"by": "fraction"}
GONE = "(left out)"

# (what is set, path and beginning of the one message that comes of it). "@name" is a file of FILES.
CASES = [
    # keys that nobody reads
    ({"dta": {}}, "dta: unknown setting"),
    ({"data.sorce": "x"}, "data.sorce: unknown setting; did you mean 'source'?"),
    ({"data.split.shuffle": True}, "data.split.shuffle: unknown setting"),
    ({"train.epoch": 3}, "train.epoch: unknown setting; did you mean 'epochs'?"),
    ({"train.optimizer": {"type": "adam", "rat": 1}}, "train.optimizer.rat: unknown setting; did you mean 'rate'?"),
    ({"model[0].unit": 3}, "model[0].unit: unknown setting; did you mean 'units'?"),
    ({"prepare": [{"type": "minmax", "min": 0}]}, "prepare[0].min: unknown setting"),
    ({"evaluate.metric": "accuracy"}, "evaluate.metric: unknown setting; did you mean 'metrics'?"),
    # kinds that do not exist
    ({"model[0].type": "densee"}, "model[0].type: unknown layer or model 'densee'; did you mean 'dense'?"),
    ({"train.optimizer": "adm"}, "train.optimizer: unknown optimizer 'adm'; did you mean 'adam'?"),
    ({"train.loss": "crossentropy"}, "train.loss: unknown loss 'crossentropy'; did you mean 'cross_entropy'?"),
    ({"prepare": ["normalise"]}, "prepare[0]: unknown transform 'normalise'"),
    ({"evaluate.metrics": ["acuracy"]}, "evaluate.metrics[0]: unknown metric 'acuracy'; did you mean 'accuracy'?"),
    # missing
    ({"data.source": GONE}, "data.source: required, but missing"),
    ({"data.target": GONE}, "data.target: is required"),
    ({"model": GONE}, "model: required, but missing"),
    ({"model[0].type": GONE}, "model[0].type: required, but missing"),
    # wrong type
    ({"data": []}, "data: expected"),
    ({"data.source": {}}, "data.source[0]: expected text"),
    ({"data.target": {"name": "y"}}, "data.target[0]: expected text"),
    ({"data.header": "maybe"}, "data.header: 'maybe' is none of auto, true, false"),
    ({"data.split": "group"}, "data.split: expected"),
    ({"data.split.by": "person"}, "data.split.by: unknown split 'person'; known: "),
    ({"model": []}, "model: expected at least 1"),
    ({"model": "dense"}, "model: expected"),
    ({"train.batch": "many"}, "train.batch: expected a number"),
    ({"train.epochs": 1.5}, "train.epochs: expected an integer, not 1.5"),
    ({"train.shuffle": 1}, "train.shuffle: expected true or false"),
    ({"train.optimizer": 3}, "train.optimizer: expected"),
    ({"evaluate.predictions": "yes"}, "evaluate.predictions: expected true or false"),
    # out of range
    ({"train.epochs": 0}, "train.epochs: 0 is outside [1, "),
    ({"train.batch": -3}, "train.batch: -3 is outside [1, "),
    ({"train.optimizer": {"type": "adam", "rate": -1}}, "train.optimizer.rate: -1 is outside "),
    ({"model[0]": {"type": "dropout", "rate": 1}}, "model[0].rate: 1 is outside [0, 1)"),
    ({"model[0].units": 0}, "model[0].units: "),
    ({"data.skip": -1}, "data.skip: -1 is outside [0, "),
    ({"data.max_categories": 1}, "data.max_categories: 1 is outside [2, "),
    ({"data.delimiter": "||"}, "data.delimiter: expected one character"),
    ({"data.allow_leak": "  "}, "data.allow_leak: expected a reason in words"),
    ({"prepare": [{"type": "minmax", "low": 2, "high": 1}]}, "prepare[0]: low (2) is not below high (1)"),
    # the network and the task
    ({"model[1].units": 7}, "model[1].units: the network ends in 7 outputs, but the target has 11 classes"),
    ({"model[1].units": "clases"}, "model[1].units: "),
    ({"model[1].units": "classes / 0"}, "model[1].units: "),
    ({"model[0].activation": "rleu"}, "model[0].activation: 'rleu' is none of"),
    ({"train.loss": "mse"}, "train.loss: "),
    ({"evaluate.metrics": ["rmse"]}, "evaluate.metrics[0]: "),
    ({"data.target_transform": "standard"}, "data.target_transform: is for regression"),
    ({"train.early_stopping": {"metric": "valid.acc", "patience": 3}}, "train.early_stopping.metric: there is no valid.acc"),
    ({"train.early_stopping": {"metric": "valid.loss", "patience": 3}, "data.split.valid": GONE},
     "train.early_stopping.metric: valid.loss needs a validation part"),
    # the split
    ({"data.split.train": 0.5}, "data.split: shares and lists of groups cannot be mixed"),
    ({"data.split": {"by": "fraction", "train": 0.9, "test": 0.9}}, "data.split: the shares add up to 1.8, more than 1"),
    ({"data.split": {"by": "fraction", "test": [1]}}, "data.split.test: expected a share of the rows from 0 to 1"),
    ({"data.split": {"by": "fraction", "test": -0.1}}, "data.split.test: expected a share"),
    ({"data.split": {"by": "fraction", "test": 0.0001}, "data.group": GONE}, "data.split: the test part is empty"),
    ({"data.split": FRACTION}, "data.split: leaks: 15 of the 15 groups of 'V1' (990 rows) lie in several parts"),
    ({"data.split": {"by": "kfold"}}, "data.split: leaks: 15 of the 15 groups"),
    ({"data.split": {"by": "group"}, "data.group": GONE}, "data.split.group: is needed for a split by group"),
    ({"data.split.group": "speaker"}, "data.split.group: "),
    ({"data.split.test": [77]}, "data.split.test: there is no group '77'"),
    ({"data.split.test": [5]}, "data.split.test: group '5' is in valid too"),
    ({"data.split": {"by": "column"}}, "data.split.column: is needed for a split by column"),
    ({"data.split": {"by": "column", "column": "V1", "test": ["x"]}}, "data.split.test: there is no value 'x'"),
    ({"data.split": {"by": "column", "column": "part"}}, "data.split.column: "),
    ({"data.split": {"by": "index"}}, "data.split: a split by index needs a file"),
    ({"data.split": {"by": "index", "test": "/nowhere/x.txt"}}, "data.split.test: /nowhere/x.txt: "),
    ({"data.split": {"by": "index", "test": "@index"}}, "data.split.test: "),
    ({"data.split": {"by": "kfold", "folds": 5, "fold": 5}}, "data.split.fold: 5 is outside [0, 4]"),
    ({"data.split": {"by": "kfold", "train": 0.5}}, "data.split.train: 'kfold' takes its train rows from the folds"),
    ({"data.split": {"by": "group_kfold", "folds": 16}}, "data.split.folds: 16 folds of 15 groups"),
    ({"data.split.stratified": True}, "data.split.stratified: is not read by a split by group"),
    ({"data.split.folds": 4}, "data.split.folds: is not read by a split by group"),
    # files
    ({"data.source": "/nowhere/x.csv"}, "data.source: /nowhere/x.csv: No such file or directory"),
    ({"data.source": "/"}, "data.source: /: is a folder"),
    ({"data": {"source": "@empty", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@header", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@ragged", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@quote", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@nul", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@latin1", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@overflow", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@cut.csv.gz", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@plain.csv.gz", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@twice", "header": True, "target": "y"}}, "data.source: "),
    # columns and values
    ({"data.target": "Klass"}, "data.target: "),
    ({"data": {"source": "@semicolon", "target": "y"}}, "data.target: "),
    ({"data": {"source": "@nameless", "target": "y"}}, "data.target: "),
    ({"data.features": ["V2", "V99"]}, "data.features: "),
    ({"data.features": ["V2", "V2"]}, "data.features: 'V2' is named twice"),
    ({"data.features": ["V2", "Class"]}, "data.features: 'Class' is the target, too; what is to be"),
    ({"data.ignore": ["Class"]}, "data.ignore: 'Class' cannot have another role too"),
    ({"data.id": "V1"}, "data.id: '0' stands in rows 0 and 1"),
    ({"data.categorical": ["V1"]}, "data.categorical: 'V1' is not a feature"),
    ({"data.max_categories": 2, "data.categorical": ["V2"]}, "data.features: 'V2' has more than 2 categories"),
    ({"prepare": [{"type": "standard", "columns": ["V99"]}]}, "prepare[0].columns: there is no feature 'V99'"),
    ({"data": {"source": "@one_class", "target": "y"}}, "data.target: 'y' has one class only, 'a'"),
    ({"data": {"source": "@nan_target", "target": "y"}}, "data.target: 'y' is missing in 1 row"),
    ({"data": {"source": "@inf_target", "target": "y"}}, "data.source: "),
    ({"data": {"source": "@hole", "target": "y"}}, "data.features: 'x' is missing in 1 row"),
    ({"data": {"source": "@typo", "target": "y"}}, "data.features: 'x' holds 39 numbers and 1 texts"),
    ({"data": {"source": "@only_target", "target": "y"}}, "data.features: "),
    ({"data": {**IRIS_DATA, "names": ["a", "b"]}}, "data.names: 2 names where "),
    ({"data": {**IRIS_DATA, "task": "classification", "target": ["c4", "c5"]}},
     "data.target: classification has one target, not 2"),
]

# what the engine does not read
OF_THE_QUEUE = [
    ({"queue": {"priority": 5000}}, "queue.priority: 5000 is outside [-1000, 1000]"),
    ({"queue": {"windw": "night"}}, "queue.windw: unknown setting"),
    ({"queue": {"after": ["7"]}}, "queue.after: there is no 7"),
    ({"resources": {"memory": "4 apples"}}, "resources.memory: "),
    ({"resources": {"time": "-3h"}}, "resources.time: "),
    ({"resources": {"cpus": 0}}, "resources.cpus: 0 is outside [0.1, 1024]"),
    ({"seed": -1}, "seed: expected a whole number from 0"),
    ({"sweep": {}}, "sweep.parameters: required, but missing"),
    ({"sweep": {"parameters": {"model[0].unit": [1, 2]}}}, "model[0].unit"),
    ({"sweep": {"parameters": {"train.epochs": []}}}, "sweep.parameters.train.epochs"),
    ({"sweep": {"method": "gird", "parameters": {"train.epochs": [1]}}}, "sweep.method: unknown sweep method 'gird'"),
    ({"sweep": {"method": "random", "parameters": {"train.epochs": {"low": 1, "high": 9, "int": True}}}}, "sweep.trials"),
    ({"sweep": {"parameters": {"train.optimizer.rate": {"low": 1e-4, "high": 1e-2, "log": True}}}}, "sweep.parameters.train.optimizer.rate"),
    ({"sweep": {"parameters": {"train.optimizer.rate": [1e-3, -1]}}}, "train.optimizer.rate: -1 is outside (0, 10]"),
    ({"experiments": []}, "experiments"),
    ({"experiments": [{"train": {"epoch": 1}}]}, "train.epoch: unknown setting"),
]

ROWS = "".join(f"{i % 5},{'a' if i % 2 else 'b'}\n" for i in range(39))
FILES = {
    "empty": b"",
    "header": b"x,y\n",
    "ragged": b"x,y\n1,a\n1,2,b\n",
    "quote": b'x,y\n1,"a\n2,b\n',
    "nul": b"x,y\n1,a\n\0,b\n",
    "latin1": "x,y\n1,é\n2,b\n".encode("latin-1"),
    "overflow": ("x,y\n1e999,a\n" + ROWS).encode(),
    "cut.csv.gz": gzip.compress(("x,y\n" + ROWS).encode())[:-12],
    "plain.csv.gz": ("x,y\n" + ROWS).encode(),
    "twice": b"x,x,y\n1,2,a\n",
    "one_class": b"x,y\n1,a\n2,a\n",
    "nan_target": ("x,y\n1,NaN\n" + ROWS).encode(),
    "inf_target": b"x,y\n1,1.5\n2,inf\n3,2.5\n",
    "hole": ("x,y\n,a\n" + ROWS).encode(),
    "typo": ("x,y\nl,a\n" + ROWS).encode(),
    "only_target": b"y\na\nb\n",
    "index": b"3\n990\n",
    "semicolon": b"x;y\n1;a\n2;b\n",
    "nameless": b"1,a\n2,b\n",
}
# What the messages about files say behind the file's name.
DETAILS = {
    "@empty": "is empty",
    "@header": "has a header and no rows",
    "@ragged": "line 3: 3 fields where the first record has 2",
    "@quote": "line 2, column 2: a quote that is never closed",
    "@nul": "line 3, column 1: a NUL byte",
    "@latin1": "line 2, column 2: invalid UTF-8 (byte 0xe9)",
    "@overflow": "line 2, column 'x': '1e999' is beyond the range of numbers",
    "@cut.csv.gz": "the gzip file is truncated",
    "@plain.csv.gz": "is not a gzip file",
    "@twice": "columns 1 and 2 are both called 'x'",
    "@inf_target": "line 3, column 'y': 'inf' is not a finite number",
    "@semicolon": "has no column 'y'; another data.delimiter would find more than one",
    "@nameless": "has no column 'y'; without a header they are called c1 to c2",
    "@index": "line 2: '990' is no row number from 0 to 989",
}


def place(spec, path, value):
    """Sets data.split.by or model[0].units; GONE removes it."""
    at = spec
    steps = path.replace("[", ".[").split(".")
    steps = [int(step[1:-1]) if step.startswith("[") else step for step in steps]
    for step in steps[:-1]:
        at = at[step]
    if value == GONE:
        del at[steps[-1]]
    else:
        at[steps[-1]] = value


class BadSpecs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="nightjar-bad-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        for name, content in FILES.items():
            with open(os.path.join(cls.folder, name), "wb") as file:
                file.write(content)

    def resolve(self, value):
        if isinstance(value, str) and value.startswith("@"):
            return os.path.join(self.folder, value[1:])
        if isinstance(value, dict):
            return {key: self.resolve(item) for key, item in value.items()}
        return value

    def spec(self, changes):
        spec = copy.deepcopy(GOOD)
        if changes.get("data", {}) and "source" in changes["data"]:
            spec["prepare"] = []
        for path, value in changes.items():
            place(spec, path, copy.deepcopy(self.resolve(value)))
        return spec

    def detail(self, changes):
        text = json.dumps({key: value for key, value in changes.items()})
        return next((detail for name, detail in DETAILS.items() if f'"{name}"' in text), "")

    def test_spec_that_the_others_are_made_from_is_good(self):
        (answer,), done = check([GOOD])
        self.assertEqual((answer["diagnostics"], done.returncode), ([], 0))

    def test_there_are_many(self):
        self.assertGreaterEqual(len(CASES), 60)

    def test_each_gets_its_one_line(self):
        answers, done = check([self.spec(changes) for changes, _ in CASES])
        self.assertEqual(done.returncode, 2)
        self.assertEqual(len(answers), len(CASES))
        for (changes, expected), answer in zip(CASES, answers):
            with self.subTest(expected):
                lines = [f"{d['path']}: {d['message']}" for d in answer["diagnostics"]]
                self.assertEqual(len(lines), 1, lines)
                self.assertTrue(lines[0].startswith(expected), lines[0])
                self.assertIn(self.detail(changes), lines[0])
                self.assertNotIn("\n", lines[0])

    def test_alone_each_ends_with_status_2(self):
        for changes, expected in CASES[::7]:
            with self.subTest(expected):
                _, done = check([self.spec(changes)])
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stderr, "")

    def test_all_complaints_come_at_once(self):
        spec = self.spec({"train.epochs": 0, "train.batch": "x", "data.sorce": 1, "prepare": ["standrd"]})
        (answer,), _ = check([spec])
        self.assertEqual({d["path"] for d in answer["diagnostics"]},
                         {"train.epochs", "train.batch", "data.sorce", "prepare[0]"})

    def nj(self, verb, spec, environment):
        path = os.path.join(self.folder, "spec.json")
        with open(path, "w") as file:
            json.dump(spec, file, indent=1)
        done = subprocess.run([os.path.join(BUILD, "nj"), verb, path], capture_output=True, text=True,
                              timeout=DEADLINE, env=environment)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        (line,) = done.stderr.splitlines()
        return line

    def test_client_checks_without_a_daemon(self):
        home = os.path.join(self.folder, "home")
        for changes, expected in CASES:
            with self.subTest(expected):
                line = self.nj("check", self.spec(changes), {**os.environ, "NIGHTJAR_HOME": home})
                self.assertRegex(line, r"^\S*spec\.json(:\d+)?: ")
                self.assertIn(expected, line)
                self.assertIn(self.detail(changes), line)
        self.assertFalse(os.path.exists(os.path.join(home, "queue.db")))

    def test_client_submits_none(self):
        with Daemon() as daemon:
            for changes, expected in [*CASES[::4], *OF_THE_QUEUE]:
                with self.subTest(expected):
                    line = self.nj("submit", self.spec(changes), {**daemon.environment, "NIGHTJAR_NO_START": "1"})
                    self.assertIn(expected, line)
            self.assertEqual(daemon.call("list", select={"all": True})["total"], 0)
            runs = os.path.join(daemon.home, "runs")
            self.assertEqual(os.listdir(runs) if os.path.exists(runs) else [], [])


if __name__ == "__main__":
    unittest.main()
