"""Import of recordings against pandas, on a file of the pilots' schema with the digits of a real one.

pandas.read_csv alone reads the file into memory, on one thread. Ours reads it, finds types, sorts it by recording and
time, checks it, and leaves it synced on disk; its seconds are those that the engine tells. Both run in turn. The file is
in the page cache for both. data_first_batch is the whole way from the file to the first batch of scaled windows, theirs by
pandas, scikit-learn and h5py. A second start is over when the first batch is learnt from. data_folder_second_start is of as
many files as the light curves are, each of them small: what counts is to see that none has changed. NIGHTJAR_BENCH_ROWS: of
how many rows; left out: as many as the real file has, or fewer where the disk has no room for those.
"""
import contextlib
import json
import os
import pathlib
import random
import shutil
import statistics
import struct
import subprocess
import tempfile
import time

from figure import Figure, alternate

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINE = ROOT / "build" / "release" / "nightjar-engine"
FIGURES = ["data_import_1_thread", "data_import_2_threads", "data_import_peak_memory", "data_second_start", "data_first_batch",
           "data_own_memory", "data_shared_by_4", "data_folder_second_start"]
REAL_ROWS, FEW_ROWS, ROOM = 4_867_421, 400_000, 8 << 30  # bytes that the real one takes, prepared, and the peer's file with it
ROUNDS = 3
AGAIN = 9
PEAK_LIMIT_MIB = 256
START_LIMIT_MS = 50
FILES = 125_600
FOLDER_START_LIMIT_MS = 500
OWN_LIMIT_MIB = 16
SHARED_LIMIT = 1.05  # of the size of the prepared data
SEEN = 0.05  # of all windows of 256 rows, more than ten times the rows
SENSORS = [f"eeg{i}" for i in range(20)] + ["ecg", "r", "gsr"]


def rows_wanted(folder):
    most = REAL_ROWS if shutil.disk_usage(folder).free > ROOM else FEW_ROWS
    return int(os.environ.get("NIGHTJAR_BENCH_ROWS", most))


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


def write_curves(folder, files):
    """Two lines of four steps a file, and a file of its two targets for each."""
    chance = random.Random(1)
    for name in ("curves", "labels"):
        (folder / name).mkdir()
    for i in range(files):
        name = f"{i // 100:04}_{i // 10 % 10}_{i % 10}.txt"
        (folder / "curves" / name).write_text(f"1 {chance.random():.3f} 1 1\n0.9 0.8 {chance.random():.3f} 1\n", encoding="ascii")
        (folder / "labels" / name).write_text(f"{i // 100} {i // 100 + 0.5}\n", encoding="ascii")


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


def read_whole(path):
    """All bytes, and nothing done with them: what the file system gives one thread."""
    room = bytearray(1 << 20)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(room):
            pass


def first_batch_of_theirs(source, folder):
    subprocess.run(["/usr/bin/python3", "-c", PEER, source, folder / "peer.h5"], check=True)


def wait_for_progress(process, part=0.0):
    """Until so much of the training is done."""
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "progress" and event["done"] >= part:
            return
    raise RuntimeError(f"the engine ended: {process.wait()}")


def memory_of(pid, file, field, mapped=None):
    """Bytes of a process; `mapped`: only of what lies in this folder."""
    counts, total = mapped is None, 0
    for line in pathlib.Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if mapped and not words[0].endswith(":"):
            counts = words[-1].startswith(mapped)
        elif counts and words[0] == field + ":":
            total += int(words[1]) * 1024
    return total


class Import:
    """One run folder whose experiment ends once its data are there: no recording is as long as its window. Trainings have
    windows of `steps` rows."""

    def __init__(self, folder, data, steps, outputs):
        self.steps, self.outputs = steps, outputs
        self.folder = folder
        self.run = folder / "run"
        self.data = folder / "data"
        self.run.mkdir()
        spec = {
            "data": data,
            "prepare": ["minmax", {"type": "window", "length": 10_000_000}],
            "model": [{"type": "dense", "units": outputs}],
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

    def training(self, name):
        """An engine that trains on windows at stride 1."""
        run = self.folder / name
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        stored = json.loads((self.run / "spec.json").read_text(encoding="utf-8"))
        stored["spec"]["prepare"][1]["length"] = self.steps
        stored["spec"]["model"] = [{"type": "flatten"}, {"type": "dense", "units": self.outputs}]
        stored["spec"]["train"] = {"batch": 32, "epochs": 1}
        (run / "spec.json").write_text(json.dumps(stored), encoding="utf-8")
        environment = {**os.environ, "NIGHTJAR_DATA": str(self.data), "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1",
                       "NIGHTJAR_CHECKPOINT": str(run / "checkpoint")}
        return subprocess.Popen([ENGINE, "run", run], env=environment, stdout=subprocess.PIPE)

    def first_batch(self):
        shutil.rmtree(self.data, ignore_errors=True)
        self.begin_training()

    def begin_training(self):
        """Until the first batch is learnt from: the first progress is told then. Returns its seconds."""
        began = time.perf_counter()
        with self.training("first") as process:
            wait_for_progress(process)
            seconds = time.perf_counter() - began
            process.kill()
        return seconds

    def trained_by(self, n):
        """Of n engines at once that have seen all rows: the most memory of its own that one has, and what of the prepared
        data they map, shared pages counted once; both in bytes."""
        with contextlib.ExitStack() as stack:
            processes = [stack.enter_context(self.training(f"many{i}")) for i in range(n)]
            for process in processes:
                stack.callback(process.kill)
            for process in processes:
                wait_for_progress(process, SEEN)
            own = max(memory_of(process.pid, "smaps_rollup", "Anonymous") for process in processes)
            return own, sum(memory_of(process.pid, "smaps", "Pss", str(self.data)) for process in processes)

    def afresh(self, threads):
        shutil.rmtree(self.data, ignore_errors=True)
        return self.start(threads)

    def again_ms(self):
        self.begin_training()
        return statistics.median(self.begin_training() for _ in range(AGAIN)) * 1000


def measure_folder(folder):
    write_curves(folder, FILES)
    work = Import(folder, {
        "source": str(folder / "curves"), "series": ["planet", "spot", "photon"], "time": "row",
        "split": {"by": "group", "group": ["planet"], "train": 0.8, "valid": 0.1, "test": 0.1, "seed": 1},
        "format": {"type": "text_folder", "name": "{planet:4}_{spot:1}_{photon:1}.txt", "labels": "labels", "lines": "columns"},
        "features": ["c1", "c2"], "target": ["y1", "y2"],
    }, 4, "targets")  # fmt: skip
    again = work.again_ms()
    return Figure("data_folder_second_start", again, "ms", FOLDER_START_LIMIT_MS, FOLDER_START_LIMIT_MS / again, 1,
                  against=f"the limit; engine's start to its first batch learnt, 2 threads, twice {FILES} files")


def measure(only):
    if any(figure.startswith(only) for figure in FIGURES[:-1]):
        yield from measure_recordings(only)
    if FIGURES[-1].startswith(only):
        with tempfile.TemporaryDirectory() as name:
            yield measure_folder(pathlib.Path(name))


def measure_recordings(only):
    import pandas

    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        source = folder / "recordings.csv"
        rows = write_recordings(source, rows_wanted(folder))
        megabytes = source.stat().st_size / 1e6
        work = Import(folder, {"source": str(source), "series": ["crew", "seat", "experiment"], "time": "time",
                               "target": "event"}, 256, "classes")
        size = f"{rows} rows, {megabytes:.0f} MB"
        for threads, target in ((1, 4), (2, 7)):
            figure = f"data_import_{threads}_thread" + ("s" if threads > 1 else "")
            if figure.startswith(only):
                ours, theirs, reading = alternate(
                    ROUNDS, lambda: work.afresh(threads), lambda: pandas.read_csv(source) is None or None,
                    lambda: read_whole(source))
                yield Figure(figure, megabytes / ours, "MB/s", megabytes / theirs, theirs / ours, target, reading / ours,
                             against=f"pandas.read_csv on one thread, {size}; {reading / ours:.2f} of the file system's "
                                     f"{megabytes / reading:.0f} MB/s")
        if "data_import_peak_memory".startswith(only):
            peak = work.peak_mib(2)
            yield Figure("data_import_peak_memory", peak, "MiB", PEAK_LIMIT_MIB, PEAK_LIMIT_MIB / peak, 1,
                         against=f"the limit; 2 threads, {size}")
        if "data_second_start".startswith(only):
            again = work.again_ms()
            yield Figure("data_second_start", again, "ms", START_LIMIT_MS, START_LIMIT_MS / again, 1,
                         against=f"the limit; engine's start to its first batch learnt, {size}")
        if "data_first_batch".startswith(only):
            ours, theirs = alternate(3, work.first_batch, lambda: first_batch_of_theirs(source, folder))
            yield Figure("data_first_batch", ours, "s", theirs, theirs / ours, 6,
                         against=f"pandas, scikit-learn and h5py, 2 threads, {size}")
        if any(figure.startswith(only) for figure in FIGURES[-3:-1]):
            work.start(2)
            size_bytes = sum(file.stat().st_size for file in work.data.glob("*.h5"))
            own, shared = work.trained_by(4)
            yield Figure("data_own_memory", own / 2**20, "MiB", OWN_LIMIT_MIB, OWN_LIMIT_MIB * 2**20 / own, 1,
                         against=f"the limit; a worker's own memory, windows of 256 at stride 1, {size}")
            yield Figure("data_shared_by_4", shared / size_bytes, "of the data", SHARED_LIMIT, SHARED_LIMIT * size_bytes / shared, 1,
                         against=f"the limit; PSS of the data in 4 workers, {size}")
