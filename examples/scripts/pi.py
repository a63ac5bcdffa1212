"""Any program can be an experiment: estimates pi by throwing darts and reports as it goes."""
import argparse
import json
import math
import os
import random

parser = argparse.ArgumentParser()
parser.add_argument("--darts", type=int, required=True)
parser.add_argument("--seed", type=int, default=int(os.environ.get("NIGHTJAR_SEED", "0")))
arguments = parser.parse_args()

darts = random.Random(arguments.seed)
hits = 0
with open(os.environ.get("NIGHTJAR_EVENTS", os.devnull), "a", encoding="utf-8", buffering=1) as events:
    for thrown in range(1, arguments.darts + 1):
        hits += darts.random() ** 2 + darts.random() ** 2 < 1
        if thrown % max(1, arguments.darts // 10) == 0:
            error = abs(4 * hits / thrown - math.pi)
            events.write(json.dumps({"error": error, "step": thrown}) + "\n")
print(f"pi is about {4 * hits / arguments.darts}")
