"""A network node with the real evener-agent, started with the files that Neutron-LBaaS's own agent had there."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from standalone import frozen

from waiting import eventually
from warm_programs import start

PROGRAM = str(Path(sys.executable).parent / "evener-agent")
HOST = "node-1"
# What all of Neutron's programs on a node read; the last two lines are ours.
NEUTRON_CONF = """[DEFAULT]
core_plugin = ml2
auth_strategy = keystone
state_path = {state}
host = {host}
transport_url = {transport_url}
periodic_interval = 1
resync_interval = 5
metrics_port = 19977
[keystone_authtoken]
auth_type = password
password = NEUTRON_PASS
[oslo_concurrency]
lock_path = /var/lib/neutron/tmp
[service_providers]
service_provider = VPN:strongswan:neutron_vpnaas.services.vpn.service_drivers.ipsec.IPsecVPNDriver:default
"""
# As Neutron-LBaaS shipped it for Linux bridges, each line as it stands there, without its `# `.
LBAAS_AGENT_INI = """[DEFAULT]
# Show debugging output in log (sets DEBUG log level output).
# debug = False

# The LBaaS agent will resync its state with Neutron to recover from any
# transient notification or rpc errors. The interval is number of
# seconds between attempts.
# periodic_interval = 10

# Use veth for an OVS interface or not.
# Support kernels with limited namespace support
# (e.g. RHEL 6.5) so long as ovs_use_veth is set to True.
ovs_use_veth = False

# Example of interface_driver option for LinuxBridge
interface_driver = neutron.agent.linux.interface.BridgeInterfaceDriver

device_driver = neutron_lbaas.services.loadbalancer.drivers.haproxy.namespace_driver.HaproxyNSDriver

[haproxy]
# Location to store config and state files
loadbalancer_state_path = $state_path/lbaas

# The user group
user_group = nogroup

# When delete and re-add the same vip, send this many gratuitous ARPs to flush
# the ARP cache in the Router. Set it below or equal to 0 to disable this feature.
send_gratuitous_arp = 3
"""


class Node:
    """One evener-agent, with state of its own."""

    def __init__(
        self, directory: Path, transport_url: str, program: Sequence[str] = (PROGRAM,), more: str = ""
    ) -> None:
        self.directory, self.state = directory, directory / "neutron"
        self.state.mkdir(parents=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = self.state / "evener-agent.log"
        files = {
            "neutron.conf": NEUTRON_CONF.format(state=self.state, host=HOST, transport_url=transport_url),
            "lbaas_agent.ini": LBAAS_AGENT_INI + more,
        }
        self.command = [*program]
        for name, text in files.items():
            (directory / name).write_text(text)
            self.command += ["--config-file", str(directory / name)]

    def start(self) -> None:
        """Start it, and return once it works."""
        serving = self.said("Serving load balancers")
        with (self.directory / "output").open("ab") as output:
            self.process = start(self.command, output)
        eventually(lambda: self.said("Serving load balancers") > serving, 60, self.last_words)

    def said(self, words: str) -> int:
        """Return how often the log says `words`."""
        return self.log.read_text().count(words) if self.log.exists() else 0

    def last_words(self) -> str:
        log = self.log.read_text() if self.log.exists() else ""
        return (self.directory / "output").read_text()[-1000:] + log[-3000:]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        command = [*self.command, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)

    def kill(self) -> None:
        self.process.kill()
        assert self.process.wait(60) == -signal.SIGKILL

    def frozen(self) -> AbstractContextManager[None]:
        """Let it do nothing meanwhile."""
        return frozen(self.process)

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(90) == 0, self.last_words()
