"""Batches of shuffled, scaled windows, assembled from prepared data, beside memcpy and beside a training step.

Seconds are of processor time, since the machine may be shared. The plain copies are of as many bytes, of the same windows of
the pilots' recordings: whole rows (23 columns of 23), and 5 of 23 columns, where the copy has the luck to find them side by
side. The share of a training step is what whole steps take longer than steps that find their batches assembled in memory: all
is in it that assembly costs, in the caches of others too. Beside it is told what choosing rows, saying where they lie and
gathering them take by the clock, which counts where steps are too long to tell the difference. The mixture density's samples
are rows of a table, no windows; of all shapes it has the least network for its width.
"""
import json
import math
import random
import statistics
import subprocess
import time

from bench_data import SENSORS, write_recordings
from bench_layers import BUILD, LOSSES, SHAPES, Timer, core
from figure import Figure
from scratch import scratch

RECORDED = ["lstm_64_b32", "lstm_64_b128", "lstm_128_b32", "lstm_256_b32", "gru_128_b32"]  # windows of recordings, stride 1
FOLDED = ["dense_16500", "lstm2_512", "conv1d"]  # a light curve is a window
TABLES = {"mdn": 53_783, "mdn_100000": 100_000}  # rows: what the seed recorded, and about twice as many
SHARES = [*RECORDED, *FOLDED, *TABLES]
FIGURES = ["batches_rows", "batches_columns"] + [f"batches_share_{name}" for name in SHARES]
ROWS, CURVES = 200_000, 400
ROUNDS, SECONDS = 5, 0.4
PROCESSES, PROCESS_SECONDS, PROCESS_PAIRS, TURN_SECONDS = 6, 5, 2, 0.05  # short turns: the machine may be shared
SHARE_LIMIT = 0.02


def write_table(path, series, steps, columns, targets):
    """Numbers, `steps` rows of each series, and the name of one of so many targets, or its number."""
    chance = random.Random(1)
    pool = [f"{chance.gauss(0, 1):.6f}" for _ in range(40_000)]
    with open(path, "w", encoding="ascii") as out:
        out.write(",".join(["series", "time", *(f"c{i}" for i in range(columns)), "event"]) + "\n")
        for i in range(series):
            event = f"e{i % targets}" if targets > 1 else f"{1 + abs(chance.gauss(0, 1)):.6f}"
            for t in range(steps):
                out.write(f"{i},{t}," + ",".join(chance.choices(pool, k=columns)) + f",{event}\n")


def recordings(source, columns, steps):
    """The `data` and `prepare` of windows of the pilots' recordings."""
    prepare = [{"type": "window", "length": steps}, "standard"]
    if columns < len(SENSORS):
        prepare.insert(0, {"type": "keep", "columns": SENSORS[2:2 + columns]})
    return {"data": {"source": source, "target": "event", "series": ["crew", "experiment", "seat"], "time": "time",
                     "split": {"by": "group", "group": ["crew"], "train": 0.8, "valid": 0.1, "test": 0.1, "seed": 1}},
            "prepare": prepare}


def curves(source, steps):
    return {"data": {"source": source, "target": "event", "series": ["series"], "time": "time",
                     "split": {"by": "group", "group": ["series"], "train": 0.8, "valid": 0.1, "test": 0.1, "seed": 1}},
            "prepare": [{"type": "window", "length": steps}, "standard"]}


def operations(source):
    return {"data": {"source": source, "target": "event", "ignore": ["series", "time"],
                     "split": {"by": "fraction", "train": 0.8, "valid": 0.1, "test": 0.1, "seed": 1}},
            "prepare": ["standard"], "train": {"loss": LOSSES["mdn"]}}


def networked(spec, model, batch):
    model = [dict(layer, units="classes") if layer == {"type": "dense", "units": "targets"} else layer for layer in model]
    return {**spec, "model": model, "train": {**spec.get("train", {}), "batch": batch}}


def ask(timer, *commands):
    """The median of each command's seconds, taken in turn."""
    for command in commands:
        timer.ask(f"{command} 0.1")  # pages are touched
    kept = [[timer.ask(f"{command} {SECONDS}")[0] for command in commands] for _ in range(ROUNDS)]
    timer.end()
    return [statistics.median(column) for column in zip(*kept)]


def ask_step(start):
    """Seconds of a training step, and the shares of it that assembly has: by whole steps in turn with steps whose batch is
    ready, and its error, and by the clock. Of several processes, since where pages lie in the caches is one's luck."""
    kept = []
    for _ in range(PROCESSES):
        timer, pairs = start(), len(kept) + PROCESS_PAIRS
        for command in ("step", "ready"):
            timer.ask(f"{command} 0.1")  # pages are touched
        end = time.monotonic() + PROCESS_SECONDS
        while len(kept) < pairs or time.monotonic() < end:
            (step, assembly), (ready, _) = (timer.ask(f"{command} {TURN_SECONDS}") for command in ("step", "ready"))
            kept.append((step, 1 - ready / step, assembly / step))
        timer.end()
    step, share, clock = (statistics.median(column) for column in zip(*kept))
    spread = statistics.median(abs(whole - share) for _, whole, _ in kept)
    return step, share, 1.86 * spread / math.sqrt(len(kept)), clock  # a median's error, were they normal


def measure(only):
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench.batches"], check=True, stdout=subprocess.DEVNULL)
    folder = scratch("batches-bench-")
    written = {}

    def source(name, write, *shape):
        path = f"{folder}/{name}.csv"
        if name not in written:
            written[name] = write(path, *shape)
        return path

    def start(spec):
        return Timer([BUILD / "tests" / "bench.batches", json.dumps(spec), folder], OPENBLAS_CORETYPE=core())

    def shaped(name):
        model, steps, width, *_, batch, _work, _target = SHAPES["mdn" if name in TABLES else name]
        if name in RECORDED:
            return networked(recordings(source("recordings", write_recordings, ROWS), width, steps), model, batch)
        if name in FOLDED:
            model = model if steps > 1 else ["flatten", *model]
            return networked(curves(source("curves", write_table, CURVES, 300, 55, 55), 300), model, batch)
        return networked(operations(source(name, write_table, TABLES[name], 1, width, 1)), model, batch)

    for figure, columns, command, most in (("batches_rows", len(SENSORS), "copy", 2), ("batches_columns", 5, "copy_columns", 5)):
        if figure.startswith(only):
            spec = recordings(source("recordings", write_recordings, ROWS), columns, 256)
            ours, plain = ask(start(networked(spec, SHAPES["lstm_64_b128"][0], 128)), "assemble", command)
            yield Figure(figure, 1e3 * ours, "ms", 1e3 * plain, plain / ours, 1 / most,
                         against=f"memcpy of as many bytes; {columns} of {len(SENSORS)} columns, 128 windows of 256 rows")
    for name in SHARES:
        figure = f"batches_share_{name}"
        if figure.startswith(only):
            spec = shaped(name)
            step, whole, error, clock = ask_step(lambda: start(spec))
            share = whole if error < SHARE_LIMIT / 2 else clock  # a step may be too long for many of them
            yield Figure(figure, 1e3 * share * step, "ms", 1e3 * step, SHARE_LIMIT / max(share, 1e-3), 1,
                         against=f"a training step, of which it is {100 * share:.2f} % (2 %): {100 * whole:.2f} +- {100 * error:.2f} % "
                                 f"by whole steps, {100 * clock:.2f} % by the clock")
