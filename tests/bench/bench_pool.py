"""32 equal experiments on two processors: a batch of ours beside a script with PyTorch and multiprocessing, and beside
itself with one experiment at a time that has both processors.

Both begin with nothing: our daemon is started, the table imported, the batch submitted, and its last verdict waited for;
the script's interpreter and PyTorch are started, and its pool.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from figure import Figure, alternate
from laboratory import ROOT, Laboratory

FIGURES = ["pool_32_fork", "pool_32_spawn", "pool_32_threads"]
PEER = ROOT / "tests" / "bench" / "peers" / "torch_pool.py"
EXPERIMENTS, PROCESSES, EPOCHS, ROUNDS = 32, 2, 15, 3
ROWS, FEATURES = 5000, 64


def write_table(path):
    chance = random.Random(1)
    with open(path, "w", encoding="ascii") as out:
        print(*(f"x{i}" for i in range(FEATURES)), "y", sep=",", file=out)
        for _ in range(ROWS):
            x = [chance.gauss(0, 1) for _ in range(FEATURES)]
            y = x[0] * x[1] + abs(x[2]) + chance.gauss(0, 0.2)
            print(*(f"{value:.4f}" for value in x), f"{y:.4f}", sep=",", file=out)


def spec(folder, cpus=1):
    parts = {"train": [], "test": []}
    for row in range(ROWS):
        parts["test" if row % 5 == 4 else "train"].append(f"{row}\n")
    for part, rows in parts.items():
        (folder / part).write_text("".join(rows), encoding="ascii")
    return {
        "name": "equal",
        "data": {"source": str(folder / "table.csv"), "target": "y",
                 "split": {"by": "index", "train": str(folder / "train"), "test": str(folder / "test")}},
        "prepare": ["standard"],
        "model": [*({"type": "dense", "units": 128, "activation": "relu"} for _ in range(2)),
                  {"type": "dense", "units": "outputs"}],
        "train": {"loss": {"type": "normal", "components": 3}, "optimizer": {"type": "adam", "rate": 1e-3}, "batch": 100,
                  "epochs": EPOCHS},
        "evaluate": {"metrics": ["nll"]},
        "resources": {"cpus": cpus},
        "sweep": {"replicates": EXPERIMENTS, "parameters": {"train.batch": [100]}, "goal": {"minimize": "test.nll"}},
    }


def measure(only):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_table(folder / "table.csv")
        for cpus in (1, PROCESSES):
            (folder / f"batch{cpus}.json").write_text(json.dumps(spec(folder, cpus)), encoding="utf-8")

        def ours(cpus=1):
            with Laboratory(PROCESSES) as laboratory:
                laboratory.nj("submit", "--wait", folder / f"batch{cpus}.json")
                done = json.loads(laboratory.nj("status", "--json").stdout)
                if done["counts"]["done"] != EXPERIMENTS:
                    raise RuntimeError(f"not all are done: {done['counts']}")

        def theirs(how):
            subprocess.run([sys.executable, PEER, folder / "table.csv", str(EXPERIMENTS), str(PROCESSES), str(EPOCHS), how],
                           check=True, stdout=subprocess.DEVNULL)

        for figure in (figure for figure in FIGURES if figure.startswith(only)):
            how = figure.rsplit("_", 1)[1]
            if how == "threads":
                mine, peer = alternate(ROUNDS, ours, lambda: ours(PROCESSES))
                yield Figure(figure, mine, "s", peer, peer / mine, 1.0,
                             against=f"the same batch with {PROCESSES} processors for each experiment, one at a time")
                continue
            mine, peer = alternate(ROUNDS, ours, lambda: theirs(how))
            yield Figure(figure, mine, "s", peer, peer / mine, 3.0,
                         against=f"PyTorch in a pool of {PROCESSES} processes ({how}), start-up included")
