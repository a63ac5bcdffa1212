"""A queue whose file is damaged, cut or gone: refused by name, untouched, and made whole again."""

import glob
import os
import random
import subprocess
import unittest

from harness import DEADLINE_S, Daemon, DeadlineError, RpcError

PAGE = 4096


class Home(Daemon):
    """A daemon with a few ended experiments, some of them older than its backup."""

    def fill(self):
        self.before = [self.submit("sh", "-c", 'echo \'{"loss": 0.5}\' >> $NIGHTJAR_EVENTS'),
                       self.submit("sh", "-c", "echo error: boom; exit 3")]
        self.wait(*self.before)
        self.queued = self.submit("touch", "later", _hold=True)
        self.backup = self.nj("daemon", "backup").stdout.strip()
        self.after = [self.submit("sh", "-c", 'echo \'{"loss": 0.25}\' >> $NIGHTJAR_EVENTS'),
                      self.submit("sh", "-c", "exit 4"),
                      self.submit("sh", "-c", "test -e again && exit 0; touch again; exit 5",
                                  queue={"retries": 2})]
        self.wait(*self.after)
        self.rows = {i: self.summary(i) for i in [*self.before, *self.after]}

    def summary(self, number):
        shown = self.show(number)
        return (shown["state"], shown["verdict"], shown.get("message"), shown["name"], shown["seed"],
                shown["batch"], shown["configuration"], shown["result"]["metrics"], shown["spec"],
                [(run["run"], run["verdict"], run["exit"], run.get("message")) for run in shown["runs"]])

    def nj(self, *arguments, check=True):
        return subprocess.run([self.program("nightjar"), *arguments], env=self.environment,
                              capture_output=True, text=True, timeout=DEADLINE_S, check=check)

    @property
    def database(self):
        return os.path.join(self.home, "queue.db")

    def content(self):
        with open(self.database, "rb") as file:
            return file.read()

    def overwrite(self, places):
        with open(self.database, "r+b") as file:
            for place, data in places:
                file.seek(place)
                file.write(data)

    def refused(self):
        """Starts it in vain; returns what it said."""
        seen = len(self.read_log())
        try:
            self.start()
        except DeadlineError:
            return self.read_log()[seen:]
        raise AssertionError("the daemon began with a queue that is not whole")

    def check_recovered(self, test):
        """Everything that ran is there as it was, and ids go on above the largest."""
        self.start()
        self.wait(*self.rows)
        for number, row in self.rows.items():
            test.assertEqual(self.summary(number), row)
        number = self.submit("true")
        test.assertGreater(number, max(self.rows))
        test.assertEqual(self.wait(number)[0]["state"], "done")


class Recover(unittest.TestCase):
    def test_damaged_file_is_refused_untouched_and_recovered_from_backup_and_runs(self):
        with Home() as daemon:
            daemon.fill()
            daemon.terminate()
            size = os.path.getsize(daemon.database)
            daemon.overwrite([(page, os.urandom(PAGE)) for page in range(PAGE, size, PAGE)])
            damaged = daemon.content()
            said = daemon.refused()
            self.assertIn(daemon.database, said)
            self.assertIn("nj daemon recover", said)
            self.assertEqual(daemon.content(), damaged)
            told = daemon.nj("daemon", "recover").stdout
            self.assertIn(f"from backup/{os.path.basename(daemon.backup)}", told)
            self.assertIn("3 experiments added from runs/", told)
            (aside,) = glob.glob(daemon.database + ".damaged-*[0-9]")
            with open(aside, "rb") as file:
                self.assertEqual(file.read(), damaged)
            daemon.check_recovered(self)
            self.assertEqual(daemon.show(daemon.queued)["state"], "held")
            daemon.call("release", select={"ids": [[daemon.queued, daemon.queued]]})
            self.assertEqual(daemon.wait(daemon.queued)[0]["state"], "done")

    def test_file_damaged_at_random_places_is_refused_untouched_and_recovered(self):
        random.seed(20260801)
        for _ in range(6):
            with Home() as daemon:
                daemon.fill()
                daemon.terminate()
                size = os.path.getsize(daemon.database)
                daemon.overwrite([(random.randrange(size - 64), random.randbytes(64))
                                  for _ in range(random.choice((1, 8, 64)))])
                damaged = daemon.content()
                try:
                    daemon.start()
                    daemon.terminate()
                    os.unlink(daemon.database)  # what was hit has no structure; runs/ has it too
                except DeadlineError:
                    self.assertIn(daemon.database, daemon.read_log())
                    self.assertEqual(daemon.content(), damaged)
                daemon.nj("daemon", "recover")
                daemon.check_recovered(self)

    def test_missing_file_is_not_replaced_by_an_empty_one(self):
        with Home() as daemon:
            daemon.fill()
            daemon.terminate()
            os.unlink(daemon.database)
            said = daemon.refused()
            self.assertIn("is gone", said)
            self.assertIn("nj daemon recover", said)
            self.assertFalse(os.path.exists(daemon.database))
            daemon.nj("daemon", "recover")
            daemon.check_recovered(self)

    def test_without_any_backup_runs_alone_are_enough(self):
        with Home() as daemon:
            daemon.fill()
            daemon.terminate()
            os.unlink(daemon.database)
            os.unlink(daemon.backup)
            self.assertIn("from nothing", daemon.nj("daemon", "recover").stdout)
            daemon.check_recovered(self)

    def test_damaged_backup_is_passed_over(self):
        with Home() as daemon:
            daemon.fill()
            daemon.terminate()
            os.unlink(daemon.database)
            size = os.path.getsize(daemon.backup)
            with open(daemon.backup, "r+b") as file:
                file.seek(PAGE)
                file.write(os.urandom(size - PAGE))
            self.assertIn("from nothing", daemon.nj("daemon", "recover").stdout)
            daemon.check_recovered(self)

    def test_log_that_was_cut_gives_no_id_out_twice(self):
        with Home() as daemon:
            daemon.fill()
            daemon.kill()
            log = daemon.database + "-wal"
            self.assertGreater(os.path.getsize(log), 0)
            os.truncate(log, 0)
            said = daemon.refused()
            self.assertIn("nj daemon recover", said)
            daemon.nj("daemon", "recover")
            daemon.check_recovered(self)

    def test_run_that_lost_its_words_may_have_begun_and_counts_as_lost(self):
        with Home() as daemon:
            number = daemon.submit("true", queue={"requeue": False})
            daemon.wait(number)
            daemon.terminate()
            os.unlink(daemon.database)
            os.truncate(os.path.join(daemon.home, "runs", str(number), "1", "events.jsonl"), 0)
            daemon.nj("daemon", "recover")
            daemon.start()
            self.assertEqual(daemon.wait(number)[0]["verdict"], "lost")

    def test_run_that_goes_on_meanwhile_is_adopted(self):
        with Home() as daemon:
            gate = os.path.join(daemon.folder, "gate")
            os.mkfifo(gate)
            number = daemon.submit("sh", "-c", f"read line < {gate}; exit 0")
            daemon.wait(number, states=("running",))
            daemon.kill()
            for path in glob.glob(daemon.database + "*"):
                os.unlink(path)
            daemon.nj("daemon", "recover")
            daemon.start()
            daemon.wait(number, states=("running",))
            with open(gate, "w", encoding="utf-8") as file:
                file.write("go\n")
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            self.assertEqual(len(daemon.show(number)["runs"]), 1)

    def test_braces_and_parameters_survive(self):
        with Home() as daemon:
            script = "test -e good || exit 7; test '{{x}}' = '{n}x{{x}}' || exit 0"
            answer = daemon.call("submit", base={"name": "b", "command": ["sh", "-c", script]},
                                 cwd=daemon.folder,
                                 sweep={"method": "grid", "parameters": {"n": [1, 2]}})
            ids = [answer["first"], answer["last"]]
            daemon.wait(*ids)
            before = [(row["spec"], row["parameters"]) for row in map(daemon.show, ids)]
            daemon.terminate()
            os.unlink(daemon.database)
            daemon.nj("daemon", "recover")
            daemon.start()
            daemon.wait(*ids)
            self.assertEqual([(row["spec"], row["parameters"]) for row in map(daemon.show, ids)],
                             before)
            with open(os.path.join(daemon.folder, "good"), "w", encoding="utf-8"):
                pass
            daemon.call("restart", select={"batch": [answer["batch"]]})
            self.assertEqual({row["state"] for row in daemon.wait(*ids)}, {"done"})

    def test_recovery_is_refused_while_a_daemon_runs(self):
        with Home() as daemon:
            result = daemon.nj("daemon", "recover", check=False)
            self.assertEqual(result.returncode, 8)
            self.assertIn("daemon serves this folder", result.stderr)

    def test_recovery_of_a_whole_queue_changes_nothing(self):
        with Home() as daemon:
            daemon.fill()
            daemon.terminate()
            told = daemon.nj("daemon", "recover").stdout
            self.assertIn("from queue.db: 0 experiments added from runs/, 0 brought up", told)
            self.assertEqual(glob.glob(daemon.database + ".damaged-*"), [])
            daemon.check_recovered(self)


class Backup(unittest.TestCase):
    def test_backup_is_whole_while_work_goes_on(self):
        with Home(slots=2) as daemon:
            answer = daemon.call("submit", base={"name": "b", "command": ["true"]}, cwd="/",
                                 experiments=[{"seed": i} for i in range(300)])
            path = daemon.nj("daemon", "backup").stdout.strip()
            self.assertRegex(os.path.basename(path), r"^queue-(sun|mon|tue|wed|thu|fri|sat)\.db$")
            self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            daemon.wait(answer["last"])
            daemon.call("cancel", select={"all": True})
            daemon.kill()
            for name in glob.glob(daemon.database + "*"):
                os.unlink(name)
            daemon.nj("daemon", "recover")
            daemon.start()
            self.assertEqual(daemon.call("list", select={"all": True}, limit=1)["total"], 300)

    def test_backup_that_cannot_be_written_is_an_error_and_no_more(self):
        with Home() as daemon:
            with open(os.path.join(daemon.home, "backup"), "w", encoding="utf-8"):
                pass
            with self.assertRaises(RpcError) as caught:
                daemon.call("daemon.backup")
            self.assertEqual(caught.exception.kind, "IO")
            self.assertEqual(daemon.wait(daemon.submit("true"))[0]["state"], "done")


if __name__ == "__main__":
    unittest.main()
