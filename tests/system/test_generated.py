"""What is generated and checked in is what the built programs print; every verb has a sound man page."""

import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())
BUILD = os.path.abspath(os.environ.get("NIGHTJAR_BUILD", "build/dev"))
NJ = os.path.join(BUILD, "nightjar")
GENERATED = ("schema/spec.schema.json", "docs/settings.md", "docs/commands.md")


def run(*arguments, **more):
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, **more)


def nj(*arguments):
    done = run(NJ, *arguments)
    if done.returncode != 0:
        raise AssertionError(f"nj {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def verbs():
    lines = nj("help").splitlines()
    return [line.split()[0] for line in lines if line.startswith("  ") and line[2:3].islower()]


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
                "name question tags seed command data prepare model train evaluate sweep experiments "
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

    def test_the_examples_are_valid(self):
        try:
            import jsonschema
            import yaml
        except ImportError:
            self.skipTest("python3-jsonschema and python3-yaml are not installed")

        # YAML 1.1 takes 1e-3 for a text and no for false; specs are YAML 1.2
        class Loader(yaml.SafeLoader):
            pass

        Loader.yaml_implicit_resolvers = {
            first: [r for r in found if r[0] != "tag:yaml.org,2002:bool"]
            for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }
        Loader.add_implicit_resolver(
            "tag:yaml.org,2002:bool", __import__("re").compile("^(true|false)$"), list("tf")
        )
        Loader.add_implicit_resolver(
            "tag:yaml.org,2002:float",
            __import__("re").compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$"),
            list("-+.0123456789"),
        )
        validator = jsonschema.Draft202012Validator(self.schema)
        for path in sorted(glob.glob(os.path.join(SOURCE, "examples", "*.yaml"))):
            with self.subTest(path), open(path) as file:
                validator.validate(yaml.load(file, Loader))


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


if __name__ == "__main__":
    unittest.main()
