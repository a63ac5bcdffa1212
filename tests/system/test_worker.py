"""Real workers without a daemon, on run folders made by hand."""

import ctypes
import errno
import json
import os
import re
import signal
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = os.environ.get("NIGHTJAR_BUILD", "build/dev")
WORKER = os.path.abspath(os.path.join(BUILD, "nightjar-worker"))
DEADLINE_S = 180
os.environ.setdefault("NIGHTJAR_CGROUP", "none")  # but for ControlGroup: the watch on memory is tested too
STOP_CANCELLED = 1  # enum process_stop in common/process.h


def wait_until(check, what, deadline_s=DEADLINE_S):
    """Polls until check() is true; its value is returned."""
    end = time.monotonic() + deadline_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.005)


def state_of(pid):
    """R, S, D, T, Z; empty where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def stands_still(pid):
    """Stopped, or in vfork for a child that is: the kernel shows such a parent as D, and a shell has one for every
    program it starts."""
    state = state_of(pid)
    if state != "D":
        return state == "T"
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return any(state_of(child) == "T" for child in file.read().split())
    except (FileNotFoundError, ProcessLookupError):
        return False


def is_alive(pid):
    """Zombies, which nobody here can wait for, count as gone."""
    return state_of(pid) not in ("", "Z")


def is_sanitized():
    with open(WORKER, "rb") as file:
        return b"__asan" in file.read()


class WorkerCase(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="nightjar-worker-")
        self.addCleanup(shutil.rmtree, self.home)
        self.workers = []
        self.addCleanup(self.end_workers)
        self.n_runs = 0

    def end_workers(self):
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
            worker.communicate()

    def make_run(self, command, resources=None, home=None, **frozen):
        """A run folder; command None: a pipeline."""
        self.n_runs += 1
        folder = os.path.join(home or self.home, "runs", str(self.n_runs), "1")
        os.makedirs(folder)
        spec = {"name": "test", "resources": resources or {}}
        if command is not None:
            spec["command"] = command
        else:
            spec["data"] = {"source": "/nonexistent.csv"}
        content = {"v": 1, "id": self.n_runs, "run": 1, "seed": 42, "cwd": self.home, "spec": spec}
        content.update(frozen)
        with open(os.path.join(folder, "spec.json"), "w") as file:
            json.dump(content, file)
        return folder

    def start(self, folder, *arguments, **options):
        worker = subprocess.Popen([WORKER, "run", folder, *arguments], stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, **options)
        self.workers.append(worker)
        return worker

    def finish(self, folder, *arguments, **options):
        """Runs to the end; returns the exit event."""
        worker = self.start(folder, *arguments, **options)
        _, complaint = worker.communicate(timeout=DEADLINE_S)
        self.assertEqual(worker.returncode, 0, complaint)
        self.assertNotIn("Sanitizer", complaint)
        return self.events(folder)[-1]

    def execute(self, command, resources=None, **frozen):
        folder = self.make_run(command, resources, **frozen)
        return folder, self.finish(folder)

    def events(self, folder, name="events.jsonl"):
        try:
            with open(os.path.join(folder, name)) as file:
                return [json.loads(line) for line in file if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def log(self, folder):
        with open(os.path.join(folder, "log"), "rb") as file:
            return file.read()

    def wait_for_log(self, folder, text):
        wait_until(lambda: os.path.exists(os.path.join(folder, "log")) and text in self.log(folder),
                   f"{text} in the log")

    def started_pid(self, folder):
        return wait_until(lambda: self.events(folder), "a started event")[0]["pid"]


class Verdicts(WorkerCase):
    def test_exit_status_and_log_of_a_command_are_journalled(self):
        folder, end = self.execute(["sh", "-c", "echo out; echo err >&2; exit 3"])
        events = self.events(folder)
        self.assertEqual([event["event"] for event in events], ["started", "exit"])
        self.assertEqual([event["seq"] for event in events], [1, 2])
        self.assertTrue(all(event["v"] == 1 and event["t"] > 1.6e9 for event in events))
        self.assertEqual((end["status"], end["signal"]), (3, 0))
        self.assertEqual(self.log(folder), b"out\nerr\n")
        self.assertEqual((end["log_bytes"], end["log_dropped_bytes"]), (8, 0))
        self.assertEqual(end["stragglers"], 0)
        self.assertEqual(end["message"], "err")
        self.assertNotIn("reason", end)

    def test_success_has_no_message(self):
        _, end = self.execute(["sh", "-c", "echo error: not really"])
        self.assertEqual((end["status"], end["signal"], end["message"]), (0, 0, ""))

    def test_started_tells_the_processes_apart(self):
        folder, _ = self.execute(["sh", "-c", "cut -d' ' -f1,22 /proc/$$/stat; echo $PPID"])
        started = self.events(folder)[0]
        with open("/proc/sys/kernel/random/boot_id") as file:
            self.assertEqual(started["boot"], file.read().strip())
        ids, parent = self.log(folder).decode().splitlines()
        self.assertEqual(ids, f"{started['pid']} {started['start']}")
        self.assertEqual(int(parent), started["worker"])
        self.assertEqual(self.workers[0].pid, started["worker"])
        self.assertLessEqual(started["worker_start"], started["start"])

    def test_started_is_in_the_journal_before_the_command_runs(self):
        folder, _ = self.execute(["sh", "-c", "cat $NIGHTJAR_RUN_DIR/events.jsonl"])
        self.assertEqual(json.loads(self.log(folder)), self.events(folder)[0])

    def test_signal_that_ended_it_is_journalled(self):
        _, end = self.execute(["sh", "-c", "kill -SEGV $$"])
        self.assertEqual((end["status"], end["signal"]), (-1, signal.SIGSEGV))
        self.assertEqual(end["message"], "")  # the log told nothing; the daemon words the rest

    def test_traceback_becomes_the_message(self):
        _, end = self.execute([sys.executable, "-c", "print('on'); raise ValueError('bad rate')"])
        self.assertEqual(end["status"], 1)
        self.assertEqual(end["message"], "ValueError: bad rate")

    def test_missing_program_is_127(self):
        folder, end = self.execute(["no-such-program", "x"])
        self.assertEqual(end["status"], 127)
        self.assertEqual(end["message"], "no-such-program: command not found")
        self.assertEqual(self.events(folder)[0]["event"], "started")

    def test_script_without_its_interpreter_is_told_from_a_missing_one(self):
        path = os.path.join(self.home, "bad.sh")
        with open(path, "w") as file:
            file.write("#!/no/such/interpreter\n")
        os.chmod(path, 0o700)
        for program, why in ((path, "the interpreter that its first line names is not there"),
                             (path + ".other", "command not found")):
            _, end = self.execute([program])
            self.assertEqual((end["status"], end["message"]), (127, f"{program}: {why}"))

    def test_program_that_is_not_executable_is_126(self):
        path = os.path.join(self.home, "data.txt")
        with open(path, "w"):
            pass
        _, end = self.execute([path])
        self.assertEqual(end["status"], 126)
        self.assertEqual(end["message"], f"{path}: Permission denied")

    def test_missing_working_directory_is_126_and_named(self):
        _, end = self.execute(["true"], cwd="/nonexistent/project")
        self.assertEqual(end["status"], 126)
        self.assertEqual(end["message"], "/nonexistent/project: No such file or directory")

    def test_resources_of_all_processes_are_measured(self):
        burn = "import os; x = bytearray(80 << 20); t = os.times()\n" \
               "while os.times().user - t.user < 0.15: pass"
        _, end = self.execute(["sh", "-c", '"$0" -c "$1" & wait', sys.executable, burn])
        self.assertGreater(end["peak_rss_bytes"], 80 << 20)
        self.assertGreater(end["cpu_s"], 0.14)
        self.assertGreater(end["wall_s"], 0.1)

    def test_bad_spec_still_gets_an_end_that_says_why(self):
        folder, end = self.execute(["true"], {"cpus": -1})
        self.assertEqual([event["event"] for event in self.events(folder)], ["exit"])
        self.assertEqual(end["status"], 2)
        self.assertIn("resources.cpus: -1", end["message"])
        folder = self.make_run(["true"])
        with open(os.path.join(folder, "spec.json"), "w") as file:
            file.write('{"v":1, "spec":')
        self.assertIn("spec.json", self.finish(folder)["message"])

    def test_run_is_not_repeated_in_its_folder(self):
        folder, _ = self.execute(["true"])
        before = self.events(folder)
        worker = self.start(folder)
        _, complaint = worker.communicate(timeout=DEADLINE_S)
        self.assertEqual(worker.returncode, 2)
        self.assertIn("has run already", complaint)
        self.assertEqual(self.events(folder), before)


class Surroundings(WorkerCase):
    def test_environment_of_a_run(self):
        folder = self.make_run(["env", "-0"], {"cpus": 2.5})
        given = dict(os.environ, MINE="mine", OMP_NUM_THREADS="77", CUDA_VISIBLE_DEVICES="3")
        self.finish(folder, env=given)
        environment = dict(entry.split("=", 1)
                           for entry in self.log(folder).decode().split("\0") if entry)
        experiment = os.path.dirname(folder)
        expected = {
            "NIGHTJAR_EXPERIMENT": "1", "NIGHTJAR_RUN_DIR": folder, "NIGHTJAR_SEED": "42",
            "NIGHTJAR_EVENTS": f"{folder}/reported.jsonl",
            "NIGHTJAR_ARTIFACTS": f"{folder}/artifacts",
            "NIGHTJAR_CHECKPOINT": f"{experiment}/checkpoint",
            "OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "3", "MKL_NUM_THREADS": "3",
            "NUMEXPR_NUM_THREADS": "3", "PYTHONUNBUFFERED": "1", "MINE": "mine",
            "CUDA_VISIBLE_DEVICES": "3",
        }
        self.assertEqual({name: environment.get(name) for name in expected}, expected)
        self.assertRegex(environment["NIGHTJAR_RUN"], "^[0-9a-f]{16}/1/1$")
        self.assertTrue(os.path.isdir(environment["NIGHTJAR_ARTIFACTS"]))
        self.assertTrue(os.path.isdir(environment["NIGHTJAR_CHECKPOINT"]))

    def test_command_runs_in_its_directory_with_a_private_umask_and_no_input(self):
        folder, _ = self.execute(["sh", "-c", "pwd; umask; readlink /proc/self/fd/0; "
                                              "touch $NIGHTJAR_ARTIFACTS/file"])
        self.assertEqual(self.log(folder).decode().split(),
                         [os.path.realpath(self.home), "0077", "/dev/null"])
        mode = os.stat(os.path.join(folder, "artifacts", "file")).st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        for name in ("log", "events.jsonl"):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode), 0o600)

    def test_command_inherits_three_descriptors_and_a_session_of_its_own(self):
        folder, _ = self.execute([sys.executable, "-c",
                                  "import os; print(os.getsid(0) == os.getpid(), "
                                  "os.listdir('/proc/self/fd')[:-1])"])
        self.assertEqual(self.log(folder).decode().strip(), "True ['0', '1', '2']")

    def test_command_starts_with_every_signal_as_usual(self):
        folder, _ = self.execute(["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"])
        names, masks = self.log(folder).decode().split()[::2], self.log(folder).decode().split()[1::2]
        self.assertEqual(names, ["SigBlk:", "SigIgn:"])
        # 32 and 33 are the C library's own, which nobody can set back: a test runner may hand them down ignored
        own = 1 << 31 | 1 << 32
        self.assertEqual([int(mask, 16) & ~own for mask in masks], [0, 0])

    def test_file_that_changed_since_submit_is_warned_about(self):
        paths = {name: os.path.join(self.home, name) for name in ("same", "touched", "other")}
        for path in paths.values():
            with open(path, "w") as file:
                file.write("content")
        prints = [{"path": path, "size": 7, "mtime_ns": os.stat(path).st_mtime_ns, "hash": "x" * 32}
                  for path in paths.values()]
        prints[1]["mtime_ns"] -= 10**9  # its hash decides
        prints[2]["size"] = 8
        prints.append(dict(prints[0], path="/nonexistent/train.py"))
        folder, end = self.execute(["true"], fingerprints=prints)
        warnings = self.events(folder, "reported.jsonl")
        self.assertEqual([warning["text"] for warning in warnings],
                         [f"{paths['touched']} changed since it was submitted",
                          f"{paths['other']} changed since it was submitted",
                          "/nonexistent/train.py is missing since it was submitted"])
        self.assertTrue(all(warning["event"] == "warning" for warning in warnings))
        self.assertEqual(end["status"], 0)

    def test_worker_links_neither_database_nor_numerics(self):
        needed = subprocess.run(["readelf", "-d", WORKER], check=True, capture_output=True,
                                text=True).stdout
        libraries = {line.split("[")[1].split(".so")[0] for line in needed.splitlines()
                     if "(NEEDED)" in line}
        self.assertLessEqual(libraries - {"libasan", "libubsan", "libtsan", "libgcc_s"},
                             {"libc", "libm", "libcjson", "libxxhash"})
        self.assertIn("libcjson", libraries)

    def test_worker_without_standard_streams_still_runs_a_command(self):
        folder = self.make_run(["sh", "-c", "echo out; readlink /proc/self/fd/0"])
        self.finish(folder, preexec_fn=lambda: os.closerange(0, 2))
        self.assertEqual(self.log(folder), b"out\n/dev/null\n")

    def test_bad_command_lines_are_refused(self):
        for arguments in ([], ["walk"], ["run"], ["run", "/tmp", "--lock-fd"],
                          ["run", "/tmp", "--lock-fd", "x"], ["run", "/tmp", "--lock-fd", "2"],
                          ["run", "/tmp", "--lock", "3"], ["run", "/tmp", "--engine-fd"], ["run", "/tmp", "--lock-fd", "3", "y"]):
            with self.subTest(arguments=arguments):
                result = subprocess.run([WORKER, *arguments], capture_output=True, text=True)
                self.assertEqual(result.returncode, 2)
                self.assertIn("usage:", result.stderr)
        result = subprocess.run([WORKER, "run", "/nonexistent"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 3)
        self.assertIn("/nonexistent", result.stderr)


class Locks(WorkerCase):
    def take_lock(self, folder):
        import fcntl
        fd = os.open(os.path.join(os.path.dirname(folder), "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd

    def test_held_lock_keeps_a_second_worker_out(self):
        folder = self.make_run(["true"])
        fd = self.take_lock(folder)
        self.addCleanup(os.close, fd)
        worker = self.start(folder)
        worker.communicate(timeout=DEADLINE_S)
        self.assertEqual(worker.returncode, 8)
        self.assertEqual(self.events(folder), [])

    def test_worker_holds_the_lock_as_long_as_it_lives(self):
        folder = self.make_run(["sh", "-c", "echo on; exec sleep 600"])
        worker = self.start(folder)
        self.wait_for_log(folder, b"on")
        with self.assertRaises(BlockingIOError):
            self.take_lock(folder)
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=DEADLINE_S)
        os.close(self.take_lock(folder))

    def test_passed_lock_is_held_and_not_handed_on(self):
        folder = self.make_run(["sh", "-c", "ls -l /proc/self/fd; exec sleep 600"])
        fd = self.take_lock(folder)
        worker = self.start(folder, "--lock-fd", str(fd), pass_fds=[fd])
        os.close(fd)
        self.wait_for_log(folder, b"pipe")
        self.assertNotIn(b"lock", self.log(folder))
        with self.assertRaises(BlockingIOError):
            self.take_lock(folder)
        worker.kill()
        worker.communicate(timeout=DEADLINE_S)
        os.close(self.take_lock(folder))


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Durability(WorkerCase):
    def trace(self, command):
        """The worker's first words and syncs, and the processes' execs, in order."""
        folder = self.make_run(command)
        path = os.path.join(self.home, "trace")
        result = subprocess.run(["strace", "-f", "-y", "-o", path, "-e",
                                 "trace=fsync,fdatasync,sync,syncfs,execve,write", WORKER, "run", folder],
                                env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"),
                                capture_output=True, text=True)
        if "ptrace" in result.stderr:
            self.skipTest("tracing is not permitted")
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(path) as file:
            calls = [line.split(None, 1)[1] for line in file if "+++" not in line]
        return [name for name in map(self.name_of, calls) if name]

    @staticmethod
    def name_of(call):
        if " = -1 " in call or "<unfinished" in call:
            return None
        if call.startswith("execve"):
            return "exec"
        where = os.path.basename(call.split("<")[1].split(">")[0])
        if call.startswith("write"):
            return "write events" if where == "events.jsonl" else None
        return f"sync {where}"

    def test_started_is_written_before_the_command_runs_and_exit_synced_afterwards(self):
        self.assertEqual(self.trace(["true"]), ["exec", "write events", "exec", "write events", "sync events.jsonl"])

    def test_what_was_reported_is_synced_before_the_exit_event(self):
        self.assertEqual(self.trace(["sh", "-c", "echo '{\"loss\":1}' >> $NIGHTJAR_EVENTS"]),
                         ["exec", "write events", "exec", "sync reported.jsonl", "write events", "sync events.jsonl"])


class Stopping(WorkerCase):
    def test_sigterm_reaches_the_whole_process_group(self):
        script = "trap 'echo shell; exit 5' TERM; " \
                 "(trap 'echo child; exit' TERM; echo ready; while :; do sleep 0.01; done) & " \
                 "echo ready; while :; do sleep 0.01; done"
        folder = self.make_run(["sh", "-c", script])
        worker = self.start(folder)
        wait_until(lambda: os.path.exists(f"{folder}/log") and
                   self.log(folder).count(b"ready") == 2, "two processes")
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=DEADLINE_S)
        events = self.events(folder)
        self.assertEqual([event["event"] for event in events], ["started", "signalled", "exit"])
        self.assertEqual((events[1]["signal"], events[1]["reason"]), (15, "stopping"))
        self.assertEqual((events[2]["status"], events[2]["reason"]), (5, "stopping"))
        self.assertIn(b"shell\n", self.log(folder))
        self.assertIn(b"child\n", self.log(folder))

    def test_cancelled_is_told_apart_by_the_signals_value(self):
        folder = self.make_run(["sleep", "600"])
        worker = self.start(folder)
        self.started_pid(folder)
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(libc.sigqueue(worker.pid, signal.SIGTERM, ctypes.c_void_p(STOP_CANCELLED)), 0)
        worker.communicate(timeout=DEADLINE_S)
        self.assertEqual([event.get("reason") for event in self.events(folder)],
                         [None, "cancelled", "cancelled"])
        self.assertEqual(self.events(folder)[-1]["signal"], signal.SIGTERM)

    def test_program_that_ignores_sigterm_is_killed_after_the_grace_time(self):
        folder = self.make_run(["sh", "-c", "trap '' TERM; echo on; sleep 600 & wait; sleep 600"],
                               {"grace": 0.3})
        worker = self.start(folder)
        self.wait_for_log(folder, b"on")
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=DEADLINE_S)
        events = self.events(folder)
        self.assertEqual([(event["signal"], event["reason"]) for event in events[1:]],
                         [(15, "stopping"), (9, "grace"), (9, "stopping")])
        self.assertGreaterEqual(events[2]["t"] - events[1]["t"], 0.29)
        self.assertEqual(events[-1]["status"], -1)

    def test_stopped_program_is_woken_to_answer_sigterm(self):
        folder = self.make_run(["sh", "-c", "trap 'exit 7' TERM; echo on; kill -STOP $$; "
                                            "while :; do sleep 0.01; done"], {"grace": 600})
        worker = self.start(folder)
        self.wait_for_log(folder, b"on")
        pid = self.started_pid(folder)
        wait_until(lambda: stands_still(pid), "the program to stop")
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=DEADLINE_S)
        self.assertEqual(self.events(folder)[-1]["status"], 7)

    def test_second_sigterm_kills_at_once(self):
        folder = self.make_run(["sh", "-c", "trap '' TERM; echo on; sleep 600"], {"grace": 600})
        worker = self.start(folder)
        self.wait_for_log(folder, b"on")
        worker.send_signal(signal.SIGTERM)
        wait_until(lambda: len(self.events(folder)) == 2, "the first signal to be journalled")
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=DEADLINE_S)
        self.assertEqual([event.get("signal") for event in self.events(folder)], [None, 15, 9, 9])

    def test_time_limit_ends_a_run(self):
        folder, end = self.execute(["sleep", "600"], {"time": 0.2})
        self.assertEqual([event.get("reason") for event in self.events(folder)],
                         [None, "timeout", "timeout"])
        self.assertEqual(end["signal"], signal.SIGTERM)
        self.assertIn("resources.time", end["message"])
        self.assertGreaterEqual(end["wall_s"], 0.19)

    def text_in(self, name):
        try:
            with open(os.path.join(self.home, name)) as file:
                return file.read().strip()
        except FileNotFoundError:
            return ""

    def pause(self, worker, value):
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(libc.sigqueue(worker.pid, signal.SIGRTMIN, ctypes.c_void_p(value)), 0)

    def test_paused_run_stands_still_as_a_whole_and_goes_on(self):
        script = "(setsid sh -c 'echo $$ > inner; while :; do sleep 0.01; done') & " \
                 "echo on; while [ ! -e go ]; do sleep 0.01; done; kill -9 $(cat inner)"
        folder = self.make_run(["sh", "-c", script], {"time": 600})
        worker = self.start(folder)
        self.wait_for_log(folder, b"on")
        outer = self.started_pid(folder)
        inner = int(wait_until(lambda: self.text_in("inner"), "a pid"))
        self.pause(worker, 1)
        wait_until(lambda: stands_still(outer) and stands_still(inner), "both to stop")
        open(os.path.join(self.home, "go"), "w").close()
        paused = wait_until(lambda: self.events(folder)[1:], "a paused event")[0]
        self.assertEqual(paused["event"], "paused")
        self.assertEqual((stands_still(outer), stands_still(inner)), (True, True))
        self.pause(worker, 0)
        worker.communicate(timeout=DEADLINE_S)
        events = self.events(folder)
        self.assertEqual([event["event"] for event in events], ["started", "paused", "resumed", "exit"])
        self.assertEqual(events[-1]["status"], 0)
        self.assertAlmostEqual(events[-1]["paused_s"], events[2]["t"] - events[1]["t"], delta=0.5)

    def test_time_limit_does_not_run_while_paused(self):
        folder = self.make_run(["sleep", "600"], {"time": 1})
        worker = self.start(folder)
        pid = self.started_pid(folder)
        self.pause(worker, 1)
        wait_until(lambda: stands_still(pid), "the program to stop")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() - began > 1.3, "more than the limit to pass")
        self.assertEqual([event["event"] for event in self.events(folder)], ["started", "paused"])
        self.pause(worker, 0)
        worker.communicate(timeout=DEADLINE_S)
        end = self.events(folder)[-1]
        self.assertEqual(end["reason"], "timeout")
        self.assertGreaterEqual(end["paused_s"], 1.2)
        self.assertGreaterEqual(end["wall_s"], 0.9)
        self.assertLess(end["wall_s"], end["t"] - self.events(folder)[0]["t"] - 1)

    def test_paused_run_answers_sigterm(self):
        folder = self.make_run(["sh", "-c", "trap 'exit 7' TERM; echo on; while :; do sleep 0.01; done"],
                               {"grace": 600})
        worker = self.start(folder)
        self.wait_for_log(folder, b"on")
        self.pause(worker, 1)
        wait_until(lambda: stands_still(self.started_pid(folder)), "the program to stop")
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=DEADLINE_S)
        self.assertEqual(self.events(folder)[-1]["status"], 7)

    def test_run_that_ends_in_time_is_not_touched(self):
        folder, end = self.execute(["sleep", "0.05"], {"time": 600})
        self.assertEqual([event["event"] for event in self.events(folder)], ["started", "exit"])
        self.assertEqual(end["status"], 0)

    def test_killed_worker_takes_its_child_along(self):
        folder = self.make_run(["sh", "-c", "trap '' TERM HUP; echo on; while :; do sleep 0.1; done"])
        worker = self.start(folder)
        self.wait_for_log(folder, b"on")
        pid = self.started_pid(folder)
        self.assertTrue(is_alive(pid))
        worker.kill()
        worker.communicate(timeout=DEADLINE_S)
        wait_until(lambda: not is_alive(pid), "the end of the child")
        self.assertEqual([event["event"] for event in self.events(folder)], ["started"])


class Memory(WorkerCase):
    LIMIT = str(64 << 20)

    def make_cgroup(self):
        """A memory cgroup, version 1 or 2, that takes LIMIT."""
        for parent, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                              ("/sys/fs/cgroup", "memory.max")):
            group = os.path.join(parent, f"nightjar-test-{os.getpid()}")
            try:
                os.mkdir(group)
                self.addCleanup(os.rmdir, group)
                with open(os.path.join(group, limit), "w") as file:
                    file.write(self.LIMIT)
                return group
            except OSError:
                continue
        self.skipTest("making a memory cgroup is not permitted")

    HOG = "import os, time; n = int(os.environ['HOG']); keep = []\n" \
          "for _ in range(n): keep.append(bytearray(b'x') * (1 << 20)); time.sleep(0.001)\n" \
          "print('full', flush=True); time.sleep(float(os.environ['NAP']))"

    def test_run_that_takes_more_memory_than_it_asked_for_is_ended(self):
        environment = {**os.environ, "HOG": "300", "NAP": "600"}
        folder = self.make_run([sys.executable, "-c", self.HOG], {"memory": 100 << 20})
        end = self.finish(folder, env=environment)
        self.assertEqual((end["reason"], end["signal"]), ("out_of_memory", 9))
        used, limit = map(float, re.findall(r"([0-9.]+) MiB", end["message"]))
        self.assertEqual(limit, 100)
        self.assertGreater(used, 100)  # how much more depends on how busy the machine is

    def test_memory_of_all_processes_of_a_run_is_added_up(self):
        environment = {**os.environ, "HOG": "60", "NAP": "600"}
        script = f'"{sys.executable}" -c "$CODE" & setsid "{sys.executable}" -c "$CODE" & wait'
        folder = self.make_run(["sh", "-c", script], {"memory": 100 << 20})
        end = self.finish(folder, env={**environment, "CODE": self.HOG})
        self.assertEqual(end["reason"], "out_of_memory")

    def test_pages_that_processes_share_count_once(self):
        code = "import os, time; keep = bytearray(b'x') * (60 << 20)\n" \
               "for _ in range(3):\n if os.fork() == 0: time.sleep(1); os._exit(0)\n" \
               "for _ in range(3): os.wait()"
        _, end = self.execute([sys.executable, "-c", code], {"memory": 100 << 20})
        self.assertEqual((end["status"], end.get("reason")), (0, None))

    @unittest.skipIf(os.environ.get("NIGHTJAR_SANITIZE"), "a sanitizer reserves more than any limit")
    def test_what_no_use_explains_is_refused_by_the_kernel(self):
        """Four times the limit and 4 GiB may be reserved, more may not; and what is reserved alone ends nobody."""
        code = "import mmap\n" \
               "def reserve(mib): return mmap.mmap(-1, mib << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n" \
               "keep = reserve(4000)\n" \
               "try: reserve(600)\n" \
               "except OSError as error: print(error.errno)"
        folder, end = self.execute([sys.executable, "-c", code], {"memory": 100 << 20})
        self.assertEqual((end["status"], end.get("reason")), (0, None))
        self.assertEqual(self.log(folder), b"%d\n" % errno.ENOMEM)
        folder, end = self.execute([sys.executable, "-c", code])
        self.assertEqual((end["status"], self.log(folder)), (0, b""))

    def test_command_that_the_kernel_killed_for_memory_is_told_so(self):
        group = self.make_cgroup()
        script = "import os; open(os.environ['GROUP'] + '/cgroup.procs', 'w').write('0'); " \
                 "x = b'x' * (256 << 20)"
        folder = self.make_run([sys.executable, "-c", script])
        end = self.finish(folder, env=dict(os.environ, GROUP=group))
        self.assertEqual((end["status"], end["signal"]), (-1, signal.SIGKILL))
        self.assertEqual(end["reason"], "out_of_memory")
        self.assertIn("memory", end["message"])

    def test_command_that_killed_itself_is_not_said_to_have_run_out_of_memory(self):
        _, end = self.execute(["sh", "-c", "kill -9 $$"])
        self.assertEqual(end["signal"], signal.SIGKILL)
        self.assertNotIn("reason", end)


class ControlGroup(WorkerCase):
    """The run's own group: in a folder that looks like one, and in real ones where they can be made."""

    def setUp(self):
        super().setUp()
        self.place = tempfile.mkdtemp(prefix="nightjar-groups-")
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)

    def environment(self, place=None):
        return {**os.environ, "NIGHTJAR_CGROUP": place or self.place}

    def name_of_group(self):
        """Of run 1: the worker complains that no process can be put there."""
        folder = self.make_run(["true"])
        worker = self.start(folder, env=self.environment())
        complaint = worker.communicate(timeout=DEADLINE_S)[1]
        self.assertEqual(self.events(folder)[-1]["status"], 0)
        self.assertNotIn("cgroup", self.events(folder)[0])
        self.assertEqual(os.listdir(self.place), [])
        return re.search(r"no control group: (.*)/cgroup.procs", complaint)[1]

    def make_files(self):
        """What the kernel would show of run 2's group."""
        group = self.name_of_group().replace("-1-1", "-2-1")
        os.mkdir(group)
        for name, content in {"cgroup.procs": "", "memory.max": "max\n", "memory.swap.max": "max\n", "memory.oom.group": "0\n",
                              "memory.peak": "104857600\n", "memory.events": "low 0\noom 0\noom_kill 0\n"}.items():
            with open(os.path.join(group, name), "w") as file:
                file.write(content)
        return group

    def read(self, *names):
        with open(os.path.join(*names)) as file:
            return file.read().rstrip("\n")

    def run_in(self, group, script):
        folder = self.make_run(["sh", "-c", script], {"memory": 100 << 20})
        end = self.finish(folder, env={**self.environment(), "GROUP": group})
        return self.events(folder)[0], end

    def test_limit_is_the_kernels_and_the_verdict_tells_limit_and_peak(self):
        group = self.make_files()
        started, end = self.run_in(group, "echo 'oom 1\noom_kill 3' > $GROUP/memory.events; kill -9 $$")
        self.assertEqual(started["cgroup"], group)
        self.assertEqual(self.read(group, "cgroup.procs"), str(started["pid"]))
        self.assertTrue(self.read(group, "memory.max").startswith(str(100 << 20)))
        self.assertTrue(self.read(group, "memory.swap.max").startswith("0"))
        self.assertTrue(self.read(group, "memory.oom.group").startswith("1"))
        self.assertEqual((end["reason"], end["signal"]), ("out_of_memory", 9))
        self.assertIn("used 100.0 MiB and needed more than resources.memory (100.0 MiB)", end["message"])
        self.assertEqual(end["peak_rss_bytes"], 100 << 20)  # of the group; the shell had a few MiB

    def test_kill_that_the_kernel_did_not_do_is_no_want_of_memory(self):
        _, end = self.run_in(self.make_files(), "kill -9 $$")
        self.assertEqual((end["signal"], end.get("reason")), (9, None))

    def test_run_that_goes_on_after_a_kill_by_the_kernel_is_done(self):
        _, end = self.run_in(self.make_files(), "echo 'oom 1\noom_kill 3' > $GROUP/memory.events")
        self.assertEqual((end["status"], end.get("reason")), (0, None))

    def real_place(self, controller=None):
        for tree in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            place = os.path.join(tree, f"nightjar-test-{os.getpid()}")
            try:
                if controller and controller not in self.read(tree, "cgroup.subtree_control").split():
                    continue
                self.read(tree, "cgroup.controllers")
                os.mkdir(place)
            except OSError:
                continue
            self.addCleanup(os.rmdir, place)
            return place
        self.skipTest("no cgroup v2 tree in which a group can be made" + (f" with {controller}" if controller else ""))

    def test_run_is_in_a_group_of_its_own_that_goes_with_it(self):
        place = self.real_place()
        folder = self.make_run(["sh", "-c", "cat /proc/self/cgroup; mkdir $GROUP/inner; exit 3"])
        name = os.path.basename(self.name_of_group()).replace("-2-1", "-1-1")
        end = self.finish(folder, env={**self.environment(place), "GROUP": os.path.join(place, name)})
        self.assertEqual(end["status"], 3)
        group = self.events(folder)[0]["cgroup"]
        self.assertEqual(os.path.dirname(group), place)
        self.assertIn(f"0::{group.split('unified')[-1].removeprefix('/sys/fs/cgroup')}\n", self.log(folder).decode())
        self.assertEqual([entry for entry in os.listdir(place) if entry.startswith("nightjar-")], [])

    def test_memory_limit_of_a_real_group_holds(self):
        place = self.real_place("memory")
        folder = self.make_run([sys.executable, "-c", "x = b'x' * (300 << 20)"], {"memory": 100 << 20})
        end = self.finish(folder, env=self.environment(place))
        self.assertEqual((end["reason"], end["signal"]), ("out_of_memory", 9))
        used, limit = map(float, re.findall(r"([0-9.]+) MiB", end["message"]))
        self.assertEqual(limit, 100)
        self.assertLessEqual(used, 100)


class Stragglers(WorkerCase):
    def run_script(self, script, resources=None):
        folder, end = self.execute(["sh", "-c", script], resources)
        pids = [int(word) for word in self.log(folder).split() if word.isdigit()]
        return end, pids

    def test_background_process_is_ended_and_counted(self):
        end, pids = self.run_script("sleep 600 & echo $!; exit 4")
        self.assertEqual((end["status"], end["stragglers"]), (4, 1))
        self.assertFalse(is_alive(pids[0]))

    def test_process_that_left_the_session_is_ended(self):
        end, pids = self.run_script("setsid sh -c 'echo $$; exec sleep 600' & "
                                    "while ! grep -q . $NIGHTJAR_RUN_DIR/log; do :; done")
        self.assertEqual((end["status"], end["stragglers"]), (0, 1))
        self.assertFalse(is_alive(pids[0]))

    def test_daemon_with_an_empty_environment_and_closed_output_is_ended(self):
        script = "import os, time\n" \
                 "r, w = os.pipe()\n" \
                 "if os.fork() == 0:\n" \
                 "    os.setsid()\n" \
                 "    if os.fork() == 0:\n" \
                 "        print(os.getpid(), flush=True)\n" \
                 "        os.write(w, b'x')\n" \
                 "        os.closerange(0, 3)\n" \
                 "        os.execve('/bin/sleep', ['sleep', '600'], {})\n" \
                 "    os._exit(0)\n" \
                 "os.read(r, 1)\n"
        folder, end = self.execute([sys.executable, "-c", script])
        self.assertEqual((end["status"], end["stragglers"]), (0, 1))
        self.assertFalse(is_alive(int(self.log(folder))))

    def test_straggler_that_ignores_sigterm_is_killed(self):
        end, pids = self.run_script("(trap '' TERM; echo 1; sleep 600; sleep 600) & echo $!; "
                                    "while ! grep -qx 1 $NIGHTJAR_RUN_DIR/log; do :; done",
                                    {"grace": 0.2})
        self.assertEqual(end["status"], 0)
        self.assertEqual(end["stragglers"], 2)
        self.assertFalse(any(is_alive(pid) for pid in pids if pid != 1))

    def test_orphans_that_end_by_themselves_are_reaped_and_no_stragglers(self):
        script = "cd $NIGHTJAR_ARTIFACTS; " \
                 "for i in 1 2 3 4 5; do (sh -c 'echo $$ >> pids' &); done; " \
                 "while ! [ -f pids ] || [ $(wc -l < pids) != 5 ]; do sleep 0.01; done; " \
                 "for pid in $(cat pids); do while kill -0 $pid 2> /dev/null; do sleep 0.01; done; done"
        end, _ = self.run_script(script)
        self.assertEqual((end["status"], end["stragglers"]), (0, 0))


class Logs(WorkerCase):
    def test_ten_gigabytes_of_output_keep_head_and_tail_in_little_memory(self):
        pieces = 10_000_000_000 // 60000
        script = "import os; p = os.getppid(); b = b'x' * 999 + b'\\n'\n" \
                 "os.write(1, b'first\\n')\n" \
                 f"for i in range({pieces}): os.write(1, b * 60)\n" \
                 "os.write(1, b'last\\n')\n" \
                 "m = [l for l in open(f'/proc/{p}/status') if 'VmHWM' in l][0]\n" \
                 "open(os.environ['NIGHTJAR_ARTIFACTS'] + '/memory', 'w').write(m.split()[1])\n"
        folder, end = self.execute([sys.executable, "-c", script], {"log": 65536})
        log = self.log(folder)
        total = pieces * 60 * 1000 + 11
        self.assertEqual(len(log), 65536)
        self.assertTrue(log.startswith(b"first\nxxx"))
        self.assertTrue(log.endswith(b"xxx\nlast\n"))
        self.assertEqual(end["log_bytes"], 65536)
        self.assertEqual(end["log_dropped_bytes"], total - 65536 + 64)
        self.assertIn(f"--- {end['log_dropped_bytes']} bytes dropped ---".encode(), log)
        with open(os.path.join(folder, "artifacts", "memory")) as file:
            self.assertLess(int(file.read()), 200000 if is_sanitized() else 8000)

    def test_output_can_be_read_while_it_is_printed(self):
        folder = self.make_run(["sh", "-c", "echo now; exec sleep 600"])
        worker = self.start(folder)
        self.wait_for_log(folder, b"now\n")
        self.assertIsNone(worker.poll())

    def test_run_goes_on_when_it_has_closed_its_output(self):
        folder, end = self.execute(["sh", "-c", "echo a; exec >&- 2>&-; sleep 0.1; exit 6"])
        self.assertEqual((end["status"], end["log_bytes"]), (6, 2))


class FullDisk(WorkerCase):
    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.home, "disk")
        os.mkdir(self.disk)
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", self.disk],
                               capture_output=True)
        if mount.returncode != 0:
            self.skipTest("mounting a tmpfs is not permitted")
        self.addCleanup(subprocess.run, ["umount", "-l", self.disk], check=True)

    def fill(self):
        with open(os.path.join(self.disk, "ballast"), "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                return

    def test_full_disk_costs_the_log_and_not_the_verdict(self):
        script = "head -c 1000000 /dev/zero | tr '\\0' y; cat /dev/zero > $NIGHTJAR_ARTIFACTS/big; " \
                 "head -c 1000000 /dev/zero | tr '\\0' z; exit 9"
        folder = self.make_run(["sh", "-c", script], {"log": 8 << 20}, home=self.disk)
        end = self.finish(folder)
        self.assertEqual(end["status"], 9)
        self.assertEqual(end["log_bytes"] + end["log_dropped_bytes"] -
                         (64 if b"bytes dropped" in self.log(folder) else 0), 2000000 +
                         len("cat: write error: No space left on device\n"))
        self.assertGreater(end["log_dropped_bytes"], 1000000)
        self.assertEqual([event["event"] for event in self.events(folder)], ["started", "exit"])

    def test_run_without_room_for_its_folders_has_not_started(self):
        folder = self.make_run(["true"], home=self.disk)
        for name in ("events.jsonl", "../lock"):
            open(os.path.join(folder, name), "w").close()
        inodes = os.path.join(self.disk, "many")
        os.mkdir(inodes)
        subprocess.run(["mount", "-o", "remount,nr_inodes=20", self.disk], check=True)
        with self.assertRaises(OSError):
            for i in range(30):
                open(os.path.join(inodes, str(i)), "w").close()
        worker = self.start(folder)
        _, complaint = worker.communicate(timeout=DEADLINE_S)
        self.assertEqual(worker.returncode, 7, complaint)
        self.assertEqual(self.events(folder), [])

    def test_start_waits_for_room(self):
        folder = self.make_run(["echo", "hello"], home=self.disk)
        for name in ("artifacts", "../checkpoint"):
            os.mkdir(os.path.join(folder, name))
        open(os.path.join(folder, "events.jsonl"), "w").close()
        self.fill()
        worker = self.start(folder)
        wait_until(lambda: self.events_warning(worker), "the worker's complaint")
        self.assertIsNone(worker.poll())
        self.assertEqual(self.events(folder), [])
        os.unlink(os.path.join(self.disk, "ballast"))
        worker.communicate(timeout=DEADLINE_S)
        self.assertEqual(worker.returncode, 0)
        self.assertEqual([event["event"] for event in self.events(folder)], ["started", "exit"])
        self.assertEqual(self.log(folder), b"hello\n")

    def events_warning(self, worker):
        return "events.jsonl" in worker.stderr.readline()


class Pipelines(WorkerCase):
    def make_engine(self, run, check="echo \"{\\\"core\\\":\\\"$OPENBLAS_CORETYPE\\\"}\""):
        folder = os.path.join(self.home, "bin")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "nightjar-engine")
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\nif [ $1 = blas-check ]; then\n"
                       f"echo $OPENBLAS_CORETYPE >> {self.home}/checks\n{check}\nexit\nfi\n{run}\n")
        os.chmod(path, 0o755)
        return dict(os.environ, NIGHTJAR_BIN=folder)

    def known_core(self):
        with open("/proc/cpuinfo") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
        if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= set(flags):
            return "SkylakeX"
        return "Haswell" if {"avx2", "fma"} <= set(flags) else None

    def test_engine_gets_the_folder_and_a_checked_blas_core(self):
        core = self.known_core()
        if not core:
            self.skipTest("a processor without a core to choose")
        environment = self.make_engine('echo "$1 $2 $OPENBLAS_CORETYPE $OPENBLAS_NUM_THREADS"')
        environment.pop("OPENBLAS_CORETYPE", None)
        for _ in range(2):
            folder = self.make_run(None, {"cpus": 2})
            self.finish(folder, env=environment)
            self.assertEqual(self.log(folder).decode().split(), ["run", folder, core, "1"])
            self.assertEqual(self.events(folder)[0]["blas_core"], core)
        with open(os.path.join(self.home, "checks")) as file:
            self.assertEqual(file.read().split(), [core])
        self.assertTrue(os.path.exists(os.path.join(self.home, "cache", "blas-core.json")))

    def test_core_that_the_user_chose_is_left_alone(self):
        environment = self.make_engine('echo "$OPENBLAS_CORETYPE"')
        environment["OPENBLAS_CORETYPE"] = "Nehalem"
        folder = self.make_run(None)
        self.finish(folder, env=environment)
        self.assertEqual(self.log(folder), b"Nehalem\n")
        self.assertEqual(self.events(folder)[0]["blas_core"], "Nehalem")
        self.assertFalse(os.path.exists(os.path.join(self.home, "checks")))

    def test_sigterm_reaches_the_engine_which_says_how_it_left(self):
        environment = self.make_engine("trap 'exit 75' TERM; echo on; while :; do sleep 0.01; done")
        folder = self.make_run(None)
        worker = self.start(folder, env=environment)
        self.wait_for_log(folder, b"on")
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=DEADLINE_S)
        end = self.events(folder)[-1]
        self.assertEqual((end["status"], end["reason"]), (75, "stopping"))

    def test_missing_engine_is_127(self):
        folder = self.make_run(None)
        end = self.finish(folder, env=dict(os.environ, NIGHTJAR_BIN="/nonexistent"))
        self.assertEqual(end["status"], 127)
        self.assertIn("/nonexistent/nightjar-engine", end["message"])


if __name__ == "__main__":
    unittest.main()
