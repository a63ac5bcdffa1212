"""Runs of nightjar-engine on folders made by hand."""

import json
import os
import subprocess

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())
BUILD = os.environ.get("NIGHTJAR_BUILD", os.path.join(SOURCE, "build/dev"))
ENGINE = os.path.join(BUILD, "nightjar-engine")
DATA = os.path.join(SOURCE, "examples/data")
DEADLINE = 120  # seconds

VOWEL = os.path.join(DATA, "vowel_speakers/Vowel.csv")
DIGITS = os.path.join(DATA, "sklearn_digits/digits.csv.gz")
IRIS = os.path.join(DATA, "sklearn_iris/iris.csv")
DIABETES = os.path.join(DATA, "sklearn_diabetes/diabetes.csv")


# The worker names a core of OpenBLAS's, which does not know every processor.
with open("/proc/cpuinfo", encoding="ascii") as file:
    flags = set(file.read().split())
if "avx2" in flags:
    os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX" if "avx512bw" in flags else "Haswell")


def engine(*arguments, **keywords):
    return subprocess.run([ENGINE, *arguments], capture_output=True, text=True, timeout=DEADLINE, **keywords)


def check(specs, cwd=None):
    """One answer a spec, and the exit status."""
    lines = "".join(json.dumps({"spec": spec, "cwd": cwd or SOURCE}) + "\n" for spec in specs)
    done = engine("check", input=lines)
    return [json.loads(line) for line in done.stdout.splitlines()], done


class Run:
    """One run folder beside its experiment's checkpoint folder."""

    def __init__(self, folder, spec, seed=1, run=1, cwd=SOURCE):
        self.experiment = folder
        self.folder = os.path.join(folder, str(run))
        self.artifacts = os.path.join(self.folder, "artifacts")
        self.checkpoint = os.path.join(folder, "checkpoint")
        os.makedirs(self.folder)
        self.journal = os.path.join(self.folder, "reported.jsonl")
        with open(os.path.join(self.folder, "spec.json"), "w") as file:
            json.dump({"v": 1, "id": 1, "run": run, "seed": seed, "cwd": cwd, "spec": spec}, file)
        self.environment = {
            **os.environ,
            "NIGHTJAR_EVENTS": self.journal,
            "NIGHTJAR_RUN_DIR": self.folder,
            "NIGHTJAR_ARTIFACTS": self.artifacts,
            "NIGHTJAR_CHECKPOINT": self.checkpoint,
        }

    def start(self):
        return subprocess.Popen([ENGINE, "run", self.folder], env=self.environment, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def finish(self):
        return engine("run", self.folder, env=self.environment)

    def events(self, kind=None):
        if not os.path.exists(self.journal):
            return []
        with open(self.journal) as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        return [line for line in lines if kind is None or line["event"] == kind]

    def results(self):
        return {e["name"]: e["value"] for e in self.events("metric") if "step" not in e}

    def naive(self):
        return {e["name"]: e.get("naive") for e in self.events("metric") if "step" not in e}

    def artifact(self, name):
        return os.path.join(self.artifacts, name)

    def split(self):
        with open(self.artifact("split.json")) as file:
            return json.load(file)


def layers(*units, activation="relu"):
    hidden = [{"type": "dense", "units": n, "activation": activation} for n in units]
    return hidden + [{"type": "dense", "units": "classes"}]


def every_fifth(folder, n):
    """Index files: every fifth row is for the test, as the reference scores have it."""
    path = os.path.join(folder, "test.txt")
    with open(path, "w") as file:
        file.writelines(f"{i}\n" for i in range(n) if i % 5 == 4)
    return {"by": "index", "test": path}
