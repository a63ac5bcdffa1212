"""A disk that fills up in the middle of the work, and has room again later: what was going on goes on, nothing is lost
or stored twice. (Submissions and verdicts on a full disk: tests/system/test_daemon.py; the worker's journal and log:
tests/system/test_worker.py.)"""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import tempfile
import unittest

import training
from harness import BUILD, Daemon, RpcError, wait_until
from test_scarcity import mount

PAGE = os.sysconf("SC_PAGE_SIZE")


class FullDiskCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nightjar-full-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        mount(self, "-t", "tmpfs", "-o", "size=16m", "tmpfs", self.folder)
        self.ballast = os.path.join(self.folder, "ballast")

    def daemon(self, reserve="0", **options):
        return Daemon(home=os.path.join(self.folder, "home"), arguments=["--disk-reserve", reserve], **options)

    def fill(self, but_pages=0):
        with contextlib.suppress(OSError), open(self.ballast, "ab", buffering=0) as file:
            while True:
                file.write(b"x" * PAGE)
        os.truncate(self.ballast, max(0, os.path.getsize(self.ballast) - but_pages * PAGE))


class Commands(FullDiskCase):
    def gated(self, daemon, script, **spec):
        """A command that is under way and does `script` when its gate opens."""
        gate = os.path.join(daemon.folder, "gate")
        if not os.path.exists(gate):
            os.mkfifo(gate)
        number = daemon.submit("sh", "-c", f"cat gate; {script}", **spec)
        daemon.wait(number, states=("running",))
        return number

    def open_gate(self, daemon):
        with open(os.path.join(daemon.folder, "gate"), "w", encoding="ascii"):
            pass

    def test_reports_are_taken_in_when_space_returns(self):
        lines = 40000
        script = f"seq {lines} | sed 's/.*/{{\"loss\": 0.5, \"step\": &}}/' >> $NIGHTJAR_EVENTS; touch written; cat gate"
        with self.daemon() as daemon:
            number = self.gated(daemon, script)
            daemon.process.send_signal(signal.SIGSTOP)
            self.open_gate(daemon)
            wait_until(lambda: os.path.exists(os.path.join(daemon.folder, "written")))
            self.fill()
            daemon.process.send_signal(signal.SIGCONT)
            wait_until(lambda: daemon.call("daemon.status")["disk_full"])
            wait_until(lambda: "full" in daemon.read_log())
            os.unlink(self.ballast)
            self.open_gate(daemon)
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            self.assertEqual(daemon.show(number)["runs"][0]["verdict"], "done")
            wait_until(lambda: not daemon.call("daemon.status")["disk_full"])
            daemon.terminate()
            with contextlib.closing(sqlite3.connect(f"{daemon.home}/queue.db")) as queue:
                stored = queue.execute("SELECT count(*), count(DISTINCT step), min(step), max(step) FROM metric").fetchone()
            self.assertEqual(stored, (lines, lines, 1, lines))

    def test_log_is_cut_on_a_full_disk_and_the_next_one_is_whole(self):
        script = "head -c 300000 /dev/zero | tr '\\0' y; exit 3"
        with self.daemon() as daemon:
            number = self.gated(daemon, script)
            self.fill()
            self.open_gate(daemon)
            wait_until(lambda: training.read_journal(f"{daemon.home}/runs/{number}/1/events.jsonl")[-1]["event"] == "exit")
            os.unlink(self.ballast)
            row = daemon.wait(number)[0]
            self.assertEqual((row["state"], row["verdict"]), ("failed", "failed"))
            end = training.read_journal(f"{daemon.home}/runs/{number}/1/events.jsonl")[-1]
            self.assertGreater(end["log_dropped_bytes"], 200000)
            self.assertEqual([warning["text"] for warning in daemon.show(number)["warnings"]],
                             [f"{300000 - end['log_bytes']} bytes of what it printed are lost: the disk did not take them, "
                              "nor perhaps what it reported"])
            again = self.gated(daemon, script)
            self.open_gate(daemon)
            daemon.wait(again)
            self.assertEqual(os.path.getsize(f"{daemon.home}/runs/{again}/1/log"), 300000)
            self.assertEqual(daemon.show(again)["warnings"], [])

    def test_reserve_that_was_made_without_room_grows(self):
        home = os.path.join(self.folder, "home")
        reserve = os.path.join(home, "reserve")
        os.mkdir(home, 0o700)
        with open(reserve, "wb") as file:
            file.write(bytes(2 * PAGE))
        with self.daemon() as daemon:
            daemon.wait(daemon.submit("true"))
            self.assertGreaterEqual(os.path.getsize(reserve), 1 << 20)
            self.assertGreaterEqual(os.stat(reserve).st_blocks * 512, 1 << 20)

    def test_queue_that_waits_for_the_low_water_mark_goes_on_by_itself(self):
        with self.daemon(reserve="4M") as daemon:
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")
            self.fill(but_pages=(3 << 20) // PAGE)
            number = daemon.submit("true")
            self.assertIn("MiB free", daemon.call("why", id=number)["reasons"][0])
            self.assertEqual(daemon.show(number)["state"], "queued")
            os.unlink(self.ballast)
            self.assertEqual(daemon.wait(number)[0]["state"], "done")


@unittest.skipUnless(os.path.exists(os.path.join(BUILD, "nightjar-engine")), "no engine is built")
class Training(FullDiskCase):
    def setUp(self):
        super().setUp()
        self.source = os.path.join(self.folder, "data.csv.gz")
        training.write_data(self.source)
        self.daemon = self.enterContext(self.daemon(reserve="4M"))
        first = self.submit()
        self.assertEqual(self.daemon.wait(first)[0]["state"], "done")
        self.expected = training.result(f"{self.daemon.home}/runs/{first}")
        self.number = self.submit()
        self.experiment = f"{self.daemon.home}/runs/{self.number}"
        self.select = {"ids": [[self.number, self.number]]}
        wait_until(lambda: os.path.exists(self.experiment) and training.checkpoints(self.experiment)[0] >= 2, interval=0.002)
        self.pause()
        while self.is_written():
            self.daemon.call("resume", select=self.select)
            self.pause()

    def pause(self):
        pauses = self.pauses()
        wait_until(self.is_told_to_pause)
        wait_until(lambda: self.pauses() > pauses)

    def is_told_to_pause(self):
        """Where there was room to store that: a checkpoint that fails has all there is for a moment."""
        try:
            self.daemon.call("pause", select=self.select)
        except RpcError as error:
            if error.kind != "NO_SPACE":
                raise
            return False
        return True

    def pauses(self):
        return [event["event"] for event in self.events("events")].count("paused")

    def is_written(self):
        """A checkpoint: its room would be there already, and that of the one before it soon."""
        return any(name.endswith(".new") for name in os.listdir(f"{self.experiment}/checkpoint"))

    def submit(self):
        # long enough to be paused on the way
        base = {**training.spec(self.source, epochs=20 if os.environ.get("NIGHTJAR_SANITIZE") else 120), "seed": 11}
        base["model"][0]["units"] = 1500  # a checkpoint is larger than what the queue writes meanwhile
        return self.daemon.call("submit", base=base, cwd=self.folder,
                                environment=[f"PATH={os.environ['PATH']}"])["first"]

    def events(self, journal="reported"):
        return training.read_journal(f"{self.experiment}/1/{journal}.jsonl")

    def spend_reserve(self):
        """A submission is refused; what runs has the reserve."""
        with self.assertRaises(RpcError) as caught:
            for i in range(1000):
                self.daemon.call("submit", base={"command": ["true"]}, cwd="/", hold=True,
                                 environment=["V=" + "x" * 100000, f"N={i}"])
        self.assertEqual(caught.exception.kind, "NO_SPACE")
        wait_until(lambda: self.daemon.call("daemon.status")["disk_full"])

    def assert_done(self, run):
        row = self.daemon.wait(self.number)[0]
        self.assertEqual((row["state"], row["run"]), ("done", run))
        training.assert_same(self, training.result(self.experiment), self.expected)

    def end_page_of_lines(self):
        """The next line needs room of its own on the disk."""
        path = f"{self.experiment}/1/reported.jsonl"
        frame = len(json.dumps({"event": "note", "text": ""})) + 1
        room = -(os.path.getsize(path) + frame) % PAGE
        with open(path, "a", encoding="ascii") as file:
            file.write(json.dumps({"event": "note", "text": "x" * room}) + "\n")
        self.assertEqual(os.path.getsize(path) % PAGE, 0)

    def test_it_goes_on_without_checkpoints_and_writes_them_again(self):
        self.end_page_of_lines()
        self.fill()
        self.spend_reserve()
        self.fill(but_pages=32)  # for lines, not for a checkpoint
        self.daemon.call("resume", select=self.select)
        wait_until(lambda: any(event.get("where") == "checkpoint" for event in self.events()))
        self.pause()
        told = training.checkpoints(self.experiment)[0]
        os.unlink(self.ballast)
        self.daemon.call("resume", select=self.select)
        self.assert_done(run=1)
        self.assertGreater(training.checkpoints(self.experiment)[0], told)

    def test_it_that_found_no_room_for_its_end_goes_on_when_there_is_some(self):
        self.fill()
        self.spend_reserve()
        self.fill(but_pages=8)  # for what is asked for next, but not for the best weights or the model, however soon
        self.daemon.call("resume", select=self.select)
        self.fill()
        wait_until(lambda: self.events("events")[-1]["event"] == "exit")
        self.fill(but_pages=32)  # for the verdict, not for a start
        row = self.daemon.wait(self.number, states=("queued", "held", "failed"))[0]
        self.assertEqual(row["state"], "queued", row)
        self.assertEqual(self.daemon.show(self.number)["runs"][0]["verdict"], "interrupted")
        self.assertIn("MiB free", self.daemon.call("why", id=self.number)["reasons"][0])
        os.unlink(self.ballast)
        self.assert_done(run=2)


if __name__ == "__main__":
    unittest.main()
