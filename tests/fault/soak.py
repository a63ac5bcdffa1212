"""The kill storm for hours: soak.py KILLS [SEED [ROUND]].

Each round is a home of its own with a batch of sixty; its seed is (SEED, ROUND), so that a soak that was
interrupted goes on where it was, and a round that failed is done again alone. A round that fails leaves
its home behind.
"""

import random
import sys
import tempfile
import time
import unittest

import storm


class Progress:
    def __init__(self, wanted, seed):
        self.wanted, self.seed = wanted, seed
        self.begun = time.monotonic()
        self.kills = 0

    def tell(self, number, end="\r"):
        spent = time.monotonic() - self.begun
        left = spent / self.kills * max(0, self.wanted - self.kills) if self.kills else 0
        print(f"seed {self.seed}, round {number}: {self.kills} of {self.wanted} kills, {spent / 60:.1f} min, "
              f"{left / 60:.0f} min to go   ", end=end, flush=True)

    def count(self, number):
        self.kills += 1
        if self.kills % 20 == 0:
            self.tell(number, "\r" if sys.stdout.isatty() else "\n")


def play(reference, seed, number, progress):
    attack = storm.Storm(reference, f"{seed}/{number}")
    try:
        attack.daemon.start()
        attack.rage(progress.wanted, lambda: progress.count(number))
        attack.calm()
        attack.check(unittest.TestCase())
    except Exception:
        attack.daemon.end()
        print(f"\nround {number} failed: make soak SEED={seed} ROUND={number} does it again; "
              f"see {attack.daemon.folder}")
        raise
    except KeyboardInterrupt:
        attack.__exit__(None)
        raise
    attack.__exit__(None)


def main():
    wanted = int(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    number = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    progress = Progress(wanted, seed)
    with tempfile.TemporaryDirectory(prefix="nightjar-soak-") as folder:
        reference = storm.Reference(folder)
        while progress.kills < wanted:
            try:
                play(reference, seed, number, progress)
            except KeyboardInterrupt:
                sys.exit(f"\ngo on with: make soak SEED={seed} ROUND={number} "
                         f"KILLS={wanted - progress.kills}")
            number += 1
    progress.tell(number - 1, "\n")
    print("every verdict once, every row once, every weight as it was, nothing left behind")


main()
