"""nj check --try: all stages of a spec, once, with a few rows."""

import json
import os
import shutil
import subprocess
import unittest

from engine import VOWEL
from harness import BUILD, DEADLINE_S
from test_recordings import Folder, pilots, write_pilots


class Try(Folder):
    def setUp(self):
        super().setUp()
        self.temporary = os.path.join(self.folder, "tmp")
        self.home = os.path.join(self.folder, "home")
        os.mkdir(self.temporary)

    def check(self, spec, *options, status=0):
        path = os.path.join(self.folder, "spec.yaml")
        with open(path, "w", encoding="ascii") as file:
            json.dump(spec, file)
        environment = {**os.environ, "NIGHTJAR_HOME": self.home, "NIGHTJAR_DATA": "", "TMPDIR": self.temporary}
        done = subprocess.run([os.path.join(BUILD, "nj"), "check", "spec.yaml", *options], cwd=self.folder, env=environment,
                              capture_output=True, text=True, timeout=DEADLINE_S)  # fmt: skip
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(os.listdir(self.temporary), [])
        return done

    def vowels(self, **more):
        return {"data": {"source": VOWEL, "group": "V1", "target": "Class", "split": {"by": "group", "valid": 0.2, "test": 0.2}},
                "prepare": ["standard"], "model": [{"type": "dense", "units": "classes"}], "train": {"epochs": 100000}, **more}  # fmt: skip

    def test_every_stage_runs_and_only_prepared_data_stay(self):
        done = self.check(self.vowels(evaluate={"bootstrap": 20, "balanced": True, "logits": True}), "--try")
        self.assertRegex(done.stdout, r"spec\.yaml: tried in .*: every stage of the first configuration runs\n$")
        self.assertEqual(os.listdir(self.home), ["data"])
        self.assertFalse(os.path.exists(os.path.join(self.home, "data", "looks")))  # no look at the test rows
        self.assertNotIn("tried", self.check(self.vowels()).stdout)

    def test_recordings_and_trees_are_tried_too(self):
        write_pilots(self.source)
        spec = pilots(self.source)
        spec["train"]["epochs"] = 100000
        self.assertIn("tried in", self.check(spec, "--try").stdout)
        if any(os.path.exists(os.path.join(folder, "libxgboost.so.0")) for folder in ("/usr/lib", "/usr/lib/x86_64-linux-gnu")):
            self.assertIn("tried in", self.check(self.vowels(model=["boosted_trees"]), "--try").stdout)

    def test_what_would_fail_when_it_runs_fails_at_once(self):
        with open(os.path.join(self.folder, "weights.npz"), "w", encoding="ascii") as file:
            file.write("no archive")
        spec = self.vowels()
        spec["train"]["start"] = {"model": "weights.npz"}
        self.check(spec)  # the file is there
        done = self.check(spec, "--try", status=2)
        self.assertIn("weights.npz", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_a_spec_that_is_bad_is_not_tried_and_a_command_neither(self):
        done = self.check(self.vowels(nonsense=1), "--try", status=2)
        self.assertIn("nonsense", done.stderr)
        self.assertNotIn("tried", self.check({"command": ["true"]}, "--try").stdout)
        shutil.rmtree(self.home, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
