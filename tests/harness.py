"""What system tests share: a private home, a daemon in it, a client, waits with deadlines.

Nothing here sleeps: readiness comes over the service manager's notify socket, changes of state over
`watch`, the end of a process from the process.
"""

import contextlib
import glob
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BUILD = os.environ.get("NIGHTJAR_BUILD", os.path.join(os.getcwd(), "build", "dev"))
DEADLINE_S = float(os.environ.get("NIGHTJAR_TEST_DEADLINE", "120"))
ENDED = ("done", "failed", "cancelled")


class DeadlineError(AssertionError):
    """Something that was to happen did not."""


class RpcError(Exception):
    """A failure that the daemon answered with."""

    def __init__(self, error):
        super().__init__(error.get("message"))
        self.code = error.get("code")
        self.data = error.get("data") or {}
        self.kind = self.data.get("kind")
        self.message = error.get("message", "")


class Client:
    """One connection. Requests by call(); notifications gather in `notes`."""

    def __init__(self, path, timeout=DEADLINE_S):
        self.timeout = timeout
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.pending = b""
        self.notes = []
        self.last_id = 0
        try:
            self.socket.connect(path)
            self.hello = self.read()["params"]
        except (OSError, EOFError, DeadlineError):
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def read(self, deadline=None):
        """The next message; EOFError when the daemon has closed."""
        deadline = deadline or time.monotonic() + self.timeout
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                raise DeadlineError("no message in time")
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("the daemon closed the connection")
            self.pending += data
        line, _, self.pending = self.pending.partition(b"\n")
        return json.loads(line)

    def send(self, method, **params):
        self.last_id += 1
        message = {"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}
        self.socket.sendall(json.dumps(message).encode() + b"\n")
        return self.last_id

    def answer(self, number):
        """The reply to request `number`; RpcError where it failed."""
        while True:
            message = self.read()
            if "id" not in message:
                self.notes.append(message)
                continue
            if message["id"] != number:
                raise AssertionError(f"reply {message['id']} where {number} was due")
            if "error" in message:
                raise RpcError(message["error"])
            return message["result"]

    def call(self, method, **params):
        return self.answer(self.send(method, **params))

    def wait(self, wanted, timeout=None, **selection):
        """Watches until wanted(rows by id) is true; returns the rows."""
        deadline = time.monotonic() + (timeout or self.timeout)
        rows = {row["id"]: row for row in self.call("watch", select=selection)["experiments"]}
        while not wanted(rows):
            try:
                message = self.notes.pop(0) if self.notes else self.read(deadline)
            except DeadlineError:
                states = {i: (r["state"], r.get("message")) for i, r in rows.items()}
                raise DeadlineError(f"waited in vain; states: {states}") from None
            if message.get("method") == "changed":
                row = message["params"]["row"]
                rows[row["id"]] = row
        return rows


class Daemon:
    """A daemon with a home of its own; use as a context manager. `wrapper`: what executes it."""

    def __init__(self, slots=2, arguments=(), home=None, environment=None, wrapper=()):
        self.folder = tempfile.mkdtemp(prefix="nightjar-test-")
        self.home = home or os.path.join(self.folder, "home")
        self.runtime = os.path.join(self.folder, "run")
        os.mkdir(self.runtime, 0o700)
        self.wrapper = wrapper
        self.arguments = ["--slots", str(slots), *arguments]
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("NIGHTJAR_")},
            "NIGHTJAR_HOME": self.home,
            "XDG_RUNTIME_DIR": self.runtime,
            "NIGHTJAR_LOG": "debug",
            **(environment or {}),
        }
        self.log = os.path.join(self.folder, "daemon.log")
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def __exit__(self, kind, *_):
        self.end()
        if kind:
            print(self.read_log())
        shutil.rmtree(self.folder, ignore_errors=True)

    def program(self, name):
        return os.path.join(BUILD, name)

    def read_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def launch(self, **environment):
        """Starts it and returns at once."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, self.program("nightjard"), *self.arguments],
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def start(self):
        """Returns when the daemon has said READY=1."""
        path = os.path.join(self.folder, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            os.chmod(path, 0o666)  # the daemon may be somebody else
            self.launch(NOTIFY_SOCKET=path)
            deadline = time.monotonic() + DEADLINE_S
            while time.monotonic() < deadline:
                if select.select([notify], [], [], 0.2)[0] and b"READY=1" in notify.recv(4096):
                    return
                if self.process.poll() is not None:
                    break
        raise DeadlineError("the daemon did not start:\n" + self.read_log())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return self.process.wait(DEADLINE_S)

    def end(self):
        """Ends the daemon and everything that it started."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self):
        """Every process that was started in this home."""
        found = []
        wanted = f"NIGHTJAR_HOME={self.home}".encode()
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/environ", "rb") as file:
                    if wanted in file.read().split(b"\0"):
                        found.append(int(name))
        return found

    @property
    def socket_path(self):
        return glob.glob(os.path.join(self.runtime, "nightjar", "*.sock"))[0]

    def connect(self, **options):
        return Client(self.socket_path, **options)

    def call(self, method, **params):
        with self.connect() as client:
            return client.call(method, **params)

    def submit(self, *command, **spec):
        """One command; returns its id. `spec` is merged into the spec, `_hold` and such into submit."""
        params = {k[1:]: spec.pop(k) for k in list(spec) if k.startswith("_")}
        base = {"name": "test", "command": list(command), **spec}
        environment = [f"{k}={v}" for k, v in os.environ.items() if not k.startswith("NIGHTJAR_")]
        answer = self.call("submit", **{"base": base, "cwd": self.folder,
                                        "environment": environment, **params})
        return answer["first"]

    def wait(self, *ids, states=ENDED, timeout=None):
        """Waits until all of them are in one of the states; returns their rows, in order."""
        with self.connect() as client:
            rows = client.wait(lambda now: all(i in now and now[i]["state"] in states for i in ids),
                               timeout, ids=[[i, i] for i in ids])
        return [rows[i] for i in ids]

    def show(self, number):
        return self.call("show", id=number)


def make_group_place(name):
    """A folder for control groups in a cgroup v2 tree, with whatever controllers there are: its path, for os.rmdir; None
    where that is not permitted."""
    for tree in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{tree}/cgroup.controllers") and os.access(tree, os.W_OK):
            with contextlib.suppress(OSError):
                os.mkdir(f"{tree}/nightjar-{name}-{os.getpid()}")
                return f"{tree}/nightjar-{name}-{os.getpid()}"
    return None


def groups_in(place):
    """Those of runs, in such a folder."""
    return [entry.name for entry in os.scandir(place) if entry.is_dir()]


def processes_of_runs(home):
    """Every live process that was started for a run in this home."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                entries = file.read().split(b"\0")
        except OSError:
            continue
        if any(entry.startswith(f"NIGHTJAR_RUN_DIR={home}/".encode()) for entry in entries):
            found.append(int(name))
    return found


def wait_until(condition, timeout=DEADLINE_S, interval=0.02):
    """For what no event tells (a file, another's process): looks until the deadline."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        select.select([], [], [], interval)
    raise DeadlineError("waited in vain")
