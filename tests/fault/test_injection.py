"""The Nth write, sync, rename, fork, open or truncation fails, or is the last thing that a process does:
for daemon, worker and engine, with strace's help. An error or a retry, never a wrong state.

A few of each are tried, chosen anew each time; NIGHTJAR_TEST_INJECTIONS=all tries every one.
"""

import collections
import contextlib
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import unittest

import training
from harness import BUILD, DEADLINE_S, Daemon, DeadlineError, RpcError, wait_until

ALL = os.environ.get("NIGHTJAR_TEST_INJECTIONS") == "all"
FEW = 3 if os.environ.get("NIGHTJAR_SANITIZE") else 6
KINDS = {  # system calls, and how each kind fails
    "write": ("write,pwrite64,writev", "ENOSPC"),
    "sync": ("fsync,fdatasync", "EIO"),
    "name": ("rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat", "EIO"),
    "open": ("openat", "EMFILE"),
    "fork": ("clone,clone3,fork,vfork", "EAGAIN"),
    "truncate": ("ftruncate,fallocate", "EIO"),
}
LOCK = '"*", 1)'  # written to a pipe that is libuv's lock of signals: no disk makes that fail
DEADLY = ("write", "sync", "name", "truncate")


def strace_works():
    with contextlib.suppress(OSError):
        return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False).returncode == 0
    return False


# LeakSanitizer is a tracer too, and a process has one.
ENVIRONMENT = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


@unittest.skipUnless(strace_works(), "strace is not there, or not permitted to trace")
class Injection(unittest.TestCase):
    few = FEW

    def setUp(self):
        seed = random.SystemRandom().randrange(1 << 32)
        self.dice = random.Random(seed)
        print(f"(seed {seed}) ", end="", flush=True)

    def run_traced(self, options, command):
        return subprocess.run(["strace", *options, *command], check=False, capture_output=True, text=True,
                              timeout=DEADLINE_S, env={**os.environ, **ENVIRONMENT})

    def injection(self, kind, n, deadly, trace="/dev/null"):
        """Options. Only the program itself is hit, not what it starts; and it stays our child."""
        calls, code = KINDS[kind]
        what = "signal=SIGKILL" if deadly else f"error={code}"
        return ["-D", "-o", trace, "-e", f"trace={calls}", "-e", f"inject={calls}:{what}:when={n}"]

    def run_injected(self, kind, n, deadly, command):
        return self.run_traced(self.injection(kind, n, deadly), command)

    def numbers(self, kind, run):
        """Which calls of a kind there are when nothing fails, and how many in all; run(options of strace). strace counts
        each system call by itself. What keeps libuv's lock of signals is left out."""
        calls, lock = collections.Counter(), set()
        with tempfile.NamedTemporaryFile("r") as file:
            run(["-D", "-o", file.name, "-e", f"trace={KINDS[kind][0]}"])
            lines = []
            wait_until(lambda: lines.extend(file) or "+++" in lines[-1])
        for name, rest in (line.split("(", 1) for line in lines if "(" in line):
            calls[name] += 1
            if LOCK in rest:
                lock.add(calls[name])
        n = max(calls.values(), default=0)
        return [i for i in range(1, n + 1) if i not in lock], n

    def cases(self, run):
        for kind in KINDS:
            numbers, n = self.numbers(kind, run)
            for deadly in (False, True) if kind in DEADLY else (False,):
                for i in numbers if ALL else sorted(self.dice.sample(numbers, min(len(numbers), self.few))):
                    self.case = f"{kind} {i} of {n}, {'deadly' if deadly else KINDS[kind][1]}"
                    yield kind, i, deadly


class Worker(Injection):
    """A run by hand: no verdict, or the right one; never a command that ran without `started`."""

    def setUp(self):
        super().setUp()
        self.home = tempfile.mkdtemp(prefix="nightjar-injection-")
        self.addCleanup(shutil.rmtree, self.home)
        self.last = 0

    def command(self):
        self.last += 1
        folder = f"{self.home}/runs/{self.last}/1"
        os.makedirs(folder)
        script = f'echo ran >> {self.home}/ran{self.last}; echo \'{{"loss": 0.5}}\' >> "$NIGHTJAR_EVENTS"'
        with open(f"{folder}/spec.json", "w", encoding="utf-8") as file:
            json.dump({"v": 1, "id": self.last, "run": 1, "seed": 1, "cwd": self.home,
                       "spec": {"command": ["sh", "-c", script]}}, file)
        return [os.path.join(BUILD, "nightjar-worker"), "run", folder]

    def lines(self, path):
        with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
            return file.read().splitlines()
        return []

    def test_whatever_fails_the_verdict_is_right_or_missing(self):
        for kind, n, deadly in self.cases(lambda options: self.run_traced(options, self.command())):
            done = self.run_injected(kind, n, deadly, self.command())
            ran = self.lines(f"{self.home}/ran{self.last}")
            events = training.read_journal(f"{self.home}/runs/{self.last}/1/events.jsonl")
            names = [event["event"] for event in events]
            if done.returncode == 0:
                self.assertEqual(names[-1:], ["exit"], self.case)
            if "exit" in names:
                self.assertEqual(ran, ["ran"] if events[-1]["status"] == 0 else [], (self.case, events))
            if ran:
                self.assertEqual((ran, names[0]), (["ran"], "started"), self.case)


@unittest.skipUnless(os.path.exists(os.path.join(BUILD, "nightjar-engine")), "no engine is built")
class Engine(Injection):
    """A training that was cut short goes on from its checkpoint and ends with the same bits."""

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="nightjar-injection-")
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.source = f"{cls.home}/data.csv.gz"
        training.write_data(cls.source, rows=120)
        cls.last = 0
        subprocess.run(cls.command(), check=True, stdout=subprocess.DEVNULL)
        cls.expected = training.result(f"{cls.home}/runs/1")

    @classmethod
    def command(cls, run=1):
        """Of a new experiment's first run, or of the latest one's next."""
        cls.last += run == 1
        experiment = f"{cls.home}/runs/{cls.last}"
        folder = f"{experiment}/{run}"
        os.makedirs(f"{folder}/artifacts")
        os.makedirs(f"{experiment}/checkpoint", exist_ok=True)
        with open(f"{folder}/spec.json", "w", encoding="utf-8") as file:
            json.dump({"v": 1, "id": 1, "run": run, "seed": 1, "cwd": cls.home,
                       "spec": training.spec(cls.source, 2)}, file)
        told = {"OPENBLAS_NUM_THREADS": "1", "NIGHTJAR_RUN_DIR": folder, "NIGHTJAR_EVENTS": f"{folder}/reported.jsonl",
                "NIGHTJAR_ARTIFACTS": f"{folder}/artifacts", "NIGHTJAR_CHECKPOINT": f"{experiment}/checkpoint"}
        return ["env", *(f"{name}={value}" for name, value in told.items()),
                os.path.join(BUILD, "nightjar-engine"), "run", folder]

    def checkpoint_was_left_out(self):
        """A training goes on without one, and says so."""
        told = training.read_journal(f"{self.home}/runs/{self.last}/1/reported.jsonl")
        return any(event["event"] == "warning" and event.get("where") == "checkpoint" for event in told)

    def test_whatever_fails_the_next_run_ends_with_the_same_bits(self):
        for kind, n, deadly in self.cases(lambda options: self.run_traced(options, self.command())):
            status = self.run_injected(kind, n, deadly, self.command()).returncode
            self.assertTrue(status >= 0 or deadly, f"{self.case}: signal {-status}")
            if status != 0:
                again = subprocess.run(self.command(2), check=False, capture_output=True, text=True,
                                       timeout=DEADLINE_S)
                self.assertEqual(again.returncode, 0, f"{self.case}: {again.stderr}")
            state = status != 0 or not self.checkpoint_was_left_out()
            found = training.result(f"{self.home}/runs/{self.last}", state)
            for name, value in found.items():
                self.assertTrue(self.expected[name] == value, f"{self.case}: {name} differs")


class Queue(Injection):
    """A daemon's whole life: start, submission, start of a run, intake, verdict, end. Whatever fails, it goes on or ends and
    is started again; then every acknowledged experiment is done, and its command ran once."""

    few = FEW // 3

    def client(self, daemon):
        """Of the daemon that was to be disturbed, or of the next one, where that one ended."""
        def connect():
            with contextlib.suppress(DeadlineError, OSError, EOFError, IndexError):
                if daemon.process.poll() is not None:
                    daemon.wrapper = ()
                    daemon.start()
                return daemon.connect()
        return wait_until(connect)

    def submit(self, daemon):
        """Until it is acknowledged; a token makes the repetition harmless."""
        script = 'echo ran >> "$NIGHTJAR_RUN_DIR/../ran"; echo \'{"loss": 0.5, "step": 1}\' >> "$NIGHTJAR_EVENTS"'
        for _ in range(3):
            with contextlib.suppress(OSError, EOFError, DeadlineError, RpcError), self.client(daemon) as client:
                return client.call("submit", base={"command": ["sh", "-c", script]}, cwd="/", token="once",
                                   environment=[f"PATH={os.environ['PATH']}"])["first"]
        raise AssertionError(f"{self.case}: no submission comes through: {daemon.read_log()}")

    def wait(self, daemon, number):
        while True:
            with contextlib.suppress(OSError, EOFError), self.client(daemon) as client:
                return client.wait(lambda rows: rows[number]["state"] == "done", ids=[[number, number]])[number]

    def read(self, daemon, number):
        """What is kept; more than once where the call that fails, or is the daemon's last, comes as late as this."""
        for _ in range(3):
            with contextlib.suppress(OSError, EOFError, RpcError), self.client(daemon) as client:
                return (client.call("list", select={"all": True})["total"], client.call("show", id=number),
                        client.call("history", id=number)["metrics"]["loss"])
        raise AssertionError(f"{self.case}: nothing can be read: {daemon.read_log()}")

    @contextlib.contextmanager
    def without_lock(self, daemon, trace):
        """libuv waits for ever for its lock of signals where that could not be given back, and here a call more than there
        were may have been it: such a daemon is killed, which it has to survive too."""
        over = threading.Event()

        def look():
            text = ""
            with open(trace, encoding="utf-8") as file:
                while not over.wait(0.05):
                    text += file.read()  # lines come in pieces
                    if any(LOCK in line and "INJECTED" in line for line in text.splitlines()):
                        daemon.process.kill()
                        return

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def live(self, options, trace="/dev/null"):
        daemon = Daemon(wrapper=["strace", *options], environment=ENVIRONMENT)
        with contextlib.ExitStack() as stack:
            stack.callback(daemon.__exit__, None)
            stack.enter_context(self.without_lock(daemon, trace))
            with contextlib.suppress(DeadlineError):
                daemon.start()
            number = self.submit(daemon)
            row = self.wait(daemon, number)
            total, shown, losses = self.read(daemon, number)
            self.assertEqual((row["verdict"], total, len(losses)), ("done", 1, 1), self.case)
            self.assertEqual([run["verdict"] for run in shown["runs"]][-1], "done", self.case)
            with open(f"{daemon.home}/runs/{number}/ran", encoding="ascii") as file:
                self.assertEqual(file.read(), "ran\n", (self.case, shown["runs"]))
            daemon.terminate()

    def test_whatever_fails_what_was_acknowledged_is_done_once(self):
        self.case = "undisturbed"
        for kind, n, deadly in self.cases(self.live):
            with tempfile.NamedTemporaryFile("r") as trace:
                self.live(self.injection(kind, n, deadly, trace.name), trace.name)


if __name__ == "__main__":
    unittest.main()
