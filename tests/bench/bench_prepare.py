"""Fitting transforms of 100,000 x 30 against scikit-learn's fit(), in the same run.

Ours is what the engine's check of two specs of the same data takes longer when the second one fits the transform, and
not one that has nothing to fit. Theirs is fit() alone on
an array of doubles. Columns are skewed, as those are that such transforms are for.
"""
import json
import pathlib
import statistics
import subprocess
import tempfile

import numpy
from sklearn.preprocessing import MinMaxScaler, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler

from figure import Figure, timed

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINE = ROOT / "build" / "release" / "nightjar-engine"
ROWS, COLUMNS, ROUNDS = 100_000, 30, 5

CASES = {  # kind, peer, the ratio that was promised
    "prepare_yeo_johnson": ("yeo_johnson", lambda: PowerTransformer(standardize=False), 5.0),
    "prepare_standard": ("standard", StandardScaler, None),
    "prepare_minmax": ("minmax", MinMaxScaler, None),
    "prepare_robust": ("robust", RobustScaler, None),
    "prepare_quantile": ("quantile", lambda: QuantileTransformer(subsample=ROWS), None),
}
FIGURES = list(CASES)


def table():
    generator = numpy.random.default_rng(0)
    normal = generator.standard_normal((ROWS, COLUMNS))
    kind = numpy.arange(COLUMNS) % 3
    x = numpy.where(kind == 0, numpy.exp(normal), numpy.where(kind == 1, normal, -generator.gamma(2.0, size=normal.shape)))
    return x.astype(numpy.float32)


def seconds(source, kinds):
    """What the check of one spec for each of the lists of transforms takes."""
    data = {"source": str(source), "target": "y", "task": "regression", "split": {"train": 1.0}}
    lines = [{"spec": {"data": data, "prepare": prepare, "model": [{"type": "dense", "units": 1}]}} for prepare in kinds]
    text = "".join(json.dumps(line) + "\n" for line in lines)

    def run():
        done = subprocess.run([ENGINE, "check"], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stdout[:500] + done.stderr[:500])

    return timed(run)


def measure_one(name, source, x):
    kind, peer, target = CASES[name]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        with_fit = seconds(source, [[], [kind]])
        ours.append(with_fit - seconds(source, [[], ["clip"]]))
        theirs.append(timed(lambda: peer().fit(x.astype(numpy.float64))))
    value, other = max(statistics.median(ours), 1e-4), statistics.median(theirs)
    return Figure(name, value, "s", other, other / value, target, against=f"scikit-learn's fit of {ROWS} x {COLUMNS}")


def measure(only):
    x = table()
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "table.csv"
        names = ",".join([f"x{i}" for i in range(COLUMNS)] + ["y"])
        numpy.savetxt(source, numpy.column_stack([x, x[:, 0]]), delimiter=",", header=names, comments="", fmt="%.6g")
        for name in FIGURES:
            if name.startswith(only):
                yield measure_one(name, source, x)
