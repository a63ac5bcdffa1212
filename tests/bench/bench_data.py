"""Import of recordings against pandas, on a file of the pilots' schema with the digits of a real one.

pandas.read_csv alone reads the file into memory, on one thread. Ours reads it, finds types, sorts it by recording and
time, checks it, and leaves it synced on disk; its seconds are those that the engine tells. Both run in turn. The file is
in the page cache for both. NIGHTJAR_BENCH_ROWS: of how many rows (4,867,421 are the 1.2 GB of the real one).
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
FIGURES = ["data_import_1_thread", "data_import_2_threads", "data_import_peak_memory", "data_second_start"]
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
