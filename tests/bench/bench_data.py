"""Import of recordings against pandas, on a file of the pilots' schema with the digits of a real one.

pandas.read_csv alone reads the file into memory, on one thread. Ours reads it, finds types, sorts it by recording and
time, checks it, and leaves it synced on disk; its seconds are those that the engine tells. Both run in turn. The file is
in the page cache for both. data_first_batch is the whole way from the file to the first batch of scaled windows, theirs by
pandas, scikit-learn and h5py. NIGHTJAR_BENCH_ROWS: of how many rows (4,867,421 are the 1.2 GB of the real one).
"""
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import time

from figure import Figure, alternate

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINE = ROOT / "build" / "release" / "nightjar-engine"
FIGURES = ["data_import_1_thread", "data_import_2_threads", "data_import_peak_memory", "data_second_start", "data_first_batch"]
ROWS = int(os.environ.get("NIGHTJAR_BENCH_ROWS", "400000"))
ROUNDS = 5
PEAK_LIMIT_MIB = 256
START_LIMIT_MS = 50
SENSORS = [f"eeg{i}" for i in range(20)] + ["ecg", "r", "gsr"]


def write_recordings(path, rows, seed=1):
    """Two seats interleaved in blocks of a crew and an experiment, each sorted by time as a text; every eighth value has the
    16 or 17 digits of a float that became a double, the others six decimals."""
    chance = random.Random(seed)
    widened = [repr(struct.unpack("f", struct.pack("f", chance.gauss(0, 40)))[0]) for _ in range(5000)]
    short = [f"{chance.gauss(0, 40):.6f}" for _ in range(35000)]
    pool = widened + short
    per_block = max(rows // 54, 1)
    times = sorted(f"{i / 256:.8f}" for i in range(per_block))
    written = 0
    with open(path, "w", encoding="ascii") as out:
        out.write("crew,experiment,time,seat," + ",".join(SENSORS) + ",event\n")
        for crew in (1, 2, 3, 4, 5, 6, 7, 8, 13):
            for experiment in ("CA", "DA", "SS"):
                for stamp in times:
                    for seat in (1, 0):
                        values = ",".join(chance.choices(pool, k=len(SENSORS)))
                        event = "A" if int(stamp[0]) < 5 else experiment[0]
                        out.write(f"{crew},{experiment},{stamp},{seat},{values},{event}\n")
                        written += 1
    return written


PEER = """
import os, sys
import h5py, numpy, pandas
from sklearn.preprocessing import MinMaxScaler
frame = pandas.read_csv(sys.argv[1]).sort_values(["crew", "seat", "experiment", "time"], ignore_index=True)
scaled = MinMaxScaler().fit_transform(frame[list(frame.columns[4:27])].to_numpy()).astype(numpy.float32)
with h5py.File(sys.argv[2], "w") as file:
    file.create_dataset("x", data=scaled)
    file.flush()
    os.fsync(file.id.get_vfd_handle())
windows = numpy.lib.stride_tricks.sliding_window_view(scaled, 256, axis=0)
batch = numpy.ascontiguousarray(windows[numpy.random.permutation(len(windows))[:32]].transpose(2, 0, 1))
"""


def first_batch_of_theirs(source, folder):
    subprocess.run(["/usr/bin/python3", "-c", PEER, source, folder / "peer.h5"], check=True)


class Import:
    """One run folder whose experiment ends once its data are there: no recording is as long as its window."""

    def __init__(self, folder, source):
        self.folder = folder
        self.run = folder / "run"
        self.data = folder / "data"
        self.run.mkdir()
        spec = {
            "data": {"source": str(source), "series": ["crew", "seat", "experiment"], "time": "time", "target": "event"},
            "prepare": ["minmax", {"type": "window", "length": 10_000_000}],
            "model": [{"type": "dense", "units": "classes"}],
        }
        (self.run / "spec.json").write_text(json.dumps({"v": 1, "id": 1, "run": 1, "seed": 1, "spec": spec}), encoding="utf-8")
    def start(self, threads):
        environment = {**os.environ, "NIGHTJAR_DATA": str(self.data), "OMP_NUM_THREADS": str(threads),
                       "OPENBLAS_NUM_THREADS": "1"}
        began = time.perf_counter()
        lines = subprocess.run([ENGINE, "run", self.run], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               check=False).stdout.splitlines()
        seconds = time.perf_counter() - began
        told = [event for event in map(json.loads, lines) if event["event"] == "data"]
        return told[0]["seconds"] if told and told[0]["built"] else seconds

    def peak_mib(self, threads):
        """Of an import, seen by a small process: a child counts what its parent weighed when it forked."""
        shutil.rmtree(self.data, ignore_errors=True)
        script = ("import os, resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True); "
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
        environment = {**os.environ, "NIGHTJAR_DATA": str(self.data), "OMP_NUM_THREADS": str(threads)}
        return float(subprocess.run(["/usr/bin/python3", "-S", "-c", script, ENGINE, "run", self.run], env=environment,
                                    capture_output=True, text=True, check=True).stdout)

    def first_batch(self):
        """Until the first batch is learnt from: the first progress is told then."""
        shutil.rmtree(self.data, ignore_errors=True)
        run = self.folder / "first"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        stored = json.loads((self.run / "spec.json").read_text(encoding="utf-8"))
        stored["spec"]["prepare"][1]["length"] = 256
        stored["spec"]["model"] = [{"type": "flatten"}, {"type": "dense", "units": "classes"}]
        stored["spec"]["train"] = {"batch": 32, "epochs": 1}
        (run / "spec.json").write_text(json.dumps(stored), encoding="utf-8")
        environment = {**os.environ, "NIGHTJAR_DATA": str(self.data), "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1",
                       "NIGHTJAR_CHECKPOINT": str(run / "checkpoint")}
        with subprocess.Popen([ENGINE, "run", run], env=environment, stdout=subprocess.PIPE) as process:
            for line in process.stdout:
                if json.loads(line)["event"] == "progress":
                    break
            process.kill()

    def afresh(self, threads):
        shutil.rmtree(self.data, ignore_errors=True)
        return self.start(threads)


def measure(only):
    import pandas

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source = folder / "recordings.csv"
        rows = write_recordings(source, ROWS)
        megabytes = source.stat().st_size / 1e6
        work = Import(folder, source)
        size = f"{rows} rows, {megabytes:.0f} MB"
        for threads, target in ((1, 4), (2, 7)):
            figure = f"data_import_{threads}_thread" + ("s" if threads > 1 else "")
            if figure.startswith(only):
                ours, theirs = alternate(ROUNDS, lambda: work.afresh(threads), lambda: pandas.read_csv(source) is None or None)
                yield Figure(figure, megabytes / ours, "MB/s", megabytes / theirs, theirs / ours, target,
                             against=f"pandas.read_csv on one thread, {size}")
        if "data_import_peak_memory".startswith(only):
            peak = work.peak_mib(2)
            yield Figure("data_import_peak_memory", peak, "MiB", PEAK_LIMIT_MIB, PEAK_LIMIT_MIB / peak, 1,
                         against=f"the limit; 2 threads, {size}")
        if "data_second_start".startswith(only):
            work.start(2)
            again = sorted(work.start(2) for _ in range(ROUNDS))[ROUNDS // 2] * 1000
            yield Figure("data_second_start", again, "ms", START_LIMIT_MS, START_LIMIT_MS / again, 1,
                         against=f"the limit; engine's start to its data at hand, {size}")
        if "data_first_batch".startswith(only):
            ours, theirs = alternate(3, work.first_batch, lambda: first_batch_of_theirs(source, folder))
            yield Figure("data_first_batch", ours, "s", theirs, theirs / ours, 6,
                         against=f"pandas, scikit-learn and h5py, 2 threads, {size}")
