"""The whole of Nightjar under kill -9: daemon, workers and engines die at random moments of a
training, and the experiment still ends with the bits and the numbers of one that nobody touched."""

import os
import random
import select
import shutil
import signal
import tempfile
import threading
import unittest

import training
from harness import BUILD, DEADLINE_S, Daemon, processes_of_runs, wait_until

ROUNDS = 3


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@unittest.skipUnless(os.path.exists(os.path.join(BUILD, "nightjar-engine")), "no engine is built")
class Killed(unittest.TestCase):
    core = None  # OPENBLAS_CORETYPE; None: as the environment has it, else what the worker chooses

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="nightjar-fault-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.source = os.path.join(cls.folder, "data.csv.gz")
        training.write_data(cls.source)
        with Daemon(slots=1) as daemon:
            number = cls.submit(daemon)
            row = daemon.wait(number)[0]
            assert row["state"] == "done", row
            cls.expected = training.result(f"{daemon.home}/runs/{number}")
            cls.history = daemon.call("history", id=number)["metrics"]
            cls.result = daemon.show(number)["result"]["metrics"]
            cls.n_checkpoints, _ = training.checkpoints(f"{daemon.home}/runs/{number}")

    @classmethod
    def submit(cls, daemon, **resources):
        told = {**os.environ, **({"OPENBLAS_CORETYPE": cls.core} if cls.core else {})}
        environment = [f"{name}={value}" for name, value in told.items() if not name.startswith("NIGHTJAR_")]
        spec = {**training.spec(cls.source), "seed": 11, "resources": {"grace": 60, **resources}}
        return daemon.call("submit", base=spec, cwd=cls.folder, environment=environment)["first"]

    def setUp(self):
        seed = random.SystemRandom().randrange(1 << 32)
        self.dice = random.Random(seed)
        print(f"(seed {seed}) ", end="", flush=True)
        self.daemon = self.enterContext(Daemon(slots=1))
        self.number = self.submit(self.daemon)
        self.experiment = f"{self.daemon.home}/runs/{self.number}"

    def checkpoints(self):
        return training.checkpoints(self.experiment)[0] if os.path.exists(self.experiment) else 0

    def wait_for_a_random_moment(self):
        """At least one more checkpoint is there; returns the run that is under way."""
        wanted = self.checkpoints() + self.dice.randint(1, self.n_checkpoints // 8)
        wait_until(lambda: self.checkpoints() >= wanted, interval=0.002)
        select.select([], [], [], self.dice.random() * 0.01)
        events = training.read_journal(f"{training.run_folders(self.experiment)[-1]}/events.jsonl")
        self.assertEqual([event["event"] for event in events], ["started"])
        return events[0]

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)

    def assert_as_if_nothing_had_happened(self, runs):
        row = self.daemon.wait(self.number)[0]
        self.assertEqual((row["state"], row["verdict"]), ("done", "done"), row)
        self.assertEqual(len(training.run_folders(self.experiment)), runs)
        shown = self.daemon.show(self.number)
        self.assertEqual(len(shown["runs"]), runs)
        cores = {run["blas_core"] for run in shown["runs"]}
        self.assertEqual(len(cores), 1)
        self.assertIn(self.core, [None, *cores])
        training.assert_same(self, training.result(self.experiment), self.expected)
        self.assertEqual(shown["result"]["metrics"], self.result)
        history = self.daemon.call("history", id=self.number)["metrics"]
        for name, points in history.items():
            steps = [step for step, _ in points]
            self.assertEqual(len(steps), len(set(steps)), f"{name} has a step twice")
        self.assertEqual(history, self.history)
        self.assertEqual(processes_of_runs(self.daemon.home), [])

    def test_killed_engines_experiment_goes_on_from_its_checkpoint(self):
        for _ in range(ROUNDS):
            started = self.wait_for_a_random_moment()
            runs = len(training.run_folders(self.experiment))
            self.kill(started["pid"])
            self.wait_for_next_run(runs)
        self.assert_as_if_nothing_had_happened(ROUNDS + 1)

    def test_killed_workers_experiment_goes_on_from_its_checkpoint(self):
        for _ in range(ROUNDS):
            started = self.wait_for_a_random_moment()
            runs = len(training.run_folders(self.experiment))
            self.kill(started["worker"])
            wait_until(lambda: is_gone(started["pid"]))
            self.wait_for_next_run(runs)
        self.assert_as_if_nothing_had_happened(ROUNDS + 1)

    def test_killed_daemon_finds_its_run_again_and_restarts_nothing(self):
        for _ in range(ROUNDS):
            started = self.wait_for_a_random_moment()
            self.daemon.kill()
            self.assertFalse(is_gone(started["worker"]))
            self.daemon.start()
        self.assert_as_if_nothing_had_happened(1)

    def test_run_that_ended_while_there_was_no_daemon_counts(self):
        started = self.wait_for_a_random_moment()
        self.daemon.kill()
        wait_until(lambda: is_gone(started["worker"]))
        self.daemon.start()
        self.assert_as_if_nothing_had_happened(1)

    def test_everything_killed_at_once_goes_on_from_its_checkpoint(self):
        for _ in range(ROUNDS):
            started = self.wait_for_a_random_moment()
            victims = [self.daemon.process.pid, started["worker"], started["pid"]]
            self.dice.shuffle(victims)
            for pid in victims:
                try:
                    self.kill(pid)
                except ProcessLookupError:
                    pass  # the engine goes with its worker
            self.daemon.process.wait(DEADLINE_S)
            runs = len(training.run_folders(self.experiment))
            self.daemon.start()
            self.wait_for_next_run(runs)
        self.assert_as_if_nothing_had_happened(ROUNDS + 1)

    def wait_for_next_run(self, runs):
        wait_until(lambda: len(training.run_folders(self.experiment)) > runs)


@unittest.skipUnless(training.runs_haswell(), "this processor does not run Haswell's kernels")
class KilledOnHaswell(Killed):
    """Its kernels are those whose sums depend on how rows are partitioned."""

    core = "Haswell"


class Commands(unittest.TestCase):
    def test_process_that_outlived_its_worker_is_ended_before_the_next_run(self):
        script = 'echo "$NIGHTJAR_RUN_DIR" >> "$PLACE/runs"; ' \
                 '[ $(wc -l < "$PLACE/runs") = 1 ] || exit 0; ' \
                 'setsid sh -c \'echo $$ > "$PLACE/escaped"; exec sleep 600\' & ' \
                 'while ! [ -s "$PLACE/escaped" ]; do sleep 0.01; done; ' \
                 'touch "$PLACE/ready"; exec sleep 600'
        with Daemon(slots=1) as daemon:
            place = os.path.join(daemon.folder, "place")
            os.mkdir(place)
            number = daemon.submit("sh", "-c", f"export PLACE={place}; {script}")
            wait_until(lambda: os.path.exists(f"{place}/ready"))
            with open(f"{place}/escaped", encoding="utf-8") as file:
                escaped = int(file.read())
            started = training.read_journal(f"{daemon.home}/runs/{number}/1/events.jsonl")[0]
            os.kill(started["worker"], signal.SIGKILL)
            row = daemon.wait(number)[0]
            self.assertEqual(row["state"], "done", row)
            self.assertTrue(is_gone(escaped))
            self.assertTrue(is_gone(started["pid"]))
            self.assertEqual(processes_of_runs(daemon.home), [])
            self.assertEqual([run["verdict"] for run in daemon.show(number)["runs"]],
                             ["lost", "done"])


class Queue(unittest.TestCase):
    N = 24

    def submit_until_acknowledged(self, daemon, place, i):
        """The same token again and again; a daemon that dies under it is started again."""
        script = f"echo $NIGHTJAR_EXPERIMENT >> {place}; " \
                 "echo '{\"loss\":0.5,\"step\":1}' >> $NIGHTJAR_EVENTS"
        base = {"name": f"number {i}", "command": ["sh", "-c", script]}
        while True:
            try:
                return daemon.call("submit", base=base, cwd=daemon.folder, token=f"token {i}",
                                   environment=[f"PATH={os.environ['PATH']}"])["first"]
            except (OSError, EOFError, IndexError):
                daemon.process.wait(DEADLINE_S)
                daemon.start()

    def test_daemon_killed_again_and_again_loses_and_repeats_nothing(self):
        seed = random.SystemRandom().randrange(1 << 32)
        dice = random.Random(seed)
        print(f"(seed {seed}) ", end="", flush=True)
        with Daemon(slots=3) as daemon:
            place = os.path.join(daemon.folder, "ran")
            numbers = []
            for i in range(self.N):
                victim = daemon.process
                killer = threading.Timer(dice.random() * 0.02, victim.kill)
                killer.start()
                numbers.append(self.submit_until_acknowledged(daemon, place, i))
                killer.join()
                victim.wait(DEADLINE_S)
                if daemon.process is victim:
                    daemon.start()
            rows = daemon.wait(*numbers)
            self.assertEqual({row["state"] for row in rows}, {"done"}, rows)
            self.assertEqual(numbers, list(range(1, self.N + 1)))
            total = daemon.call("list", select={"all": True})["total"]
            self.assertEqual(total, self.N)
            with open(place, encoding="utf-8") as file:
                self.assertEqual(sorted(map(int, file)), numbers)
            for number, row in zip(numbers, rows):
                self.assertEqual(row["name"], f"number {number - 1}")
                self.assertEqual(daemon.call("history", id=number)["metrics"], {"loss": [[1, 0.5]]})
            self.assertEqual(processes_of_runs(daemon.home), [])


if __name__ == "__main__":
    unittest.main()
