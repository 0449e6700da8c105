"""Two hosts of a real Neutron, each with its agent and Evener's: both serve a load balancer, one has its address."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cloud import services
from cloud.changes import OCTAVIA, User
from cloud.conftest import named
from cloud.cuttable import Proxy
from cloud.neutron_site import answered, web_servers
from cloud.services import AGENT, BIN, PORT, eventually
from evener.host import netns

pytestmark = [pytest.mark.cloud, pytest.mark.root]
BRIDGE, PHYSICAL = "between", "between"
RABBITMQ = ("127.0.0.1", 5672)
MEMBER, CLIENT = "10.88.0.10", "10.88.0.11"
WITHIN_S, WELL_S = 90.0, 2.0
# With an ebtables that deletes what Neutron's agent has it delete.
ENVIRONMENT = {**os.environ, "PATH": f"{Path(__file__).parents[2]}/cloud/bin:{os.environ['PATH']}"}
# Its namespaces are in a directory that no other host sees.
ALONE = ("sh", "-c", 'mount -t tmpfs tmpfs /run/netns && exec "$@"', "sh")


def ip(*commands: str) -> None:
    for each in commands:
        subprocess.run(["ip", *each.split()], check=True)


class Host:
    """A network namespace with a link to the others, and the two agents; on its loopback is the way to RabbitMQ."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name, self.directory, self.link = name, directory / name, f"bt-{name}"
        self.directory.mkdir()
        self._running: list[subprocess.Popen[bytes]] = []
        ip(
            f"netns add {name}",
            f"link add {self.link} type veth peer name eth1 netns {name}",
            f"link set {self.link} master {BRIDGE} up",
            f"-n {name} link set lo up",
            f"-n {name} link set eth1 up",
        )
        with netns.inside(name):
            listener = socket.create_server(RABBITMQ)
        self._proxy = Proxy(RABBITMQ, listener)

    def start(self, settings: str) -> None:
        """Start both agents."""
        own = f"[DEFAULT]\nhost = {self.name}\nstate_path = {self.directory}\n"
        neutron, ml2, evener = (self.directory / each for each in ("neutron.conf", "ml2.ini", "evener.conf"))
        neutron.write_text(f"{own}[oslo_concurrency]\nlock_path = {self.directory}/lock\n")
        ml2.write_text(f"[linux_bridge]\nphysical_interface_mappings = {PHYSICAL}:eth1\n")
        state = f"state_path = {self.directory.parent / 'state'}\n"
        evener.write_text(settings.replace("[DEFAULT]\n", own, 1).replace(state, ""))
        cloud = Path(os.environ["CLOUD"]) / "etc"
        files = (cloud / "neutron.conf", cloud / "ml2.ini", neutron, ml2)
        self._run("neutron-linuxbridge-agent", *(word for each in files for word in ("--config-file", each)))
        self._run(BIN / AGENT, "--config-file", evener)

    def _run(self, program: str | Path, *words: str | Path) -> None:
        command = ["ip", "netns", "exec", self.name, *ALONE, program, *words]
        with (self.directory / f"{Path(program).name}.out").open("wb") as output:
            self._running.append(subprocess.Popen(command, env=ENVIRONMENT, stdout=output, stderr=output))

    def serving(self, program: str, balancer_id: str) -> list[int]:
        """Return the processes of a program that serve a load balancer here."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            said = " ".join(words)
            if Path(words[0]).name == program and f"{self.directory}/" in said and balancer_id in said:
                found.append(int(entry.name))
        return found

    def has(self, address: str, balancer_id: str) -> bool:
        """Return whether it has the address."""
        for pid in self.serving("haproxy", balancer_id)[:1]:
            words = ["nsenter", "-t", str(pid), "-n", "ip", "-o", "address"]
            return f" {address}/" in subprocess.run(words, capture_output=True, text=True, check=False).stdout
        return False

    def end(self) -> None:
        """End what is there, and the namespace."""
        wiring, serving = self._running
        serving.terminate()
        serving.wait(40)
        wiring.kill()
        wiring.wait()
        subprocess.run(["pkill", "-9", "-f", f"{self.directory}/"], check=False)
        self._proxy.stop()
        ip(f"netns delete {self.name}", f"link delete {self.link}")


@contextmanager
def plain(name: str, address: str) -> Iterator[None]:
    """Have a machine of nobody's on the wire between the hosts."""
    ip(
        f"netns add {name}",
        f"link add bt-{name} type veth peer name eth0 netns {name}",
        f"link set bt-{name} master {BRIDGE} up",
        f"-n {name} link set lo up",
        f"-n {name} address add {address}/24 dev eth0",
        f"-n {name} link set eth0 up",
    )
    try:
        yield
    finally:
        ip(f"netns delete {name}")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Host]]:
    directory = tmp_path_factory.mktemp("hosts")
    with ExitStack() as stack:
        running = stack.enter_context(services.serving(directory))
        ip(f"link add {BRIDGE} type bridge", f"link set {BRIDGE} up")
        stack.callback(ip, f"link delete {BRIDGE}")
        found = []
        for name in ("host-1", "host-2"):
            found.append(Host(name, directory))
            stack.callback(found[-1].end)
            found[-1].start(running.file.read_text())
        stack.enter_context(plain("member", MEMBER))
        stack.enter_context(plain("caller", CLIENT))
        stack.enter_context(web_servers("member", 80))
        yield found


@pytest.fixture(scope="module")
def user(hosts: list[Host], admin: Any) -> User:
    token = admin.auth_token
    return User(lambda: token, [PORT])


@pytest.fixture
def subnet_id(admin: Any, hosts: list[Host]) -> Iterator[str]:
    """Yield a subnet on the wire between the hosts, once Neutron and Evener have heard of all agents there."""
    names = {each.name for each in hosts}
    eventually(lambda: names <= {each.host for each in admin.network.agents() if each.is_alive}, WITHIN_S)
    network = admin.network.create_network(
        name=named("between"), provider_network_type="flat", provider_physical_network=PHYSICAL
    )
    pool = [{"start": "10.88.0.100", "end": "10.88.0.200"}]
    subnet = admin.network.create_subnet(
        network_id=network.id, ip_version=4, cidr="10.88.0.0/24", allocation_pools=pool, enable_dhcp=False
    )
    yield subnet.id
    admin.network.delete_network(network)


def test_the_other_host_takes_the_address_when_one_is_cut_off_and_one_has_it_afterwards(
    hosts: list[Host], user: User, admin: Any, subnet_id: str
) -> None:
    pool = {
        "name": "servers",
        "protocol": "HTTP",
        "lb_algorithm": "ROUND_ROBIN",
        "members": [{"address": MEMBER, "protocol_port": 80}],
    }
    listener = {"name": "web", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool}
    tree = {
        "name": "both",
        "vip_subnet_id": subnet_id,
        "topology": "ACTIVE_STANDBY",
        "listeners": [listener],
    }

    def accepted() -> Any:
        answer = user.ask("POST", f"{OCTAVIA}/loadbalancers", {"loadbalancer": tree})
        assert answer.accepted or answer.status in (409, 503), answer  # until both agents are heard of
        return answer.said["loadbalancer"] if answer.accepted else None

    made = eventually(accepted, WITHIN_S)
    path, vip = f"{OCTAVIA}/loadbalancers/{made['id']}", made["vip_address"]

    def status() -> str:
        return str(user.got(path)["loadbalancer"]["provisioning_status"])

    def owners() -> list[Host]:
        return [each for each in hosts if each.has(vip, made["id"])]

    def owner() -> Host | None:
        """Return who has the address, and nobody else has, for a while; at first both do, until they are wired."""
        both = all(each.serving(name, made["id"]) for each in hosts for name in ("haproxy", "keepalived"))
        before = owners()
        time.sleep(WELL_S)
        is_one = both and len(before) == 1 and before == owners() and answered("caller", vip, 80)
        return before[0] if is_one else None

    def roles() -> set[str]:
        path = f"/load-balancer/v2/octavia/amphorae?loadbalancer_id={made['id']}"
        return {each["role"] for each in user.got(path)["amphorae"]}

    try:
        eventually(lambda: status() == "ACTIVE", WITHIN_S)
        first = eventually(owner, WITHIN_S)
        ip(f"link set {first.link} down")
        (other,) = (each for each in hosts if each is not first)
        eventually(lambda: answered("caller", vip, 80), WITHIN_S)
        assert other.has(vip, made["id"])
        ip(f"link set {first.link} up")
        assert eventually(owner, WITHIN_S)
        eventually(lambda: roles() == {"MASTER", "BACKUP"}, WITHIN_S)  # once both have reported
    finally:
        assert user.ask("DELETE", f"{path}?cascade=true").accepted
        eventually(lambda: user.ask("GET", path).status == 404, WITHIN_S)
    assert list(admin.network.ports(device_id=made["id"])) == []
    assert [each for each in admin.network.security_groups() if made["id"] in each.name] == []
