"""The units, socket activation, and what the service manager is told."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from harness import BUILD, DEADLINE_S, Client, Daemon, wait_until

SOURCE = os.environ.get("NIGHTJAR_SOURCE", os.getcwd())
UNITS = os.path.join(SOURCE, "systemd")


class Units(unittest.TestCase):
    def look_for(self, page, folder):
        """The page that a unit names is one that is installed; man itself may not be here to find it."""
        subprocess.run([os.path.join(SOURCE, "client/install_pages.sh"), os.path.join(BUILD, "nightjar"), folder],
                       check=True, timeout=DEADLINE_S)
        self.assertTrue(os.path.exists(os.path.join(folder, f"man/man{page[2]}/{page[1]}.{page[2]}")))
        return ""

    def verify(self, kind):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("nightjard.service", "nightjard.socket"):
                with open(os.path.join(UNITS, kind, name), encoding="utf-8") as file:
                    text = file.read()
                text = text.replace("ExecStart=nightjard", f"ExecStart={BUILD}/nightjard")
                text = re.sub(r"Documentation=man:(.+)\((\d)\)\n", lambda page: self.look_for(page, folder), text)
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            units = [os.path.join(folder, name) for name in ("nightjard.service", "nightjard.socket")]
            done = subprocess.run(["systemd-analyze", f"--{kind}", "verify", *units],
                                  env={**os.environ, "XDG_RUNTIME_DIR": folder},
                                  capture_output=True, text=True, timeout=DEADLINE_S)
            ours = [line for line in (done.stdout + done.stderr).splitlines() if "nightjard" in line]
            self.assertEqual(ours, [])
            self.assertEqual(done.returncode, 0, done.stderr)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_user_units_are_valid(self):
        self.verify("user")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_system_units_are_valid(self):
        self.verify("system")

    @unittest.skipUnless(shutil.which("systemd-sysusers"), "systemd-sysusers is not installed")
    def test_user_of_the_system_variant_can_be_made(self):
        with tempfile.TemporaryDirectory() as root:
            os.mkdir(os.path.join(root, "etc"))
            done = subprocess.run(["systemd-sysusers", f"--root={root}",
                                   os.path.join(UNITS, "sysusers.conf")],
                                  capture_output=True, text=True, timeout=DEADLINE_S)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(root, "etc", "passwd"), encoding="utf-8") as file:
                self.assertIn("nightjar:", file.read())

    def test_runs_outlive_the_service(self):
        for kind in ("user", "system"):
            with open(os.path.join(UNITS, kind, "nightjard.service"), encoding="utf-8") as file:
                lines = file.read().splitlines()
            self.assertIn("KillMode=process", lines)
            self.assertIn("OOMPolicy=continue", lines)
            self.assertFalse([line for line in lines if line.startswith("Delegate=")])


class Activation(unittest.TestCase):
    @unittest.skipUnless(shutil.which("systemd-socket-activate"),
                         "systemd-socket-activate is not installed")
    def test_passed_socket_is_used_and_found_under_the_usual_name(self):
        daemon = Daemon()
        self.addCleanup(shutil.rmtree, daemon.folder, ignore_errors=True)
        self.addCleanup(daemon.end)
        path = os.path.join(daemon.folder, "passed.sock")
        names = ["NIGHTJAR_HOME", "XDG_RUNTIME_DIR", "PATH", "ASAN_OPTIONS"]
        with open(daemon.log, "wb") as log:
            daemon.process = subprocess.Popen(
                ["systemd-socket-activate", "-l", path, *(f"-E{n}" for n in names if n in daemon.environment),
                 daemon.program("nightjard")],
                env=daemon.environment, stdout=log, stderr=log, start_new_session=True)
        wait_until(lambda: os.path.exists(path) and "Listening" in daemon.read_log())
        with Client(path) as client:
            self.assertEqual(client.call("daemon.status")["pid"], daemon.process.pid)
        self.assertEqual(os.readlink(daemon.socket_path), path)
        number = daemon.submit("env")
        self.assertEqual(daemon.wait(number)[0]["state"], "done")
        with open(daemon.show(number)["runs"][0]["log"], encoding="utf-8") as log:
            self.assertNotIn("LISTEN_", log.read())
        self.assertEqual(daemon.terminate(), 0)
        self.assertEqual(os.listdir(os.path.join(daemon.runtime, "nightjar")), [])
        self.assertTrue(os.path.exists(path))  # it is the service manager's

    def test_variables_meant_for_another_process_are_not_used(self):
        with Daemon(environment={"LISTEN_PID": "1", "LISTEN_FDS": "1"}) as daemon:
            self.assertFalse(os.path.islink(daemon.socket_path))
            self.assertEqual(daemon.call("daemon.status")["pid"], daemon.process.pid)

    def test_something_else_than_a_socket_is_refused(self):
        with tempfile.TemporaryDirectory() as folder, open("/dev/null", "rb") as other:
            environment = {**os.environ, "NIGHTJAR_HOME": os.path.join(folder, "home"),
                           "XDG_RUNTIME_DIR": folder}
            script = "import os,sys; os.environ['LISTEN_PID']=str(os.getpid()); " \
                     "os.environ['LISTEN_FDS']='1'; os.dup2(int(sys.argv[1]),3); " \
                     "os.set_inheritable(3,True); os.execv(sys.argv[2],sys.argv[2:])"
            done = subprocess.run(["/usr/bin/python3", "-c", script, str(other.fileno()),
                                   os.path.join(BUILD, "nightjard")], env=environment,
                                  pass_fds=[other.fileno()], capture_output=True, text=True,
                                  timeout=DEADLINE_S)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("passed to us", done.stderr)


class Notifying(unittest.TestCase):
    def told(self, address):
        """All that a daemon says from its start to its end."""
        messages = []
        daemon = Daemon()
        self.addCleanup(shutil.rmtree, daemon.folder, ignore_errors=True)
        self.addCleanup(daemon.end)
        place = address(daemon.folder)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stub, open(daemon.log, "wb") as log:
            stub.bind(place)
            name = place if place[0] == "/" else "@" + place[1:]
            daemon.process = subprocess.Popen(
                [daemon.program("nightjard")], env={**daemon.environment, "NOTIFY_SOCKET": name},
                stdout=log, stderr=log, start_new_session=True)

            def gather(wanted):
                deadline = time.monotonic() + DEADLINE_S
                while wanted not in messages and time.monotonic() < deadline:
                    if select.select([stub], [], [], 0.2)[0]:
                        messages.append(stub.recv(4096).decode())
                self.assertIn(wanted, messages, daemon.read_log())

            gather("READY=1")
            self.assertEqual(daemon.call("daemon.status")["pid"], daemon.process.pid)
            os.mkfifo(os.path.join(daemon.folder, "gate"))
            number = daemon.submit("cat", "gate")
            daemon.wait(number, states=("running",))
            gather("STATUS=1 running")
            with open(os.path.join(daemon.folder, "gate"), "w", encoding="utf-8"):
                pass
            daemon.wait(number)
            gather("STATUS=0 running")
            daemon.process.send_signal(signal.SIGTERM)
            gather("STOPPING=1")
            self.assertEqual(daemon.process.wait(DEADLINE_S), 0)
        return messages

    def test_service_manager_is_told_of_readiness_state_and_end(self):
        messages = self.told(lambda folder: os.path.join(folder, "notify"))
        self.assertLess(messages.index("READY=1"), messages.index("STOPPING=1"))

    def test_abstract_notify_socket_is_understood(self):
        self.told(lambda folder: "\0nightjar-" + os.path.basename(folder))


if __name__ == "__main__":
    unittest.main()
