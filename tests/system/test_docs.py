"""What the guide shows works: every spec in docs/specs.md and README.md is run as it stands there."""

import os
import re
import shutil
import subprocess
import unittest

from harness import BUILD, DEADLINE_S, Daemon

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())
PAGES = ["docs/specs.md", "README.md"]


def sections(text):
    """The text of each top-level key."""
    return {part.split(":", 1)[0]: part for part in re.split(r"(?m)^(?=[a-z_]+:)", text) if part.strip()}


def blocks(page, language):
    with open(os.path.join(SOURCE, page), encoding="utf-8") as file:
        return re.findall(rf"(?ms)^```{language}\n(.*?)^```", file.read())


def specs():
    """Each block of a page, completed by what its first one says."""
    found = []
    for page in PAGES:
        first = {}
        for block in blocks(page, "yaml"):
            given = sections(block)
            first = first or given
            base = {} if "command" in given else first
            found.append((page, "".join({**base, **given}.values())))
    return found


class Guide(unittest.TestCase):
    def test_every_spec_is_good_and_runs(self):
        with Daemon() as daemon:
            folder = os.path.join(daemon.folder, "examples")
            shutil.copytree(os.path.join(SOURCE, "examples"), folder)
            (table,) = blocks("docs/specs.md", "csv")
            with open(os.path.join(folder, "sessions.csv"), "w", encoding="utf-8") as file:
                file.write(table)
            ids = {}
            for number, (page, text) in enumerate(specs()):
                path = os.path.join(folder, f"guide{number}.yaml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
                if "start:" in text:  # weights are taken from an experiment that has ended
                    daemon.wait(*ids, timeout=240)
                done = subprocess.run([os.path.join(BUILD, "nj"), "submit", path, "--parsable"], capture_output=True,
                                      text=True, timeout=DEADLINE_S, env={**daemon.environment, "NIGHTJAR_NO_START": "1"})  # fmt: skip
                with self.subTest(page=page, text=text):
                    self.assertEqual(done.returncode, 0, done.stderr)
                    for line in done.stdout.split():
                        ids[int(line)] = text
            self.assertGreater(len(ids), 30)
            for row in daemon.wait(*ids, timeout=240):
                with self.subTest(text=ids[row["id"]]):
                    self.assertEqual(row["state"], "done", row)
            marked = [text for number, text in ids.items() if daemon.show(number)["marks"]]
            self.assertTrue(marked and all("allow_leak" in text for text in marked))


if __name__ == "__main__":
    unittest.main()
