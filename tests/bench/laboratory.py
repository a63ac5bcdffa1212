"""A private daemon to measure, and the processes that are timed beside it."""
import json
import os
import pathlib
import subprocess
import time

from scratch import scratch

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"


class Laboratory:
    """A private home and its daemon."""

    def __init__(self, slots):
        self.home = scratch("nightjar-bench-")
        self.environment = dict(os.environ, NIGHTJAR_HOME=self.home, XDG_RUNTIME_DIR=self.home)
        self.daemon = subprocess.Popen([BUILD / "nightjard", "--home", self.home, "--slots", str(slots)],
                                       env=self.environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while self.nj("daemon", "status", check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise RuntimeError("the daemon does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def nj(self, *arguments, check=True):
        done = subprocess.run([BUILD / "nj", *map(str, arguments)], env=dict(self.environment, NIGHTJAR_NO_START="1"),
                              capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"nj {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done

    def submit_list(self, n, **base):
        """A file with a batch of so many commands; its path."""
        path = pathlib.Path(self.home) / f"batch-of-{n}.json"
        deltas = [{"command": ["true", str(i)]} for i in range(n)]
        path.write_text(json.dumps({"name": "batch", **base, "experiments": deltas}), encoding="utf-8")
        return path

    def resident_mib(self):
        """Of the daemon."""
        for line in pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("the daemon is gone")

    def wakeups(self):
        """How often the daemon was woken so far."""
        for line in pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                return int(line.split()[1])
        raise RuntimeError("the daemon is gone")

    def processor_s(self):
        """What the daemon has used."""
        return int(pathlib.Path(f"/proc/{self.daemon.pid}/schedstat").read_text(encoding="ascii").split()[0]) * 1e-9

    def close(self):
        """What runs would outlive its daemon: nothing new starts, and it is ended."""
        self.nj("daemon", "drain", check=False)
        self.nj("cancel", "all", "--state", "active", check=False)
        self.nj("wait", "all", "--state", "active", "--timeout", "30s", check=False)
        self.daemon.terminate()
        self.daemon.wait(10)


def process(command, environment):
    """A function that runs one process: from its start to its end."""
    command = [str(word) for word in command]
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]

    def run():
        status = os.waitpid(os.posix_spawnp(command[0], command, environment, file_actions=silent), 0)[1]
        if status != 0:
            raise RuntimeError(f"{command[0]} ended with {status}")
    return run
