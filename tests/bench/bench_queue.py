"""The queue: one durable submission beside task-spooler's, and two workers beside one."""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from figure import Figure, alternate
from laboratory import BUILD, ROOT, Laboratory, process
from scratch import scratch

FIGURES = ["submit_durable", "workers_two"]

SUBMISSIONS = 400
WARM_UP = 150  # by then the store writes over its log instead of growing it
EXPERIMENTS = 32


def measure_submit():
    """A process a submission, ours and theirs in turn. One long job holds the only slot of each, so that what is timed is
    the submission and not the work."""
    if not shutil.which("tsp"):
        print("submit_durable: skipped, task-spooler is missing")
        return
    laboratory = Laboratory(1)
    laboratory.nj("submit", "--", "sleep", "3600")
    folder = scratch("tsp-bench-")
    tsp = dict(os.environ, TS_SOCKET=f"{folder}/socket", TMPDIR=folder, TS_MAXFINISHED="10")
    try:
        subprocess.run(["tsp", "sleep", "3600"], env=tsp, check=True, stdout=subprocess.DEVNULL)
        ours = process([BUILD / "nj", "submit", "--", "true"], laboratory.environment)
        theirs = process(["tsp", "-n", "true"], tsp)
        alternate(WARM_UP, ours, theirs)
        ours, theirs = (1e3 * seconds for seconds in alternate(SUBMISSIONS, ours, theirs))
        yield Figure("submit_durable", ours, "ms", theirs, theirs / ours, 1.0,
                     against="tsp -n true (keeps nothing); a process each")
    finally:
        subprocess.run(["tsp", "-k"], env=tsp, check=False)
        subprocess.run(["tsp", "-K"], env=tsp, check=False)
        laboratory.close()


def equal_spec():
    layers = [{"type": "dense", "units": units, "activation": "relu"} for units in (64, 32)]
    return {
        "data": {"source": str(ROOT / "examples" / "data" / "sklearn_digits" / "digits.csv.gz"), "header": False,
                 "target": "c65", "split": {"by": "fraction", "train": 0.8, "valid": 0, "test": 0.2, "seed": 1}},
        "prepare": ["standard"],
        "model": [*layers, {"type": "dense", "units": "classes"}],
        "train": {"loss": "cross_entropy", "optimizer": "adam", "batch": 32, "epochs": 60},
        "evaluate": {"metrics": ["accuracy"]},
    }


def bare(folder, workers):
    """The same trainings by the engine alone, so many at a time: what two processors can do at best here."""
    base = pathlib.Path(folder)

    def train(i):
        run = base / f"bare-{workers}-{i}" / "1"
        shutil.rmtree(run.parent, ignore_errors=True)
        (run / "artifacts").mkdir(parents=True)
        (run.parent / "checkpoint").mkdir()
        (run / "spec.json").write_text(json.dumps(
            {"v": 1, "id": i, "run": 1, "seed": i, "cwd": folder, "spec": equal_spec()}), encoding="utf-8")
        environment = dict(os.environ, NIGHTJAR_EVENTS=str(run / "reported.jsonl"), NIGHTJAR_RUN_DIR=str(run),
                           NIGHTJAR_ARTIFACTS=str(run / "artifacts"), OPENBLAS_NUM_THREADS="1",
                           NIGHTJAR_CHECKPOINT=str(run.parent / "checkpoint"))
        subprocess.run([BUILD / "nightjar-engine", "run", run], env=environment, check=True,
                       stdout=subprocess.DEVNULL)

    def run_all():
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            list(pool.map(train, range(EXPERIMENTS)))
    return run_all


def measure_workers():
    laboratories = {slots: Laboratory(slots) for slots in (1, 2)}
    sweep = {"method": "grid", "parameters": {"train.optimizer.rate": [0.001]}, "replicates": EXPERIMENTS}
    try:
        with tempfile.TemporaryDirectory() as folder:
            spec = pathlib.Path(folder) / "equal.json"
            spec.write_text(json.dumps({"name": "equal", **equal_spec(), "sweep": sweep}), encoding="utf-8")

            def batch(slots):
                def run():
                    started = time.perf_counter()
                    laboratories[slots].nj("submit", str(spec), "--wait")
                    return time.perf_counter() - started
                return run

            one, two, bare_one, bare_two = alternate(3, batch(1), batch(2), bare(folder, 1), bare(folder, 2))
        limit = bare_one / bare_two
        yield Figure("workers_two", two, "s", one, one / two, 1 / 0.53, limit_fraction=one / two / limit,
                     against=f"one worker, {EXPERIMENTS} equal experiments; engines alone, without a queue: {limit:.2f}")
    finally:
        for laboratory in laboratories.values():
            laboratory.close()


def measure(only):
    if "submit_durable".startswith(only):
        yield from measure_submit()
    if "workers_two".startswith(only):
        yield from measure_workers()
