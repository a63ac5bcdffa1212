"""nj data list, clean and verify: what is kept of sources, and that nothing goes that a running experiment maps."""

import json
import os
import signal
import struct
import subprocess
import unittest

from engine import BUILD, DEADLINE
from test_recordings import Folder, pilots, write_pilots


class Prepared(Folder):
    def nj(self, *arguments):
        environment = {**os.environ, "NIGHTJAR_DATA": os.path.join(self.folder, "data")}
        return subprocess.run([os.path.join(BUILD, "nj"), "data", *arguments], env=environment, capture_output=True, text=True,
                              timeout=DEADLINE)  # fmt: skip

    def answer(self, *arguments, status=0):
        done = self.nj(*arguments, "--json")
        self.assertEqual((done.returncode, done.stderr), (status, ""))
        return json.loads(done.stdout)

    def prepare(self, name, **more):
        run = self.run_of({**pilots(self.source, **more), "train": {"epochs": 1}}, name)
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        return run.events("data")[0]["key"]

    def names(self):
        folder = os.path.join(self.folder, "data")
        return sorted(name for name in os.listdir(folder) if not name.endswith(".lock") and name not in ("sources", "looks", "paces"))

    def test_what_is_kept_is_listed_and_cleaned(self):
        self.assertEqual(self.answer("list")["data"], [])
        rows = write_pilots(self.source, crews=6, seconds=8)
        keys = {self.prepare("1"), self.prepare("2", ignore=["id"], id=[])}
        self.assertEqual(len(keys), 2)
        answer = self.answer("list")
        self.assertEqual({item["key"] for item in answer["data"]}, keys)
        for item in answer["data"]:
            self.assertEqual((item["rows"], item["recordings"], item["source"], item["in_use"]), (rows, 12, self.source, False))
            self.assertGreater(item["bytes"], 4 * 3 * rows)
        self.assertEqual(answer["bytes"], sum(item["bytes"] for item in answer["data"]))
        before = self.names()
        dry = self.answer("clean", "--all", "--dry-run")
        self.assertEqual(self.names(), before)
        self.assertGreaterEqual(dry["freed"], answer["bytes"])
        one = sorted(keys)[0]
        self.assertEqual([item["removed"] for item in self.answer("clean", one[:12])["data"] if item["chosen"]], [True])
        self.assertFalse(any(name.startswith(one) for name in self.names()))
        self.assertEqual(self.answer("clean", "--older", "1h")["freed"], 0)
        self.assertEqual(self.prepare("3"), self.prepare("4"))  # made again, or still there
        self.answer("clean", "--all")
        self.assertEqual(self.names(), [])

    def test_the_last_use_counts_not_the_making(self):
        write_pilots(self.source, crews=6, seconds=8)
        key = self.prepare("1")
        stem = os.path.join(self.folder, "data", key)
        os.utime(stem + ".lock", (1e9, 1e9))
        os.utime(stem + ".h5", (1e9, 1e9))
        self.assertEqual(self.answer("list")["data"][0]["used"], 10**9)
        self.prepare("2")
        self.assertGreater(self.answer("list")["data"][0]["used"], 10**9)
        self.assertEqual(self.answer("clean", "--older", "30d")["freed"], 0)

    def test_what_a_running_experiment_maps_stays(self):
        write_pilots(self.source, crews=6, seconds=8)
        run = self.run_of({**pilots(self.source), "train": {"epochs": 100000}}, "1")
        process = run.start()
        try:
            while not run.events("split"):
                self.assertIsNone(process.poll())
            answer = self.answer("clean", "--all")
            self.assertEqual([(item["in_use"], item["removed"]) for item in answer["data"]], [(True, False)])
            self.assertEqual(len(self.prepared()), 1)
            self.assertIn("1 in use stays", self.nj("clean", "--all").stdout)
            self.assertIn("in use", self.nj("list").stdout)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=DEADLINE)
        self.assertEqual([item["removed"] for item in self.answer("clean", "--all")["data"]], [True])

    def test_damage_is_found_and_what_an_import_left_goes(self):
        write_pilots(self.source, crews=6, seconds=8)
        key = self.prepare("1")
        path = os.path.join(self.folder, "data", key + ".h5")
        self.assertEqual(self.answer("verify")["damaged"], 0)
        os.chmod(path, 0o600)
        with open(path, "r+b") as file:
            at = file.read().index(struct.pack("<f", 601))  # the first crew's gsr
            file.seek(at)
            file.write(struct.pack("<f", 602))
        answer = self.answer("verify", key, status=6)
        self.assertEqual(answer["damaged"], 1)
        self.assertIn("error", answer["data"][0])
        left = os.path.join(self.folder, "data", "0" * len(key) + ".new")
        with open(left, "w", encoding="ascii") as file:
            file.write("half")
        self.answer("clean", "--all")
        self.assertEqual(self.names(), [])

    def test_nonsense_is_refused(self):
        write_pilots(self.source, crews=6, seconds=8)
        self.prepare("1")
        for arguments, status, message in [
            (["clean"], 2, "say which ones"),
            (["clean", "ffffffffffffffffffff"], 3, "no data have the key"),
            (["list", "--older", "3d"], 2, "is for clean"),
            (["verify", "--rows", "3"], 2, "is for head, plot"),
            (["describe", self.source, "--all"], 2, "is for clean"),
            (["describe"], 2, "takes one source"),
            (["mend"], 2, "is none of clean, describe, drift, export, head, list, plot and verify"),
        ]:
            done = self.nj(*arguments)
            self.assertEqual(done.returncode, status, arguments)
            self.assertIn(message, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
