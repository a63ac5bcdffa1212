"""Batches of shuffled, scaled windows, assembled from prepared recordings of the pilots' schema, beside memcpy.

Seconds of processor time, since the machine may be shared. The plain copies are of as many bytes, of the same windows: whole
rows (23 columns of 23), and 5 of 23 columns, where the copy has the luck to find them side by side. The share of a
training step is that of an LSTM of 64 units, with 256 steps and a batch of 32, and of 128: the smaller network, the larger
the share.
"""
import json
import statistics
import subprocess

from bench_data import SENSORS, write_recordings
from bench_layers import BUILD, Timer, core
from figure import Figure
from scratch import scratch

FIGURES = ["batches_rows", "batches_columns", "batches_share_b32", "batches_share_b128"]
ROWS = 200_000
ROUNDS, SECONDS = 5, 0.4
SHARE_LIMIT = 0.02


def spec(source, columns, batch):
    prepare = [{"type": "window", "length": 256}, "standard"]
    if columns < len(SENSORS):
        prepare.insert(0, {"type": "keep", "columns": SENSORS[2:2 + columns]})
    return {"data": {"source": source, "target": "event", "series": ["crew", "experiment", "seat"], "time": "time",
                     "split": {"by": "group", "group": ["crew"], "train": 0.8, "valid": 0.1, "test": 0.1, "seed": 1}},
            "prepare": prepare,
            "model": [{"type": "lstm", "units": 64}, {"type": "dense", "units": "classes"}],
            "train": {"batch": batch}}


def ask(timer, *commands):
    """The median of each command's seconds, taken in turn."""
    for command in commands:
        timer.ask(f"{command} 0.1")  # pages are touched
    kept = [[timer.ask(f"{command} {SECONDS}")[0] for command in commands] for _ in range(ROUNDS)]
    timer.end()
    return [statistics.median(column) for column in zip(*kept)]


def measure(only):
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench.batches"], check=True, stdout=subprocess.DEVNULL)
    folder = scratch("batches-bench-")
    source = f"{folder}/recordings.csv"
    write_recordings(source, ROWS)

    def start(columns, batch):
        return Timer([BUILD / "tests" / "bench.batches", json.dumps(spec(source, columns, batch)), folder],
                     OPENBLAS_CORETYPE=core())

    for figure, columns, command, most in (("batches_rows", len(SENSORS), "copy", 2), ("batches_columns", 5, "copy_columns", 5)):
        if figure.startswith(only):
            ours, plain = ask(start(columns, 128), "assemble", command)
            yield Figure(figure, 1e3 * ours, "ms", 1e3 * plain, plain / ours, 1 / most,
                         against=f"memcpy of as many bytes; {columns} of {len(SENSORS)} columns, 128 windows of 256 rows")
    for batch in (32, 128):
        figure = f"batches_share_b{batch}"
        if figure.startswith(only):
            assembly, step = ask(start(len(SENSORS), batch), "assemble", "step")
            yield Figure(figure, 1e3 * assembly, "ms", 1e3 * step, SHARE_LIMIT * step / assembly, 1,
                         against=f"a training step, of which it is {100 * assembly / step:.2f} % (2 %); LSTM of 64 units")
