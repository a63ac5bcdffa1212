"""The daemon from outside: raw requests over its socket, real workers, kills and bad clients."""

import contextlib
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import harness
from harness import Daemon, RpcError, wait_until

REPORTER = r"""
import json, os, sys, time
with open(os.environ["NIGHTJAR_EVENTS"], "a") as file:
    for step in range(int(sys.argv[1])):
        file.write(json.dumps({"loss": 1.0 / (step + 1), "step": step}) + "\n")
"""


def read_text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def pid_in(path):
    """The process id that a command wrote there, once it did."""
    with contextlib.suppress(OSError, ValueError):
        return int(read_text(path).strip())
    return None


def alive(pid):
    with contextlib.suppress(OSError):
        return read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0] != "Z"
    return False


def process_state(pid):
    with contextlib.suppress(OSError):
        return read_text(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()[0]
    return ""


class Running(unittest.TestCase):
    def test_commands_end_with_the_verdict_of_their_exit(self):
        with Daemon() as daemon:
            good = daemon.submit("true")
            bad = daemon.submit("sh", "-c", "echo some words; exit 3")
            missing = daemon.submit("no-such-program-anywhere")
            rows = daemon.wait(good, bad, missing)
            self.assertEqual([row["state"] for row in rows], ["done", "failed", "failed"])
            shown = daemon.show(bad)
            self.assertEqual(shown["runs"][0]["exit"], 3)
            self.assertIn("some words", read_text(shown["runs"][0]["log"]))
            self.assertEqual(daemon.show(missing)["runs"][0]["exit"], 127)

    def test_workers_that_have_ended_are_waited_for(self):
        with Daemon() as daemon:
            daemon.wait(*(daemon.submit("true") for _ in range(5)))
            with open(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children", encoding="ascii") as file:
                self.assertEqual(file.read().split(), [])

    def test_run_has_its_environment_and_nothing_of_the_daemon(self):
        with Daemon(arguments=["--gpus", "2"]) as daemon:
            script = "env; echo cwd=$PWD; ls -l /proc/self/fd; grep SigIgn /proc/self/status; " \
                     "echo files=$(ulimit -n); umask; readlink /proc/self/fd/0; cat /proc/$PPID/comm"
            number = daemon.submit("sh", "-c", script, seed=5, resources={"cpus": 2, "gpus": 1})
            plain = daemon.submit("sh", "-c", "env")
            daemon.wait(number, plain)
            shown = daemon.show(number)
            log = read_text(shown["runs"][0]["log"])
            folder = shown["directory"]
            for line in (f"NIGHTJAR_EXPERIMENT={number}", f"NIGHTJAR_RUN_DIR={folder}",
                         f"NIGHTJAR_EVENTS={folder}/reported.jsonl", "NIGHTJAR_SEED=5",
                         f"NIGHTJAR_ARTIFACTS={folder}/artifacts", "OMP_NUM_THREADS=2",
                         "OPENBLAS_NUM_THREADS=2", "PYTHONUNBUFFERED=1", f"cwd={daemon.folder}",
                         "/dev/null", "0077", "nightjar-worker"):
                self.assertIn(line + "\n", log)
            self.assertRegex(log, rf"NIGHTJAR_RUN=[0-9a-f]+/{number}/1\n")
            self.assertRegex(log, r"CUDA_VISIBLE_DEVICES=[01]\n")
            self.assertIn("CUDA_VISIBLE_DEVICES=\n", read_text(daemon.show(plain)["runs"][0]["log"]))
            self.assertNotIn("NOTIFY_SOCKET", log)
            for foreign in ("queue.db", "daemon.lock", "socket:", "anon_inode", "/lock"):
                self.assertNotIn(foreign, log)
            ignored = int(re.search(r"SigIgn:\s+(\w+)\n", log).group(1), 16)
            self.assertEqual(ignored & 0x7fffffff, 0)  # 32 and 33 are the C library's own
            self.assertIn(f"files={resource.getrlimit(resource.RLIMIT_NOFILE)[0]}\n", log)

    def test_reported_lines_become_metrics(self):
        with Daemon() as daemon:
            number = daemon.submit(sys.executable, "-c", REPORTER, "5000")
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            history = daemon.call("history", id=number)["metrics"]["loss"]
            self.assertEqual(len(history), 5000)
            self.assertEqual(history[-1][0], 4999)

    def test_what_is_no_json_is_passed_over_and_counted(self):
        with Daemon() as daemon:
            script = 'echo rubbish >> "$NIGHTJAR_EVENTS"; echo \'{"loss":1,"step":1}\' >> "$NIGHTJAR_EVENTS"'
            number = daemon.submit("sh", "-c", script)
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            self.assertEqual(daemon.call("history", id=number)["metrics"]["loss"], [[1, 1]])
            self.assertIn("1 line of reported.jsonl", json.dumps(daemon.show(number)["warnings"]))

    def test_last_line_needs_no_newline(self):
        script = 'printf \'{"acc":0.5,"step":1}\\n{"acc":0.9}\' >> "$NIGHTJAR_EVENTS"'
        with Daemon() as daemon:
            number = daemon.submit("sh", "-c", script)
            torn = daemon.submit("sh", "-c", script.replace("}'", "'"))
            daemon.wait(number, torn)
            shown = daemon.show(number)
            self.assertEqual(shown["result"]["metrics"], {"acc": 0.9})
            self.assertEqual(shown["warnings"], [])
            shown = daemon.show(torn)
            self.assertEqual(shown["result"]["metrics"], {"acc": 0.5})
            self.assertIn("1 line of reported.jsonl could not be read", json.dumps(shown["warnings"]))

    def test_metric_without_a_whole_step_is_told(self):
        lines = '{"loss": 0.5, "step": 0.5}\n{"event": "metric", "name": "loss", "value": "5"}\n{"loss": 1, "step": 1}\n'
        with Daemon() as daemon:
            number = daemon.submit("sh", "-c", f"printf '{lines}' >> \"$NIGHTJAR_EVENTS\"")
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            self.assertEqual(daemon.call("history", id=number)["metrics"]["loss"], [[1, 1]])
            self.assertIn("2 lines of reported.jsonl could not be read", json.dumps(daemon.show(number)["warnings"]))

    def test_follower_hears_of_progress_while_it_runs(self):
        with Daemon() as daemon, daemon.connect() as client:
            gate = os.path.join(daemon.folder, "gate")
            os.mkfifo(gate)
            script = 'echo \'{"event":"progress","done":1,"total":4}\' >> "$NIGHTJAR_EVENTS"; cat gate'
            number = daemon.submit("sh", "-c", script)
            rows = client.wait(lambda now: (now.get(number, {}).get("progress") or {}).get("done") == 1,
                               ids=[[number, number]])
            self.assertEqual(rows[number]["state"], "running")
            with open(gate, "w", encoding="utf-8"):
                pass
            daemon.wait(number)

    def test_programs_that_are_replaced_do_not_matter(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("nightjard", "nightjar-worker", "nightjar-engine"):
                shutil.copy(os.path.join(harness.BUILD, name), folder)
            table = os.path.join(folder, "table.csv")
            with open(table, "w", encoding="utf-8") as file:
                file.write("x,y\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
            pipeline = {"data": {"source": table, "target": "y", "split": {"train": 0.5, "test": 0.5}},
                        "model": [{"type": "dense", "units": "classes"}], "train": {"epochs": 1}}
            with Daemon(environment={"NIGHTJAR_BIN": folder}) as daemon:
                for name in ("nightjar-worker", "nightjar-engine"):
                    os.unlink(os.path.join(folder, name))
                self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")
                number = daemon.call("submit", base=pipeline, cwd=folder)["first"]
                self.assertEqual(daemon.wait(number)[0]["verdict"], "done")

    def test_on_finish_runs_once_when_the_batch_has_ended(self):
        with Daemon() as daemon:
            first = daemon.call("submit", base={"command": ["sh", "-c", "exit $NIGHTJAR_SEED"]},
                                experiments=[{"seed": 0}, {"seed": 1}], cwd=daemon.folder,
                                environment=["PATH=" + os.environ["PATH"]],
                                on_finish="echo $NIGHTJAR_BATCH $NIGHTJAR_DONE $NIGHTJAR_FAILED; touch finished")
            daemon.wait(first["first"], first["last"])
            wait_until(lambda: os.path.exists(os.path.join(daemon.folder, "finished")))
            log = os.path.join(daemon.home, "on_finish", f"{first['batch']}.log")
            daemon.terminate()
            daemon.start()
            daemon.wait(daemon.submit("true"))
            self.assertEqual(read_text(log), f"{first['batch']} 1 1\n")

    def test_on_finish_that_fails_is_told_in_the_log(self):
        with Daemon() as daemon:
            for command in ("exit 9", "kill -9 $$", "exit 0"):
                daemon.call("submit", base={"command": ["true"]}, cwd=daemon.folder,
                            environment=["PATH=" + os.environ["PATH"]], on_finish=command)
            for number, how in ((1, "exit status 9"), (2, "signal 9")):
                told = f"on_finish of batch {number} ended with {how}; see on_finish/{number}.log"
                wait_until(lambda told=told: told in daemon.read_log())
            daemon.wait(3)
            wait_until(lambda: os.path.exists(os.path.join(daemon.home, "on_finish", "3.log")))
            self.assertNotIn("on_finish of batch 3", daemon.read_log())


class Queueing(unittest.TestCase):
    def blocked(self, daemon):
        """Fills the only slot; returns (id, a function that frees it)."""
        gate = os.path.join(daemon.folder, "gate")
        os.mkfifo(gate)
        number = daemon.submit("cat", gate)
        daemon.wait(number, states=("running",))

        def free():
            with open(gate, "w", encoding="utf-8"):
                pass
        return number, free

    def test_run_over_its_memory_is_out_of_memory_with_limit_and_peak(self):
        with Daemon() as daemon:
            code = "import time; keep = bytearray(b'x') * (80 << 20); time.sleep(600)"
            number = daemon.submit(sys.executable, "-c", code, resources={"memory": "40M"})
            self.assertEqual(daemon.wait(number)[0]["verdict"], "out_of_memory")
            why = daemon.call("why", id=number)["reasons"][0]
            self.assertRegex(why, r"used \d+\.\d MiB, more than resources.memory \(40.0 MiB\)")

    def test_peak_of_what_its_memory_ended_is_that_of_all_its_processes(self):
        with Daemon() as daemon:
            code = "import os, time; [os.fork() for _ in range(2)]; keep = bytearray(b'x') * (30 << 20); time.sleep(600)"
            number = daemon.submit(sys.executable, "-c", code, resources={"memory": "90M"})  # four of 30 MiB and Python's own
            self.assertEqual(daemon.wait(number)[0]["verdict"], "out_of_memory")
            self.assertGreater(daemon.call("show", id=number)["runs"][0]["peak_rss_bytes"], 90 * 10**6)

    def test_priority_comes_before_arrival(self):
        with Daemon(slots=1) as daemon:
            _, free = self.blocked(daemon)
            ids = [daemon.submit("sh", "-c", f"echo {p} >> order", queue={"priority": p})
                   for p in (0, 5, 5, -1, 9)]
            free()
            daemon.wait(*ids)
            self.assertEqual(read_text(os.path.join(daemon.folder, "order")).split(),
                             ["9", "5", "5", "0", "-1"])

    def test_slots_bound_what_runs_at_a_time(self):
        with Daemon(slots=3) as daemon:
            script = 'touch up.$NIGHTJAR_EXPERIMENT; ls up.* | wc -l >> counts; ' \
                     'sleep 0.05; rm up.$NIGHTJAR_EXPERIMENT'
            answer = daemon.call("submit", base={"command": ["sh", "-c", script]},
                                 experiments=[{"seed": i} for i in range(30)], cwd=daemon.folder,
                                 environment=["PATH=" + os.environ["PATH"]])
            ids = list(range(answer["first"], answer["last"] + 1))
            self.assertEqual({row["state"] for row in daemon.wait(*ids)}, {"done"})
            counts = [int(n) for n in read_text(os.path.join(daemon.folder, "counts")).split()]
            self.assertEqual(len(counts), 30)
            self.assertEqual(max(counts), 3)

    def test_after_waits_for_the_end_and_after_ok_for_success(self):
        with Daemon(slots=4) as daemon:
            bad = daemon.submit("sh", "-c", "echo a >> order; false", _hold=True)
            anyway = daemon.submit("sh", "-c", "echo b >> order", queue={"after": [str(bad)]})
            only = daemon.submit("true", queue={"after_ok": [str(bad)]})
            daemon.call("release", select={"ids": [[bad, bad]]})
            rows = daemon.wait(bad, anyway, only)
            self.assertEqual([row["verdict"] for row in rows], ["failed", "done", "skipped"])
            self.assertEqual(read_text(os.path.join(daemon.folder, "order")).split(), ["a", "b"])

    def test_held_one_starts_only_when_released(self):
        with Daemon() as daemon:
            held = daemon.submit("true", _hold=True)
            other = daemon.submit("true")
            daemon.wait(other)
            self.assertEqual(daemon.show(held)["state"], "held")
            answer = daemon.call("release", select={"ids": [[held, held], [other, other]]})
            self.assertEqual(answer["changed"], [held])
            self.assertEqual(answer["unchanged"][0]["id"], other)
            self.assertEqual(daemon.wait(held)[0]["state"], "done")

    def test_cancelled_running_one_is_stopped_and_a_queued_one_never_starts(self):
        with Daemon(slots=1) as daemon:
            running, _ = self.blocked(daemon)
            queued = daemon.submit("touch", "started")
            answer = daemon.call("cancel", select={"ids": [[running, queued]]})
            self.assertEqual(answer["changed"], [running, queued])
            rows = daemon.wait(running, queued)
            self.assertEqual([row["verdict"] for row in rows], ["cancelled", "cancelled"])
            self.assertEqual(daemon.show(queued)["runs"], [])
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")
            self.assertFalse(os.path.exists(os.path.join(daemon.folder, "started")))

    def test_restarted_one_runs_again(self):
        with Daemon() as daemon:
            number = daemon.submit("false")
            daemon.wait(number)
            daemon.call("restart", select={"ids": [[number, number]]})
            wait_until(lambda: len(daemon.show(number)["runs"]) == 2)
            daemon.wait(number)
            self.assertEqual([run["exit"] for run in daemon.show(number)["runs"]], [1, 1])

    def test_same_token_submits_once(self):
        with Daemon() as daemon:
            base = {"command": ["true"]}
            first = daemon.call("submit", base=base, cwd="/", token="abc")
            again = daemon.call("submit", base=base, cwd="/", token="abc")
            self.assertEqual(first, again)
            self.assertEqual(daemon.call("list", select={"all": True})["total"], 1)

    def test_bad_submission_is_refused_with_all_diagnostics(self):
        with Daemon() as daemon:
            with self.assertRaises(RpcError) as caught:
                daemon.call("submit", base={"command": ["true"], "resources": {"cpus": -1, "cpu": 2}},
                            cwd="/")
            self.assertEqual(caught.exception.kind, "INVALID")
            paths = [item["path"] for item in caught.exception.data["diagnostics"]]
            self.assertIn("resources.cpus", paths)
            self.assertIn("resources.cpu", paths)
            self.assertEqual(daemon.call("list", select={"all": True})["total"], 0)

    def test_slots_are_kept_by_reload(self):
        with Daemon() as daemon:
            daemon.call("daemon.reload", slots=7)
            self.assertEqual(daemon.call("daemon.status")["slots"], 7)
            daemon.terminate()
            daemon.arguments = []
            daemon.start()
            self.assertEqual(daemon.call("daemon.status")["slots"], 7)
            with self.assertRaises(RpcError):
                daemon.call("daemon.reload", slots=0)

    def test_clean_removes_folders_of_ended_ones_only(self):
        with Daemon(slots=2) as daemon:
            ended = daemon.submit("sh", "-c", "head -c 100000 /dev/zero > $NIGHTJAR_ARTIFACTS/a")
            daemon.wait(ended)
            running, _ = self.blocked(daemon)
            folder = daemon.show(ended)["directory"]
            looked = daemon.call("clean", select={"all": True}, dry_run=True)
            self.assertEqual(looked["experiments"], [ended])
            self.assertGreaterEqual(looked["bytes"], 100000)
            self.assertTrue(os.path.exists(folder))
            self.assertEqual(daemon.call("clean", select={"all": True})["experiments"], [ended])
            self.assertFalse(os.path.exists(os.path.dirname(folder)))
            self.assertEqual(daemon.show(ended)["state"], "done")
            self.assertEqual(daemon.show(running)["state"], "running")
            self.assertEqual(daemon.call("clean", select={"all": True})["experiments"], [])

    def test_clean_leaves_alone_what_somebody_is_at(self):
        with Daemon() as daemon:
            first, second = daemon.submit("true"), daemon.submit("true")
            daemon.wait(first, second)
            wait_until(lambda: daemon.call("daemon.status")["running"] == 0)
            with open(f"{daemon.home}/runs/{first}/lock", "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self.assertEqual(daemon.call("clean", select={"all": True})["experiments"], [second])
            self.assertEqual(daemon.call("clean", select={"all": True})["experiments"], [first])

    def test_nothing_starts_below_the_low_water_mark(self):
        with Daemon(arguments=["--disk-reserve", "1000T"]) as daemon:
            number = daemon.submit("true")
            reasons = daemon.call("why", id=number)["reasons"]
            self.assertIn("MiB free", reasons[0])
            self.assertEqual(daemon.show(number)["state"], "queued")
            daemon.terminate()
            daemon.arguments = []
            daemon.start()
            self.assertEqual(daemon.wait(number)[0]["state"], "done")


class Restarting(unittest.TestCase):
    def gated(self, daemon, script, **spec):
        """Starts a command that writes its process id, waits at a gate, then does `script`."""
        os.mkfifo(os.path.join(daemon.folder, "gate"))
        number = daemon.submit("sh", "-c", f"echo $$ > pid; cat gate; {script}", **spec)
        pid = wait_until(lambda: pid_in(os.path.join(daemon.folder, "pid")))
        return number, pid

    def open_gate(self, daemon):
        with open(os.path.join(daemon.folder, "gate"), "w", encoding="utf-8"):
            pass

    def test_killed_daemon_finds_its_run_again(self):
        with Daemon() as daemon:
            number, pid = self.gated(daemon, 'echo \'{"score":7}\' >> "$NIGHTJAR_EVENTS"')
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.wait(number, states=("running",))[0]["run"], 1)
            self.assertTrue(alive(pid))
            self.open_gate(daemon)
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            shown = daemon.show(number)
            self.assertEqual(shown["result"]["metrics"], {"score": 7})
            self.assertEqual([(run["run"], run["exit"]) for run in shown["runs"]], [(1, 0)])
            self.assertEqual(pid_in(os.path.join(daemon.folder, "pid")), pid)

    def test_adopted_run_can_be_cancelled(self):
        with Daemon() as daemon:
            number, pid = self.gated(daemon, "true")
            daemon.kill()
            daemon.start()
            daemon.call("cancel", select={"ids": [[number, number]]})
            self.assertEqual(daemon.wait(number)[0]["verdict"], "cancelled")
            self.assertFalse(alive(pid))

    def test_paused_run_is_paused_still_after_a_restart_and_can_go_on(self):
        with Daemon(slots=1) as daemon:
            number, pid = self.gated(daemon, "true")
            waiting = daemon.submit("true")
            one = {"ids": [[number, number]]}
            self.assertEqual(daemon.call("pause", select=one)["changed"], [number])
            wait_until(lambda: process_state(pid) == "T")
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.show(number)["state"], "paused")
            self.assertIn("resume", daemon.call("why", id=number)["reasons"][1])
            self.assertEqual(process_state(pid), "T")
            self.assertEqual(daemon.show(waiting)["state"], "queued")  # its place is kept
            again = daemon.call("pause", select={"all": True})
            self.assertEqual([item["reason"] for item in again["unchanged"]], ["is paused", "is queued"])
            self.assertEqual(daemon.call("resume", select={"all": True})["changed"], [number])
            wait_until(lambda: process_state(pid) != "T")
            self.open_gate(daemon)
            rows = daemon.wait(number, waiting)
            self.assertEqual([row["state"] for row in rows], ["done", "done"])
            self.assertEqual(len(daemon.show(number)["runs"]), 1)

    def test_paused_run_can_be_cancelled(self):
        with Daemon() as daemon:
            number, pid = self.gated(daemon, "true")
            one = {"ids": [[number, number]]}
            daemon.call("pause", select=one)
            wait_until(lambda: process_state(pid) == "T")
            daemon.call("cancel", select=one)
            self.assertEqual(daemon.wait(number)[0]["verdict"], "cancelled")
            self.assertFalse(alive(pid))

    def test_run_that_ends_while_nobody_looks_counts(self):
        with Daemon() as daemon:
            number, pid = self.gated(daemon, "exit 4")
            daemon.kill()
            self.open_gate(daemon)
            wait_until(lambda: not daemon.processes())
            self.assertFalse(alive(pid))
            daemon.start()
            daemon.wait(number)
            self.assertEqual([run["exit"] for run in daemon.show(number)["runs"]], [4])

    def test_last_line_without_newline_counts_while_nobody_looks(self):
        with Daemon() as daemon:
            number, pid = self.gated(daemon, 'printf \'{"score":7}\' >> "$NIGHTJAR_EVENTS"')
            daemon.kill()
            self.open_gate(daemon)
            wait_until(lambda: not daemon.processes())
            self.assertFalse(alive(pid))
            for _ in range(2):
                daemon.start()
                daemon.wait(number)
                shown = daemon.show(number)
                self.assertEqual(shown["result"]["metrics"], {"score": 7})
                self.assertEqual(shown["warnings"], [])
                daemon.kill()

    def test_stopped_daemon_leaves_its_runs_alone(self):
        with Daemon() as daemon:
            number, pid = self.gated(daemon, "true")
            self.assertEqual(daemon.call("daemon.stop"), {})
            self.assertEqual(daemon.process.wait(harness.DEADLINE_S), 0)
            self.assertTrue(alive(pid))
            daemon.start()
            self.open_gate(daemon)
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            self.assertEqual(len(daemon.show(number)["runs"]), 1)

    def test_lost_run_is_run_again_after_its_survivors_have_ended(self):
        with Daemon() as daemon:
            script = "echo $$ >> runs; if [ $(wc -l < runs) = 1 ]; then " \
                     "setsid sh -c 'echo $$ > stray; exec sleep 1000' & cat gate; fi"
            os.mkfifo(os.path.join(daemon.folder, "gate"))
            number = daemon.submit("sh", "-c", script)
            stray = wait_until(lambda: pid_in(os.path.join(daemon.folder, "stray")))
            events = os.path.join(daemon.show(number)["directory"], "events.jsonl")
            worker = json.loads(read_text(events).splitlines()[0])["worker"]
            daemon.kill()
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: not alive(worker))
            daemon.start()
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            self.assertFalse(alive(stray))
            runs = daemon.show(number)["runs"]
            self.assertEqual([run["verdict"] for run in runs], ["lost", "done"])

    def test_queue_survives_and_goes_on(self):
        with Daemon(slots=1) as daemon:
            number, _ = self.gated(daemon, "true")
            queued = [daemon.submit("true") for _ in range(20)]
            daemon.kill()
            daemon.start()
            self.open_gate(daemon)
            self.assertEqual({row["state"] for row in daemon.wait(number, *queued)}, {"done"})
            self.assertEqual({len(daemon.show(i)["runs"]) for i in queued}, {1})

    def test_kills_at_many_moments_lose_and_repeat_nothing(self):
        with Daemon(slots=4) as daemon:
            answer = daemon.call("submit", base={"command": ["sh", "-c", "echo $NIGHTJAR_EXPERIMENT >> ran"]},
                                 experiments=[{"seed": i} for i in range(60)], cwd=daemon.folder,
                                 environment=["PATH=" + os.environ["PATH"]])
            ids = list(range(answer["first"], answer["last"] + 1))
            for n in range(1, 9):
                # the moment: when so many more have ended
                with contextlib.suppress(EOFError), daemon.connect() as client:
                    client.wait(lambda now, n=n: sum(r["state"] in harness.ENDED for r in now.values())
                                >= 5 * n, ids=[[ids[0], ids[-1]]])
                daemon.kill()
                daemon.start()
            self.assertEqual({row["state"] for row in daemon.wait(*ids)}, {"done"})
            ran = sorted(int(n) for n in read_text(os.path.join(daemon.folder, "ran")).split())
            self.assertEqual(ran, ids)

    def test_second_daemon_is_refused(self):
        with Daemon() as daemon:
            second = subprocess.run([daemon.program("nightjard")], env=daemon.environment,
                                    capture_output=True, text=True, timeout=harness.DEADLINE_S)
            self.assertEqual(second.returncode, 8)
            self.assertIn("another daemon", second.stderr)
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")

    def test_home_that_is_removed_ends_the_daemon_and_nothing_is_promised(self):
        with Daemon() as daemon:
            daemon.wait(daemon.submit("true"))
            with daemon.connect() as client:
                shutil.rmtree(daemon.home)
                with self.assertRaises((RpcError, EOFError, OSError)):
                    client.call("submit", base={"command": ["true"]}, cwd="/", environment=[])
            daemon.process.wait(harness.DEADLINE_S)
            self.assertIn("queue.db was removed", daemon.read_log())
            daemon.start()
            self.assertEqual(daemon.submit("true"), 1)

    def test_stale_socket_is_replaced(self):
        with Daemon() as daemon:
            daemon.kill()
            self.assertTrue(os.path.exists(daemon.socket_path))
            daemon.start()
            self.assertEqual(daemon.call("daemon.status")["pid"], daemon.process.pid)

    def test_command_line_is_checked(self):
        for arguments in (["--slots", "0"], ["--slots", "x"], ["--no-such"], ["extra"],
                          ["--disk-reserve", "much"], ["--gpus", "64"]):
            done = subprocess.run([os.path.join(harness.BUILD, "nightjard"), *arguments],
                                  capture_output=True, text=True, timeout=harness.DEADLINE_S)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertTrue(done.stderr)


class Clients(unittest.TestCase):
    def raw(self, daemon):
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(harness.DEADLINE_S)
        client.connect(daemon.socket_path)
        return client

    def test_greeting_names_protocol_and_home(self):
        with Daemon() as daemon, daemon.connect() as client:
            self.assertEqual(client.hello["protocol"], 1)
            self.assertEqual(client.hello["pid"], daemon.process.pid)
            self.assertEqual(client.hello["home"], daemon.home)

    def test_socket_is_for_its_owner_alone(self):
        with Daemon() as daemon:
            self.assertEqual(os.stat(daemon.socket_path).st_mode & 0o777, 0o600)
            self.assertEqual(os.stat(daemon.home).st_mode & 0o777, 0o700)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_another_user_is_turned_away(self):
        with Daemon() as daemon:
            for path in (daemon.folder, daemon.runtime, os.path.dirname(daemon.socket_path)):
                os.chmod(path, 0o755)
            os.chmod(daemon.socket_path, 0o777)
            script = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); " \
                     "sys.exit(0 if s.recv(100)==b'' else 1)"
            done = subprocess.run(["/usr/bin/python3", "-c", script, daemon.socket_path], user=65534,
                                  timeout=harness.DEADLINE_S)
            self.assertEqual(done.returncode, 0)

    def test_garbage_gets_an_error_and_is_closed(self):
        with Daemon() as daemon:
            for garbage in (b"hello\n", b"\0\0\0\n", b"[1,2]\n", b"{\"a\":\n", b"\xff\xfe\n", b"{}" * 9 + b"\n"):
                with self.raw(daemon) as client:
                    client.sendall(garbage)
                    heard = b""
                    while data := client.recv(65536):
                        heard += data
                    self.assertIn(b"-32700", heard, garbage)
            self.assertEqual(daemon.call("daemon.status")["clients"], 1)

    def test_unknown_method_and_bad_params_are_errors_and_the_client_stays(self):
        with Daemon() as daemon, daemon.connect() as client:
            for method, params, kind in (("no.such", {}, "NOT_FOUND"), ("show", {}, "INVALID"),
                                         ("show", {"id": "x"}, "INVALID"), ("show", {"id": 99}, "NOT_FOUND"),
                                         ("submit", {}, "INVALID"), ("cancel", {"select": {"ids": [[9, 9]]}}, "NOT_FOUND")):
                with self.assertRaises(RpcError) as caught:
                    client.call(method, **params)
                self.assertEqual(caught.exception.kind, kind, method)
            self.assertEqual(client.call("list", select={"all": True})["total"], 0)

    def test_endless_line_is_cut_off(self):
        with Daemon() as daemon, self.raw(daemon) as client:
            sent = 0
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while sent < 1 << 28:
                    sent += client.send(b"x" * (1 << 16))
            self.assertLess(sent, 4 << 20)
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")

    def test_two_hundred_clients_with_half_a_line_cost_nothing(self):
        with Daemon() as daemon, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.raw(daemon)) for _ in range(200)]
            for client in clients:
                client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"daemon.st')
            self.assertEqual(daemon.call("daemon.status")["clients"], 201)
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")
            for client in clients:
                client.sendall(b'atus"}\n')
            for client in clients:
                lines = client.makefile("rb")
                self.assertIn(b"hello", lines.readline())
                self.assertIn(b'"result"', lines.readline())

    def test_slow_reader_stalls_nobody(self):
        with Daemon() as daemon:
            for i in range(100):
                daemon.submit("true", name="x" * 100, _hold=True)
            with self.raw(daemon) as slow:
                slow.setblocking(False)
                line = b'{"jsonrpc":"2.0","id":1,"method":"list","params":{"select":{"all":true}}}\n'
                with contextlib.suppress(BlockingIOError):
                    for _ in range(100000):
                        slow.send(line)
                number = daemon.submit("true")
                self.assertEqual(daemon.wait(number)[0]["state"], "done")
                begin = time.monotonic()
                daemon.call("daemon.status")
                self.assertLess(time.monotonic() - begin, 5)
                with open(f"/proc/{daemon.process.pid}/statm", encoding="ascii") as file:
                    pages = int(file.read().split()[1])
                self.assertLess(pages * resource.getpagesize(), 512 << 20)  # sanitizers included

    def test_watcher_that_reads_nothing_is_dropped(self):
        with Daemon() as daemon, self.raw(daemon) as slow:
            slow.sendall(b'{"jsonrpc":"2.0","id":1,"method":"watch","params":{"select":{"all":true}}}\n')
            answer = daemon.call("submit", base={"command": ["true"], "name": "y" * 100}, hold=True,
                                 experiments=[{"seed": i} for i in range(1000)], cwd="/")
            everything = {"ids": [[answer["first"], answer["last"]]]}
            with daemon.connect() as client:
                for _ in range(40):
                    client.call("release" if _ % 2 else "hold", select=everything)
                    client.call("hold", select=everything)
                    if client.call("daemon.status")["clients"] == 1:
                        break
                self.assertEqual(client.call("daemon.status")["clients"], 1)

    def test_pipelined_requests_are_answered_in_order(self):
        with Daemon() as daemon, daemon.connect() as client:
            numbers = [client.send("submit", base={"command": ["true"]}, cwd="/", hold=True)
                       for _ in range(300)]
            ids = [client.answer(number)["first"] for number in numbers]
            self.assertEqual(ids, sorted(ids))
            self.assertEqual(client.call("list", select={"all": True})["total"], 300)

    def test_failed_request_in_a_turn_undoes_only_itself(self):
        with Daemon() as daemon, daemon.connect() as client:
            first = client.send("submit", base={"command": ["true"]}, cwd="/", hold=True)
            bad = client.send("submit", base={"command": ["true"], "resources": {"cpus": -1}}, cwd="/")
            last = client.send("submit", base={"command": ["true"]}, cwd="/", hold=True)
            self.assertEqual(client.answer(first)["count"], 1)
            with self.assertRaises(RpcError):
                client.answer(bad)
            self.assertEqual(client.answer(last)["count"], 1)
            self.assertEqual(client.call("list", select={"all": True})["total"], 2)

    def test_failed_request_undoes_what_it_had_written_wherever_it_stands_in_a_turn(self):
        good = {"base": {"command": ["true"]}, "hold": True, "cwd": "/"}
        bad = {"base": {"command": ["true"], "queue": {"after": ["999"]}}, "cwd": "/"}
        for order in ([bad, good], [bad, bad, good], [good, bad, good], [good, bad], [bad]):
            with self.subTest(n=len(order)), Daemon() as daemon, daemon.connect() as client:
                lines = [json.dumps({"jsonrpc": "2.0", "id": f"{i}", "method": "submit", "params": params}) + "\n"
                         for i, params in enumerate(order)]
                client.socket.sendall("".join(lines).encode())  # in one piece, so that one turn has them all
                for params in order:
                    self.assertIn("error" if params is bad else "result", client.read())
                listed = client.call("list", select={"all": True})
                self.assertEqual(listed["total"], order.count(good))
                self.assertEqual(len(client.call("batches")["batches"]), order.count(good))


class Parts(unittest.TestCase):
    """A batch that is longer than one message may be."""

    BASE = {"command": ["true"], "queue": {"hold": True}}

    def begin(self, client, **params):
        client.call("submit.begin", base=self.BASE, cwd="/", name="long", experiments=[{"seed": 0}, {"seed": 1}],
                    **params)

    def add(self, client, first, n):
        return client.call("submit.add", experiments=[{"seed": seed} for seed in range(first, first + n)])

    def total(self, daemon):
        return daemon.call("list", select={"all": True})["total"]

    def test_parts_become_one_batch_when_it_is_committed(self):
        with Daemon() as daemon, daemon.connect() as client:
            self.begin(client, token="abc")
            self.assertEqual(self.add(client, 2, 3), {"count": 5})
            self.assertEqual(self.add(client, 5, 3), {"count": 8})
            self.assertEqual(self.total(daemon), 0)
            reply = client.call("submit.commit")
            self.assertEqual(reply, {"batch": 1, "first": 1, "last": 8, "count": 8})
            daemon.kill()
            daemon.start()
            rows = daemon.call("list", select={"batch": [1]})["experiments"]
            self.assertEqual([(row["name"], row["seed"]) for row in rows], [(f"long/{i + 1}", i) for i in range(8)])
            with daemon.connect() as other:
                self.begin(other, token="abc")
                self.assertEqual(other.call("submit.commit"), reply)
            self.assertEqual(self.total(daemon), 8)

    def test_client_that_vanishes_before_the_commit_leaves_nothing(self):
        with Daemon() as daemon:
            with daemon.connect() as client:
                self.begin(client)
                self.add(client, 2, 50)
                self.assertTrue(self.parts_of(daemon))
            wait_until(lambda: not self.parts_of(daemon))
            self.assertEqual(self.total(daemon), 0)
            self.assertEqual([name for name in os.listdir(daemon.home) if name.startswith("batch")], [])

    def parts_of(self, daemon):
        """What the daemon holds open of batches that are not there yet."""
        folder = f"/proc/{daemon.call('daemon.status')['pid']}/fd"
        with contextlib.suppress(OSError):
            return [name for name in os.listdir(folder) if "/batch-" in os.readlink(os.path.join(folder, name))]
        return None

    def test_one_bad_part_refuses_the_batch(self):
        with Daemon() as daemon, daemon.connect() as client:
            self.begin(client)
            client.call("submit.add", experiments=[{}, {"resources": {"cpus": -1}}, 7])
            with self.assertRaises(RpcError) as caught:
                client.call("submit.commit")
            paths = [item["path"] for item in caught.exception.data["diagnostics"]]
            self.assertEqual(paths, ["experiments[3].resources.cpus", "experiments[4]"])
            self.assertEqual(self.total(daemon), 0)
            for method in ("submit.commit", "submit.add"):  # it is forgotten
                with self.assertRaisesRegex(RpcError, "submit.begin comes first"):
                    client.call(method, experiments=[{}])
            self.begin(client)
            for experiments in ([], {}, None):
                with self.assertRaisesRegex(RpcError, "expected a list"):
                    client.call("submit.add", experiments=experiments)
            self.assertEqual(client.call("submit.commit")["count"], 2)


class ManyAtOnce(unittest.TestCase):
    """A change of more experiments than are changed in one turn."""

    N = 8000

    def setUp(self):
        self.daemon = self.enterContext(Daemon(slots=1))
        self.running = self.daemon.submit("sleep", "600")
        self.daemon.wait(self.running, states=("running",))
        with self.daemon.connect() as client:
            client.call("submit.begin", base={"command": ["touch", "ran"]}, cwd=self.daemon.folder)
            for first in range(0, self.N, 2000):
                client.call("submit.add", experiments=[{"seed": seed} for seed in range(first, first + 2000)])
            client.call("submit.commit")

    def counts(self, client):
        return client.call("daemon.status")["counts"]

    def wait_for_a_part(self, client):
        """Another client is answered while some are cancelled and some are not."""
        return wait_until(lambda: 0 < self.counts(client).get("cancelled", 0) < self.N, interval=0)

    def test_others_are_answered_meanwhile_and_nothing_starts(self):
        with self.daemon.connect() as asker, self.daemon.connect() as other:
            number = asker.send("cancel", select={"all": True})
            self.wait_for_a_part(other)
            answer = asker.answer(number)
            self.assertEqual(answer["n_changed"], self.N + 1)
            self.daemon.wait(self.running)
            self.assertEqual(self.counts(other)["cancelled"], self.N + 1)
            self.assertEqual(self.daemon.wait(self.daemon.submit("true"))[0]["state"], "done")
        self.assertFalse(os.path.exists(os.path.join(self.daemon.folder, "ran")))
        self.assertEqual(len(os.listdir(f"{self.daemon.home}/runs")), 2)

    def test_daemon_that_is_killed_on_the_way_has_changed_some_and_can_be_asked_again(self):
        self.daemon.call("hold", select={"all": True, "state": ["queued"]})
        with self.daemon.connect() as asker, self.daemon.connect() as other:
            asker.send("cancel", select={"all": True, "state": ["held"]})
            self.wait_for_a_part(other)
            self.daemon.kill()
        self.daemon.start()
        with self.daemon.connect() as client:
            counts = self.counts(client)
            self.assertEqual(counts["cancelled"] + counts["held"], self.N)
            client.call("cancel", select={"all": True, "state": ["held"]})
            self.assertEqual(self.counts(client)["cancelled"], self.N)

    def test_asker_that_leaves_gets_it_done(self):
        with self.daemon.connect() as asker, self.daemon.connect() as other:
            asker.send("cancel", select={"all": True, "state": ["queued"]})
            self.wait_for_a_part(other)
            asker.close()
            wait_until(lambda: self.counts(other)["cancelled"] == self.N)
            self.assertEqual(self.daemon.show(self.running)["state"], "running")


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nightjar-full-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.folder],
                                 capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("mounting a tmpfs is not permitted here")
        self.addCleanup(subprocess.run, ["umount", "-l", self.folder])

    def fill(self):
        with contextlib.suppress(OSError), open(os.path.join(self.folder, "ballast"), "wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()

    def test_submission_is_refused_and_nothing_is_half_stored(self):
        with Daemon(home=os.path.join(self.folder, "home"), arguments=["--disk-reserve", "0"]) as daemon, \
                daemon.connect() as client:
            base = {"command": ["true"], "name": "held"}
            environment = [f"V{i}=" + "x" * 1000 for i in range(100)]
            accepted = 0
            self.fill()
            with self.assertRaises(RpcError) as caught:
                for i in range(1000):
                    environment[0] = f"V0={i}"
                    client.call("submit", base=base, cwd="/", environment=environment, hold=True,
                                experiments=[{"seed": s} for s in range(20)])
                    accepted += 20
            self.assertEqual(caught.exception.kind, "NO_SPACE")
            self.assertEqual(client.call("list", select={"all": True})["total"], accepted)
            os.unlink(os.path.join(self.folder, "ballast"))
            again = client.call("submit", base=base, cwd="/", environment=environment)
            self.assertEqual(daemon.wait(again["first"])[0]["state"], "done")
            self.assertEqual(client.call("list", select={"all": True})["total"], accepted + 1)
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.call("list", select={"all": True})["total"], accepted + 1)

    def test_full_disk_costs_the_reserve_and_submissions_but_no_verdict(self):
        home = os.path.join(self.folder, "home")
        reserve = os.path.join(home, "reserve")
        with Daemon(home=home, arguments=["--disk-reserve", "0"]) as daemon, daemon.connect() as client:
            gate = os.path.join(daemon.folder, "gate")
            os.mkfifo(gate)
            number = daemon.submit("sh", "-c", "cat gate; exit 5")
            daemon.wait(number, states=("running",))
            wait_until(lambda: os.path.exists(reserve))
            self.assertGreaterEqual(os.stat(reserve).st_blocks * 512, 100 << 10)
            self.fill()
            environment = ["V=" + "x" * 100000]
            with self.assertRaises(RpcError):
                for i in range(1000):
                    client.call("submit", base={"command": ["true"]}, cwd="/", hold=True,
                                environment=[*environment, f"N={i}"])
            self.assertFalse(os.path.exists(reserve))
            self.assertTrue(client.call("daemon.status")["disk_full"])
            with self.assertRaisesRegex(RpcError, "reserve"):
                daemon.submit("true")
            with open(gate, "w", encoding="utf-8"):
                pass
            self.assertEqual(daemon.wait(number)[0]["state"], "failed")
            os.unlink(os.path.join(self.folder, "ballast"))
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")
            self.assertTrue(os.path.exists(reserve))
            self.assertFalse(client.call("daemon.status")["disk_full"])

    def test_run_that_ends_on_a_full_disk_counts_when_space_returns(self):
        with Daemon(home=os.path.join(self.folder, "home"), arguments=["--disk-reserve", "0"]) as daemon:
            gate = os.path.join(daemon.folder, "gate")
            os.mkfifo(gate)
            number = daemon.submit("sh", "-c", "cat gate; exit 5")
            daemon.wait(number, states=("running",))
            self.fill()
            with open(gate, "w", encoding="utf-8"):
                pass
            self.assertIn("total", daemon.call("list", select={"all": True}))
            os.unlink(os.path.join(self.folder, "ballast"))
            self.assertIn(daemon.wait(number)[0]["state"], ("failed", "done"))


if __name__ == "__main__":
    unittest.main()
