"""A load balancer that Neutron-LBaaS serves on this host is brought over, and its clients hardly notice."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from standalone import Cloud, Standalone, Thing, Traffic, haproxies, ip, traces

import foreign_tables
from evener.host import netns
from foreign_tables import new_id
from waiting import OwnTime, eventually, patience

pytestmark = pytest.mark.root
PROGRAM = str(Path(sys.executable).parent / "evener-db-manage")
OUTAGE_S, TAKEN_S = 0.2, 20
# As the templates of Neutron-LBaaS's agent say it (`drivers/haproxy/templates`, stein).
CONFIGURATION = """
global
    daemon
    user nobody
    group nogroup
    maxconn 2000
    stats socket {directory}/haproxy_stats.sock mode 0666 level user
defaults
    retries 3
    option redispatch
    timeout connect 5000
    timeout client 50000
    timeout server 50000
frontend {listener}
    option tcplog
    bind {address}:80
    mode http
    default_backend {pool}
backend {pool}
    mode http
    balance roundrobin
{servers}
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """Return a directory that the path of a socket has room for."""
    with TemporaryDirectory(prefix="lb") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def settings(home: Path) -> str:
    """Let agents look by themselves, as they do each minute where nobody says otherwise."""
    return f"[DEFAULT]\nresync_interval = 1\n[haproxy]\nloadbalancer_state_path = {home}\n"


@dataclass
class OldAgent:
    """What Neutron-LBaaS's agent has made for a load balancer: namespace, port, HAProxy; and its rows."""

    cloud: Cloud
    home: Path
    port: Thing
    id: str = field(default_factory=new_id)
    listener: str = field(default_factory=new_id)
    pool: str = field(default_factory=new_id)

    @property
    def namespace(self) -> str:
        return f"qlbaas-{self.id}"

    @property
    def address(self) -> str:
        return str(self.port["fixed_ips"][0]["ip_address"])

    @property
    def directory(self) -> Path:
        return self.home / "v2" / self.id

    def serve(self) -> None:
        """Plug the port as `BridgeInterfaceDriver` does, and start HAProxy as the agent does."""
        short, bridge = self.port["id"][:11], f"brq{self.port['network_id'][:11]}"
        ip(
            f"netns add {self.namespace}",
            f"link add tap{short} type veth peer name ns-{short} netns {self.namespace}",
            f"link set tap{short} master {bridge} up",
        )
        with netns.inside(self.namespace):
            ip(
                "link set lo up",
                f"link set ns-{short} address {self.port['mac_address']} up",
                f"address add {self.address}/24 dev ns-{short}",
            )
        servers = "\n".join(
            f"    server {number} {web.address}:80 weight 1" for number, web in enumerate(self.cloud.webs)
        )
        text = CONFIGURATION.format(
            directory=self.directory,
            listener=self.listener,
            pool=self.pool,
            address=self.address,
            servers=servers,
        )
        self.directory.mkdir(mode=0o755, parents=True)
        (self.directory / "haproxy.conf").write_text(text)
        command = ["haproxy", "-f", str(self.directory / "haproxy.conf")]
        command += ["-p", str(self.directory / "haproxy.pid")]
        subprocess.run(["ip", "netns", "exec", self.namespace, *command], check=True)

    def write(self, url: str) -> None:
        """Write what Neutron's database has of it."""
        tables = foreign_tables.neutron(url)
        project = self.port["project_id"]
        tables.add(
            "lbaas_loadbalancers",
            id=self.id,
            name="old",
            project_id=project,
            vip_subnet_id=self.port["fixed_ips"][0]["subnet_id"],
            vip_port_id=self.port["id"],
            vip_address=self.address,
        )
        tables.add("lbaas_pools", id=self.pool, loadbalancer_id=self.id, project_id=project)
        tables.add(
            "lbaas_listeners",
            id=self.listener,
            loadbalancer_id=self.id,
            default_pool_id=self.pool,
            protocol_port=80,
            project_id=project,
        )
        for web in self.cloud.webs:
            tables.add(
                "lbaas_members",
                pool_id=self.pool,
                address=web.address,
                subnet_id=self.cloud.subnet["id"],
                project_id=project,
            )
        tables.close()


@pytest.fixture
def old(cloud: Cloud, standalone: Standalone, home: Path) -> Iterator[OldAgent]:
    loadbalancer = new_id()
    port = cloud.api.create(
        "port",
        network_id=cloud.subnet["network_id"],
        fixed_ips=[{"subnet_id": cloud.subnet["id"]}],
        device_id=loadbalancer,
        device_owner="neutron:LOADBALANCERV2",
    )
    made = OldAgent(cloud, home, port, loadbalancer)
    with standalone.frozen():  # ours would take for its own what is there before HAProxy runs
        made.serve()
    yield made
    cloud.api.request("DELETE", f"/load-balancer/v2/lbaas/loadbalancers/{made.id}?cascade=true")
    eventually(lambda: traces(made.id, port["id"]) == [], 10, lambda: traces(made.id, port["id"]))
    eventually(lambda: cloud.api.request("DELETE", port.path).status_code == 204)


def imports(standalone: Standalone, *words: str) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, "--config-file", str(standalone.config), "import", "--standalone", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def test_an_agent_takes_the_namespace_and_haproxy_of_neutron_lbaas_over(
    cloud: Cloud, standalone: Standalone, old: OldAgent, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'neutron.sqlite'}"
    old.write(url)
    (before,) = haproxies(old.id)
    inner = netns.identity(old.namespace)
    rehearsed = imports(standalone, "--dry-run", url)
    assert rehearsed.returncode == 0, rehearsed.stderr
    assert rehearsed.stdout.splitlines()[-1] == "1 would come, 0 passed over, 0 cannot"
    assert haproxies(old.id).keys() == {before}

    answered: list[float] = []
    with Traffic(cloud.client, old.address) as traffic:
        done = imports(standalone, url)
        assert done.returncode == 0, done.stdout + done.stderr
        seen, until, clock = 0, time.monotonic() + 4, OwnTime()
        while time.monotonic() < until or before in haproxies(old.id):
            clock.look()
            if (now := traffic.bodies.total()) != seen:
                seen = now
                answered.append(clock.now_s)
            assert time.monotonic() < until + TAKEN_S * patience(), "the old one still runs"
            time.sleep(0.001)
    longest_s = max(later - earlier for earlier, later in pairwise(answered))
    assert longest_s < OUTAGE_S * patience(), f"{longest_s * 1000:.0f} ms without an answer"
    assert len(traffic.failures) <= 2, traffic.failures  # what waited to be accepted when the old one let go
    assert netns.identity(old.namespace) == inner

    def shown() -> tuple[str, str]:
        found = cloud.api._good("GET", f"/load-balancer/v2/lbaas/loadbalancers/{old.id}")["loadbalancer"]
        return found["provisioning_status"], found["vip_address"]

    eventually(lambda: shown() == ("ACTIVE", old.address), why=shown)
    assert traffic.bodies.keys() == {"web1", "web2"}
    assert imports(standalone, url).stdout.splitlines()[-1] == "0 came, 1 passed over, 0 did not come"
