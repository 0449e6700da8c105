"""A real Open vSwitch for tests: its two daemons, with the datapath in user space and a database of their own.

Runs inside tests/sandbox, whose /run is its own; nothing of it outlives `stop`.
"""

import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from evener.host import netns
from evener.host.driver import DriverSettings
from waiting import eventually

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
STARTS_WITHIN_S = 30


class OpenVSwitch:
    """ovsdb-server and ovs-vswitchd, with everything they keep in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "db.sock"
        self.connection = f"unix:{self.socket}"
        self._environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "OVS_RUNDIR": str(directory)}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        directory.mkdir(parents=True)
        self._run("ovsdb-tool", "create", str(directory / "conf.db"), str(SCHEMA))
        self.start_database()
        self.vsctl("--no-wait", "init")
        self.start_switch()

    def start_database(self) -> None:
        self._start("ovsdb-server", str(self.directory / "conf.db"), f"--remote=p{self.connection}")
        eventually(self.socket.exists, STARTS_WITHIN_S)

    def start_switch(self) -> None:
        self._start("ovs-vswitchd", self.connection)
        self.vsctl("add-br", "br-probe", "--", "set", "bridge", "br-probe", "datapath_type=netdev")
        self.vsctl("del-br", "br-probe")

    def _start(self, program: str, *arguments: str) -> None:
        log = (self.directory / f"{program}.log").open("ab")
        command = [
            program,
            *arguments,
            f"--pidfile={self.directory / program}.pid",
            "--no-chdir",
            "-vconsole:warn",
        ]
        with log:
            self._daemons[program] = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, cwd=self.directory
            )

    def _run(self, *command: str) -> str:
        return said_by(self._environment, *command)

    def vsctl(self, *arguments: str) -> str:
        """Run ovs-vsctl, which waits for ovs-vswitchd, and return what it says."""
        return self._run("ovs-vsctl", f"--db={self.connection}", "--timeout=120", *arguments)

    def settings(self, **mappings: str) -> DriverSettings:
        """Return the settings of a driver that uses this one."""
        return DriverSettings(bridges=mappings, datapath_type="netdev", ovsdb_connection=self.connection)

    def bridges(self) -> list[str]:
        return self.vsctl("list-br").split()

    def ports(self, bridge: str) -> list[str]:
        return self.vsctl("list-ports", bridge).split()

    def stop_daemon(self, program: str) -> None:
        daemon = self._daemons.pop(program)
        daemon.terminate()
        daemon.wait(60)

    def stop(self) -> None:
        """Delete all bridges, and end the daemons."""
        if "ovs-vswitchd" in self._daemons and "ovsdb-server" in self._daemons:
            for bridge in self.bridges():
                self.vsctl("del-br", bridge)
        for program in list(self._daemons):
            self.stop_daemon(program)
        shutil.rmtree(self.directory)


def said_by(environment: Mapping[str, str], *command: str) -> str:
    """Return what a command says that has to succeed."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def reaches(source: str, address: str, target: str, *, within_s: float = 30.0) -> bool:
    """Return whether a connection from one namespace to an address in another carries a large message."""
    message = b"x" * 100_000
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with netns.inside(target):
        server = socket.create_server((address, 80), family=family)
    with server:
        try:
            with netns.inside(source):
                client = socket.create_connection((address, 80), timeout=within_s)
        except TimeoutError:
            return False
        with client, server.accept()[0] as accepted:
            accepted.settimeout(within_s)
            accepted.sendall(message)
            received = b""
            while len(received) < len(message):
                received += client.recv(65536)
        return received == message
