"""Training and prediction of networks, one thread, beside PyTorch at the better of its two vector settings, in turn.

Seconds are of processor time, since both sides have one thread and the machine may be shared.

The fraction of the limit is the time that a batch's floating-point operations take at the rate of a large product, its
recurrent cells at the rate of the vector kernel (twice: there and back) and its weights' and activations' bytes at that
of the memory, all measured beside it, divided by ours. The targets are the project's promise.

Predictions come in float32, and in bf16x3 (nj predict --compute) where the processor has tiles for it: figures of that
name. Their peer is PyTorch in float32 too; beside it stands what it does in the nearest mode that it has, bfloat16
autocast, whose numbers have 8 bits.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from figure import Figure

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
PEER = ROOT / "tests" / "bench" / "peers" / "torch_layers.py"
ROUNDS, SECONDS = 5, 0.6


def recurrent(kind, units, **more):
    return {"type": kind, "units": units, "convention": "pytorch", **more}


def head(outputs="classes", drop=0.2):
    return [{"type": "dropout", "rate": drop}, {"type": "dense", "units": outputs}]


def perceptron(*units, last="targets"):
    return [{"type": "dense", "units": n, "activation": "relu"} for n in units] + [{"type": "dense", "units": last}]


CONV = [{"type": "conv1d", "filters": 32, "size": 5, "activation": "relu"}, {"type": "max_pool1d", "size": 2},
        {"type": "conv1d", "filters": 64, "size": 5, "activation": "relu"}, {"type": "max_pool1d", "size": 2},
        "flatten", {"type": "dense", "units": "targets"}]


PEERS = {"lstm_64_masks": "cells in TorchScript (PyTorch has no such layer),"}  # where it is not a layer of PyTorch's


def recurrent_work(gates, width, units, steps, outputs, layers=1):
    """Multiplications of a sample forward, those whose gradient nobody needs, cells, weights, numbers kept."""
    macs = steps * gates * units * (width + units) + (layers - 1) * steps * gates * units * 2 * units + units * outputs
    weights = gates * units * (width + units) + (layers - 1) * gates * units * 2 * units
    return macs, steps * gates * units * width, layers * steps * units, weights, layers * steps * units * (gates + 2)


def dense_work(*sizes):
    macs = sum(a * b for a, b in zip(sizes, sizes[1:]))
    return macs, sizes[0] * sizes[1], 0, macs, sum(sizes)


# model, steps, width, outputs, task, batch, work, target
SHAPES = {
    "dense_16500": (perceptron(1024, 256), 1, 16500, 55, "values", 100, dense_work(16500, 1024, 256, 55), 1.7),
    "lstm2_512": ([recurrent("lstm", 512, sequences=True), {"type": "dropout", "rate": 0.1}, recurrent("lstm", 512)]
                  + head("targets", 0.1), 300, 55, 55, "values", 50, recurrent_work(4, 55, 512, 300, 55, 2), 1.3),
    "conv1d": (CONV, 300, 55, 55, "values", 100,
               (296 * 32 * 275 + 144 * 64 * 160 + 64 * 72 * 55, 296 * 32 * 275, 0, 300000, 50000), 1.5),
    "mdn": (perceptron(128, 128, last="outputs"), 1, 64, 1, "values", 256, dense_work(64, 128, 128, 9), 2),
    "gru_128_b32": ([recurrent("gru", 128)] + head(), 256, 8, 4, "classes", 32, recurrent_work(3, 8, 128, 256, 4), 2.5),
    "lstm_64_masks": ([{"type": "lstm", "units": 64, "dropout": 0.5, "recurrent_dropout": 0.5, "mask": "per_gate"},
                       {"type": "dense", "units": "classes"}], 256, 8, 4, "classes", 32,
                      recurrent_work(4, 8, 64, 256, 4), 4),
    "small_lstm": ([recurrent("lstm", 16), {"type": "dense", "units": "classes"}], 64, 8, 4, "classes", 32,
                   recurrent_work(4, 8, 16, 64, 4), 5),
    "small_dense": (perceptron(64, 32, last="classes"), 1, 30, 2, "classes", 32, dense_work(30, 64, 32, 2), 5),
}
for units, target in ((64, 4), (128, 2.5), (256, 1.8)):
    for batch in (32, 128):
        SHAPES[f"lstm_{units}_b{batch}"] = ([recurrent("lstm", units)] + head(), 256, 8, 4, "classes", batch,
                                            recurrent_work(4, 8, units, 256, 4), target)
LOSSES = {"mdn": {"type": "log_normal", "components": 3}}
PREDICTED = ["lstm_128_b32", "lstm_64_b32", "dense_16500", "conv1d", "mdn"]
TILED = ["dense_16500", "conv1d", "mdn"]  # predicted in bf16x3 too
FIGURES = ([f"layers_{name}" for name in SHAPES] + [f"layers_predict_{name}" for name in PREDICTED]
           + [f"layers_predict_{name}_bf16x3" for name in TILED]
           + ["layers_memory_lstm2_512", "layers_checkpoint"])


class Timer:
    """A process that answers a line with a rate."""

    def __init__(self, command, **environment):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", **environment))

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return [float(word) for word in self.process.stdout.readline().split()]

    def peak_mib(self):
        """Most memory that it had at once, its libraries and samples with it."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the process is gone")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def flags():
    return set(pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii").split())


def core():
    return "SkylakeX" if "avx512f" in flags() else "Haswell"


def peer_modes():
    """PyTorch's instruction sets: the other one would be its end where the processor has it not."""
    return ("default", "avx512") if "avx512f" in flags() else ("default",)


def has_tiles():
    return {"amx_tile", "amx_bf16", "avx512_bf16"} <= flags()


def measure(only):
    subprocess.run(["cmake", "--build", BUILD, "--target", "bench.layers"], check=True, stdout=subprocess.DEVNULL)
    for figure in FIGURES:
        if figure == "layers_checkpoint" and figure.startswith(only):
            yield measure_checkpoint(figure)
        elif figure.startswith("layers_memory_") and figure.startswith(only):
            yield measure_memory(figure, figure.removeprefix("layers_memory_"))
        elif figure.endswith("_bf16x3"):
            if figure.startswith(only) and has_tiles():
                yield measure_tiled(figure, figure.removeprefix("layers_predict_").removesuffix("_bf16x3"))
        elif figure.startswith(only):
            name = figure.removeprefix("layers_").removeprefix("predict_")
            yield measure_one(figure, name, "predict" if figure.startswith("layers_predict_") else "train")


def measure_checkpoint(figure):
    """Of 17 million parameters with Adam's moments, durable, beside the same bytes written and synced."""
    ours = start_ours("dense_16500")
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
        pairs = [ours.ask(f"checkpoint {folder}") for _ in range(ROUNDS)]
    ours.end()
    mine, plain = [statistics.median(kept) for kept in zip(*pairs)]
    return Figure(figure, mine, "s", plain, plain / mine, 1 / 1.5, against="the same bytes, written and synced")


def start_ours(name, *more):
    model, steps, width, outputs, task, batch, *_ = SHAPES[name]
    spec = {"model": model, "train": {"batch": batch, "optimizer": {"type": "adam", "rate": 1e-4}}}
    if name in LOSSES:
        spec["train"]["loss"] = LOSSES[name]
    return Timer([BUILD / "tests" / "bench.layers", json.dumps(spec), str(steps), str(width), str(outputs), task, *more],
                 OPENBLAS_CORETYPE=core())


def start_peer(name, mode):
    return Timer(["/usr/bin/python3", PEER, name], OPENBLAS_CORETYPE=core(), ATEN_CPU_CAPABILITY=mode)


def measure_memory(figure, name):
    timers = start_ours(name), start_peer(name, "default")
    for timer in timers:
        timer.ask(f"train {SECONDS}")
    ours, theirs = (timer.peak_mib() for timer in timers)
    for timer in timers:
        timer.end()
    return Figure(figure, ours, "MiB", theirs, theirs / ours, 2.0, against="PyTorch; the most at once in training")


def measure_one(figure, name, what):
    *_, batch, work, target = SHAPES[name]
    peers = {mode: start_peer(name, mode) for mode in peer_modes()}
    ours = start_ours(name)
    timers = [ours, *peers.values()]
    line = f"{what} {SECONDS}" + (" 1024" if what == "predict" else "")
    for timer in timers:
        timer.ask(line)  # the first is warming up
    rates = [[] for _ in timers]
    limits = []
    for _ in range(ROUNDS):
        for kept, timer in zip(rates, timers):
            kept += timer.ask(line)
        limits.append(ours.ask("limit"))
    for timer in timers:
        timer.end()
    mine, *theirs = [statistics.median(kept) for kept in rates]
    best = max(theirs)
    fraction = mine * limit_seconds(work, batch, what, [statistics.median(kept) for kept in zip(*limits)])
    return Figure(figure, mine, "samples/s", best, mine / best, 3.0 if what == "predict" else target, fraction,
                  f"{PEERS.get(name, 'PyTorch')} {list(peers)[theirs.index(best)]}; {fraction:.2f} of the limit")


def measure_tiled(figure, name):
    ours, peers = start_ours(name, "bf16x3"), {mode: start_peer(name, mode) for mode in peer_modes()}
    line = f"predict {SECONDS} 1024"
    asked = [(ours, line), *((peer, line) for peer in peers.values()), (peers["default"], line + " bfloat16")]
    rates = [[] for _ in asked]
    for turn in range(ROUNDS + 1):
        for kept, (timer, question) in zip(rates, asked):
            kept += timer.ask(question) if turn else timer.ask(question)[:0]  # the first is warming up
    for timer in (ours, *peers.values()):
        timer.end()
    mine, *theirs, narrow = [statistics.median(kept) for kept in rates]
    best = max(theirs)
    return Figure(figure, mine, "samples/s", best, mine / best, 3.0,
                  against=f"PyTorch {list(peers)[theirs.index(best)]}, float32; {narrow:.4g} with its bfloat16 autocast")


def limit_seconds(work, batch, what, rates):
    """Seconds a sample that the machine needs at least."""
    macs, no_gradient, cells, weights, kept = work
    flops, cell_rate, bytes_rate = rates
    if what == "predict":
        return 2 * macs / flops + cells / cell_rate
    # Adam reads and writes the weight, its gradient and two moments; what is kept is written once and read once
    moved = 4 * (7 * weights / batch + 2 * kept)
    return 2 * (3 * macs - no_gradient) / flops + 2 * cells / cell_rate + moved / bytes_rate


if __name__ == "__main__":
    for shown in measure(sys.argv[1] if len(sys.argv) > 1 else ""):
        print(shown.line())
