"""Engines and workers that are killed in the middle of a training, without a daemon: the next run
goes on from the checkpoint and ends with the same bits."""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

import training

BUILD = os.environ.get("NIGHTJAR_BUILD", "build/dev")
WORKER = os.path.abspath(os.path.join(BUILD, "nightjar-worker"))
ENGINE = os.path.abspath(os.path.join(BUILD, "nightjar-engine"))
DEADLINE_S = 120


def wait_until(check, what):
    end = time.monotonic() + DEADLINE_S
    while not check():
        if time.monotonic() > end:
            raise AssertionError(f"not within {DEADLINE_S} s: {what}")
        time.sleep(0.001)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@unittest.skipUnless(os.path.exists(ENGINE), "the engine is not built")
class Killed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="nightjar-fault-")
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.source = os.path.join(cls.home, "data.csv.gz")
        training.write_data(cls.source)
        undisturbed = cls.start(1, 1)
        assert undisturbed.wait(DEADLINE_S) == 0
        events = training.read_journal(f"{cls.home}/runs/1/1/events.jsonl")
        assert events[-1]["status"] == 0, events[-1]
        cls.expected = training.result(f"{cls.home}/runs/1")
        cls.n_checkpoints, _ = training.checkpoints(f"{cls.home}/runs/1")
        cls.next_experiment = 2

    @classmethod
    def start(cls, experiment, run):
        folder = os.path.join(cls.home, "runs", str(experiment), str(run))
        os.makedirs(folder)
        frozen = {"v": 1, "id": experiment, "run": run, "seed": 11, "cwd": cls.home,
                  "spec": {**training.spec(cls.source), "resources": {"grace": 60}}}
        with open(os.path.join(folder, "spec.json"), "w", encoding="utf-8") as file:
            json.dump(frozen, file)
        return subprocess.Popen([WORKER, "run", folder])

    def setUp(self):
        self.experiment = Killed.next_experiment
        Killed.next_experiment += 1
        self.folder = f"{self.home}/runs/{self.experiment}"
        seed = random.SystemRandom().randrange(1 << 32)
        self.dice = random.Random(seed)
        print(f"(seed {seed}) ", end="", flush=True)

    def events(self, run):
        return training.read_journal(f"{self.folder}/{run}/events.jsonl")

    def disturb(self, run, strike):
        """Starts a run and strikes, with (worker, engine's pid), at a random moment after it has
        written at least one more checkpoint."""
        before, _ = training.checkpoints(self.folder) if run > 1 else (0, 0)
        worker = self.start(self.experiment, run)
        self.addCleanup(worker.wait)
        more = self.dice.randint(1, self.n_checkpoints // 10)
        wait_until(lambda: training.checkpoints(self.folder)[0] >= before + more, "checkpoints")
        time.sleep(self.dice.random() * 0.01)
        engine = self.events(run)[0]["pid"]
        strike(worker, engine)
        worker.wait(DEADLINE_S)
        wait_until(lambda: is_gone(engine), "the end of the engine")
        return self.events(run)

    def finish(self, run):
        """The run that nobody disturbs; it has to begin where the one before left off."""
        _, step = training.checkpoints(self.folder)
        worker = self.start(self.experiment, run)
        self.assertEqual(worker.wait(DEADLINE_S), 0)
        self.assertEqual(self.events(run)[-1]["status"], 0, self.events(run)[-1])
        reported = training.read_journal(f"{self.folder}/{run}/reported.jsonl")
        first = next(event["step"] for event in reported if event["event"] == "checkpoint")
        self.assertGreaterEqual(first, step)
        self.assertEqual([e for e in reported if e["event"] == "warning" and
                          e.get("where") == "checkpoint"], [])
        training.assert_same(self, training.result(self.folder), self.expected)

    def test_killed_engine_goes_on_from_its_checkpoint_with_the_same_bits(self):
        for run in range(1, 5):
            end = self.disturb(run, lambda _, engine: os.kill(engine, signal.SIGKILL))[-1]
            self.assertEqual((end["event"], end["status"], end["signal"]),
                             ("exit", -1, signal.SIGKILL))
        self.finish(5)

    def test_killed_worker_takes_the_engine_along_and_the_next_one_goes_on(self):
        for run in range(1, 5):
            events = self.disturb(run, lambda worker, _: worker.kill())
            self.assertEqual([event["event"] for event in events], ["started"])
            with open(f"{self.folder}/lock", "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.finish(5)

    def test_stopped_run_writes_a_checkpoint_and_goes_on(self):
        for run in range(1, 4):
            end = self.disturb(run, lambda worker, _: worker.terminate())[-1]
            self.assertEqual((end["status"], end["reason"]), (75, "stopping"))
        self.finish(4)

    def test_torn_checkpoint_is_passed_over_for_the_one_before(self):
        self.disturb(1, lambda _, engine: os.kill(engine, signal.SIGKILL))
        last = f"{self.folder}/checkpoint/last.ckpt"
        if os.path.exists(last):  # it may have been killed between two renames
            os.truncate(last, os.path.getsize(last) * 2 // 3)
        worker = self.start(self.experiment, 2)
        self.assertEqual(worker.wait(DEADLINE_S), 0)
        self.assertEqual(self.events(2)[-1]["status"], 0)
        training.assert_same(self, training.result(self.folder), self.expected)


if __name__ == "__main__":
    unittest.main()
