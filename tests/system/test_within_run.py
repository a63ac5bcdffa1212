"""A daemon that somebody misses within a run: it is started outside of the run, and outlives it."""

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import unittest

import harness
from harness import DEADLINE_S, Daemon, make_group_place, processes_of_runs, wait_until

NJ = os.path.join(os.path.abspath(harness.BUILD), "nj")
NIGHTJARD = os.path.join(os.path.abspath(harness.BUILD), "nightjard")
UNREACHABLE = 9

# Nothing in the environment says that this is a run.
CLEARED = 'env -i NIGHTJAR_HOME="$NIGHTJAR_HOME" XDG_RUNTIME_DIR="$XDG_RUNTIME_DIR" '
# Of another session and nobody's child: goes on when the worker is killed, which takes its child along.
ESCAPE = "import os, sys\n" \
         "if os.fork() == 0:\n" \
         "    os.setsid()\n" \
         "    if os.fork() == 0: os.execl('/bin/sh', 'sh', '-c', sys.argv[1])\n" \
         "    os._exit(0)\n" \
         "os.wait(); open('escaped', 'w').close(); import signal; signal.pause()"


def read_text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def all_processors():
    """What the kernel lets a process have, whatever we were given."""
    script = "import os; os.sched_setaffinity(0, range(1024)); print(*os.sched_getaffinity(0))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(map(int, done.stdout.split()))


class WithinRun(unittest.TestCase):
    def make_daemon(self, **environment):
        daemon = Daemon(slots=2, environment={"NIGHTJAR_CGROUP": "none", **environment})
        self.addCleanup(daemon.__exit__, None)
        daemon.start()
        for gate in ("gate", "second"):
            os.mkfifo(os.path.join(daemon.folder, gate))
        return daemon

    def nj(self, daemon, *arguments):
        return subprocess.run([NJ, *arguments], cwd=daemon.folder, env=daemon.environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=DEADLINE_S)

    def submit(self, daemon, script, *options):
        """A shell's script, from a client; returns the experiment's number."""
        done = self.nj(daemon, "submit", "--json", *options, "--", "sh", "-c", script)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["first"]

    def path(self, daemon, name):
        return os.path.join(daemon.folder, name)

    def wait_for(self, daemon, name):
        return wait_until(lambda: os.path.exists(self.path(daemon, name)) and read_text(self.path(daemon, name)))

    def open_gate(self, daemon, name="gate"):
        with open(self.path(daemon, name), "w", encoding="utf-8"):
            pass

    def worker_of(self, daemon, number):
        return json.loads(read_text(f"{daemon.home}/runs/{number}/1/events.jsonl").splitlines()[0])["worker"]

    def new_daemon(self, daemon):
        """The one that was started within the run: its process id."""
        pid = daemon.call("daemon.status")["pid"]
        self.assertNotEqual(pid, daemon.process.pid)
        return pid

    def check_outlives(self, daemon, first, pid):
        """Run `first` ends; `pid` serves on, and what was submitted within the run reaches its end."""
        self.assertEqual(processes_of_runs(f"{daemon.home}/runs/{first}"), [])
        self.assertEqual(daemon.call("daemon.status")["pid"], pid)
        self.open_gate(daemon, "second")
        self.assertEqual(daemon.wait(first + 1)[0]["state"], "done")
        self.assertEqual([run["run"] for run in daemon.show(first + 1)["runs"]], [1])

    def check_run_that_stops_the_daemon(self, daemon, before=""):
        if len(all_processors()) < 2:
            self.skipTest("with one processor no run has less than all")
        script = f"{NJ} daemon stop; {before} {NJ} submit -- sh -c 'echo $$ > pid; cat second' && echo yes > sent; cat gate"
        first = self.submit(daemon, script, "--cpus", "1")
        self.wait_for(daemon, "sent")
        self.wait_for(daemon, "pid")
        pid = self.new_daemon(daemon)
        self.check_surroundings(pid)
        self.open_gate(daemon)
        self.assertEqual(daemon.wait(first)[0]["state"], "done")
        last = json.loads(read_text(f"{daemon.home}/runs/{first}/1/events.jsonl").splitlines()[-1])
        self.assertEqual((last["event"], last["stragglers"]), ("exit", 0))
        self.check_outlives(daemon, first, pid)

    def check_surroundings(self, pid):
        """Nothing of the run is the daemon's."""
        self.assertEqual(os.sched_getaffinity(pid), all_processors())
        self.assertEqual(read_text(f"/proc/{pid}/oom_score_adj"), read_text("/proc/self/oom_score_adj"))
        self.assertEqual(read_text(f"/proc/{pid}/cgroup"), read_text("/proc/self/cgroup"))
        self.assertEqual(resource.prlimit(pid, resource.RLIMIT_DATA), resource.getrlimit(resource.RLIMIT_DATA))
        names = {entry.partition("=")[0] for entry in read_text(f"/proc/{pid}/environ").split("\0")}
        self.assertFalse(names & {"NIGHTJAR_RUN", "NIGHTJAR_RUN_DIR", "NIGHTJAR_EVENTS", "NIGHTJAR_SEED", "OMP_NUM_THREADS"})

    def test_daemon_that_a_run_needs_outlives_it_and_has_the_whole_machine(self):
        self.check_run_that_stops_the_daemon(self.make_daemon())

    def test_environment_that_was_cleared_does_not_matter(self):
        self.check_run_that_stops_the_daemon(self.make_daemon(), before=CLEARED)

    def test_daemon_leaves_the_control_group_of_the_run(self):
        place = make_group_place("within")
        if not place:
            self.skipTest("no cgroup v2 tree in which a group can be made")
        self.addCleanup(os.rmdir, place)
        daemon = self.make_daemon(NIGHTJAR_CGROUP=place)
        self.check_run_that_stops_the_daemon(daemon)
        wait_until(lambda: not harness.groups_in(place))

    def test_many_that_miss_it_at_once_get_one(self):
        daemon = self.make_daemon()
        script = f"cat gate; for i in 1 2 3 4 5 6 7 8; do {NJ} submit -- true || echo no >> refused & done; wait; " \
                 "echo yes > sent; cat second"
        first = self.submit(daemon, script)
        daemon.wait(first, states=("running",))
        daemon.kill()
        self.open_gate(daemon)
        self.wait_for(daemon, "sent")
        self.assertFalse(os.path.exists(self.path(daemon, "refused")))
        pid = self.new_daemon(daemon)
        self.open_gate(daemon, "second")
        rows = daemon.wait(*range(first, first + 9))
        self.assertEqual({row["state"] for row in rows}, {"done"})
        self.assertEqual(daemon.call("daemon.status")["pid"], pid)

    def check_killed_worker(self, **environment):
        daemon = self.make_daemon(**environment)
        script = f"echo run >> runs; [ $(wc -l < runs) = 1 ] || exit 0; {NJ} daemon stop; " \
                 f"{NJ} submit -- sh -c 'cat second' && echo yes > sent; cat gate"
        first = self.submit(daemon, script)
        self.wait_for(daemon, "sent")
        pid = self.new_daemon(daemon)
        os.kill(self.worker_of(daemon, first), signal.SIGKILL)
        self.assertEqual(daemon.wait(first)[0]["state"], "done")
        self.assertEqual([run["verdict"] for run in daemon.show(first)["runs"]], ["lost", "done"])
        self.check_outlives(daemon, first, pid)

    def test_daemon_outlives_a_worker_that_is_killed(self):
        self.check_killed_worker()

    def test_daemon_outlives_a_killed_worker_with_a_control_group(self):
        place = make_group_place("within-killed")
        if not place:
            self.skipTest("no cgroup v2 tree in which a group can be made")
        self.addCleanup(os.rmdir, place)
        self.check_killed_worker(NIGHTJAR_CGROUP=place)

    def check_left_behind(self, before="", **environment):
        """Neither daemon nor worker lives, but a process of the run: it is told so, and starts none."""
        daemon = self.make_daemon(**environment)
        escaped = f"cat gate; {before} {NJ} submit -- true 2> complaint; echo $? > status"
        done = self.nj(daemon, "submit", "--json", "--", sys.executable, "-c", ESCAPE, escaped)
        first = json.loads(done.stdout)["first"]
        wait_until(lambda: os.path.exists(self.path(daemon, "escaped")))
        worker = self.worker_of(daemon, first)
        watch = os.pidfd_open(worker)
        self.addCleanup(os.close, watch)
        daemon.kill()
        os.kill(worker, signal.SIGKILL)
        self.assertTrue(select.select([watch], [], [], DEADLINE_S)[0])
        self.open_gate(daemon)
        self.assertEqual(int(self.wait_for(daemon, "status")), UNREACHABLE)
        self.assertIn(f"no daemon runs for {daemon.home}", read_text(self.path(daemon, "complaint")))
        self.assertIn("nj daemon start", read_text(self.path(daemon, "complaint")))
        return daemon, first

    def test_what_a_killed_worker_left_behind_starts_no_daemon(self):
        self.check_left_behind()

    def test_what_is_left_in_a_control_group_starts_no_daemon(self):
        place = make_group_place("within-left")
        if not place:
            self.skipTest("no cgroup v2 tree in which a group can be made")
        self.addCleanup(os.rmdir, place)
        daemon, first = self.check_left_behind(before=CLEARED, NIGHTJAR_CGROUP=place)
        os.unlink(self.path(daemon, "escaped"))
        daemon.start()  # which ends what was left
        daemon.wait(first, states=("running",))
        wait_until(lambda: os.path.exists(self.path(daemon, "escaped")))
        daemon.call("cancel", select={"ids": [[first, first]]})
        daemon.wait(first)
        wait_until(lambda: not harness.groups_in(place))

    def test_nightjard_itself_refuses_to_be_a_process_of_its_run(self):
        daemon = self.make_daemon()
        first = self.submit(daemon, f"{NJ} daemon stop; {NIGHTJARD} 2> complaint; echo $? > status; cat gate")
        self.assertEqual(int(self.wait_for(daemon, "status")), 2)
        self.assertIn("nj daemon start", read_text(self.path(daemon, "complaint")))
        self.open_gate(daemon)
        self.assertEqual(daemon.process.wait(DEADLINE_S), 0)
        daemon.start()
        self.assertEqual(daemon.wait(first)[0]["state"], "done")

    def test_daemon_of_another_home_is_a_process_of_the_run_and_ends_with_it(self):
        daemon = self.make_daemon()
        script = f"NIGHTJAR_HOME=$PWD/other {NJ} submit -- true && NIGHTJAR_HOME=$PWD/other {NJ} daemon status --json > status"
        first = self.submit(daemon, script)
        self.assertEqual(daemon.wait(first)[0]["state"], "done")
        status = json.loads(read_text(self.path(daemon, "status")))
        self.assertEqual(status["home"], os.path.realpath(self.path(daemon, "other")))
        with contextlib.suppress(FileNotFoundError):
            self.assertEqual(read_text(f"/proc/{status['pid']}/stat").rpartition(")")[2].split()[0], "Z")
        self.assertEqual(daemon.call("daemon.status")["pid"], daemon.process.pid)


if __name__ == "__main__":
    unittest.main()
