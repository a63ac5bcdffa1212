"""A source on a disk that is far away, an item at a time: it is told with its rate, and read once for all."""

import json
import os
import tempfile
import unittest

from harness import BUILD, Daemon

SHIM = os.path.join(BUILD, "tests", "slow_shim.so")
FILES = 28  # of two reads each


@unittest.skipUnless(os.path.exists(SHIM), "no slow shim is built")
class SlowDisk(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="nightjar-slow-")
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        for name in ("bucket", "labels"):
            os.mkdir(os.path.join(self.folder, name))
        for i in range(FILES):
            self.write(f"bucket/{i:04d}.txt", f"{i} {i % 3} {i % 5}\n")
            self.write(f"labels/{i:04d}.txt", f"{i / 10}\n")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="ascii") as out:
            out.write(text)

    def events_of(self, daemon, name):
        """Of an experiment on that source, once it is done."""
        source = os.path.join(self.folder, "bucket")
        spec = {"data": {"source": source, "series": "key", "time": "row", "target": "y1", "split": {"by": "group", "group": ["key"]},
                         "format": {"type": "text_folder", "name": "{key:4}.txt", "labels": "labels", "lines": "columns"}},
                "prepare": ["standard"], "model": [{"type": "dense", "units": "targets"}],
                "train": {"optimizer": "sgd", "epochs": 1}, "evaluate": {"metrics": ["mae"]}}
        environment = [f"PATH={os.environ['PATH']}", f"LD_PRELOAD={SHIM}", f"NIGHTJAR_TEST_SLOW={source}",
                       f"ASAN_OPTIONS={os.environ.get('ASAN_OPTIONS', '')}:verify_asan_link_order=0"]
        number = daemon.call("submit", base={"name": name, **spec}, cwd=self.folder, environment=environment)["first"]
        self.assertEqual(daemon.wait(number)[0]["verdict"], "done")
        with open(f"{daemon.home}/runs/{number}/1/reported.jsonl", encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_a_source_that_is_waited_for_is_told_with_its_rate_and_read_once(self):
        with Daemon() as daemon:
            first, second = (self.events_of(daemon, name) for name in ("first", "second"))
        (warning,) = (event for event in first if event["event"] == "warning" and event["where"] == "data.source")
        self.assertRegex(warning["text"], r"^reading it took \d+ s, most of which no processor worked: [1-6] rows a second; a copy")
        self.assertEqual([event["built"] for event in first + second if event["event"] == "data"], [True, False])
        self.assertNotIn("data.source", [event["where"] for event in second if event["event"] == "warning"])


if __name__ == "__main__":
    unittest.main()
