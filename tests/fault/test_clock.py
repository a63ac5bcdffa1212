"""A wall clock that somebody sets, far and near, forward and back, while work goes on."""

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
class Jumping(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.__exit__, None)
        self.clock = os.path.join(self.daemon.folder, "clock")
        self.set_clock(0)
        self.preload = {"LD_PRELOAD": SHIM, "NIGHTJAR_TEST_CLOCK": self.clock,
                        "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        self.daemon.environment.update(self.preload)
        self.daemon.start()

    def set_clock(self, offset):
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "wb") as file:
            file.write(struct.pack("q", offset))

    def submit(self, script, **spec):
        """A command whose worker has that clock too."""
        environment = [f"PATH={os.environ['PATH']}", *(f"{k}={v}" for k, v in self.preload.items())]
        return self.daemon.call("submit", base={"command": ["sh", "-c", script], **spec},
                                cwd=self.daemon.folder, environment=environment)["first"]

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


if __name__ == "__main__":
    unittest.main()
