"""Every verb of the client against a real daemon: what it prints, its JSON, its exit status."""

import contextlib
import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import harness
from harness import Daemon, wait_until

NJ = os.path.join(os.path.abspath(harness.BUILD), "nj")
DEADLINE_S = harness.DEADLINE_S
ROW = {
    "id", "name", "state", "verdict", "batch", "priority", "seed", "replicate", "run", "submitted",
    "started", "ended", "elapsed_s", "progress", "eta_s", "metric", "message", "held_by", "marks", "parameters",
}  # fmt: skip


class Result:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)


def run_nj(environment, *arguments, cwd=None, text=None):
    return Result(
        subprocess.run(
            [NJ, *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE_S,
            env=environment, cwd=cwd, input=text, stdin=None if text else subprocess.DEVNULL,
        )
    )  # fmt: skip


def process_state(pid):
    """R, S, T, ...: of /proc/PID/stat."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


class Program(unittest.TestCase):
    """The file itself, without a daemon."""

    def test_without_home_the_user_database_says_where_it_is(self):
        with tempfile.TemporaryDirectory() as folder:
            environment = {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": folder, "NIGHTJAR_NO_START": "1"}
            result = run_nj(environment, "status")
        home = os.path.realpath(pwd.getpwuid(os.geteuid()).pw_dir + "/.local/share/nightjar")
        self.assertEqual(result.status, 9, result.err)
        self.assertEqual(result.err, f"nj: no daemon runs for {home}\n")


class Case(unittest.TestCase):
    slots = 2

    def setUp(self):
        self.daemon = Daemon(slots=self.slots)
        self.folder = self.daemon.folder
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.addCleanup(self.daemon.end)
        self.daemon.start()
        self.environment = {**self.daemon.environment, "NIGHTJAR_NO_START": "1"}

    def nj(self, *arguments, status=0, **options):
        result = run_nj(self.environment, *arguments, cwd=options.pop("cwd", self.folder), **options)
        self.assertEqual(result.status, status, f"{arguments}: {result.out}{result.err}")
        return result

    def submit(self, *arguments, **options):
        """Ids of what was submitted."""
        out = self.nj("submit", "--parsable", *arguments, **options).out
        return [int(line) for line in out.split()]

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def refused(self, *arguments, message, status=2, **options):
        result = self.nj(*arguments, status=status, **options)
        self.assertEqual(result.out, "")
        self.assertEqual(result.err.count("\n"), 1, result.err)
        self.assertIn(message, result.err)


class Submitting(Case):
    def test_command_runs_where_it_was_submitted_with_its_environment(self):
        folder = os.path.join(self.folder, "project")
        os.mkdir(folder)
        self.environment["NIGHTJAR_TEST_WORD"] = "from here"
        (number,) = self.submit("--", "sh", "-c", 'pwd; echo "$NIGHTJAR_TEST_WORD"', cwd=folder)
        self.nj("wait", number)
        self.assertEqual(self.nj("log", number).out, f"{os.path.realpath(folder)}\nfrom here\n")

    def test_script_is_fingerprinted_and_a_change_before_the_start_is_a_warning(self):
        script = self.write("train.sh", "echo old\n")
        (number,) = self.submit("--hold", "--", "sh", "train.sh")
        self.assertEqual(self.nj("show", number, "--json").json()["name"], "train.sh")
        self.write("train.sh", "echo new and longer\n")
        self.nj("release", number)
        self.nj("wait", number)
        shown = self.nj("show", number, "--json").json()
        self.assertTrue(any(script in str(w) or "train.sh" in str(w) for w in shown["warnings"]), shown)

    def test_options_reach_the_spec(self):
        (number,) = self.submit(
            "--hold", "--name", "n", "--priority", "-7", "--cpus", "0.5", "--memory", "64M", "--time",
            "1h", "--retries", "3", "--seed", "42", "--question", "why?", "--set", "queue.requeue=false",
            "--", "true",
        )  # fmt: skip
        shown = self.nj("show", number, "--json").json()
        self.assertEqual((shown["name"], shown["priority"], shown["seed"]), ("n", -7, 42))
        spec = shown["spec"]
        self.assertEqual(spec["command"], ["true"])
        self.assertEqual(spec["resources"]["cpus"], 0.5)
        self.assertEqual(spec["queue"]["retries"], 3)
        self.assertIs(spec["queue"]["requeue"], False)
        self.assertEqual(shown["state"], "held")

    def test_list_of_experiments_becomes_a_batch_that_runs_beside_its_file(self):
        path = self.write("batch.yaml", "- {name: a, command: [pwd]}\n- {name: b, command: [echo, b]}\n")
        reply = self.nj("submit", path, "--json", cwd="/").json()
        self.assertEqual(reply["count"], 2)
        self.assertEqual(reply["last"], reply["first"] + 1)
        self.nj("wait", f"batch:{reply['batch']}")
        self.assertEqual(self.nj("log", reply["first"]).out, os.path.realpath(self.folder) + "\n")

    def test_options_win_over_what_a_list_says(self):
        path = self.write("b.yaml", "- {command: ['true'], queue: {priority: 1, hold: true}}\n- {command: ['true'], queue: {hold: true}}\n")
        ids = self.submit(path, "--priority", "5", "--set", "name=other")
        shown = [self.nj("show", i, "--json").json() for i in ids]
        self.assertEqual([s["priority"] for s in shown], [5, 5])

    def test_seed_of_the_command_line_wins_over_the_sweeps(self):
        path = self.write("seeded.yaml", "command: ['true', '{a}']\nseed: 3\nsweep: {seed: 5, parameters: {a: [1]}, replicates: 2}\n")
        for arguments, seeds in (([], [5, 6]), (["--seed", 7], [7, 8])):
            ids = self.submit("--hold", path, *arguments)
            self.assertEqual([self.nj("show", i, "--json").json()["seed"] for i in ids], seeds)

    def test_sweep_of_a_command_fills_its_placeholders(self):
        path = self.write(
            "sweep.yaml",
            "name: s\ncommand: [echo, 'rate={rate}']\nsweep: {method: grid, parameters: {rate: [1, 2]}, replicates: 2}\n",
        )
        ids = self.submit(path, "--wait")
        self.assertEqual(len(ids), 4)
        self.assertEqual({self.nj("log", i).out for i in ids}, {"rate=1\n", "rate=2\n"})

    def test_standard_input_is_a_spec_too(self):
        (number,) = self.submit("-", text="command: [echo, stdin]\n")
        self.nj("wait", number)
        self.assertEqual(self.nj("log", number).out, "stdin\n")

    def test_what_can_never_start_is_told_at_once(self):
        told = self.nj("submit", "--hold", "--cpus", 1024, "--", "true")
        self.assertRegex(told.err, r"^nj: 1: it asks for 1024 cpus and the machine has \d+: it can never start here\n$")
        self.write("some.yaml", "command: [sleep, '0']\nqueue: {hold: true}\nsweep: {parameters: "
                                "{resources.memory: [1K, 500T, 600T]}}\n")
        told = self.nj("submit", "some.yaml")
        self.assertEqual(told.out, "submitted 2-4: 3 experiments, batch 2\n")
        self.assertRegex(told.err, r"^nj: 3 and 1 more: it asks for 500 TiB of memory and the machine has .* never start here\n$")
        self.assertEqual(self.nj("submit", "--hold", "--cpus", 1, "--", "true").err, "")

    def test_after_waits_and_after_ok_skips(self):
        (first,) = self.submit("--hold", "--", "false")
        (second,) = self.submit("--after", first, "--", "true")
        (third,) = self.submit("--after-ok", f"{first}-{first}", "--", "true")
        (fourth,) = self.submit("--after", "last,batch:1", "--", "true")
        self.assertIn(str(first), self.nj("why", second).out)
        self.assertIn(f"after        {first}\n", self.nj("show", second).out)
        self.assertIn(f"after        {first} where it is done\n", self.nj("show", third).out)
        self.assertIn("after        batch 1, batch 3\n", self.nj("show", fourth).out)
        self.nj("release", first)
        self.nj("wait", second)
        self.nj("wait", fourth)
        self.nj("wait", third, status=1)
        self.assertEqual(self.nj("show", third, "--json").json()["verdict"], "skipped")

    def test_wait_option_exits_with_the_verdict(self):
        self.nj("submit", "--wait", "--", "true")
        result = self.nj("submit", "--wait", "--", "sh", "-c", "exit 3", status=1)
        self.assertIn("exit status 3", result.err)

    def test_on_finish_runs_when_the_batch_has_ended(self):
        mark = os.path.join(self.folder, "finished")
        self.nj("submit", "--wait", "--on-finish", f"echo done > {mark}.new && mv {mark}.new {mark}", "--", "true")
        wait_until(lambda: os.path.exists(mark))

    def test_on_finish_of_a_sweep_keeps_its_braces(self):
        mark = os.path.join(self.folder, "finished")
        path = self.write("sweep.yaml", "command: ['true', '{x}']\nquestion: is {x} {a} brace?\n"
                          f"on_finish: 'echo ${{NIGHTJAR_DONE}} > {mark}.new && mv {mark}.new {mark}'\n"
                          "sweep: {parameters: {x: [1, 2]}}\n")
        self.nj("submit", "--wait", path)
        wait_until(lambda: os.path.exists(mark))
        with open(mark) as file:
            self.assertEqual(file.read(), "2\n")
        self.assertIn("question   is {x} {a} brace?\n", self.nj("report", "batch:1").out)

    def test_run_can_submit_without_handing_itself_on(self):
        inner = f"{NJ} submit --parsable -- sh -c 'echo run=$NIGHTJAR_EXPERIMENT'"
        self.environment["PATH"] = os.environ["PATH"]
        (outer,) = self.submit("--wait", "--", "sh", "-c", inner)
        number = int(self.nj("log", outer).out)
        self.nj("wait", number)
        self.assertEqual(self.nj("log", number).out, f"run={number}\n")

    def test_bad_specs_are_told_with_file_and_line(self):
        path = self.write("bad.yaml", "name: x\ncommand: ['true']\nresources:\n  cpus: -3\nqueu: {}\n")
        result = self.nj("submit", path, status=2)
        self.assertIn("bad.yaml:4: resources.cpus: ", result.err)
        self.assertIn("bad.yaml:5: queu: ", result.err)
        self.assertIn("did you mean", result.err)
        self.assertEqual(self.nj("status", "--json").json()["total"], 0)

    def test_what_the_daemon_refuses_is_told_by_path(self):
        self.refused("submit", "--set", "queue.priorty=3", "--", "true", message="queue.priorty")

    def test_experiment_of_more_than_a_message_is_refused(self):
        path = self.write("big.yaml", "command: [echo, " + "x" * 1_200_000 + "]\n")
        self.refused("submit", path, message="is too long, environment included")

    def test_batch_of_more_than_a_message_is_submitted_whole(self):
        deltas = [{"command": ["echo", "x" * 600, str(i)]} for i in range(2500)]
        path = self.write("long.json", json.dumps({"queue": {"hold": True}, "name": "long", "experiments": deltas}))
        self.assertGreater(os.path.getsize(path), 1024 * 1024)
        ids = self.submit(path)
        self.assertEqual(ids, list(range(1, 2501)))
        last = self.nj("show", "2500", "--json").json()
        self.assertEqual((last["name"], last["spec"]["command"][2]), ("long/2500", "2499"))
        status = self.nj("status").out.splitlines()
        self.assertEqual(len(status), 1 + 1 + 20 + 2)
        self.assertEqual(status[-2:], ["... and 2480 more that wait: nj status --state queued,held",
                                       "    batch 1  long: 2500 held"])

    def test_the_daemon_is_woken_before_there_is_a_request(self):
        """It wakes up while a command's request is made; what is wrong with that is found with the connection open."""
        path = self.daemon.socket_path
        self.daemon.terminate()
        with socket.socket(socket.AF_UNIX) as listener:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            listener.bind(path)
            listener.listen()
            listener.settimeout(DEADLINE_S)
            self.nj("submit", "--after", "0", "--", "true", status=2)
            with listener.accept()[0] as connection:
                self.assertEqual(connection.recv(1), b"")


class Reading(Case):
    def setUp(self):
        super().setUp()
        (self.good,) = self.submit("--name", "good", "--", "sh", "-c", f"echo line 1; echo line 2; {NJ} event test.accuracy=0.5; {NJ} event test.accuracy=0.75")
        (self.bad,) = self.submit("--name", "bad", "--", "sh", "-c", "echo no such column >&2; exit 4")
        self.nj("wait", self.good, self.bad, status=1)

    def test_bare_call_is_status(self):
        bare, status = self.nj(), self.nj("status")
        self.assertEqual(bare.out, status.out)
        self.assertIn("1 failed, 1 done", bare.out)
        self.assertRegex(bare.out, r"good +done .*test\.accuracy 0\.75")
        self.assertNotIn("\033", bare.out)

    def test_status_json_is_what_the_daemon_answers(self):
        told = self.nj("status", "--json").json()
        answer = self.daemon.call("list", select={"all": True}, limit=500, offset=0)
        self.assertEqual(told, answer)
        self.assertEqual(set(told["experiments"][0]), ROW)

    def test_status_is_cut_down_by_ids_and_states(self):
        def ids(*arguments):
            rows = self.nj("status", "--json", *arguments).json()["experiments"]
            return [row["id"] for row in rows]

        def counts(*arguments):
            told = self.nj("status", "--json", *arguments).json()
            self.assertEqual(sum(told["queue"].values()), 2)
            return told["counts"], told["total"]

        self.assertEqual(counts(self.good), ({"done": 1}, 1))
        self.assertEqual(counts("all", "--state", "failed"), ({"failed": 1}, 1))
        self.assertEqual(counts("--state", "queued"), ({}, 0))
        self.assertEqual(ids("--state", "failed"), [self.bad])
        self.assertEqual(ids("--state", "active"), [])
        self.assertEqual(ids(self.good), [self.good])
        self.assertEqual(ids(f"{self.good}-{self.bad}"), [self.good, self.bad])
        self.assertEqual(ids("last"), [self.bad])
        self.assertEqual(ids("batch:1,batch:2", "--state", "done"), [self.good])
        tabs = self.nj("status", "--parsable", "--state", "done").out
        self.assertEqual(tabs.split("\t")[:4], [str(self.good), "done", "1", "good"])

    def test_show_json_holds_what_is_promised(self):
        shown = self.nj("show", self.good, "--json").json()
        for key in ("id", "name", "state", "batch", "seed", "runs", "result"):
            self.assertIn(key, shown)
        self.assertEqual(shown["result"]["metrics"], {"test.accuracy": 0.75})
        self.assertEqual(shown["result"]["artifacts"], [])
        (run,) = shown["runs"]
        for key in ("run", "started", "ended", "exit", "wall_s", "cpu_s", "peak_rss_bytes"):
            self.assertIn(key, run)
        self.assertEqual(run["exit"], 0)
        self.assertEqual(shown, self.daemon.show(self.good))

    def test_show_tells_a_person_the_same(self):
        out = self.nj("show", "--state", "failed", "all").out
        self.assertIn(f"{self.bad} bad  failed", out)
        self.assertIn("no such column", out)
        out = self.nj("show", self.good).out
        self.assertRegex(out, r"test\.accuracy +0\.75")

    def test_log_has_head_tail_run_and_path(self):
        self.assertEqual(self.nj("log", self.good).out, "line 1\nline 2\n")
        self.assertEqual(self.nj("log", self.good, "-n", 1).out, "line 2\n")
        self.assertEqual(self.nj("log", self.good, "--head", "-n1").out, "line 1\n")
        self.assertEqual(self.nj("log", self.good, "--run", 1, "-n", 99).out, "line 1\nline 2\n")
        path = self.nj("log", self.good, "--path").out.strip()
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "line 1\nline 2\n")
        self.refused("log", self.good, "--run", 7, message="has no run 7", status=3)
        told = self.nj("log", self.good, "-n", 1, "--json").json()
        self.assertEqual(told, {"id": self.good, "run": 1, "path": path, "text": "line 2\n"})

    def test_log_that_is_not_there_yet_is_empty(self):
        (number,) = self.submit("--", "sleep", "1000")
        self.daemon.wait(number, states=("running",))
        path = self.nj("log", number, "--path").out.strip()
        wait_until(lambda: os.path.exists(path))
        os.unlink(path)  # as in the moment before it is made
        self.assertEqual(self.nj("log", number).out, "")
        self.assertEqual(self.nj("log", number, "--json").json()["text"], "")
        self.nj("cancel", number)
        self.nj("wait", number, status=1)
        self.assertIn("No such file", self.nj("log", number, status=3).err)

    def test_log_in_json_is_utf8_whatever_was_printed(self):
        (number,) = self.submit("--", "printf", r"caf\303\251 \377 \000 end")
        self.nj("wait", number)
        self.assertEqual(self.nj("log", number, "--json").json()["text"], "caf\u00e9 \ufffd \ufffd end")

    def test_why_gives_reasons(self):
        self.assertIn("no such column", self.nj("why", self.bad).out)
        why = self.nj("why", self.bad, "--json").json()
        self.assertEqual((why["id"], why["state"]), (self.bad, "failed"))
        self.assertTrue(why["reasons"])

    def test_best_and_compare_rank_and_contrast(self):
        best = self.nj("best", "all", "--metric", "test.accuracy", "--goal", "maximize", "--json").json()
        self.assertEqual([row["id"] for row in best["rows"]], [self.good])
        self.assertEqual(best["rows"][0]["value"], 0.75)
        self.assertEqual(self.nj("best", "all", "-m", "test.accuracy", "--parsable").out, f"{self.good}\n")
        self.assertIn("0.75", self.nj("best", "all", "-m", "test.accuracy").out)
        compared = self.nj("compare", "all", "--json").json()
        self.assertEqual(compared["metrics"], ["test.accuracy"])
        self.assertEqual({row["id"] for row in compared["rows"]}, {self.good, self.bad})
        self.assertRegex(self.nj("compare", "all").out, r"good +done .*0\.75")

    def test_best_of_what_reported_nothing_says_so(self):
        (number,) = self.submit("--", "true")
        self.nj("wait", number)
        self.refused("best", number, message="none of these has reported any metric", status=3)
        self.refused("best", number, "--metric", "loss", message="none of these has a value of loss", status=3)
        self.refused("best", number, "--metric", "loss", "--parsable", message="none of these has a value of loss", status=3)
        told = self.nj("best", number, "--metric", "loss", "--json", status=3)
        self.assertEqual(told.json()["rows"], [])
        self.assertIn("none of these has a value of loss", told.err)

    def test_report_tells_the_night(self):
        out = self.nj("report").out
        self.assertIn("1 done", out)
        self.assertIn("1 failed", out)
        self.assertIn("no such column", out)
        report = self.nj("report", self.good, "--json").json()
        self.assertEqual([batch["id"] for batch in report["batches"]], [1])
        self.assertEqual(report["batches"][0]["counts"]["done"], 1)

    def test_note_is_kept_with_experiment_and_batch(self):
        self.nj("note", self.good, "looks", "fine")
        self.nj("note", "batch:1", "try more")
        self.assertIn("looks fine", self.nj("show", self.good).out)
        self.assertIn("try more", self.nj("report", "batch:1").out)

    def test_journal_is_searched_by_its_words(self):
        (number,) = self.submit("--question", "Is it calm?", "--expectation", "by a third", "--", "true")
        self.nj("wait", number)
        self.nj("note", number, "dropout", "did", "it", "--link", f"{self.good},batch:1")
        self.assertIn("dropout did it -> %s, batch:1" % self.good, self.nj("show", number).out)
        self.assertRegex(self.nj("show", number).out, r"question +Is it calm\?\nexpected +by a third\n")
        self.assertRegex(self.nj("report", number).out, r"  expected +by a third\n")
        found = self.nj("search", "DROPOUT", "calm").out
        self.assertIn("found in   question\n    note of %s: dropout did it" % number, found)
        self.assertIn("see %s, batch:1" % self.good, found)
        (batch,) = self.nj("search", "by a third", "--json").json()["batches"]
        self.assertEqual([match["where"] for match in batch["matches"]], ["expectation"])
        self.refused("search", "dropout", "nowhere", message="no batch has all of these", status=3)
        told = self.nj("search", "dropout", "nowhere", "--json", status=3)
        self.assertEqual(told.json()["batches"], [])
        self.assertIn("no batch has all of these", told.err)
        self.refused("note", number, "see", "--link", "999", message="there is no experiment 999", status=3)

    def test_sweep_ends_when_its_time_is_used_up(self):
        path = self.write("timed.yaml", "command: [echo, '{n}']\nsweep: {time: 0.001, parameters: {n: [1, 2, 3, 4, 5, 6, 7, 8]}}\n")
        numbers = self.submit(path)
        self.nj("wait", f"{numbers[0]}-{numbers[-1]}", status=1)
        self.assertIn("the time of the sweep", self.nj("why", numbers[-1]).out)
        self.assertRegex(self.nj("report", numbers[0]).out, r"  dropped\n    \dx the time of the sweep, .* is used up")
        self.assertEqual(self.daemon.show(numbers[0])["state"], "done")

    def test_uploads_of_a_day_are_counted(self):
        self.assertEqual(self.nj("note", self.good, "upload", "9617", "--per-day", 2).out, "upload: 1 of 2 today\n")
        self.nj("note", self.good, "uploads are few")
        self.assertEqual(self.nj("note", self.good, "upload", "9620", "--per-day", 2).out, "upload: 2 of 2 today\n")
        self.refused("note", self.good, "upload", "9621", "--per-day", "2", message="2 of 2 'upload' are of today already")
        self.assertNotIn("9621", self.nj("show", self.good).out)
        self.assertEqual(self.nj("note", self.good, "upload", "9621", "--per-day", 3).out, "upload: 3 of 3 today\n")

    def test_clean_removes_files_but_not_the_record(self):
        path = self.nj("log", self.good, "--path").out.strip()
        dry = self.nj("clean", self.good, "--dry-run", "--json").json()
        self.assertEqual(dry["experiments"], [self.good])
        self.assertTrue(os.path.exists(path))
        self.refused("clean", message="--older")
        self.assertEqual(self.nj("clean", "--older", "30d", "--parsable").out, "")
        self.nj("clean", self.good)
        wait_until(lambda: not os.path.exists(path))
        self.assertEqual(self.nj("show", self.good, "--json").json()["state"], "done")
        self.refused("log", self.good, message="No such file", status=3)

    def test_daemon_status_tells_its_process(self):
        status = self.nj("daemon", "status", "--json").json()
        self.assertEqual(status["pid"], self.daemon.process.pid)
        self.assertIn(str(self.daemon.process.pid), self.nj("daemon").out)
        self.nj("daemon", "reload", "--slots", 5)
        self.assertEqual(self.nj("daemon", "status", "--json").json()["slots"], 5)

    def test_messages_cannot_steer_the_terminal(self):
        script = "printf '\\033]0;error: title\\007\\n'; exit 1"
        self.nj("submit", "--wait", "--", "sh", "-c", script, status=1)
        for arguments in (["status"], ["show", "last"], ["wait", "last"], ["report"]):
            with self.subTest(arguments=arguments):
                result = run_nj(self.environment, *arguments)
                told = result.out + result.err
                self.assertIn("title", told)
                self.assertNotIn("\033", told)
                self.assertNotIn("\a", told)


class Changing(Case):
    slots = 1

    def test_hold_release_cancel_restart(self):
        (blocker,) = self.submit("--", "sleep", "1000")
        (number,) = self.submit("--", "echo", "again")
        self.assertEqual(self.nj("hold", number).out, f"held {number}\n")
        self.assertEqual(self.daemon.show(number)["state"], "held")
        self.assertEqual(self.nj("release", number, "--parsable").out, f"{number}\n")
        changed = self.nj("cancel", blocker, "--json").json()
        self.assertEqual(changed["changed"], [blocker])
        self.nj("wait", blocker, status=1)
        self.nj("wait", number)
        again = self.nj("cancel", number, status=1)
        self.assertEqual(again.out, "")
        self.assertIn(f"{number}: ", again.err)
        self.nj("restart", number)
        self.nj("wait", number)
        self.assertEqual(len(self.daemon.show(number)["runs"]), 2)
        self.assertEqual(self.nj("log", number, "--run", 2).out, "again\n")
        self.assertIn(", run 2 started ", self.nj("show", number).out)

    def test_wait_ends_where_only_a_person_can_go_on(self):
        self.write("alike.yaml", "command: [sh, -c, 'echo error: {x} is odd >&2; exit 1']\n"
                                 "sweep: {parameters: {x: [1, 2, 3, 4, 5, 6]}}\nqueue: {breaker: 2}\n")
        ids = self.submit("alike.yaml")
        self.assertEqual(len(ids), 6)
        waited = self.nj("wait", *ids, status=1)
        self.assertIn(f"{ids[-1]} ", waited.err)
        self.assertIn("the rest is held: nj release batch:", waited.err)
        self.assertEqual(self.daemon.show(ids[-1])["held_by"], "nightjar")
        self.nj("cancel", *ids)

    def test_pause_and_resume(self):
        (number,) = self.submit("--", "sleep", "1000")
        self.daemon.wait(number, states=("running",))
        self.assertEqual(self.nj("pause", number).out, f"paused {number}\n")
        self.assertIn("1 paused", self.nj("status").out)
        self.assertRegex(self.nj("status").out, rf"(?m)^ *{number} .* paused ")
        self.assertIn(f"nj resume {number}", self.nj("why", number).out)
        self.assertIn("is paused", self.nj("pause", "all", status=1).err)
        self.assertEqual(self.nj("resume", "all", "--state", "paused").out, f"resumed {number}\n")
        self.assertEqual(self.daemon.show(number)["state"], "running")

    def test_a_batch_and_everything_are_paused_and_go_on(self):
        self.nj("daemon", "reload", "--slots", 2)
        ids = self.submit(self.write("two.yaml", "- command: [sleep, '1000']\n- command: [sleep, '1000']\n"))
        self.daemon.wait(*ids, states=("running",))
        for which in (f"batch:{self.daemon.show(ids[0])['batch']}", "all"):
            self.assertEqual(self.nj("pause", which).out, f"paused {ids[0]}-{ids[1]}\n")
            self.assertEqual({row["state"] for row in self.daemon.wait(*ids, states=("paused",))}, {"paused"})
            programs = [self.started(number)["pid"] for number in ids]
            wait_until(lambda pids=programs: all(process_state(pid) == "T" for pid in pids))
            self.assertEqual(self.nj("resume", which).out, f"resumed {ids[0]}-{ids[1]}\n")
            wait_until(lambda pids=programs: all(process_state(pid) == "S" for pid in pids))
        self.nj("cancel", *ids)

    def started(self, number):
        with open(f"{self.daemon.show(number)['directory']}/events.jsonl", encoding="utf-8") as file:
            return json.loads(file.readline())

    def test_edit_changes_what_waits_and_the_order(self):
        (blocker,) = self.submit("--", "sleep", "1000")
        first, second = (self.submit("--memory", "100M", "--", "sh", "-c", "date +%s%N > t$NIGHTJAR_EXPERIMENT")[0]
                         for _ in range(2))
        told = self.nj("edit", second, "--priority", 5, "--memory", "800M", "--time", "2h", "--retries", 3)
        self.assertEqual(told.out, f"edited {second}\n")
        shown = self.daemon.show(second)
        self.assertEqual(shown["priority"], 5)
        self.assertEqual(shown["spec"]["resources"], {"memory": "800M", "time": "2h"})
        self.assertEqual(shown["spec"]["queue"]["retries"], 3)
        self.daemon.wait(blocker, states=("running",))
        self.assertIn("only what waits", self.nj("edit", blocker, "--cpus", 1, status=1).err)
        self.refused("edit", second, message="say what")
        self.refused("edit", second, "--time", "900d", message="resources.time")
        self.nj("cancel", blocker)
        self.daemon.wait(first, second)
        times = [os.stat(os.path.join(self.folder, f"t{number}")).st_mtime_ns for number in (first, second)]
        self.assertGreater(times[0], times[1])
        with open(os.path.join(self.daemon.show(second)["directory"], "spec.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["spec"]["resources"]["memory"], "800M")

    def test_what_is_told_of_many_is_a_line_a_reason(self):
        self.nj("cancel", *self.submit("--hold", "--", "true"))
        path = self.write("s.yaml", "command: [echo, '{x}']\nqueue: {hold: true}\n"
                                    "sweep: {parameters: {x: {low: 1, high: 5400, int: true, step: 1}}}\n")
        self.assertEqual(len(self.submit(path)), 5400)
        self.nj("cancel", 3, 5)
        told = self.nj("cancel", "1-10")
        self.assertEqual((told.out, told.err), ("cancelled 2, 4, 6-10\n", "nj: 1, 3, 5: is already cancelled\n"))
        told = self.nj("cancel", "last")
        self.assertEqual(told.out, "cancelled 11-5010 and 391 more\n")
        self.assertEqual(told.err, "nj: 2-10: is already cancelled\n")
        told = self.nj("edit", "all", "--priority", 1, status=1)
        self.assertEqual(told.err, "nj: 1-5000: is cancelled; only what waits can be edited\n"
                                   "nj: 401 more stay as they are\n")

    def test_clean_goes_on_past_what_one_request_cleans(self):
        """Three requests; what is locked is behind where the next one begins, and stays."""
        path = self.write("s.yaml", "command: [echo, '{x}']\nqueue: {hold: true}\n"
                                    "sweep: {parameters: {x: {low: 1, high: 20010, int: true, step: 1}}}\n")
        ids = self.submit(path)
        self.nj("cancel", "last")
        self.daemon.terminate()
        with contextlib.closing(sqlite3.connect(f"{self.daemon.home}/queue.db")) as queue, queue:
            queue.execute("UPDATE experiment SET run = 1")  # as if each had begun: then it may have a folder
        for number in (1, 20005):
            os.makedirs(f"{self.daemon.home}/runs/{number}/1")
            shutil.copyfile(NJ, f"{self.daemon.home}/runs/{number}/1/log")
        self.daemon.start()
        dry = self.nj("clean", "all", "--dry-run", "--json").json()
        self.assertEqual(set(dry), {"experiments", "bytes"})
        self.assertEqual(dry["experiments"], ids)
        self.assertGreater(dry["bytes"], os.path.getsize(NJ))
        with open(f"{self.daemon.home}/runs/1/lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("removed the files of 20009 experiments, ", self.nj("clean", "all").out)
        self.assertEqual(os.listdir(f"{self.daemon.home}/runs"), ["1"])
        self.assertEqual(self.nj("clean", "all", "--parsable").out, "1\n")

    def test_edit_leaves_what_a_sweep_chose(self):
        path = self.write("s.yaml", "command: ['true']\nqueue: {hold: true}\nsweep: {parameters: "
                                    "{resources.cpus: [1, 2]}}\n")
        ids = self.submit(path)
        told = self.nj("edit", "last", "--cpus", 1, status=1)
        self.assertIn("resources.cpus is what its sweep chose", told.err)
        self.assertEqual(self.nj("edit", "last", "--gpus", 0, "--parsable").out.split(), list(map(str, ids)))
        self.assertEqual([self.daemon.show(number)["spec"]["resources"]["cpus"] for number in ids], [1, 2])

    def test_drained_daemon_starts_nothing_even_after_a_restart(self):
        (running,) = self.submit("--", "sleep", "1000")
        self.daemon.wait(running, states=("running",))
        self.nj("daemon", "drain")
        self.nj("cancel", running)
        self.nj("wait", running, status=1)
        (waiting,) = self.submit("--", "true")
        self.assertIn("nj daemon undrain", self.nj("why", waiting).out)
        self.assertIn("draining", self.nj("daemon").out)
        self.daemon.kill()
        self.daemon.start()
        self.assertTrue(self.nj("daemon", "--json").json()["draining"])
        self.assertIn("nj daemon undrain", self.nj("why", waiting).out)
        self.assertEqual(self.nj("daemon", "undrain", "--json").out, "{}\n")
        self.nj("wait", waiting)
        self.assertFalse(self.nj("daemon", "--json").json()["draining"])

    def test_ranges_are_told_as_ranges(self):
        for _ in range(3):
            self.submit("--hold", "--", "true")
        self.assertEqual(self.nj("cancel", "1-2,3").out, "cancelled 1-3\n")

    def test_last_means_all_of_the_last_submission(self):
        path = self.write("b.yaml", "- {command: [sleep, '1000']}\n- {command: [sleep, '1000']}\n")
        self.submit("--hold", "--", "true")
        ids = self.submit(path)
        self.assertEqual(self.nj("cancel", "last", "--json").json()["changed"], ids)


class Waiting(Case):
    def test_status_is_the_worst_verdict(self):
        (good,) = self.submit("--", "true")
        (bad,) = self.submit("--", "false")
        self.nj("wait", good)
        result = self.nj("wait", good, bad, status=1)
        self.assertIn(f"{bad} false: failed", result.err)
        rows = self.nj("wait", good, bad, "--json", status=1).json()["experiments"]
        self.assertEqual([row["state"] for row in rows], ["done", "failed"])

    def test_timeout_has_a_status_of_its_own(self):
        (number,) = self.submit("--", "sleep", "1000")
        self.nj("wait", number, "--timeout", "0.1s", status=124)
        self.assertNotIn(self.daemon.show(number)["state"], harness.ENDED)

    def test_wait_sees_more_than_one_message_holds(self):
        numbers = ", ".join(str(i) for i in range(1200))
        path = self.write("many.yaml", f"command: [echo, '{{i}}']\nsweep: {{method: grid, parameters: {{i: [{numbers}]}}}}\n")
        self.submit(path, "--hold")
        self.nj("cancel", "1-1150")
        self.nj("wait", "1-1150", status=1)
        self.nj("wait", "last", "--timeout", "0.1s", status=124)
        self.nj("cancel", "last")
        rows = self.nj("wait", "last", "--json", status=1).json()["experiments"]
        self.assertEqual([row["id"] for row in rows], list(range(1, 1201)))

    def test_wait_outlives_the_daemon(self):
        gate = os.path.join(self.folder, "gate")
        os.mkfifo(gate)
        (number,) = self.submit("--", "sh", "-c", f"cat {gate}")
        self.daemon.wait(number, states=("running",))
        waiting = subprocess.Popen([NJ, "wait", str(number)], env=self.environment, stderr=subprocess.PIPE, text=True)
        self.addCleanup(waiting.stderr.close)
        self.addCleanup(waiting.kill)
        wait_until(lambda: self.daemon.call("daemon.status")["watching"] == 1)
        self.daemon.kill()
        self.assertIn("the daemon has ended", waiting.stderr.readline())
        self.daemon.start()
        with open(gate, "w", encoding="utf-8") as file:
            file.write("on\n")
        self.assertEqual(waiting.wait(DEADLINE_S), 0)

    def test_follow_prints_the_log_as_it_grows(self):
        gate = os.path.join(self.folder, "gate")
        os.mkfifo(gate)
        (number,) = self.submit("--", "sh", "-c", f"echo before; cat {gate}; exit 5")
        following = subprocess.Popen(
            [NJ, "follow", str(number)], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.addCleanup(following.kill)
        self.assertEqual(following.stdout.readline(), "before\n")
        with open(gate, "w", encoding="utf-8") as file:
            file.write("after\n")
        out, err = following.communicate(timeout=DEADLINE_S)
        self.assertEqual(out, "after\n")
        self.assertIn("failed", err)
        self.assertIn("exit status 5", err)
        self.assertEqual(following.returncode, 1)

    def test_follow_of_several_tells_each_end(self):
        path = self.write("b.yaml", "- {name: x, command: ['true']}\n- {name: y, command: ['false']}\n")
        self.submit(path)
        out = self.nj("follow", "last", status=1).out
        self.assertRegex(out, r"(?m)^\d+ x  done ")
        self.assertRegex(out, r"(?m)^\d+ y  failed ")

    def test_follow_in_json_tells_every_change_until_the_end(self):
        (number,) = self.submit("--", "sh", "-c", "exit 3")
        lines = self.nj("follow", number, "--json", status=1).out.splitlines()
        rows = [json.loads(line) for line in lines]
        self.assertEqual({row["id"] for row in rows}, {number})
        self.assertEqual(rows[-1]["state"], "failed")

    def test_shown_command_can_be_pasted_into_a_shell(self):
        words = ["printf", "%s\\0", "it's", "a b", "plain", "", "two\nlines\t'of' \\n it", "~", "{a,b}", "#x", "`id`", "[a]",
                 "!1", "\x1b[31m", "caf\u00e9", "x=*?"]
        (number,) = self.submit("--hold", "--", *words)
        out = self.nj("show", number).out
        line = next(line for line in out.splitlines() if line.startswith("command"))
        done = subprocess.run(["bash", "-c", line.split(None, 1)[1]], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split("\0")[:-1], words[2:])

    def test_what_is_not_utf8_is_refused_and_a_variable_left_out(self):
        """JSON could not hold it, and something else in its place would name another file."""
        odd = os.fsdecode(b"caf\xe9")
        self.refused("submit", "--", "cat", odd, message="command[1] is not UTF-8 (byte 0xe9 at 3)")
        self.refused("submit", "--name", odd, "--", "true", message="name is not UTF-8")
        os.mkdir(f"{self.folder}/{odd}")
        self.refused("submit", "--", "true", cwd=f"{self.folder}/{odd}", message="folder is not UTF-8")
        path = self.write(f"{odd}/spec.yaml", "command: ['true']")
        self.refused("submit", path, message="folder is not UTF-8")
        self.environment["ODD"] = odd
        told = self.nj("submit", "--", "sh", "-c", "test -z ${ODD+x}")
        self.assertEqual(told.err, "nj: ODD is not UTF-8: the run will not have this variable\n")
        self.nj("wait", "last")


class Events(Case):
    def setUp(self):
        super().setUp()
        self.environment["NJ"] = NJ

    def run_script(self, script, status=0):
        (number,) = self.submit("--", "sh", "-c", "set -e\n" + script)
        self.nj("wait", number, status=status)
        return self.daemon.show(number)

    def test_run_reports_metrics_notes_progress_and_files(self):
        shown = self.run_script(
            "$NJ event loss=0.5 step=0\n$NJ event loss=0.25 step=1\n$NJ event --progress 1/2 --unit epoch\n"
            "$NJ event test.auc=0.9 --note 'went well' --warning 'but slowly'\n"
            "echo x > $NIGHTJAR_ARTIFACTS/model.txt\n$NJ event --artifact model=$NIGHTJAR_ARTIFACTS/model.txt\n"
        )
        self.assertEqual(shown["result"]["metrics"]["test.auc"], 0.9)
        (artifact,) = shown["result"]["artifacts"]
        self.assertEqual((artifact["name"], artifact["bytes"]), ("model", 2))
        self.assertIn("went well", json.dumps(shown["notes"]))
        self.nj("note", shown["id"], "look closer")
        told = self.nj("report", shown["id"]).out
        self.assertRegex(told, rf"went well  \({shown['id']}\)")
        self.assertRegex(told, rf"look closer \({shown['id']}\)")
        self.assertIn("but slowly", json.dumps(shown["warnings"]))
        history = self.daemon.call("history", id=shown["id"])["metrics"]
        self.assertEqual(history["loss"], [[0, 0.5], [1, 0.25]])

    def test_compare_says_what_it_has_no_room_for(self):
        shown = self.run_script("$NJ event acc=0.5 " + " ".join(f"m{i}={i}" for i in range(1, 10)))
        out = self.nj("compare", shown["id"]).out
        self.assertIn("... and 2 more metrics: --metric NAME, or --json\n", out)
        self.assertIn("m7", out)
        self.assertNotIn("m8", out)
        told = self.nj("compare", shown["id"], "--json").json()
        self.assertEqual((len(told["metrics"]), told["rows"][0]["metrics"]["m9"]), (10, 9))
        self.assertRegex(self.nj("compare", shown["id"], *(f"-mm{i}" for i in range(1, 10))).out, r"m8 +m9\n")

    def test_ragged_table_hides_nothing(self):
        shown = self.run_script(
            """echo '{"event":"table","name":"t","columns":["a","b"],"rows":[[1,2],[3]]}' >> $NIGHTJAR_EVENTS\n"""
            """echo '{"event":"table","name":"u","columns":["a","b"],"rows":[[1,2],[3,4]]}' >> $NIGHTJAR_EVENTS\n"""
            "$NJ event --warning important\n"
        )
        self.assertEqual(list(shown["result"]["tables"]), ["u"])
        out = self.nj("show", shown["id"]).out
        self.assertIn("important", out)
        self.assertRegex(out, r"1 line.* reported")

    def test_bad_events_are_refused_in_one_line(self):
        for arguments, message in (
            (["loss=low"], "loss: expected a number, not 'low'"),
            (["loss"], "expected name=number"),
            (["step=3"], "step alone says nothing"),
            (["loss=1", "step=1.5"], "step: expected a whole number"),
            (["loss=1", "loss=2"], "given twice"),
            (["--progress", "5"], "expected DONE/TOTAL"),
            (["--progress", "5/3"], "no part of a whole"),
            (["--artifact", "model"], "expected name=path"),
            (["--artifact", "model=/no/such/file"], "No such file"),
            ([], "nothing to tell"),
        ):
            with self.subTest(arguments=arguments):
                journal = os.path.join(self.folder, "reported.jsonl")
                self.environment["NIGHTJAR_EVENTS"] = journal
                self.refused("event", *arguments, message=message)
                self.assertFalse(os.path.exists(journal))

    def test_outside_a_run_it_says_so(self):
        self.refused("event", "loss=1", message="not inside a run")


class BadCommandLines(Case):
    def test_each_is_one_line_and_status_two(self):
        missing = os.path.join(self.folder, "missing.yaml")
        for arguments, message in (
            (["frobnicate"], "unknown command 'frobnicate'"),
            (["sumbit"], "did you mean 'submit'"),
            (["12"], "'12' is no command; nj show 12"),
            (["re"], "could be any of release, report, restart"),
            (["status", "--frobnicate"], "unknown option --frobnicate"),
            (["status", "--stat"], "--state needs a value"),
            (["status", "--state", "finished"], "'finished' is none of"),
            (["show", "3-"], "'3-' names no experiment"),
            (["show", "x"], "'x' names no experiment"),
            (["log", "1", "2"], "too much"),
            (["log", "-n", "0"], "outside"),
            (["cancel"], "something is missing"),
            (["note", "1"], "something is missing"),
            (["submit"], "something is missing"),
            (["submit", "--"], "no command follows"),
            (["submit", "--", "echo hi"], "command[0]: 'echo hi' is one word and no program"),
            (["submit", missing], "no such file; a command goes after --"),
            (["submit", "a.yaml", "--", "true"], "not both"),
            (["submit", "--cpus", "many", "--", "true"], "--cpus: expected a number"),
            (["submit", "--seed", "-1", "--", "true"], "-1 is outside [0, 9007199254740991]"),
            (["submit", "--memory", "lots", "--", "true"], "--memory: expected a size"),
            (["submit", "--time", "soon", "--", "true"], "--time: expected a duration"),
            (["submit", "--set", "nothing", "--", "true"], "path=value"),
            (["submit", "--after", "x", "--", "true"], "--after: 'x' names no experiment"),
            (["wait", "1", "--timeout", "soon"], "--timeout: expected a duration"),
            (["best", "--goal", "biggest"], "--goal: 'biggest' is none of minimize, maximize"),
            (["daemon", "dance"], "none of status, start, stop"),
            (["daemon", "reload"], "--slots"),
            (["daemon", "--slots", "3"], "daemon status: --slots belongs to reload"),
            (["daemon", "start", "--slots", "3"], "daemon start: --slots belongs to reload"),
            (["submit", "--retries", "-1", "--", "true"], "[0, 100]"),
            (["daemon", "drain", "--slots", "3"], "daemon drain: --slots belongs to reload"),
            (["help", "frobnicate"], "unknown command"),
        ):
            with self.subTest(arguments=arguments):
                self.refused(*arguments, message=message)

    def test_what_is_not_there_has_status_three(self):
        for verb in ("show", "log", "why", "cancel", "wait"):
            with self.subTest(verb=verb):
                self.refused(verb, 12345, message="12345", status=3)

    def test_nothing_submitted_is_said_so(self):
        self.assertIn("nothing was submitted yet", self.nj().out)
        self.refused("show", message="no experiment", status=3)


class Starting(unittest.TestCase):
    """The client starts a daemon where none runs."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nightjar-test-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        runtime = os.path.join(self.folder, "run")
        os.mkdir(runtime, 0o700)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("NIGHTJAR_")},
            "NIGHTJAR_HOME": os.path.join(self.folder, "home"),
            "XDG_RUNTIME_DIR": runtime,
        }
        self.addCleanup(self.stop)

    def nj(self, *arguments):
        return run_nj(self.environment, *arguments, cwd=self.folder)

    def stop(self):
        with contextlib.suppress(ValueError):
            pid = self.nj("daemon", "status", "--json").json()["pid"]
            os.kill(pid, signal.SIGKILL)

    def test_first_submission_starts_a_daemon_that_stays(self):
        result = self.nj("submit", "--wait", "--", "true")
        self.assertEqual(result.status, 0, result.err)
        status = self.nj("daemon", "status", "--json").json()
        self.assertEqual(os.getsid(status["pid"]), status["pid"])
        self.assertEqual(os.readlink(f"/proc/{status['pid']}/cwd"), "/")
        self.assertTrue(os.path.exists(os.path.join(self.folder, "home", "daemon.log")))

    def test_stop_returns_when_the_daemon_is_gone_and_start_brings_another(self):
        self.assertEqual(self.nj("daemon", "start").status, 0)
        first = self.nj("daemon", "status", "--json").json()["pid"]
        self.assertEqual(self.nj("daemon", "stop").status, 0)
        self.assertFalse(os.path.exists(f"/proc/{first}/exe"))
        self.assertEqual(self.nj("daemon", "status").status, 9)
        self.assertEqual(self.nj("daemon", "start").status, 0)
        self.assertNotEqual(self.nj("daemon", "status", "--json").json()["pid"], first)

    def test_racing_clients_end_up_with_one_daemon(self):
        clients = [
            subprocess.Popen(
                [NJ, "submit", "--parsable", "--", "true"], env=self.environment, cwd=self.folder,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _ in range(6)
        ]  # fmt: skip
        told = [client.communicate(timeout=DEADLINE_S) for client in clients]
        self.assertEqual([client.returncode for client in clients], [0] * 6, told)
        self.assertEqual(sorted(int(out) for out, _ in told), [1, 2, 3, 4, 5, 6])
        wanted = f"NIGHTJAR_HOME={self.environment['NIGHTJAR_HOME']}".encode()
        pid = self.nj("daemon", "status", "--json").json()["pid"]

        def daemons():
            found = []
            for name in filter(str.isdigit, os.listdir("/proc")):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{name}/exe").endswith("/nightjard"):
                        with open(f"/proc/{name}/environ", "rb") as file:
                            if wanted in file.read().split(b"\0"):
                                found.append(int(name))
            return found

        wait_until(lambda: daemons() == [pid])

    def wait_for_a_second(self):
        """A running experiment that somebody waits for, and what it waits on."""
        gate = os.path.join(self.folder, "gate")
        os.mkfifo(gate)
        self.nj("submit", "--", "sh", "-c", f"cat {gate}")
        waiting = subprocess.Popen([NJ, "wait", "1", "--timeout", "8s"], env=self.environment, stderr=subprocess.PIPE, text=True)
        self.addCleanup(waiting.stderr.close)
        self.addCleanup(waiting.kill)
        wait_until(lambda: self.nj("daemon", "status", "--json").json()["watching"] == 1)
        return waiting, gate

    def test_wait_starts_one_where_its_own_was_killed(self):
        waiting, gate = self.wait_for_a_second()
        os.kill(self.nj("daemon", "status", "--json").json()["pid"], signal.SIGKILL)
        self.assertIn("the daemon has ended", waiting.stderr.readline())
        self.assertIn("nobody started it: a new one runs", waiting.stderr.readline())
        with open(gate, "w", encoding="utf-8") as file:
            file.write("on\n")
        self.assertEqual(waiting.wait(DEADLINE_S), 0)

    def test_wait_starts_none_where_its_own_was_told_to_end(self):
        waiting, gate = self.wait_for_a_second()
        self.nj("daemon", "stop")
        self.assertEqual(waiting.wait(DEADLINE_S), 124)
        self.assertNotIn("nobody started it", waiting.stderr.read())
        with open(gate, "w", encoding="utf-8") as file:
            file.write("on\n")

    def test_switch_keeps_it_from_starting_one(self):
        self.environment["NIGHTJAR_NO_START"] = "1"
        result = self.nj("status")
        self.assertEqual(result.status, 9)
        self.assertIn("no daemon runs for", result.err)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "home", "daemon.log")))

    def test_daemon_that_cannot_start_is_told_with_its_reason(self):
        home = self.environment["NIGHTJAR_HOME"]
        os.mkdir(home, 0o700)
        with open(os.path.join(home, "queue.db"), "w", encoding="utf-8") as file:
            file.write("this is no database, and long enough to be taken for one" * 10)
        result = self.nj("status")
        self.assertEqual(result.status, 9)
        self.assertEqual(result.err.count("\n"), 1)
        self.assertIn("queue.db", result.err)

    def test_another_protocol_is_refused_clearly(self):
        import socket

        self.assertEqual(self.nj("daemon", "start").status, 0)
        (name,) = os.listdir(os.path.join(self.folder, "run", "nightjar"))
        self.assertEqual(self.nj("daemon", "stop").status, 0)
        path = os.path.join(self.folder, "run", "nightjar", name)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(1)

            def greet():
                connection, _ = server.accept()
                with connection:
                    hello = {"protocol": 99, "version": "9.9", "pid": 1, "home": "/"}
                    line = json.dumps({"jsonrpc": "2.0", "method": "hello", "params": hello})
                    connection.sendall(line.encode() + b"\n")
                    connection.recv(1 << 16)

            thread = threading.Thread(target=greet)
            thread.start()
            result = self.nj("status")
            thread.join(DEADLINE_S)
        os.unlink(path)
        self.assertEqual(result.status, 2)
        self.assertIn("9.9", result.err)
        self.assertIn("protocol 99", result.err)


class Helping(unittest.TestCase):
    def test_every_verb_has_help_a_man_page_and_a_place_in_the_overview(self):
        overview = run_nj(os.environ, "help").out
        verbs = [line.split()[0] for line in overview.splitlines() if line.startswith("  ")]
        self.assertIn("submit", verbs)
        for verb in verbs:
            with self.subTest(verb=verb):
                told = run_nj(os.environ, verb, "--help")
                self.assertEqual((told.status, told.err), (0, ""))
                self.assertTrue(told.out.startswith(f"nj {verb}"))
                self.assertEqual(told.out, run_nj(os.environ, "help", verb).out)
                page = run_nj(os.environ, "help", verb, "--man").out
                self.assertTrue(page.startswith(".TH NIGHTJAR"))

    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_man_pages_have_no_mistakes(self):
        for arguments in (["help", "--man"], ["help", "submit", "--man"], ["help", "event", "--man"]):
            page = run_nj(os.environ, *arguments).out
            checked = subprocess.run(
                ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", "-"],
                input=page, capture_output=True, text=True, timeout=DEADLINE_S,
            )  # fmt: skip
            self.assertEqual(checked.stderr, "")

    def test_version_is_told(self):
        self.assertRegex(run_nj(os.environ, "--version").out, r"^nightjar \d+\.\d+\.\d+\n$")

    def test_closed_standard_streams_are_nobody_elses(self):
        """What is opened later must not be written to as if it were one of them: a connection, the queue."""
        def streams_of(process):
            with contextlib.suppress(OSError):
                return [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(4)]

        def start(environment, *command):
            process = subprocess.Popen(command, env=environment, preexec_fn=lambda: os.closerange(0, 3),
                                       start_new_session=True)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            found = wait_until(lambda: streams_of(process))
            self.assertEqual(found[:3], ["/dev/null"] * 3, command)

        with Daemon() as daemon:
            daemon.submit("sleep", "1000")
            start(daemon.environment, NJ, "wait", "last")
        with Daemon() as daemon:
            daemon.terminate()
            start(daemon.environment, daemon.program("nightjard"))

    def test_full_disk_behind_standard_output_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([NJ, "help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE_S)
        self.assertEqual(done.returncode, 5)
        self.assertIn("standard output", done.stderr)


if __name__ == "__main__":
    unittest.main()
