"""Two hundred kills in batches of sixty (fewer under the sanitizers, where everything takes longer).
`make soak` does the same for hours."""

import os
import random
import shutil
import tempfile
import unittest

import storm
from harness import BUILD

KILLS = 40 if os.environ.get("NIGHTJAR_SANITIZE") else 200


@unittest.skipUnless(os.path.exists(os.path.join(BUILD, "nightjar-engine")), "no engine is built")
class Killing(unittest.TestCase):
    def test_batch_under_many_kills_ends_as_if_nothing_had_happened(self):
        folder = tempfile.mkdtemp(prefix="nightjar-storm-")
        self.addCleanup(shutil.rmtree, folder)
        reference = storm.Reference(folder)
        left = KILLS
        while left > 0:
            seed = random.SystemRandom().randrange(1 << 32)
            print(f"(seed {seed}) ", end="", flush=True)
            with storm.Storm(reference, seed) as attack:
                attack.rage(left)
                attack.calm()
                attack.check(self)
            left -= attack.n_kills()


if __name__ == "__main__":
    unittest.main()
