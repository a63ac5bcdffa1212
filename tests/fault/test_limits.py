"""The processors that a run may use: as many as it asked for, its own, also after a restart of the daemon."""

import os
import unittest

from harness import Daemon, wait_until

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


if __name__ == "__main__":
    unittest.main()
