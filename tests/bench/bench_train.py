"""Dense training of the demo's and the digits' size against scikit-learn's MLPClassifier.

Equal layers, batch, epochs, rate, rows and one thread on both sides. Ours is the whole engine process (start, import,
scaling, training with its checkpoints and per-epoch metrics, evaluation, model file); theirs is fit() alone on arrays
that are scaled already.
"""
import csv
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy

from figure import Figure, alternate

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "examples" / "data"
ENGINE = ROOT / "build" / "release" / "nightjar-engine"
FIGURES = ["train_vowel", "train_digits"]
ROUNDS = 5

SETS = {
    "train_vowel": {"source": DATA / "vowel_speakers" / "Vowel.csv", "header": True, "target": "Class",
                    "ignore": ["V1"], "layers": [64, 32], "batch": 32, "epochs": 60},
    "train_digits": {"source": DATA / "sklearn_digits" / "digits.csv.gz", "header": False, "target": -1,
                     "ignore": [], "layers": [64, 32], "batch": 32, "epochs": 30},
}


def load(case):
    opener = gzip.open if str(case["source"]).endswith(".gz") else open
    with opener(case["source"], "rt", encoding="utf-8") as lines:
        rows = list(csv.reader(lines))
    names = rows.pop(0) if case["header"] else [f"c{i + 1}" for i in range(len(rows[0]))]
    target = names.index(case["target"]) if case["header"] else len(names) - 1
    features = [i for i, name in enumerate(names) if i != target and name not in case["ignore"]]
    x = numpy.array([[float(row[i]) for i in features] for row in rows])
    y = numpy.array([row[target] for row in rows])
    return x, y, names[target]


def spec(case, target, folder, test):
    parts = {"train": [i for i in range(test["n"]) if i not in test["rows"]], "test": sorted(test["rows"])}
    for part, rows in parts.items():
        (folder / part).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    layers = [{"type": "dense", "units": units, "activation": "relu"} for units in case["layers"]]
    return {
        "data": {"source": str(case["source"]), "header": case["header"], "target": target, "ignore": case["ignore"],
                 "split": {"by": "index", "train": str(folder / "train"), "test": str(folder / "test")}},
        "prepare": ["standard"],
        "model": layers + [{"type": "dense", "units": "classes"}],
        "train": {"loss": "cross_entropy", "optimizer": {"type": "adam", "rate": 1e-3}, "batch": case["batch"],
                  "epochs": case["epochs"]},
        "evaluate": {"metrics": ["accuracy"]},
    }


def measure(only):
    for name in (name for name in FIGURES if name.startswith(only)):
        with tempfile.TemporaryDirectory() as folder:
            yield measure_one(name, pathlib.Path(folder))


def measure_one(name, folder):
    case = SETS[name]
    x, y, target = load(case)
    test_rows = {i for i in range(len(y)) if i % 5 == 4}
    train = numpy.array([i for i in range(len(y)) if i not in test_rows])
    test = numpy.array(sorted(test_rows))
    mean, sd = x[train].mean(0), x[train].std(0)
    scaled = (x - mean) / numpy.where(sd > 0, sd, 1)
    numpy.savez(folder / "data.npz", x_train=scaled[train], y_train=y[train], x_test=scaled[test], y_test=y[test])
    body = spec(case, target, folder, {"n": len(y), "rows": test_rows})
    accuracy = {}
    runs = iter(range(1, 1000))

    def ours():
        run = folder / "experiment" / str(next(runs))
        (run / "artifacts").mkdir(parents=True)
        checkpoint = run / "checkpoint"
        checkpoint.mkdir()
        (run / "spec.json").write_text(json.dumps(
            {"v": 1, "id": 1, "run": 1, "seed": 1, "cwd": str(folder), "spec": body}), encoding="utf-8")
        environment = dict(os.environ, NIGHTJAR_EVENTS=str(run / "reported.jsonl"), NIGHTJAR_RUN_DIR=str(run),
                           NIGHTJAR_ARTIFACTS=str(run / "artifacts"), NIGHTJAR_CHECKPOINT=str(checkpoint),
                           OPENBLAS_NUM_THREADS="1")
        subprocess.run([ENGINE, "run", run], env=environment, check=True, stdout=subprocess.DEVNULL)
        for line in (run / "reported.jsonl").read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event.get("name") == "test.accuracy" and "step" not in event:
                accuracy["ours"] = event["value"]

    def theirs():
        output = subprocess.run(
            [sys.executable, ROOT / "tests" / "bench" / "peers" / "sklearn_mlp.py", folder / "data.npz",
             ",".join(map(str, case["layers"])), str(case["batch"]), str(case["epochs"]), "1"],
            check=True, capture_output=True, text=True).stdout
        result = json.loads(output)
        accuracy["theirs"] = result["accuracy"]
        return result["seconds"][0]

    mine, peer = alternate(ROUNDS, ours, theirs)
    return Figure(name, mine, "s", peer, peer / mine, 3.0,
                  against=f"MLPClassifier.fit, accuracy {accuracy['ours']:.3f} to {accuracy['theirs']:.3f}")
