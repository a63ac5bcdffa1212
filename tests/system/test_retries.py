"""What follows a failure: retries that wait, a batch that is held, losses that add up."""

import os
import signal
import unittest

from harness import Daemon, wait_until

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())


class Retries(unittest.TestCase):
    def test_retry_waits_and_why_tells_how_long(self):
        with Daemon() as daemon:
            script = "test -e again && exit 0; touch again; echo 'error: no such thing' >&2; exit 3"
            number = daemon.submit("sh", "-c", script, queue={"retries": 1})
            daemon.wait(number, states=("queued",))
            wait_until(lambda: daemon.show(number)["runs"])
            reasons = daemon.call("why", id=number)["reasons"]
            self.assertRegex(reasons[0], r"^it is run again in [01]\.\d+s$")
            self.assertIn("error: no such thing", " ".join(reasons))
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            first, second = daemon.show(number)["runs"]
            self.assertEqual(first["verdict"], "failed")
            self.assertGreaterEqual(second["started"] - first["ended"], 0.9)

    def test_retry_that_waits_outlives_the_daemon(self):
        with Daemon() as daemon:
            number = daemon.submit("sh", "-c", "test -e again && exit 0; touch again; exit 3",
                                   queue={"retries": 1})
            wait_until(lambda: os.path.exists(os.path.join(daemon.folder, "again")))
            daemon.kill()
            daemon.start()
            self.assertEqual(daemon.wait(number)[0]["state"], "done")
            self.assertEqual(len(daemon.show(number)["runs"]), 2)

    def test_signal_and_first_error_line_are_told(self):
        with Daemon() as daemon:
            killed = daemon.submit("sh", "-c", "echo 'Traceback: boom' >&2; kill -SEGV $$")
            row = daemon.wait(killed)[0]
            self.assertEqual(row["verdict"], "failed")
            self.assertTrue(row["message"].startswith("signal 11 (Segmentation fault)"), row)
            slow = daemon.submit("sleep", "100", resources={"time": "1s", "grace": "1s"})
            row = daemon.wait(slow)[0]
            self.assertEqual(row["verdict"], "timeout")
            self.assertIn("time limit reached after 1 s", row["message"])

    def test_crash_of_one_experiment_is_its_own(self):
        """A program and an engine that crash: told with their signals, and nobody else notices."""
        with Daemon(slots=3) as daemon:
            before = daemon.call("daemon.status")["pid"]
            gate = os.path.join(daemon.folder, "gate")
            beside = daemon.submit("sh", "-c", f"until test -e {gate}; do sleep 0.02; done")
            base = {"data": {"source": os.path.join(SOURCE, "examples/data/sklearn_iris/iris.csv"), "skip": 1, "target": "c5"},
                    "model": [{"type": "dense", "units": "classes"}], "train": {"epochs": 1000000000, "batch": 1}}
            engine = daemon.call("submit", base=base)["first"]
            crashing = daemon.submit("sh", "-c", "kill -SEGV $$")
            wait_until(lambda: daemon.show(engine).get("progress"))
            with open(f"{daemon.home}/runs/{engine}/1/events.jsonl", encoding="utf-8") as file:
                os.kill(int(file.read().split('"pid":')[1].split(",")[0]), signal.SIGABRT)
            rows = daemon.wait(engine, crashing)
            self.assertEqual([row["verdict"] for row in rows], ["failed", "failed"])
            told = [failure["message"] for number in (engine, crashing)
                    for batch in daemon.call("report", batch=[daemon.show(number)["batch"]])["batches"]
                    for failure in batch["failures"]]
            self.assertRegex(told[0], r"^signal 6 \(Aborted\)")
            self.assertRegex(told[1], r"^signal 11 \(Segmentation fault\)")
            self.assertEqual(daemon.show(beside)["state"], "running")
            with open(gate, "w", encoding="utf-8"):
                pass
            self.assertEqual(daemon.wait(beside)[0]["state"], "done")
            self.assertEqual(daemon.call("daemon.status")["pid"], before)

    def test_three_losses_without_progress_hold(self):
        with Daemon() as daemon:
            number = daemon.submit("sleep", "1000")
            for run in (1, 2, 3):
                wait_until(lambda run=run: daemon.show(number)["run"] == run and
                           daemon.show(number)["state"] == "running")
                with open(f"{daemon.home}/runs/{number}/{run}/events.jsonl", encoding="utf-8") as file:
                    worker = int(file.read().split('"worker":')[1].split(",")[0])
                os.kill(worker, signal.SIGKILL)
            row = daemon.wait(number, states=("held",))[0]
            self.assertIn("cut short 3 times without progress", row["message"])
            self.assertEqual(row["held_by"], "nightjar")
            self.assertIn("cut short 3 times", " ".join(daemon.call("why", id=number)["reasons"]))
            self.assertEqual([run["verdict"] for run in daemon.show(number)["runs"]], ["lost"] * 3)


class Breaker(unittest.TestCase):
    def sweep(self, daemon, **queue):
        script = "test -e good && exit 0; echo error: cannot read /tmp/x{n}/{n}.csv; exit 1"
        base = {"name": "b", "command": ["sh", "-c", script], "queue": queue}
        return daemon.call("submit", base=base, cwd=daemon.folder,
                           sweep={"method": "grid", "parameters": {"n": list(range(1, 9))}})

    def test_same_failure_holds_the_rest_until_it_is_released(self):
        with Daemon(slots=1) as daemon:
            answer = self.sweep(daemon, breaker=3)
            daemon.wait(answer["last"], states=("held",))
            states = [row["state"] for row in daemon.call(
                "list", select={"batch": [answer["batch"]]})["experiments"]]
            self.assertEqual(sorted(states), ["failed"] * 3 + ["held"] * 5)
            said = f"3 configurations of batch {answer['batch']} failed alike (exit status 1: error:"
            release = f"nj release batch:{answer['batch']}"
            why = " ".join(daemon.call("why", id=answer["last"])["reasons"])
            show = daemon.show(answer["last"])["message"]
            report = daemon.call("report", batch=[answer["batch"]])["batches"][0]["waiting"]["reason"]
            self.assertEqual(daemon.show(answer["last"])["held_by"], "nightjar")
            for text in (why, show, report):
                self.assertIn(said, text)
                self.assertIn(release, text)
            with open(os.path.join(daemon.folder, "good"), "w", encoding="utf-8"):
                pass
            daemon.call("release", select={"batch": [answer["batch"]]})
            rows = daemon.wait(*range(answer["first"] + 3, answer["last"] + 1))
            self.assertEqual({row["state"] for row in rows}, {"done"})

    def test_other_batches_go_on(self):
        with Daemon(slots=1) as daemon:
            answer = self.sweep(daemon, breaker=2)
            other = daemon.submit("true")
            self.assertEqual(daemon.wait(other)[0]["state"], "done")
            self.assertEqual(daemon.show(answer["last"])["state"], "held")

    def test_breaker_of_zero_lets_all_of_them_fail(self):
        with Daemon(slots=1) as daemon:
            answer = self.sweep(daemon, breaker=0)
            rows = daemon.wait(*range(answer["first"], answer["last"] + 1))
            self.assertEqual({row["state"] for row in rows}, {"failed"})


if __name__ == "__main__":
    unittest.main()
