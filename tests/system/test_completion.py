"""Tab in bash: the printed script is sourced by a real bash, which is asked what it offers."""

import os
import shlex
import subprocess
import tempfile
import unittest

BUILD = os.path.abspath(os.environ.get("NIGHTJAR_BUILD", "build/dev"))
NJ = os.path.join(BUILD, "nj")


def offered(*words, folder=None):
    """What bash would offer for the last of the words."""
    line = " ".join(shlex.quote(word) for word in (NJ, *words))
    script = f"""
        source <("{NJ}" completion bash)
        COMP_WORDS=({line})
        COMP_CWORD={len(words)}
        _nightjar
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=300, cwd=folder
    )
    if done.returncode != 0 or done.stderr:
        raise AssertionError(done.stderr)
    return [line for line in done.stdout.split("\n") if line]


class Completion(unittest.TestCase):
    def test_verbs_are_offered_first(self):
        self.assertIn("submit", offered(""))
        self.assertEqual(offered("exp"), ["explain"])
        self.assertEqual(offered("nosuch"), [])

    def test_options_of_the_verb_are_offered(self):
        self.assertEqual(offered("check", "--s"), ["--set"])
        self.assertIn("--help", offered("check", "--"))
        self.assertNotIn("--set", offered("show", "--"))

    def test_options_do_not_hide_the_verb(self):
        self.assertEqual(offered("check", "--json", "--s"), ["--set"])

    def test_choices_of_an_option_are_offered(self):
        self.assertEqual(offered("best", "--goal", ""), ["minimize", "maximize"])
        self.assertEqual(offered("best", "--goal", "=", "ma"), ["maximize"])

    def test_states_are_offered(self):
        self.assertEqual(offered("restart", "last", "--state", "fa"), ["failed"])

    def test_words_of_a_verb_are_offered(self):
        self.assertEqual(offered("daemon", "sta"), ["start", "status"])
        self.assertEqual(offered("help", "expl"), ["explain"])

    def test_selections_are_offered(self):
        self.assertEqual(offered("show", "la"), ["last"])

    def test_files_are_offered_where_a_spec_belongs(self):
        with tempfile.TemporaryDirectory() as folder:
            open(os.path.join(folder, "a night.yaml"), "w").close()
            self.assertEqual(offered("check", "a", folder=folder), ["a night.yaml"])
            self.assertEqual(offered("show", "a", folder=folder), ["all"])

    def test_settings_are_offered_from_the_programs_tables(self):
        self.assertEqual(offered("explain", "resources.cp"), ["resources.cpus"])
        self.assertIn("train.optimizer.adam.rate", offered("explain", "train.opt"))
        self.assertEqual(offered("check", "x.yaml", "--set", "resources.cp"), ["resources.cpus="])

    def test_paths_to_set_are_those_of_a_spec(self):
        self.assertIn("train.optimizer.rate=", offered("submit", "x.yaml", "--set", "train.opt"))
        self.assertIn("train.optimizer.type=", offered("submit", "x.yaml", "--set", "train.opt"))
        self.assertEqual(
            set(offered("submit", "x.yaml", "--set", "model[2].un")), {"model[2].units="}
        )
        self.assertEqual(offered("submit", "x.yaml", "--set", "train.loss", "="), [])
        self.assertEqual(offered("submit", "x.yaml", "--set", "train.loss", "=", "c"), [])
        self.assertEqual(
            offered("submit", "x.yaml", "--set", "train.loss", "=", "mse", "--ti"), ["--time"]
        )

    def test_a_program_follows_two_dashes(self):
        self.assertIn("true", offered("submit", "--", "tru"))
        with tempfile.TemporaryDirectory() as folder:
            open(os.path.join(folder, "train.py"), "w").close()
            self.assertEqual(offered("submit", "--", "python3", "tr", folder=folder), ["train.py"])

    def test_the_script_is_sound(self):
        script = subprocess.run([NJ, "completion", "bash"], capture_output=True, timeout=300)
        self.assertEqual(script.returncode, 0)
        done = subprocess.run(["bash", "-n"], input=script.stdout, capture_output=True, timeout=300)
        self.assertEqual((done.returncode, done.stderr), (0, b""))


if __name__ == "__main__":
    unittest.main()
