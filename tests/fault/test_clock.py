"""A wall clock that somebody sets, far and near, forward and back, and a machine that sleeps, while work goes on."""

import json
import os
import struct
import time
import unittest

from harness import BUILD, Daemon, wait_until

SHIM = os.path.join(BUILD, "tests", "clock_shim.so")
HOUR = 3600
JUMPS = (HOUR, -HOUR, 400 * 24 * HOUR, -400 * 24 * HOUR)


@unittest.skipUnless(os.path.exists(SHIM), "no clock shim is built")
class ClockCase(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.__exit__, None)
        self.clock = os.path.join(self.daemon.folder, "clock")
        self.set_clock(0)
        self.preload = {"LD_PRELOAD": SHIM, "NIGHTJAR_TEST_CLOCK": self.clock,
                        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.daemon.environment.update(self.preload)
        self.daemon.start()

    def set_clock(self, offset, slept=0):
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "wb") as file:
            file.write(struct.pack("qq", offset, slept))

    def submit(self, script, **spec):
        """A command whose worker has that clock too."""
        environment = [f"PATH={os.environ['PATH']}", *(f"{k}={v}" for k, v in self.preload.items())]
        return self.daemon.call("submit", base={"command": ["sh", "-c", script], **spec},
                                cwd=self.daemon.folder, environment=environment)["first"]


class Jumping(ClockCase):
    def test_daemon_goes_by_that_clock(self):
        for jump in JUMPS:
            self.set_clock(jump)
            number = self.submit("true")
            ended = self.daemon.wait(number)[0]["ended"]
            self.assertLess(abs(ended - time.time() - jump), HOUR / 2)

    def test_run_keeps_its_time_limit_and_its_length(self):
        for i, jump in enumerate(JUMPS):
            gate = os.path.join(self.daemon.folder, f"gate{i}")
            os.mkfifo(gate)
            self.set_clock(0)
            number = self.submit(f"read line < {gate}", resources={"time": "10m"})
            self.daemon.wait(number, states=("running",))
            self.set_clock(jump)
            self.assertEqual(self.daemon.show(number)["state"], "running")
            self.assertTrue(self.daemon.call("why", id=number)["reasons"])
            with open(gate, "w", encoding="utf-8") as file:
                file.write("go\n")
            self.assertEqual(self.daemon.wait(number)[0]["verdict"], "done")
            with open(f"{self.daemon.home}/runs/{number}/1/events.jsonl", encoding="utf-8") as file:
                end = json.loads(file.readlines()[-1])
            self.assertTrue(0 <= end["wall_s"] < 600, end)

    def test_retry_that_waits_is_not_put_off_for_hours(self):
        """It is due one second after a failure; then four seconds after the next."""
        for jump in JUMPS:
            self.set_clock(0)
            number = self.submit("exit 1", queue={"retries": 2})
            wait_until(lambda: len(self.daemon.show(number)["runs"]) >= 1 and
                       self.daemon.show(number)["state"] == "queued")
            self.set_clock(jump)
            row = self.daemon.wait(number)[0]
            self.assertEqual((row["state"], len(self.daemon.show(number)["runs"])), ("failed", 3))

    def test_restart_under_another_time_adopts_and_goes_on(self):
        for i, jump in enumerate(JUMPS):
            gate = os.path.join(self.daemon.folder, f"gate{i}")
            os.mkfifo(gate)
            number = self.submit(f"read line < {gate}")
            self.daemon.wait(number, states=("running",))
            self.daemon.kill()
            self.set_clock(jump)
            self.daemon.start()
            with open(gate, "w", encoding="utf-8") as file:
                file.write("go\n")
            self.assertEqual(self.daemon.wait(number)[0]["state"], "done")
            self.assertEqual(len(self.daemon.show(number)["runs"]), 1)


class Suspended(ClockCase):
    """Wall clock and time since boot run on, the clock of limits stands still."""

    NIGHT = 8 * HOUR

    def timer(self):
        """The daemon's alarm, as the kernel tells it: clock and seconds that are left."""
        for fd in os.listdir(f"/proc/{self.daemon.process.pid}/fdinfo"):
            with open(f"/proc/{self.daemon.process.pid}/fdinfo/{fd}", encoding="ascii") as file:
                told = dict(line.rstrip("\n").split(": ", 1) for line in file if ": " in line)
            if told.get("clockid") == str(time.CLOCK_BOOTTIME):
                return int(told["it_value"].strip("()").split(",")[0])
        raise AssertionError("no timer that runs on in suspend")

    def test_time_limit_and_length_of_a_run_are_without_the_sleep(self):
        gate = os.path.join(self.daemon.folder, "gate")
        os.mkfifo(gate)
        number = self.submit(f"read line < {gate}", resources={"time": "10m"})
        self.daemon.wait(number, states=("running",))
        self.set_clock(self.NIGHT, slept=self.NIGHT)
        self.assertEqual(self.daemon.show(number)["state"], "running")
        self.assertLess(self.daemon.call("daemon.status")["uptime_s"], HOUR)
        with open(gate, "w", encoding="utf-8") as file:
            file.write("go\n")
        self.assertEqual(self.daemon.wait(number)[0]["verdict"], "done")
        with open(f"{self.daemon.home}/runs/{number}/1/events.jsonl", encoding="utf-8") as file:
            end = json.loads(file.readlines()[-1])
        self.assertTrue(0 <= end["wall_s"] < 600, end)

    def test_retry_that_came_due_in_the_sleep_starts_when_the_machine_is_awake(self):
        """Its alarm is one that the kernel rings on waking; whatever wakes the daemon, it is due."""
        number = self.submit("exit 1", queue={"retries": 6})
        wait_until(lambda: len(self.daemon.show(number)["runs"]) == 3 and self.daemon.show(number)["state"] == "queued")
        self.assertTrue(2 < self.timer() <= 16)
        self.set_clock(self.NIGHT, slept=self.NIGHT)
        self.submit("true")
        wait_until(lambda: len(self.daemon.show(number)["runs"]) == 4)
        wait_until(lambda: self.daemon.show(number)["state"] == "queued")
        self.assertTrue(16 < self.timer() <= 64)


if __name__ == "__main__":
    unittest.main()
