"""What a run may use, also after a restart of the daemon: processors of its own, as many as it asked for; a control group
that nothing gets out of."""

import json
import os
import select
import signal
import sys
import unittest

from harness import DEADLINE_S, Daemon, groups_in, make_group_place, wait_until

CPUS = os.sched_getaffinity(0)


class Processors(unittest.TestCase):
    def start(self, daemon, **resources):
        """A command that stays until its gate opens; its number and what it may use."""
        number = daemon.submit("sh", "-c", "echo $OMP_NUM_THREADS > threads-$NIGHTJAR_EXPERIMENT; "
                                           "sleep 1000 & echo $! > child-$NIGHTJAR_EXPERIMENT; wait",
                               resources=resources)
        path = os.path.join(daemon.folder, f"child-{number}")
        wait_until(lambda: os.path.exists(path) and os.path.getsize(path))
        with open(path, encoding="ascii") as file:
            return number, os.sched_getaffinity(int(file.read()))

    def cancel(self, daemon, *numbers):
        daemon.call("cancel", select={"ids": [[number, number] for number in numbers]})
        daemon.wait(*numbers)

    def test_run_and_all_that_it_starts_has_as_many_as_it_asked_for(self):
        with Daemon(slots=len(CPUS)) as daemon:
            for cpus in {1, len(CPUS)}:
                number, given = self.start(daemon, cpus=cpus)
                self.assertEqual(len(given), cpus)
                self.assertLessEqual(given, CPUS)
                with open(os.path.join(daemon.folder, f"threads-{number}"), encoding="ascii") as file:
                    self.assertEqual(int(file.read()), cpus)
                self.cancel(daemon, number)
            self.assertEqual(os.sched_getaffinity(daemon.process.pid), CPUS)

    @unittest.skipIf(len(CPUS) < 2, "one processor is all there is")
    def test_two_runs_have_different_ones_also_when_the_first_was_adopted(self):
        with Daemon(slots=2) as daemon:
            first, given = self.start(daemon, cpus=1)
            for _ in range(2):
                second, other = self.start(daemon, cpus=1)
                self.assertEqual(given & other, set())
                self.cancel(daemon, second)
                daemon.kill()
                daemon.start()
                self.assertEqual(daemon.wait(first, states=("running",))[0]["run"], 1)
            self.cancel(daemon, first)


class ControlGroup(unittest.TestCase):
    """Real groups, with whatever controllers there are."""

    def setUp(self):
        self.place = make_group_place("test")
        if not self.place:
            self.skipTest("no cgroup v2 tree in which a group can be made")
        self.addCleanup(os.rmdir, self.place)

    # Of another session, nobody's child, and nothing in its environment says whose it is.
    ESCAPE = "import os, time\n" \
             "if os.fork() == 0:\n" \
             "    os.setsid()\n" \
             "    if os.fork() == 0: os.execve('/bin/sh', ['sh', '-c', 'echo $$ > escaped; exec sleep 1000'], {})\n" \
             "    os._exit(0)\n" \
             "os.wait(); time.sleep(1000)"

    def test_who_escapes_from_a_killed_worker_is_ended_before_the_next_run(self):
        for daemon_too in (False, True):
            with Daemon(environment={"NIGHTJAR_CGROUP": self.place}) as daemon:
                number = daemon.submit(sys.executable, "-c", self.ESCAPE)
                path = os.path.join(daemon.folder, "escaped")
                wait_until(lambda: os.path.exists(path) and os.path.getsize(path))
                with open(path, encoding="ascii") as file:
                    escaped = os.pidfd_open(int(file.read()))
                self.addCleanup(os.close, escaped)
                with open(f"{daemon.home}/runs/{number}/1/events.jsonl", encoding="ascii") as file:
                    started = json.loads(file.readline())
                self.assertEqual(groups_in(self.place), [os.path.basename(started["cgroup"])])
                if daemon_too:
                    daemon.kill()
                os.kill(started["worker"], signal.SIGKILL)
                if daemon_too:
                    daemon.start()
                self.assertTrue(select.select([escaped], [], [], DEADLINE_S)[0], "it lives")
                with daemon.connect() as client:
                    client.wait(lambda rows: rows[number]["run"] == 2 and rows[number]["state"] == "running",
                                ids=[[number, number]])
                daemon.call("cancel", select={"ids": [[number, number]]})
                daemon.wait(number)
                self.assertEqual([run["verdict"] for run in daemon.show(number)["runs"]], ["lost", "cancelled"])
                wait_until(lambda: not groups_in(self.place))


if __name__ == "__main__":
    unittest.main()
