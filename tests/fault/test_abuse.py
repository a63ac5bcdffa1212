"""What runs, journals, process ids and clients do to a queue that nobody would do on purpose."""

import contextlib
import json
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import unittest

from harness import DEADLINE_S, Daemon, wait_until


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Gate:
    """A command that waits until it is let go; `script` comes afterwards."""

    def __init__(self, daemon, script="true"):
        self.path = os.path.join(daemon.folder, "gate")
        os.mkfifo(self.path)
        self.number = daemon.submit("sh", "-c", f"read line < {self.path}; {script}")
        daemon.wait(self.number, states=("running",))
        self.folder = f"{daemon.home}/runs/{self.number}/1"

    def open(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("go\n")


class Journals(unittest.TestCase):
    """A daemon that starts again finds a journal that something has damaged."""

    def damaged(self, damage):
        """The row that becomes of a run whose reported.jsonl was damaged while no daemon lived."""
        with Daemon() as daemon:
            gate = Gate(daemon, 'echo \'{"loss": 0.25, "step": 9}\' >> "$NIGHTJAR_EVENTS"')
            with open(f"{gate.folder}/reported.jsonl", "a", encoding="utf-8") as file:
                file.write("".join(f'{{"loss": 0.5, "step": {i}}}\n' for i in range(4)))
            with daemon.connect() as client:
                wait_until(lambda: len(client.call("history", id=gate.number)["metrics"].get("loss", [])) == 4)
            daemon.kill()
            damage(gate.folder)
            gate.open()
            wait_until(lambda: not daemon.processes())
            daemon.start()
            row = daemon.wait(gate.number)[0]
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")
            return row, daemon.call("history", id=gate.number)["metrics"]["loss"]

    def test_rubbish_among_reports_costs_no_verdict_and_no_other_line(self):
        def damage(folder):
            with open(f"{folder}/reported.jsonl", "ab") as file:
                file.write(random.Random(3).randbytes(5000) + b'\n{"loss": \n[]\n\0\0\0\n"text"\n')
        row, losses = self.damaged(damage)
        self.assertEqual((row["state"], losses), ("done", [[i, 0.5] for i in range(4)] + [[9, 0.25]]))

    def test_reports_that_were_cut_are_read_from_the_beginning(self):
        def damage(folder):
            os.truncate(f"{folder}/reported.jsonl", 30)  # within the second line
        row, losses = self.damaged(damage)
        self.assertEqual((row["state"], losses[:4]), ("done", [[i, 0.5] for i in range(4)]))

    def test_reports_that_are_gone_cost_no_verdict(self):
        row, losses = self.damaged(lambda folder: os.unlink(f"{folder}/reported.jsonl"))
        self.assertEqual((row["state"], losses), ("done", [[i, 0.5] for i in range(4)] + [[9, 0.25]]))

    def test_half_a_verdict_is_none(self):
        """The worker died within its last line: the run is lost, and is run again."""
        with Daemon() as daemon:
            gate = Gate(daemon)
            worker = read_lines(f"{gate.folder}/events.jsonl")[0]["worker"]
            daemon.kill()
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: not daemon.processes())
            with open(f"{gate.folder}/events.jsonl", "a", encoding="utf-8") as file:
                file.write('{"v":1,"seq":1,"t":1.0,"event":"exit","status":0,"signal":0,"wall_s"')
            daemon.start()
            gate.open()
            self.assertEqual(daemon.wait(gate.number)[0]["state"], "done")
            self.assertEqual([run["verdict"] for run in daemon.show(gate.number)["runs"]], ["lost", "done"])

    def test_events_of_another_version_are_kept_and_do_no_harm(self):
        """What a worker of another version journals: events and fields that this daemon does not know."""
        with Daemon() as daemon:
            gate = Gate(daemon)
            with open(f"{gate.folder}/events.jsonl", "a", encoding="utf-8") as file:
                file.write('{"v":0,"seq":1,"t":1.0,"event":"from the past","x":[1]}\n'
                           '{"v":2,"seq":2,"t":1.0,"event":"from the future","status":7}\n')
            gate.open()
            self.assertEqual(daemon.wait(gate.number)[0]["state"], "done")


class Runs(unittest.TestCase):
    def test_ten_thousand_files_in_a_run_folder(self):
        with Daemon() as daemon:
            number = daemon.submit("sh", "-c", 'cd "$NIGHTJAR_ARTIFACTS" && seq 10000 | xargs touch')
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            folder = f"{daemon.home}/runs/{number}"
            self.assertEqual(len(os.listdir(f"{folder}/1/artifacts")), 10000)
            self.assertEqual(daemon.show(number)["state"], "done")
            daemon.call("clean", select={"ids": [[number, number]]})
            wait_until(lambda: not os.path.exists(folder))
            self.assertEqual(daemon.show(number)["state"], "done")

    def test_run_folder_that_the_run_removes_costs_that_run_alone(self):
        """Whether the daemon has read its first line by then or not: several, so that both happen."""
        with Daemon() as daemon:
            numbers = [daemon.submit("sh", "-c", 'rm -rf "$NIGHTJAR_RUN_DIR"', queue={"retries": 0}) for _ in range(8)]
            for number in numbers:
                row = daemon.wait(number, states=("done", "failed", "cancelled", "held"))[0]
                self.assertIn(row["state"], ("done", "failed", "held"))
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")


class Clients(unittest.TestCase):
    N = 1000

    def test_thousand_connections_stall_nobody(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < self.N + 200:
            self.skipTest(f"no process may have more than {hard} descriptors here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, self.N + 200), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with Daemon() as daemon, contextlib.ExitStack() as stack, daemon.connect() as client:
            for i in range(self.N):
                other = stack.enter_context(socket.socket(socket.AF_UNIX))
                other.settimeout(DEADLINE_S)
                other.connect(daemon.socket_path)
                other.sendall((b"", b"{", b"rubbish\n", b'{"jsonrpc":"2.0","id":1,"method":"list"}\n')[i % 4])
            number = client.call("submit", base={"command": ["true"]}, cwd="/")["first"]
            client.wait(lambda now: now[number]["state"] == "done", ids=[[number, number]])
            stack.close()
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")


def inner_pids():
    """In a pid namespace of our own: a stranger gets the number of a worker that was killed."""
    def next_pid(number):
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as file:
            file.write(str(number - 1))

    def is_free(number):
        """We are the first process, whom orphans fall to."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        return not os.path.exists(f"/proc/{number}")

    with Daemon() as daemon:
        gate = Gate(daemon)
        started = read_lines(f"{gate.folder}/events.jsonl")[0]
        daemon.kill()
        os.kill(started["worker"], signal.SIGKILL)
        wait_until(lambda: is_free(started["worker"]) and is_free(started["pid"]))
        strangers = []
        for role in ("worker", "pid"):
            next_pid(started[role])
            strangers.append(subprocess.Popen(["sleep", "1000"]))
        assert [stranger.pid for stranger in strangers] == [started["worker"], started["pid"]], "other numbers"
        daemon.start()
        daemon.call("cancel", select={"ids": [[gate.number, gate.number]]})
        row = daemon.wait(gate.number)[0]
        assert row["state"] == "cancelled", row
        assert [stranger.poll() for stranger in strangers] == [None, None], "a stranger was hit"
        for stranger in strangers:
            stranger.kill()
            stranger.wait()


class Pids(unittest.TestCase):
    def test_process_that_got_a_dead_workers_number_is_left_alone(self):
        inside = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
        if subprocess.run([*inside, "sh", "-c", "echo 100 > /proc/sys/kernel/ns_last_pid"], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("a namespace with process ids of its own is not permitted here")
        done = subprocess.run([*inside, sys.executable, "-B", __file__, "inner_pids"], check=False,
                              capture_output=True, text=True, timeout=4 * DEADLINE_S)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    if sys.argv[1:] == ["inner_pids"]:
        inner_pids()
    else:
        unittest.main()
