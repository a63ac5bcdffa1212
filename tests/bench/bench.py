"""Runs the benchmarks whose figures start with a prefix, prints a table and writes build/bench.jsonl.

A benchmark is a module bench_*.py beside this file with FIGURES (the names that it can measure) and
measure(only) that yields Figure objects. A ratio above 1 means that Nightjar is better; a target is what the project
promised. Ours and the peer's runs alternate, so that a noisy machine is noisy for both.
"""
import importlib
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests")]


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    modules = [importlib.import_module(path.stem) for path in sorted(HERE.glob("bench_*.py"))]
    chosen = [module for module in modules if any(name.startswith(only) for name in module.FIGURES)]
    if not chosen:
        names = ", ".join(name for module in modules for name in module.FIGURES)
        print(f"bench: no figure starts with '{only}' (there are: {names})", file=sys.stderr)
        return 2
    output = ROOT / "build" / "bench.jsonl"
    output.parent.mkdir(exist_ok=True)
    print(f"{'figure':34} {'value':>12} {'unit':<12} {'peer':>12} {'ratio':>7} {'target':>7}  against")
    with open(output, "w", encoding="utf-8") as lines:
        for module in chosen:
            for figure in module.measure(only):
                lines.write(json.dumps(figure.row()) + os.linesep)
                lines.flush()
                print(figure.line(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
