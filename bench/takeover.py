"""How long clients of a load balancer that Neutron-LBaaS serves wait while Evener takes it over, with its namespace.

What Neutron-LBaaS's agent has made is made here by hand, and its rows as the tests write them.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any

import foreign_tables
from bench import report, topology, traffic
from bench.api import NETWORKING, OCTAVIA, Api
from bench.report import Result
from bench.topology import run
from evener.host.linuxbridge import bridge_name

AIM_MS = 200
REPETITIONS = 5
SETTINGS = "resync_interval = 1\n"  # the agent is not told: it looks by itself
WITHIN_S, AFTERWARDS_S, POLL_S = 30.0, 2.0, 0.02
PROGRAM = (
    str(Path(sys.executable).with_name("evener-db-manage")),
    *topology.PROGRAM[1:],
    "import",
    "--standalone",
)
OWNER = "neutron:LOADBALANCERV2"
# As the templates of Neutron-LBaaS's agent say it (`drivers/haproxy/templates`, stein).
CONFIGURATION = """\
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
    bind {address}:80
    mode http
    default_backend {pool}
backend {pool}
    mode http
    balance roundrobin
    server {member} {server}:{port} weight 1
"""


def measure(api: Api, subnet: str) -> Iterator[Result]:
    """Take some over, one after the other."""
    network = api.call("GET", f"{NETWORKING}/subnets/{subnet}")[1]["subnet"]["network_id"]
    outages = [_outage_ms(api, network, subnet) for _ in range(REPETITIONS)]
    name = "taking a load balancer over from Neutron-LBaaS, without an answer"
    yield report.aimed(name, median(outages), "ms", report.AT_MOST, AIM_MS)
    yield report.result(f"  the slowest of {REPETITIONS}", max(outages), "ms")


def _outage_ms(api: Api, network: str, subnet: str) -> float:
    """Return the longest time between two answers, while one is taken over of which nothing is left then."""
    balancer = foreign_tables.new_id()
    place = {"network_id": network, "fixed_ips": [{"subnet_id": subnet}]}
    port = api.create(f"{NETWORKING}/ports", "port", device_id=balancer, device_owner=OWNER, **place)
    address = port["fixed_ips"][0]["ip_address"]
    database = topology.STATE / f"{balancer}.sqlite"
    try:
        _serve(balancer, port, _write(f"sqlite:///{database}", balancer, port))
        traffic.first_answer(address, WITHIN_S)
        answered: list[float] = []
        ended = Event()
        asking = Thread(target=_keep_asking, args=(address, answered, ended), daemon=True)
        asking.start()
        try:
            command = [*PROGRAM, f"sqlite:///{database}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            _wait_until_active(api, balancer)
            time.sleep(AFTERWARDS_S)
        finally:
            ended.set()
            asking.join()
        return max(later - earlier for earlier, later in pairwise(answered)) * 1000
    finally:
        api.call("DELETE", f"{OCTAVIA}/loadbalancers/{balancer}?cascade=true")
        gone = lambda: api.call("GET", f"{OCTAVIA}/loadbalancers/{balancer}")[0] == 404  # noqa: E731
        topology.wait_for(gone, WITHIN_S, f"Load balancer {balancer} does not go")
        api.call("DELETE", f"{NETWORKING}/ports/{port['id']}")
        database.unlink(missing_ok=True)


def _keep_asking(address: str, answered: list[float], ended: Event) -> None:
    """Ask on a connection each, again and again, and note when there was an answer."""
    while not ended.is_set():
        try:
            with traffic.connected(address) as channel:
                channel.settimeout(traffic.ANSWER_S)
                if traffic.ask(channel):
                    answered.append(time.perf_counter())
        except OSError:
            pass
        time.sleep(traffic.PAUSE_S)


def _wait_until_active(api: Api, balancer: str) -> None:
    path = f"{OCTAVIA}/loadbalancers/{balancer}"
    active = lambda: api.call("GET", path)[1]["loadbalancer"]["provisioning_status"] == "ACTIVE"  # noqa: E731
    topology.wait_for(active, WITHIN_S, f"Load balancer {balancer} is not taken over")


def _write(url: str, balancer: str, port: Any) -> dict[str, str]:
    """Write what Neutron's database has of it, and return the ids of what is below."""
    ids = {kind: foreign_tables.new_id() for kind in ("listener", "pool", "member")}
    project, fixed = port["project_id"], port["fixed_ips"][0]
    server, number = topology.MEMBERS[0]
    tables = foreign_tables.neutron(url)
    tables.add(
        "lbaas_loadbalancers",
        id=balancer,
        name="old",
        project_id=project,
        vip_subnet_id=fixed["subnet_id"],
        vip_port_id=port["id"],
        vip_address=fixed["ip_address"],
    )
    tables.add("lbaas_pools", id=ids["pool"], loadbalancer_id=balancer, project_id=project)
    tables.add(
        "lbaas_listeners",
        id=ids["listener"],
        loadbalancer_id=balancer,
        default_pool_id=ids["pool"],
        protocol_port=80,
        project_id=project,
    )
    tables.add(
        "lbaas_members",
        id=ids["member"],
        pool_id=ids["pool"],
        address=server,
        protocol_port=number,
        subnet_id=fixed["subnet_id"],
        project_id=project,
    )
    tables.close()
    return ids


def _serve(balancer: str, port: Any, ids: dict[str, str]) -> None:
    """Plug the port as `BridgeInterfaceDriver` does, and start HAProxy as the agent does."""
    namespace, short = f"qlbaas-{balancer}", port["id"][:11]
    address, directory = port["fixed_ips"][0]["ip_address"], topology.STATE / "lbaas" / "v2" / balancer
    inside = f"-n {namespace}"
    for words in (
        f"netns add {namespace}",
        f"link add tap{short} type veth peer name ns-{short} netns {namespace}",
        f"link set tap{short} master {bridge_name(port['network_id'])} up",
        f"{inside} link set lo up",
        f"{inside} link set ns-{short} address {port['mac_address']} up",
        f"{inside} address add {address}/{topology.LENGTH} dev ns-{short}",
    ):
        run("ip", *words.split())
    directory.mkdir(mode=0o755, parents=True)
    server, number = topology.MEMBERS[0]
    text = CONFIGURATION.format(directory=directory, address=address, server=server, port=number, **ids)
    (directory / "haproxy.conf").write_text(text)
    files = ("-f", str(directory / "haproxy.conf"), "-p", str(directory / "haproxy.pid"))
    run("ip", "netns", "exec", namespace, "haproxy", *files)
    # In place of the agent's `arping`: the one before had the same address.
    run("ip", "-n", topology.CLIENT, "neighbor", "flush", "to", address)
