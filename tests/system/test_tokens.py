"""Sequences of texts, and of the words of a text, through embeddings into a network; words that were never seen."""

import csv
import json
import math
import os
import random
import unittest

from engine import engine
from test_recordings import Folder

WORDS = ["fill", "heat", "stir", "cool", "drain", "rinse"]


class Tokens(Folder):
    def write(self, path, n, seed, words, labels=True):
        """A run is bad where it stirs before it heats; a run knows no more than its steps."""
        chance = random.Random(seed)
        with open(path, "w", encoding="ascii") as out:
            out.write("run,step,what" + (",label" if labels else "") + "\n")
            rows = 0
            for run in range(n):
                steps = [chance.choice(words) for _ in range(chance.randint(1, 4))]
                middle = ["heat", "stir"] if run % 2 else ["stir", "heat"]
                steps = [word for word in steps if word not in ("heat", "stir")] + middle
                for i, word in enumerate(steps):
                    out.write(f"{run},{i},{word}" + (f",{'bad' if run % 2 == 0 else 'good'}" if labels else "") + "\n")
                    rows += 1
        return rows

    def spec(self, **tokens):
        return {
            "data": {"source": self.source, "series": ["run"], "time": "step", "features": ["what"], "target": "label", "group": ["run"],
                     "split": {"by": "group", "valid": 0.2, "test": 0.2}},
            "prepare": [{"type": "tokens", **tokens}, {"type": "window", "length": 6, "stride": 6, "edges": "mask", "shorter": "keep"}],
            "model": [{"type": "embedding", "units": 4}, {"type": "gru", "units": 8}, {"type": "dense", "units": "classes"}],
            "train": {"optimizer": {"type": "adam", "rate": 0.03}, "batch": 16, "epochs": 25}, "evaluate": {"metrics": ["accuracy"]},
        }  # fmt: skip

    def test_an_embedding_learns_from_sequences_and_meets_new_words(self):
        self.write(self.source, 120, 1, WORDS)
        run = self.run_of(self.spec(), "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        (split,) = run.events("split")
        self.assertEqual(sum(split[part] for part in ("train", "valid", "test")), 120)  # each run is a sample
        self.assertGreater(run.results()["test.accuracy"], 0.95)
        new = os.path.join(self.folder, "new.csv")
        rows = self.write(new, 20, 2, [*WORDS, "whirl", "shake"], labels=False)
        out = os.path.join(self.folder, "out.csv")
        done = engine("predict", run.folder, "--data", new, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(out, encoding="ascii") as file, open(new, encoding="ascii") as given:
            predictions = list(csv.DictReader(file))
            steps = list(csv.DictReader(given))
        self.assertEqual(len(predictions), rows)
        ends = [i for i in range(rows) if i + 1 == rows or steps[i + 1]["run"] != steps[i]["run"]]
        right = sum(predictions[i]["predicted"] == ("bad" if int(steps[i]["run"]) % 2 == 0 else "good") for i in ends)
        self.assertGreaterEqual(right, 19)

    def test_a_small_vocabulary_makes_a_small_table(self):
        self.write(self.source, 60, 1, WORDS)
        run = self.run_of(self.spec(vocabulary=2), "1")  # heat and stir are in every run
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(run.results()["test.accuracy"], 0.9)


ACTIONS = ["repair", "excision", "biopsy", "insertion", "removal", "release", "closure", "drainage"]
SITES = ["hernia", "tonsil", "femur", "tendon", "bladder", "hip", "palate", "spine"]


class Words(Folder):
    """Operations: the minutes depend on what is done, where, and in which room."""

    def write(self, path, n, seed, sites=tuple(SITES)):
        chance = random.Random(seed)
        with open(path, "w", encoding="ascii") as out:
            out.write("Procedure,Room,AgeNorm,minutes\n")
            for _ in range(n):
                action, site, room, age = chance.randrange(8), chance.choice(sites), chance.randrange(4), chance.gauss(0, 1)
                known = SITES.index(site) if site in SITES else 0
                log = 3 + 0.25 * action + 0.3 * ((known * 3) % 8) + 0.2 * room + 0.3 * age + chance.gauss(0, 0.05)
                out.write(f'"{ACTIONS[action].title()} of {site}{", left" * chance.randrange(2)}",OR {room},{age:.4f},{math.exp(log):.3f}\n')

    def spec(self, **words):
        return {
            "data": {"source": self.source, "target": "minutes", "features": ["Procedure", "Room", "AgeNorm"], "group": ["Procedure"],
                     "target_transform": "log_standard", "split": {"by": "group", "valid": 0.15, "test": 0.2}},
            "prepare": [{"type": "words", "columns": "Procedure", "length": 6, **words}, {"type": "tokens", "columns": "Room"}, "standard"],
            "model": [{"type": "branch", "name": "procedure", "from": "Procedure"},
                      {"type": "embedding", "units": 8}, {"type": "lstm", "units": 16},
                      {"type": "branch", "name": "room", "from": "Room"}, {"type": "embedding", "units": 2},
                      {"type": "branch", "name": "rest", "from": "x"}, {"type": "dense", "units": 2},
                      "concat", {"type": "dense", "units": 24, "activation": "relu"}, {"type": "dense", "units": "targets"}],
            "train": {"optimizer": {"type": "adam", "rate": 0.01}, "batch": 32, "epochs": 40}, "evaluate": {"metrics": ["r2"]},
        }  # fmt: skip

    def test_texts_that_no_training_row_has_are_read_by_their_words(self):
        self.write(self.source, 1500, 1)
        run = self.run_of(self.spec(), "1")
        done = run.finish()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(run.results()["test.r2"], 0.8)  # of procedures that no training row has
        done = engine("inspect", run.folder, "--json")
        self.assertEqual(json.loads(done.stdout)["inputs"], {"x": [1], "Procedure": [6, 1], "Room": [1]})

        new = os.path.join(self.folder, "new.csv")
        self.write(new, 50, 2, sites=("hernia", "toe"))
        done = engine("predict", run.folder, "--data", new, "-o", os.path.join(self.folder, "out.csv"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.folder, "out.csv"), encoding="ascii") as file:
            self.assertEqual(len(list(csv.DictReader(file))), 50)

    def test_what_does_not_fit_is_refused(self):
        self.write(self.source, 60, 1)
        for number, (change, message) in enumerate([
            ({"prepare": [{"type": "words", "columns": "AgeNorm"}]}, "prepare[0].columns: 'AgeNorm' is numeric"),
            ({"prepare": ["words", {"type": "words", "columns": "Room"}]}, "prepare[1]: 'Room' is read as words before"),
            ({"prepare": ["words", {"type": "standard", "columns": "Room.1"}]}, "prepare[1].columns: 'Room.1' is made of tokens"),
            ({"prepare": ["words"], "model": [{"type": "dense", "units": "targets"}]},
             "model[0]: the data have several inputs; a branch names the one that this takes"),
        ]):  # fmt: skip
            done = self.run_of({**self.spec(), **change}, f"bad-{number}").finish()
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(message, done.stderr)


if __name__ == "__main__":
    unittest.main()
