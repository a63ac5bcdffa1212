"""A training run long enough to be disturbed, and what has to be the same afterwards."""

import gzip
import json
import os
import random

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())
EPOCHS = 60
CHECKPOINT_BATCHES = 7  # divides no epoch: a resume begins in the middle of one


def runs_haswell():
    """Whether this processor can use the kernels of that core."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = next((line.split() for line in file if line.startswith("flags")), [])
    return {"avx2", "fma"} <= set(flags)


def write_data(path, rows=600, seed=5):
    """Four classes in eight dimensions, too close to be told apart in a few epochs."""
    dice = random.Random(seed)
    with gzip.open(path, "wt") as file:
        file.write(",".join(f"x{i}" for i in range(8)) + ",class\n")
        for row in range(rows):
            label = row % 4
            values = [dice.gauss(((label >> (i % 2)) & 1) * 0.8, 1) for i in range(8)]
            file.write(",".join(f"{value:.6f}" for value in values) + f",c{label}\n")


def spec(source, epochs=EPOCHS):
    return {
        "name": "fault",
        "data": {"source": source, "target": "class",
                 "split": {"by": "fraction", "train": 0.7, "valid": 0.15, "test": 0.15}},
        "prepare": ["standard"],
        "model": [{"type": "dense", "units": 48, "activation": "tanh"},
                  {"type": "dropout", "rate": 0.3},
                  {"type": "dense", "units": "classes"}],
        "train": {"loss": "cross_entropy", "optimizer": {"type": "adam", "rate": 0.002},
                  "batch": 16, "epochs": epochs,
                  "checkpoint": {"batches": CHECKPOINT_BATCHES, "epochs": epochs, "time": 0}},
        "evaluate": {"metrics": ["accuracy", "log_loss"]},
    }


def read_journal(path):
    """Whole lines only; a missing file has none."""
    try:
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []


def run_folders(experiment):
    numbers = sorted(int(name) for name in os.listdir(experiment) if name.isdigit())
    return [os.path.join(experiment, str(number)) for number in numbers]


def checkpoints(experiment):
    """How many checkpoints all runs have told of, and the last one's step."""
    steps = [event["step"] for folder in run_folders(experiment)
             for event in read_journal(os.path.join(folder, "reported.jsonl"))
             if event["event"] == "checkpoint"]
    return len(steps), steps[-1] if steps else 0


def result(experiment, state=True):
    """What a training leaves: its whole state (last and best weights, moments, cursor) to the byte,
    predictions to the byte, and the numbers on the way, where a later run's word counts."""
    metrics = {}
    for folder in run_folders(experiment):
        for event in read_journal(os.path.join(folder, "reported.jsonl")):
            if event["event"] == "metric":
                metrics[event["name"], event.get("step")] = event["value"]
    found = {"metrics": metrics}
    if state:
        with open(os.path.join(experiment, "checkpoint/last.ckpt"), "rb") as file:
            found["state"] = file.read()
    with open(os.path.join(run_folders(experiment)[-1], "artifacts/predictions.csv"), "rb") as file:
        found["predictions"] = file.read()
    return found


def assert_same(case, disturbed, undisturbed):
    case.assertEqual(disturbed["metrics"], undisturbed["metrics"])
    for name in undisturbed:
        case.assertTrue(disturbed[name] == undisturbed[name], f"{name} differs")
