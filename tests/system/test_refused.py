"""What the store has of an experiment may be of another version, or damaged: it is that experiment's affair alone, and
whatever else the daemon was told in the same turn is kept."""

import contextlib
import json
import os
import signal
import sqlite3
import unittest

from harness import Daemon, RpcError, wait_until


def read_text(path):
    with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
        return file.read()
    return ""


def process_state(pid):
    return read_text(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1]


class Refused(unittest.TestCase):
    def gated(self, daemon):
        """A command that waits at a gate: its number and its process."""
        gate = os.path.join(daemon.folder, "gate")
        os.mkfifo(gate)
        number = daemon.submit("sh", "-c", "echo $$ > pid; exec cat gate")
        pid = int(wait_until(lambda: read_text(os.path.join(daemon.folder, "pid")).strip()))
        wait_until(lambda: daemon.show(number)["state"] == "running")
        self.addCleanup(lambda: os.path.exists(f"/proc/{pid}") and os.kill(pid, signal.SIGKILL))
        return number, pid

    def open_gate(self, daemon):
        """Fails, and does not wait for ever, where nobody is there any more."""
        def opened():
            with contextlib.suppress(OSError):
                os.close(os.open(os.path.join(daemon.folder, "gate"), os.O_WRONLY | os.O_NONBLOCK))
                return True
            return False
        wait_until(opened)

    @contextlib.contextmanager
    def queue_of(self, daemon):
        """The database, while the daemon is away; its runs go on."""
        self.assertEqual(daemon.terminate(), 0)
        with contextlib.closing(sqlite3.connect(f"{daemon.home}/queue.db")) as queue:
            yield queue
            queue.commit()
        daemon.start()

    def spoil(self, queue, number):
        """Asks for fewer processors than this version lets anybody ask for."""
        batch, base = queue.execute("SELECT b.id, b.base FROM batch AS b JOIN experiment AS e ON e.batch = b.id"
                                    " WHERE e.id = ?", (number,)).fetchone()
        spec = {**json.loads(base), "resources": {"cpus": 0.01}}
        queue.execute("UPDATE batch SET base = ? WHERE id = ?", (json.dumps(spec), batch))

    def test_one_that_cannot_be_started_ends_alone(self):
        with Daemon(slots=1) as daemon:
            number, _ = self.gated(daemon)
            bad = daemon.submit("true", queue={"retries": 3})
            needs = daemon.submit("true", queue={"after_ok": [str(bad)]})
            others = [daemon.submit("true") for _ in range(3)]
            with self.queue_of(daemon) as queue:
                self.spoil(queue, bad)
            self.assertEqual(daemon.show(bad)["state"], "queued")
            self.open_gate(daemon)  # its verdict and the next start are of one turn
            rows = daemon.wait(number, *others, bad, needs)
            self.assertEqual([row["state"] for row in rows], ["done"] * 4 + ["failed", "cancelled"])
            said = f"could not be started: the stored spec of experiment {bad}: " \
                   "resources.cpus: 0.01 is outside [0.1, 1024]"
            self.assertIn(said, rows[4]["message"])
            self.assertIn(said, " ".join(daemon.call("why", id=bad)["reasons"]))
            runs = daemon.show(bad)["runs"]
            self.assertEqual([(run["verdict"], run["exit"]) for run in runs], [("failed", 2)])
            self.assertEqual(len(daemon.show(number)["runs"]), 1)

    def test_many_that_cannot_be_started_keep_nobody(self):
        with Daemon(slots=1) as daemon:
            number, _ = self.gated(daemon)
            answer = daemon.call("submit", base={"command": ["true"], "queue": {"breaker": 0}},
                                 experiments=[{"seed": i} for i in range(50)], cwd=daemon.folder,
                                 environment=["PATH=" + os.environ["PATH"]], on_finish="touch finished")
            bad = list(range(answer["first"], answer["last"] + 1))
            good = daemon.submit("true")
            with self.queue_of(daemon) as queue:
                self.spoil(queue, bad[0])
            self.open_gate(daemon)
            rows = daemon.wait(number, good, *bad)
            self.assertEqual([row["state"] for row in rows], ["done"] * 2 + ["failed"] * 50)
            wait_until(lambda: os.path.exists(os.path.join(daemon.folder, "finished")))

    def test_worker_is_told_what_was_acknowledged_while_something_else_fails(self):
        with Daemon(slots=2) as daemon:  # with a free slot both are of one turn
            number, pid = self.gated(daemon)
            one = {"ids": [[number, number]]}
            with self.queue_of(daemon) as queue:
                # a batch whose on_finish can never be started: looked at in every turn
                queue.execute("INSERT INTO environment (id, hash, variables) VALUES (99, 'x', '{')")
                queue.execute("INSERT INTO batch (name, base, seed, cwd, environment, on_finish, created_ms, ended_ms)"
                              " VALUES ('odd', '{}', 0, '/', 99, 'true', 1, 1)")
            wait_until(lambda: "stored JSON" in daemon.read_log())
            self.assertEqual(daemon.call("pause", select=one)["changed"], [number])
            wait_until(lambda: process_state(pid) == ["T"])
            self.assertEqual(daemon.call("resume", select=one)["changed"], [number])
            wait_until(lambda: process_state(pid) != ["T"])
            self.assertEqual(daemon.call("cancel", select=one)["changed"], [number])
            self.assertEqual(daemon.wait(number)[0]["verdict"], "cancelled")
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")

    def test_worker_is_not_told_what_was_refused(self):
        with Daemon(slots=1) as daemon:
            number, pid = self.gated(daemon)
            other = daemon.submit("true")
            with self.queue_of(daemon) as queue:
                queue.execute(f"CREATE TRIGGER odd BEFORE UPDATE ON experiment WHEN old.id = {other} AND new.state = 7"
                              " BEGIN SELECT raise(ABORT, 'not this one'); END")
            with self.assertRaisesRegex(RpcError, "not this one"):
                daemon.call("cancel", select={"ids": [[number, other]]})
            self.assertEqual(daemon.show(number)["state"], "running")
            # whoever had been told to stop would have heard of it before this
            one = {"ids": [[number, number]]}
            daemon.call("pause", select=one)
            wait_until(lambda: process_state(pid) in (["T"], []))
            daemon.call("resume", select=one)
            self.open_gate(daemon)
            self.assertEqual([row["state"] for row in daemon.wait(number, other)], ["done", "done"])


if __name__ == "__main__":
    unittest.main()
