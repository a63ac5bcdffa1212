"""Queues of others, each in a folder of its own: submit(command) hands one command over, wait() until all have ended."""
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from scratch import scratch


class Peer:
    needs: list[str] = []

    def __init__(self):
        self.folder = pathlib.Path(scratch("nightjar-peer-"))
        self.environment = dict(os.environ, TMPDIR=str(self.folder))

    @classmethod
    def missing(cls):
        return [name for name in cls.needs if not shutil.which(name)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def run(self, *command):
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def submit(self, *command):
        pid = os.posix_spawnp(command[0], command, self.environment,
                              file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
        if os.waitpid(pid, 0)[1] != 0:
            raise RuntimeError(f"{command[0]} failed")

    def close(self):
        """Ends what it started."""


class Spooler(Peer):
    """task-spooler, which keeps nothing on disk."""
    needs = ["tsp"]

    def __init__(self, slots):
        super().__init__()
        self.environment.update(TS_SOCKET=str(self.folder / "socket"), TS_MAXFINISHED="10", TS_SLOTS=str(slots))
        self.run("tsp", "-S", str(slots))

    def give(self, *command):
        self.submit("tsp", "-n", *command)

    def wait(self):
        while any(f" {state} " in self.run("tsp", "-l") for state in ("queued", "running")):
            time.sleep(0.01)

    def close(self):
        subprocess.run(["tsp", "-k"], env=self.environment, check=False, capture_output=True)
        subprocess.run(["tsp", "-K"], env=self.environment, check=False, capture_output=True)
        super().close()


class Nq(Peer):
    """nq runs the jobs of a folder one after the other."""
    needs = ["nq"]

    def __init__(self):
        super().__init__()
        self.renew()

    def renew(self):
        """A new folder: each job looks at all before it."""
        self.environment["NQDIR"] = tempfile.mkdtemp(prefix="jobs-", dir=self.folder)

    def give(self, *command):
        self.submit("nq", "-q", *command)

    def wait(self):
        self.run("nq", "-w")


SLURM = """ClusterName=bench
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
SlurmctldPort=26817
SlurmdPort=26818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=1000,bf_interval=1
MaxArraySize=10001
MaxJobCount=20000
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory=1000
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Slurm(Peer):
    """One node, started by hand as root, told to schedule as often as it can."""
    needs = ["slurmctld", "slurmd", "munged", "sbatch"]

    @classmethod
    def missing(cls):
        return super().missing() or ([] if os.geteuid() == 0 else ["root"])

    def __init__(self, cpus):
        super().__init__()
        self.folder.chmod(0o755)
        (self.folder / "state").mkdir()
        (self.folder / "spool").mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        host = socket.gethostname().split(".")[0]
        conf = self.folder / "slurm.conf"
        conf.write_text(SLURM.format(folder=self.folder, host=host, cpus=cpus), encoding="ascii")
        self.environment["SLURM_CONF"] = str(conf)
        self.job = self.folder / "job.sh"
        self.job.write_text("#!/bin/sh\n/bin/true\n", encoding="ascii")
        try:
            self.run("munged", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.sock",
                     f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                     f"--seed-file={self.folder}/munged.seed")
            self.run("slurmctld", "-f", str(conf))
            self.run("slurmd", "-f", str(conf))
            self.wait_until(lambda: self.run("sinfo", "-h", "-o", "%t").strip() == "idle")
        except (RuntimeError, subprocess.CalledProcessError):
            self.close()
            raise

    @staticmethod
    def wait_until(condition, seconds=60):
        deadline = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except subprocess.CalledProcessError:
                pass
            if time.monotonic() > deadline:
                raise RuntimeError("slurm did not come up")
            time.sleep(0.05)

    def give_many(self, n):
        self.run("sbatch", "-Q", "-o", "/dev/null", f"--array=1-{n}", str(self.job))

    def wait(self):
        self.wait_until(lambda: not self.run("squeue", "-h").strip(), 600)

    def close(self):
        for name in ("slurmd", "slurmctld", "munged"):
            pid = self.folder / f"{name}.pid"
            if pid.exists():
                subprocess.run(["kill", pid.read_text(encoding="ascii").strip()], check=False, capture_output=True)
        super().close()
