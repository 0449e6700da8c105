"""A real OVN for tests: its databases, northd and a controller, which wires the bridge of a real Open vSwitch.

One chassis, so nothing is tunnelled. Runs inside tests/sandbox; nothing of it outlives `stop`.
"""

import shutil
import subprocess
from pathlib import Path

from openvswitch_rig import OpenVSwitch, said_by
from waiting import eventually

SCHEMAS = Path("/usr/share/ovn")
PROGRAMS = ("ovn-northd", "ovn-controller", "ovn-nbctl")
INSTALLED = all(map(shutil.which, PROGRAMS))
STARTS_WITHIN_S = 30


class Ovn:
    """`ovn-northd` and `ovn-controller` with both databases, which keep everything in `directory`."""

    def __init__(self, directory: Path, switch: OpenVSwitch) -> None:
        self._directory, self._switch = directory, switch
        self._environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "OVN_RUNDIR": str(directory),
            "OVS_RUNDIR": str(switch.directory),
        }
        self._daemons: list[subprocess.Popen[bytes]] = []
        directory.mkdir(parents=True)
        self._north, south = self._database("nb"), self._database("sb")
        self._start("ovn-northd", f"--ovnnb-db={self._north}", f"--ovnsb-db={south}")
        ids = {
            "system-id": "here",
            "ovn-remote": south,
            "ovn-encap-type": "geneve",
            "ovn-encap-ip": "127.0.0.1",
            "ovn-bridge-datapath-type": "netdev",
        }
        marks = [f'external_ids:{key}="{value}"' for key, value in ids.items()]
        switch.vsctl("set", "open_vswitch", ".", *marks)
        self._start("ovn-controller", switch.connection)
        eventually(lambda: "br-int" in switch.bridges(), STARTS_WITHIN_S)

    def _database(self, name: str) -> str:
        file, socket = self._directory / f"{name}.db", self._directory / f"{name}.sock"
        self._run("ovsdb-tool", "create", str(file), str(SCHEMAS / f"ovn-{name}.ovsschema"))
        self._start(
            "ovsdb-server", str(file), f"--remote=punix:{socket}", f"--unixctl={self._directory}/{name}.ctl"
        )
        eventually(socket.exists, STARTS_WITHIN_S)
        return f"unix:{socket}"

    def _start(self, *command: str) -> None:
        with (self._directory / f"{command[0]}.log").open("ab") as log:
            self._daemons.append(
                subprocess.Popen(
                    [*command, "-vconsole:warn"],
                    env=self._environment,
                    stdout=log,
                    stderr=log,
                    cwd=self._directory,
                )
            )

    def _run(self, *command: str) -> str:
        return said_by(self._environment, *command)

    def nbctl(self, *arguments: str) -> str:
        """Run ovn-nbctl, as whoever makes networks and ports does, and return what it says."""
        return self._run("ovn-nbctl", f"--db={self._north}", "--timeout=120", *arguments)

    def is_up(self, port_id: str) -> bool:
        """Return whether a logical port is bound, and its packets pass."""
        return self.nbctl("lsp-get-up", port_id) == "up"

    def said(self) -> str:
        """Return what the programs have written, and the switch's."""
        logs = [*self._directory.glob("*.log"), *self._switch.directory.glob("*.log")]
        return "\n".join(f"{each.name}: {each.read_text()[-3000:]}" for each in logs)

    def stop(self) -> None:
        """End all, the controller first, which takes its bridge along no more than a host that is switched off."""
        for each in reversed(self._daemons):
            each.terminate()
            each.wait(60)
        self._switch.vsctl("clear", "open_vswitch", ".", "external_ids")
        shutil.rmtree(self._directory)
