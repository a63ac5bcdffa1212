"""The queue at work and at scale: commands from submission to verdict, the first instruction, 100,000 that wait."""
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

from figure import Figure, alternate, timed
from laboratory import BUILD, Laboratory, process
from peers.queues import Nq, Slurm, Spooler

FIGURES = ["commands_nq", "commands_tsp", "commands_slurm", "latency_tsp", "latency_nq", "enqueue_rate", "enqueue_full",
           "full_status", "full_report", "full_pass", "full_memory", "idle_wakeups"]

COMMANDS = 1000
SLURM_COMMANDS = 20
ROUNDS = 3
LATENCIES = 40
BATCH = 10_000
FULL = 100_000


def skipped(name, peer):
    missing = peer.missing()
    if missing:
        print(f"{name}: skipped, {missing[0]} is missing")
    return bool(missing)


# ---- from submission to verdict ----


def ours_runs(laboratory, path):
    """One batch; each command with its folder, its durable state and its exit record."""
    return lambda: timed(lambda: laboratory.nj("submit", path, "--wait", "--quiet"))


def theirs_runs(peer):
    def run():
        if isinstance(peer, Nq):
            peer.renew()

        def work():
            for _ in range(COMMANDS):
                peer.give("true")
            peer.wait()
        return timed(work)
    return run


def measure_commands(name, make_peer, slots, against):
    with Laboratory(slots) as laboratory, make_peer() as peer:
        path = laboratory.submit_list(COMMANDS)
        ours, theirs = alternate(ROUNDS, ours_runs(laboratory, path), theirs_runs(peer))
    ours, theirs = COMMANDS / ours, COMMANDS / theirs
    yield Figure(name, ours, "commands/s", theirs, ours / theirs, 1.0, against=against)


def measure_commands_slurm():
    with Laboratory(2) as laboratory, Slurm(2) as slurm:
        path = laboratory.submit_list(COMMANDS)

        def theirs():
            slurm.give_many(SLURM_COMMANDS)
            slurm.wait()
        ours, theirs = alternate(1, ours_runs(laboratory, path), lambda: timed(theirs))
    ours, theirs = COMMANDS / ours, SLURM_COMMANDS / theirs
    yield Figure("commands_slurm", ours, "commands/s", theirs, ours / theirs, 20.0,
                 against=f"one node by hand, an array of {SLURM_COMMANDS}, no accounting")


# ---- the first instruction ----


def latency(submit, stamp):
    """Milliseconds from the call of a submission to the command's first instruction."""
    def run():
        stamp.unlink(missing_ok=True)
        began = time.time()
        submit()
        deadline = time.monotonic() + 30
        while not (stamp.exists() and stamp.stat().st_size):
            if time.monotonic() > deadline:
                raise RuntimeError("the command did not start")
            time.sleep(0.002)
        seconds = int(stamp.read_text(encoding="ascii")) / 1e6 - began
        time.sleep(0.02)  # idle again
        return seconds
    return run


def build_stamp(folder):
    program = folder / "stamp"
    source = pathlib.Path(__file__).parent / "peers" / "stamp.c"
    subprocess.run(["cc", "-O2", "-o", program, source], check=True)
    return program


def measure_latency(name, make_peer, against):
    with tempfile.TemporaryDirectory() as folder, Laboratory(2) as laboratory, make_peer() as peer:
        folder = pathlib.Path(folder)
        program, ours, theirs = build_stamp(folder), folder / "ours", folder / "theirs"
        submit = process([BUILD / "nj", "submit", "--", program, ours], laboratory.environment)
        ours, theirs = alternate(LATENCIES, latency(submit, ours),
                                 latency(lambda: peer.give(str(program), str(theirs)), theirs))
    ours, theirs = 1e3 * ours, 1e3 * theirs
    yield Figure(name, ours, "ms", theirs, 5 / ours, 1.0, against=f"{against}; the target is 5 ms")


# ---- 100,000 that wait ----


def measure_enqueue():
    """Durable, as one process that submits one batch."""
    with Laboratory(1) as laboratory:
        laboratory.nj("submit", "--", "sleep", "3600")
        path = laboratory.submit_list(BATCH)
        seconds = statistics.median(timed(lambda: laboratory.nj("submit", path)) for _ in range(5))
        laboratory.nj("cancel", "all")
    yield Figure("enqueue_rate", BATCH / seconds, "experiments/s", 20_000, BATCH / seconds / 20_000, 1.0,
                 against=f"what was promised; a batch of {BATCH:,}")


def measure_enqueue_full():
    with Laboratory(1) as empty, Laboratory(1) as full:
        for laboratory in (empty, full):
            laboratory.nj("submit", "--", "sleep", "3600")
        full.nj("submit", full.submit_list(FULL))
        submits = [process([BUILD / "nj", "submit", "--", "true"], laboratory.environment)
                   for laboratory in (full, empty)]
        alternate(100, *submits)  # the log is written over by then
        ours, theirs = (1e3 * seconds for seconds in alternate(300, *submits))
        batches = [process([BUILD / "nj", "submit", laboratory.submit_list(BATCH)], laboratory.environment)
                   for laboratory in (full, empty)]
        batch_full, batch_empty = alternate(3, *batches)
    yield Figure("enqueue_full", ours, "ms", theirs, theirs / ours, 1 / 1.2,
                 against=f"the empty queue; {FULL:,} wait in ours")
    yield Figure("enqueue_full_batch", batch_full, "s", batch_empty, batch_empty / batch_full, 1 / 1.2,
                 against=f"the same of a batch of {BATCH:,}")


def measure_full():
    with Laboratory(1) as laboratory:
        laboratory.nj("submit", "--", "sleep", "3600")
        laboratory.nj("submit", laboratory.submit_list(BATCH))
        after_batch = laboratory.resident_mib()
        laboratory.nj("submit", laboratory.submit_list(FULL - BATCH))
        for verb in ("status", "report"):
            ask = process([BUILD / "nj", verb], laboratory.environment)
            seconds = statistics.median(timed(ask) for _ in range(20))
            yield Figure(f"full_{verb}", 1e3 * seconds, "ms", 50, 50e-3 / seconds, 1.0 if verb == "status" else None,
                         against=f"what was promised of nj status; {FULL:,} wait")
        yield measure_pass(laboratory)
        largest = max(after_batch, laboratory.resident_mib())
        yield Figure("full_memory", largest, "MiB", 16, 16 / largest, 1.0,
                     against=f"what was promised; resident after {BATCH:,}, with {FULL:,} and after some of them ran")


def measure_pass(laboratory):
    """All that the daemon does from one verdict to the next, of which the scheduling pass is a part."""
    laboratory.nj("daemon", "reload", "--slots", 2)
    began, ended_before = laboratory.processor_s(), ended(laboratory)
    deadline = time.monotonic() + 60
    while ended(laboratory) - ended_before < 100 and time.monotonic() < deadline:
        time.sleep(0.1)
    n = ended(laboratory) - ended_before
    used = laboratory.processor_s() - began
    laboratory.nj("daemon", "drain")
    return Figure("full_pass", 1e3 * used / n, "ms", 5, 5e-3 * n / used, 1.0,
                  against="what was promised for a scheduling pass; ours: all of the daemon's work for a command")


def ended(laboratory):
    counts = json.loads(laboratory.nj("daemon", "status", "--json").stdout)["counts"]
    return sum(counts.get(state, 0) for state in ("done", "failed"))


def measure_idle():
    with Laboratory(2) as laboratory:
        laboratory.nj("submit", "--wait", "--quiet", "--", "true")
        laboratory.nj("submit", "--hold", "--", "true")
        time.sleep(3)  # the last connection is closed, the last run forgotten
        before = laboratory.wakeups()
        time.sleep(5)
        n = laboratory.wakeups() - before
    yield Figure("idle_wakeups", n, "in 5 s", 0, 1.0 if n == 0 else 0.0, 1.0, against="none; one experiment is held")


def measure(only):
    def wanted(name):
        return name.startswith(only)

    if wanted("commands_nq") and not skipped("commands_nq", Nq):
        yield from measure_commands("commands_nq", Nq, 2, "nq, a process each, one at a time")
    if wanted("commands_tsp") and not skipped("commands_tsp", Spooler):
        yield from measure_commands("commands_tsp", lambda: Spooler(2), 2, "tsp, 2 slots, a process each; keeps nothing")
    if wanted("commands_slurm") and not skipped("commands_slurm", Slurm):
        yield from measure_commands_slurm()
    if wanted("latency_tsp") and not skipped("latency_tsp", Spooler):
        yield from measure_latency("latency_tsp", lambda: Spooler(2), "tsp -n; keeps nothing")
    if wanted("latency_nq") and not skipped("latency_nq", Nq):
        yield from measure_latency("latency_nq", Nq, "nq -q")
    if wanted("enqueue_rate"):
        yield from measure_enqueue()
    if wanted("enqueue_full"):
        yield from measure_enqueue_full()
    if any(wanted(name) for name in FIGURES if name.startswith("full_")):
        yield from (figure for figure in measure_full() if wanted(figure.name))
    if wanted("idle_wakeups"):
        yield from measure_idle()
