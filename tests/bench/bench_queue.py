"""The queue: one durable submission beside task-spooler's, and two workers beside one."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from figure import Figure, alternate

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
FIGURES = ["submit_durable", "workers_two"]

SUBMISSIONS = 400
WARM_UP = 150  # by then the store writes over its log instead of growing it
EXPERIMENTS = 32


class Laboratory:
    """A private home and its daemon."""

    def __init__(self, slots):
        self.home = tempfile.mkdtemp(prefix="nightjar-bench-")
        self.environment = dict(os.environ, NIGHTJAR_HOME=self.home, XDG_RUNTIME_DIR=self.home)
        self.daemon = subprocess.Popen([BUILD / "nightjard", "--home", self.home, "--slots", str(slots)],
                                       env=self.environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while self.nj("daemon", "status", check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError("the daemon does not answer")

    def nj(self, *arguments, check=True):
        done = subprocess.run([BUILD / "nj", *arguments], env=dict(self.environment, NIGHTJAR_NO_START="1"),
                              capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"nj {' '.join(arguments)}: {done.stderr.strip()}")
        return done

    def close(self):
        self.daemon.terminate()
        self.daemon.wait(10)
        shutil.rmtree(self.home, ignore_errors=True)


def submission(command, environment):
    """A function that runs one process: from its start to its end."""
    command = [str(word) for word in command]
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]

    def run():
        status = os.waitpid(os.posix_spawnp(command[0], command, environment, file_actions=silent), 0)[1]
        if status != 0:
            raise RuntimeError(f"{command[0]} ended with {status}")
    return run


def measure_submit():
    """A process a submission, ours and theirs in turn. One long job holds the only slot of each, so that what is timed is
    the submission and not the work."""
    if not shutil.which("tsp"):
        print("submit_durable: skipped, task-spooler is missing")
        return
    laboratory = Laboratory(1)
    laboratory.nj("submit", "--", "sleep", "3600")
    folder = tempfile.mkdtemp(prefix="tsp-bench-")
    tsp = dict(os.environ, TS_SOCKET=f"{folder}/socket", TMPDIR=folder, TS_MAXFINISHED="10")
    try:
        subprocess.run(["tsp", "sleep", "3600"], env=tsp, check=True, stdout=subprocess.DEVNULL)
        ours = submission([BUILD / "nj", "submit", "--", "true"], laboratory.environment)
        theirs = submission(["tsp", "-n", "true"], tsp)
        alternate(WARM_UP, ours, theirs)
        ours, theirs = (1e3 * seconds for seconds in alternate(SUBMISSIONS, ours, theirs))
        yield Figure("submit_durable", ours, "ms", theirs, theirs / ours, 1.0,
                     against="tsp -n true (keeps nothing); a process each")
    finally:
        subprocess.run(["tsp", "-k"], env=tsp, check=False)
        subprocess.run(["tsp", "-K"], env=tsp, check=False)
        laboratory.nj("cancel", "all", check=False)
        laboratory.close()
        shutil.rmtree(folder, ignore_errors=True)


SPEC = """
name: equal
data:
  source: {source}
  header: false
  target: c65
  split: {{by: fraction, train: 0.8, valid: 0, test: 0.2, seed: 1}}
prepare: [standard]
model:
  - {{type: dense, units: 64, activation: relu}}
  - {{type: dense, units: 32, activation: relu}}
  - {{type: dense, units: classes}}
train: {{loss: cross_entropy, optimizer: {{type: adam, rate: 0.001}}, batch: 32, epochs: 60}}
evaluate: {{metrics: [accuracy]}}
sweep: {{method: grid, parameters: {{train.batch: [32]}}, replicates: {n}}}
"""


def measure_workers():
    laboratories = {slots: Laboratory(slots) for slots in (1, 2)}
    source = ROOT / "examples" / "data" / "sklearn_digits" / "digits.csv.gz"
    try:
        with tempfile.TemporaryDirectory() as folder:
            spec = pathlib.Path(folder) / "equal.yaml"
            spec.write_text(SPEC.format(source=source, n=EXPERIMENTS), encoding="utf-8")

            def batch(slots):
                def run():
                    started = time.perf_counter()
                    laboratories[slots].nj("submit", str(spec), "--wait")
                    return time.perf_counter() - started
                return run

            one, two = alternate(3, batch(1), batch(2))
        yield Figure("workers_two", two, "s", one, one / two, 1 / 0.53,
                     limit_fraction=one / two / 2, against=f"one worker, {EXPERIMENTS} equal experiments")
    finally:
        for laboratory in laboratories.values():
            laboratory.close()


def measure(only):
    if "submit_durable".startswith(only):
        yield from measure_submit()
    if "workers_two".startswith(only):
        yield from measure_workers()
