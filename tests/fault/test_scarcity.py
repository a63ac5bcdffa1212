"""A daemon that gets too little: of descriptors, processes, memory, places to write. It says so, keeps
what it has, and goes on when there is enough again."""

import contextlib
import os
import pwd
import resource
import shutil
import socket
import subprocess
import tempfile
import unittest

from harness import BUILD, Daemon, DeadlineError, RpcError, wait_until


def mount(case, *arguments):
    """Until the end of the test; skips it where that is not permitted."""
    if subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode != 0:
        case.skipTest("mounting is not permitted here")
    case.addCleanup(subprocess.run, ["umount", "-l", arguments[-1]], check=False)


def set_limit(daemon, kind, soft):
    """Of the running daemon; the hard limit stays."""
    resource.prlimit(daemon.process.pid, kind, (soft, resource.prlimit(daemon.process.pid, kind)[1]))


class Descriptors(unittest.TestCase):
    def test_more_clients_than_descriptors_cost_no_run(self):
        with Daemon(wrapper=["prlimit", "--nofile=48:48"]) as daemon, daemon.connect() as client, \
                contextlib.ExitStack() as stack:
            for _ in range(100):
                other = stack.enter_context(socket.socket(socket.AF_UNIX))
                other.settimeout(1)
                with contextlib.suppress(OSError):
                    other.connect(daemon.socket_path)
            numbers = [client.call("submit", base={"command": ["true"]}, cwd="/")["first"] for _ in range(20)]
            rows = client.wait(lambda now: all(row["state"] == "done" for row in now.values()),
                               ids=[[numbers[0], numbers[-1]]])
            self.assertEqual({row["run"] for row in rows.values()}, {1})
            stack.close()
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")

    def test_run_that_no_descriptor_is_left_for_starts_when_one_is(self):
        with Daemon() as daemon, daemon.connect() as client:
            used = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
            set_limit(daemon, resource.RLIMIT_NOFILE, used)
            number = client.call("submit", base={"command": ["true"]}, cwd="/")["first"]
            wait_until(lambda: "could not be started" in daemon.read_log())
            row = client.call("list", select={"ids": [[number, number]]})["experiments"][0]
            self.assertEqual(row["state"], "queued")
            set_limit(daemon, resource.RLIMIT_NOFILE, 1024)
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            self.assertNotIn("lost", {run["verdict"] for run in daemon.show(number)["runs"]})


class Worker(unittest.TestCase):
    def test_worker_that_dies_at_once_is_tried_again_ever_later_and_why_says_so(self):
        with tempfile.TemporaryDirectory(prefix="nightjar-bin-") as programs:
            os.symlink("/bin/false", f"{programs}/nightjar-worker")
            os.symlink(os.path.join(BUILD, "nightjar-engine"), f"{programs}/nightjar-engine")
            with Daemon(environment={"NIGHTJAR_BIN": programs}) as daemon:
                first, second = daemon.submit("true"), daemon.submit("true")
                wait_until(lambda: daemon.read_log().count("ended before it had said a word") == 2)
                for number in (first, second):
                    row = daemon.show(number)
                    self.assertEqual((row["state"], row["run"]), ("queued", 1))
                    reasons = daemon.call("why", id=number)["reasons"]
                    self.assertRegex(reasons[0], r"^the last attempt to start it failed: its worker ended before it had "
                                                 r"said a word; the next is in \ds$")
                    self.assertFalse(any("starts next" in reason for reason in reasons), reasons)
                wait_until(lambda: daemon.show(first)["run"] == 2 and daemon.show(first)["state"] == "queued")
                self.assertRegex(daemon.call("why", id=first)["reasons"][0], "the next is in (10|[6-9])s$")
                daemon.terminate()
                del daemon.environment["NIGHTJAR_BIN"]
                daemon.start()
                self.assertEqual([row["state"] for row in daemon.wait(first, second)], ["done", "done"])


@unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
class Processes(unittest.TestCase):
    def test_run_that_no_process_is_left_for_starts_when_one_is(self):
        nobody = pwd.getpwnam("nobody")
        user = [f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        daemon = Daemon(wrapper=["setpriv", *user, "prlimit", "--nproc=1:1000"])
        self.addCleanup(daemon.__exit__, None)
        os.chmod(daemon.folder, 0o755)
        os.mkdir(daemon.home)
        for path in (daemon.home, daemon.runtime):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        if subprocess.run(["setpriv", *user, daemon.program("nightjard"), "--version"], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("another user cannot execute what was built")
        daemon.start()
        number = daemon.submit("true")
        wait_until(lambda: "could not be started" in daemon.read_log())
        self.assertEqual(daemon.show(number)["state"], "queued")
        subprocess.run(["setpriv", *user, "prlimit", f"--pid={daemon.process.pid}", "--nproc=1000"], check=True)
        self.assertEqual(daemon.wait(number)[0]["state"], "done")


@unittest.skipIf(os.environ.get("NIGHTJAR_SANITIZE"), "sanitizers need all the addresses there are")
class Memory(unittest.TestCase):
    BATCH = {"base": {"command": ["true"], "name": "x" * 100}, "cwd": "/", "hold": True,
             "experiments": [{"seed": i, "name": f"number {i} of many"} for i in range(8000)]}

    def test_submission_without_memory_is_refused_whole_and_the_daemon_goes_on(self):
        with Daemon() as daemon, daemon.connect() as client:
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")
            with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as file:
                now = int(file.read().split()[0]) * resource.getpagesize()
            set_limit(daemon, resource.RLIMIT_AS, now + (512 << 10))
            client.send("submit", **self.BATCH)
            self.assertEqual(client.read()["error"]["data"]["kind"], "NO_MEMORY")
            self.assertIsNone(daemon.process.poll())
            set_limit(daemon, resource.RLIMIT_AS, resource.RLIM_INFINITY)
            self.assertEqual(daemon.call("list", select={"all": True})["total"], 1)
            self.assertEqual(daemon.call("submit", **self.BATCH)["count"], 8000)
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")


class ReadOnly(unittest.TestCase):
    def folder(self):
        folder = tempfile.mkdtemp(prefix="nightjar-readonly-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def test_home_that_is_read_only_is_refused_in_one_line_and_untouched(self):
        folder = self.folder()
        mount(self, "-t", "tmpfs", "-o", "size=128m", "tmpfs", folder)
        with Daemon(home=f"{folder}/home") as daemon:
            number = daemon.submit("true")
            daemon.wait(number)
            daemon.terminate()
            subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
            seen = len(daemon.read_log())
            with self.assertRaises(DeadlineError):
                daemon.start()
            said = [line for line in daemon.read_log()[seen:].splitlines() if "debug" not in line]
            self.assertEqual(len(said), 1, said)
            self.assertIn(f"{folder}/home", said[0])
            subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
            daemon.start()
            self.assertEqual(daemon.show(number)["state"], "done")

    def test_runs_wait_for_a_place_that_they_can_write_to(self):
        with Daemon() as daemon:
            runs = f"{daemon.home}/runs"
            os.mkdir(runs, 0o700)
            mount(self, "--bind", runs, runs)
            subprocess.run(["mount", "-o", "remount,ro,bind", runs], check=True)
            number = daemon.submit("true")
            wait_until(lambda: "could not be started" in daemon.read_log())
            self.assertEqual(daemon.show(number)["state"], "queued")
            self.assertIn("ead-only", str(daemon.call("why", id=number)["reasons"]))
            subprocess.run(["mount", "-o", "remount,rw,bind", runs], check=True)
            self.assertEqual(daemon.wait(number)[0]["state"], "done")


if __name__ == "__main__":
    unittest.main()
