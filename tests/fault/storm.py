"""A kill storm: daemon, workers, engines and commands die by SIGKILL, alone and together, while sixty
small trainings and commands run; afterwards everything has to be as if nothing had happened.

The seed decides who dies, when to look for a moment and what is submitted; the machine decides the rest.
"""

import contextlib
import os
import random
import select
import signal
import time

import training
from harness import DEADLINE_S, ENDED, Daemon, DeadlineError, groups_in, make_group_place, processes_of_runs

BATCH = 60
EPOCHS = 12
TRAINING_SEEDS = (1, 2)
# None: what the worker finds to be the best. Sums of Haswell's kernels depend on how rows are partitioned.
CORES = (None, "Haswell") if training.runs_haswell() else (None,)
MOMENTS = ("any", "start", "submit", "commit", "checkpoint", "intake")
VICTIMS = ("daemon", "daemon", "worker", "program", "run", "all")
MOMENT_S = 0.25  # a moment that does not come meanwhile is any moment

# Holds a lock as long as anything of it lives, leaves a process behind that left its session, reports.
COMMAND = r"""
exec 9>>"$PLACE/$NIGHTJAR_EXPERIMENT.lock"
flock -n 9 || echo "$NIGHTJAR_RUN" >> "$PLACE/twice"
setsid sleep 1000 &
for step in 1 2 3 4 5 6; do
    head -c 300000 /dev/urandom | cksum > /dev/null
    echo "{\"loss\": 0.$step, \"step\": $step}" >> "$NIGHTJAR_EVENTS"
done
"""
COMMAND_HISTORY = {"loss": [[step, step / 10] for step in range(1, 7)]}


def kill(pid, home):
    """SIGKILL to a process of a run in this home; numbers are given out again."""
    with contextlib.suppress(OSError):
        fd = os.pidfd_open(pid)
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"NIGHTJAR_HOME={home}".encode() in file.read().split(b"\0"):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
        finally:
            os.close(fd)


class Reference:
    """Every training once, undisturbed."""

    def __init__(self, folder):
        self.source = os.path.join(folder, "data.csv.gz")
        training.write_data(self.source, rows=400)
        self.kinds = [(seed, core) for seed in TRAINING_SEEDS for core in CORES]
        self.result, self.history = {}, {}
        with Daemon(slots=2) as daemon:
            numbers = {kind: daemon.call("submit", **self.training(*kind))["first"] for kind in self.kinds}
            for kind, row in zip(self.kinds, daemon.wait(*numbers.values())):
                if row["state"] != "done":
                    raise AssertionError(f"undisturbed, and yet: {row}")
                self.result[kind] = training.result(f"{daemon.home}/runs/{row['id']}")
                self.history[kind] = daemon.call("history", id=row["id"])["metrics"]

    def training(self, seed, core):
        told = {**os.environ, **({"OPENBLAS_CORETYPE": core} if core else {})}
        environment = [f"{k}={v}" for k, v in told.items() if not k.startswith("NIGHTJAR_")]
        spec = training.spec(self.source, EPOCHS)
        spec["train"]["checkpoint"] = {"batches": 5, "time": 0}
        return {"base": {**spec, "seed": seed, "resources": {"grace": 60}}, "cwd": "/",
                "environment": environment}


class Storm:
    """One home with a batch in it, and the killing."""

    def __init__(self, reference, seed, slots=3):
        self.reference = reference
        self.dice = random.Random(seed)
        self.groups = make_group_place("storm")
        self.daemon = Daemon(slots=slots, environment={"NIGHTJAR_LOG": "info", "NIGHTJAR_CGROUP": self.groups or "none"})
        self.place = os.path.join(self.daemon.folder, "place")
        os.mkdir(self.place)
        self.plan = [self.choose(i) for i in range(BATCH)]
        self.number = {}  # of what was acknowledged, by place in the plan
        self.live = []  # rows of what was under way at the last look
        self.ended = {}  # how and when an experiment was first seen to have ended, by number
        self.start_s = 0.1  # what the last start took
        self.kills = {}  # how many strikes, by (moment, victim)

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *exception):
        self.daemon.__exit__(*exception)
        if self.groups:
            with contextlib.suppress(OSError):
                os.rmdir(self.groups)

    def choose(self, i):
        """A training (its kind) or a command (None); every third is a training."""
        return self.dice.choice(self.reference.kinds) if i % 3 == 0 else None

    def submission(self, i):
        if self.plan[i]:
            params = self.reference.training(*self.plan[i])
        else:
            params = {"base": {"command": ["bash", "-c", COMMAND], "resources": {"grace": 60}}, "cwd": "/",
                      "environment": [f"PATH={os.environ['PATH']}", f"PLACE={self.place}"]}
        params["base"]["name"] = f"number {i}"
        return {**params, "token": f"token {i}"}

    # ---- the batch

    def missing(self):
        """Some that nobody has acknowledged; they are submitted again, under the same token."""
        return [i for i in range(BATCH) if i not in self.number][:self.dice.randint(0, 4)]

    def submit_some(self):
        with self.daemon.connect() as client:
            for i in self.missing():
                self.number[i] = client.call("submit", **self.submission(i))["first"]

    def look(self):
        """Releases what three losses have held, and sees that no verdict is taken back."""
        with self.daemon.connect() as client:
            client.call("release", select={"all": True, "states": ["held"]})
            rows = client.call("list", select={"all": True}, limit=1000)["experiments"]
            self.live = [row for row in rows if row["state"] in ("starting", "running")]
            for row in rows:
                if row["state"] in ENDED:
                    now = (row["state"], row["verdict"], row["ended"], row["run"])
                    if self.ended.setdefault(row["id"], now) != now:
                        raise AssertionError(f"{row['id']} had ended as {self.ended[row['id']]}, now {now}")
                elif row["id"] in self.ended:
                    raise AssertionError(f"{row['id']} had ended as {self.ended[row['id']]}, now {row}")

    def has_ended(self):
        return len(self.number) == BATCH and len(self.ended) == BATCH

    # ---- moments

    def watched(self, moment):
        """What changes at such a moment."""
        if moment == "commit":
            return [f"{self.daemon.home}/queue.db-wal"]
        runs = [f"{self.daemon.home}/runs/{row['id']}" for row in self.live]
        if moment == "checkpoint":
            return [f"{run}/checkpoint" for run in runs]
        return [f"{run}/{row['run']}/reported.jsonl" for run, row in zip(runs, self.live)]

    def wait_for_change(self, paths):
        def look():
            for path in paths:
                try:
                    status = os.stat(path)
                except OSError:
                    yield None
                else:
                    yield status.st_mtime_ns, status.st_size
        before = list(look())
        end = time.monotonic() + MOMENT_S
        while time.monotonic() < end and list(look()) == before:
            select.select([], [], [], 0.0005)

    def wait_for(self, moment):
        if moment == "any":
            select.select([], [], [], self.dice.random() * 0.1)
        elif moment == "start":
            self.daemon.kill()
            self.daemon.launch()
            select.select([], [], [], self.dice.random() * self.start_s)
        elif moment == "submit":
            with self.daemon.connect() as client:
                for i in self.missing():
                    client.send("submit", **self.submission(i))
                select.select([], [], [], self.dice.random() * 0.003)
        else:
            self.wait_for_change(self.watched(moment))
            select.select([], [], [], self.dice.random() * 0.003)

    # ---- killing

    def started(self):
        """The `started` of the runs that were under way at the last look, as far as it is there."""
        journals = (training.read_journal(f"{self.daemon.home}/runs/{row['id']}/{row['run']}/events.jsonl")
                    for row in self.live)
        return [journal[0] for journal in journals if len(journal) == 1]

    def victims(self, victim):
        """A command is killed after its worker only: else that is a verdict, and a right one."""
        daemon = [self.daemon.process.pid]
        runs = self.started()
        if victim == "daemon" or not runs:
            return daemon
        if victim == "all":
            first = daemon + [run["worker"] for run in runs]
            self.dice.shuffle(first)
            return first + [run["pid"] for run in runs]
        run = self.dice.choice(runs)
        engine = [run["pid"]] if "blas_core" in run else []
        return {"worker": [run["worker"]], "program": engine or [run["worker"]],
                "run": engine + [run["worker"], run["pid"]]}[victim]

    def strike(self):
        moment = self.dice.choice(MOMENTS)
        victim = "daemon" if moment in ("start", "submit") else self.dice.choice(VICTIMS)
        self.wait_for(moment)
        victims = self.victims(victim)
        for pid in victims:
            if pid == self.daemon.process.pid:
                self.daemon.process.kill()
            else:
                kill(pid, self.daemon.home)
        self.kills[moment, victim] = self.kills.get((moment, victim), 0) + 1
        if self.daemon.process.pid in victims:
            self.daemon.process.wait(DEADLINE_S)
            begun = time.monotonic()
            self.daemon.start()
            self.start_s = time.monotonic() - begun

    def rage(self, n, progress=lambda: None):
        """Up to n strikes, as long as there is something to strike at."""
        for _ in range(n):
            if self.has_ended():
                return
            self.strike()
            self.submit_some()
            self.look()
            progress()

    def calm(self):
        """Nothing is disturbed any more: waits for every verdict."""
        deadline = time.monotonic() + 4 * DEADLINE_S
        while not self.has_ended():
            self.submit_some()
            self.look()
            if time.monotonic() > deadline:
                raise DeadlineError(f"still without a verdict: "
                                    f"{sorted(set(self.number.values()) - set(self.ended))}")
            select.select([], [], [], 0.05)

    def n_kills(self):
        return sum(self.kills.values())

    # ---- afterwards

    def check(self, case):
        case.assertEqual(sorted(self.number.values()), list(range(1, BATCH + 1)))
        case.assertEqual(self.daemon.call("list", select={"all": True})["total"], BATCH)
        case.assertFalse(os.path.exists(f"{self.place}/twice"), "a command ran twice at a time")
        case.assertEqual(processes_of_runs(self.daemon.home), [])
        if self.groups:
            case.assertEqual(groups_in(self.groups), [])
        for i, number in self.number.items():
            self.check_experiment(case, number, i)

    def check_experiment(self, case, number, i):
        shown = self.daemon.show(number)
        case.assertEqual((shown["name"], shown["state"], shown["verdict"]), (f"number {i}", "done", "done"))
        verdicts = [run["verdict"] for run in shown["runs"]]
        case.assertEqual(verdicts.count("done"), 1, verdicts)
        case.assertEqual(verdicts[-1], "done")
        history = self.daemon.call("history", id=number)["metrics"]
        kind = self.plan[i]
        if not kind:
            case.assertEqual(history, COMMAND_HISTORY, number)
            return
        case.assertEqual(history, self.reference.history[kind], number)
        training.assert_same(case, training.result(f"{self.daemon.home}/runs/{number}"),
                             self.reference.result[kind])
