"""What is generated and checked in is what the built programs print; every verb has a sound man page."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())
BUILD = os.path.abspath(os.environ.get("NIGHTJAR_BUILD", "build/dev"))
NJ = os.path.join(BUILD, "nightjar")
GENERATED = ("schema/spec.schema.json", "docs/settings.md", "docs/commands.md")


def run(*arguments, **more):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=300, **more)


DATA = {"source": "train.csv", "target": "y", "header": False}
DENSE = [{"type": "dense", "units": "classes"}]
GOOD = [
    {"command": ["python3", "train.py", 3], "resources": {"memory": "4G", "time": "1h30m", "cpus": 0.5}},
    {"command": "true", "queue": {"after": [1, "2"], "hold": True}},
    {"data": DATA, "model": DENSE, "train": {"optimizer": "sgd"}},
    {"data": DATA, "model": [*DENSE, "relu"], "train": {"optimizer": {"rate": 0.1}, "loss": "cross_entropy"}},
    {"data": DATA, "model": DENSE, "train": {"epochs": "{n}"}, "sweep": {"parameters": {"n": [1, 2]}}},
    {"sweep": {"method": "random", "parameters": {"train.optimizer.rate": {"low": 1e-5, "high": 0.1, "log": True}}}},
    {"experiments": [{"seed": 1}, {"command": ["a"]}]},
    {"name": None, "data": dict(DATA, header=None), "model": DENSE, "prepare": None, "train": {"optimizer": None}},
]
BAD = [
    {"name": ["a"]},
    {"name": True},
    {"data": {"source": None, "target": "y"}},
    {"comand": ["a"]},
    {"command": [True]},
    {"command": []},
    {"seed": -1},
    {"seed": 1.5},
    {"resources": {"memory": "lots"}},
    {"resources": {"cpus": 0}},
    {"data": {"target": "y"}},
    {"data": dict(DATA, header="maybe")},
    {"model": [{"units": 3}]},
    {"model": [{"type": "dense", "units": 0}]},
    {"model": [{"type": "dense", "units": 3, "uints": 4}]},
    {"train": {"optimizer": {"type": "adam", "rate": 0}}},
    {"train": {"optimizer": "adm"}},
    {"experiments": [3]},
]
TYPES = {"null": type(None), "object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float), "integer": (int, float)}


def has_type(value, name):
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name]) and (name != "integer" or value == int(value))


def problems_of_members(value, schema, root):
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{name} is missing"
    for name, member in value.items():
        below = properties.get(name, schema.get("additionalProperties", True))
        if below is False:
            yield f"{name} is unknown"
        elif below is not True:
            yield from problems(member, below, root)


def problems(value, schema, root):
    """What a validator of JSON Schema would say, for the keywords that ours uses."""
    if "$ref" in schema:
        yield from problems(value, root["$defs"][schema["$ref"][len("#/$defs/") :]], root)
    if "type" in schema and not has_type(value, schema["type"]):
        yield f"{value} is no {schema['type']}"
        return
    if "anyOf" in schema and all(list(problems(value, one, root)) for one in schema["anyOf"]):
        yield f"{value} is none of the alternatives"
    if "enum" in schema and not any(value is one or (value == one and type(value) is type(one)) for one in schema["enum"]):
        yield f"{value} is none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{value} is not {schema['const']}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{value} is not like {schema['pattern']}"
    if has_type(value, "number"):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            yield f"{value} is out of range"
        if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
            yield f"{value} is too small"
        if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
            yield f"{value} is too large"
    if isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            yield "the list has the wrong length"
        for item in value:
            yield from problems(item, schema.get("items", {}), root)
    if isinstance(value, dict):
        yield from problems_of_members(value, schema, root)


def nj(*arguments):
    done = run(NJ, *arguments)
    if done.returncode != 0:
        raise AssertionError(f"nj {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def verbs():
    return nj("completion", "verbs").split()


class GeneratedFiles(unittest.TestCase):
    def test_generated_files_are_fresh(self):
        folder = tempfile.mkdtemp(prefix="nightjar-generated-")
        self.addCleanup(shutil.rmtree, folder)
        environment = dict(os.environ, NIGHTJAR_BUILD=BUILD)
        done = run(os.path.join(SOURCE, "tests", "generate.sh"), folder, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in GENERATED:
            with self.subTest(name), open(os.path.join(SOURCE, name)) as old, open(
                os.path.join(folder, name)
            ) as new:
                self.assertEqual(old.read(), new.read(), f"{name} is stale: make generate")


class Schema(unittest.TestCase):
    def setUp(self):
        self.schema = json.loads(nj("explain", "--schema"))

    def test_every_reference_leads_somewhere(self):
        def references(value):
            if isinstance(value, dict):
                if "$ref" in value:
                    yield value["$ref"]
                for member in value.values():
                    yield from references(member)
            elif isinstance(value, list):
                for member in value:
                    yield from references(member)

        found = set(references(self.schema))
        self.assertIn("#/$defs/optimizer", found)
        for reference in found:
            self.assertTrue(reference.startswith("#/$defs/"), reference)
            self.assertIn(reference[len("#/$defs/") :], self.schema["$defs"])

    def test_every_top_level_key_is_there(self):
        self.assertEqual(
            set(self.schema["properties"]),
            set(
                "name question expectation tags seed command data prepare model train evaluate sweep experiments "
                "queue resources on_finish".split()
            ),
        )
        self.assertIs(self.schema["additionalProperties"], False)

    def test_ranges_and_defaults_are_there(self):
        rate = self.schema["$defs"]["optimizer.adam"]["properties"]["rate"]
        self.assertEqual(rate["default"], 0.001)
        self.assertEqual(
            rate["anyOf"][0], {"type": "number", "exclusiveMinimum": 0, "maximum": 10}
        )

    def test_good_specs_are_valid(self):
        for spec in GOOD:
            with self.subTest(spec):
                self.assertEqual(list(problems(spec, self.schema, self.schema)), [])

    def test_bad_specs_are_not(self):
        for spec in BAD:
            with self.subTest(spec):
                self.assertNotEqual(list(problems(spec, self.schema, self.schema)), [])


class ManPages(unittest.TestCase):
    def check(self, page):
        if not shutil.which("man"):
            self.skipTest("man is not installed")
        done = run("man", "-l", "--warnings", "-", input=page, env=dict(os.environ, LC_ALL="C.UTF-8"))
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def test_the_overview_names_every_verb(self):
        text = self.check(nj("help", "--man"))
        self.assertGreater(len(verbs()), 15)
        for verb in verbs():
            self.assertIn(f"nightjar-{verb}(1)", text)

    def test_every_verb_has_a_page_without_warnings(self):
        for verb in verbs():
            with self.subTest(verb):
                self.assertIn("SYNOPSIS", self.check(nj("help", verb, "--man")))


class InstalledPages(unittest.TestCase):
    def test_every_verb_has_its_page_and_bash_its_completion(self):
        share = tempfile.mkdtemp(prefix="nightjar-share-")
        self.addCleanup(shutil.rmtree, share)
        done = run(os.path.join(SOURCE, "client", "install_pages.sh"), NJ, share)
        self.assertEqual(done.returncode, 0, done.stderr)
        pages = sorted(os.listdir(os.path.join(share, "man", "man1")))
        self.assertEqual(pages, sorted(["nightjar.1", "nj.1"] + [f"nightjar-{verb}.1" for verb in verbs()]))
        with open(os.path.join(share, "bash-completion", "completions", "nj")) as file:
            self.assertIn("complete -F _nightjar nightjar nj", file.read())


if __name__ == "__main__":
    unittest.main()
