"""In a real cloud: what a load balancer takes beside a port of Neutron's own, and Neutron's plugin beside `evener-api`.

Brings up the cloud of `cloud/up` with Evener in it, and ends it. Its Linux bridge agent wires the ports of both sides.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import report, traffic
from bench.report import Result

STATE = Path("/var/lib/evener/cloud")
KEYSTONE, NEUTRON, EVENER = 5000, 9696, 9876  # ports of 127.0.0.1
LBAAS, OCTAVIA = "/v2.0/lbaas/loadbalancers", "/load-balancer/v2/lbaas/loadbalancers"
CLIENT, MEMBER = "client", "192.168.200.9"  # of `cloud/servers`
AIM, BESIDES_MS = 1.5, 100
REPETITIONS, LISTED, QUESTIONS = 8, 5, 100
WITHIN_S, GONE_S = 60.0, 60.0
SETTLED_S = 3.0  # for Neutron's agent to be done with what went before
LOOKS_EACH_S = 2.0  # as that agent looks for new taps
POLL_S, ASKED_MS = 0.02, 10
BY_HAND = """\
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
listen web
  bind {address}:80
  server web1 {member}:80 check inter 5s
"""
WANTED = {
    "listeners": [
        {
            "protocol": "HTTP",
            "protocol_port": 80,
            "name": "web",
            "default_pool": {
                "name": "web",
                "protocol": "HTTP",
                "lb_algorithm": "ROUND_ROBIN",
                "members": [{"address": MEMBER, "protocol_port": 80}],
            },
        }
    ]
}


def is_possible() -> bool:
    """Return whether the packages of `cloud/up` are installed."""
    return all(map(shutil.which, ("neutron-server", "keystone-manage", "mariadbd", "rabbitmq-server")))


class Cloud:
    """The cloud's APIs, each on a connection that is kept where the server keeps it, as its administrator."""

    def __init__(self) -> None:
        self._connections: dict[int, http.client.HTTPConnection] = {}
        self._token = ""
        user = {"name": "admin", "domain": {"id": "default"}, "password": "admin"}
        scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = self._send(
            KEYSTONE, "POST", "/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}}
        )
        self._token = str(answer.headers["X-Subject-Token"])
        answer.read()

    def _send(self, port: int, method: str, path: str, body: Any = None) -> http.client.HTTPResponse:
        connection = self._connections.setdefault(
            port, http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        )
        headers = {"X-Auth-Token": self._token, "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        return connection.getresponse()

    def call(self, port: int, method: str, path: str, body: Any = None) -> Any:
        """Return an answer's document.

        Raises:
            RuntimeError: when it is an error.
        """
        answer = self._send(port, method, path, body)
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]!r}")
        return json.loads(text) if text else None

    def is_there(self, path: str) -> bool:
        """Return whether `evener-api` has what is at `path`."""
        answer = self._send(EVENER, "GET", path)
        answer.read()
        return answer.status != 404


@contextmanager
def _running() -> Iterator[Cloud]:
    """Run the cloud with Evener in it meanwhile, unless it runs already."""
    environment = {**os.environ, "CLOUD": str(STATE)}
    STATE.mkdir(parents=True, exist_ok=True)
    if (STATE / "run" / "ready").exists():
        yield Cloud()
        return
    try:
        for script in ("cloud/up", "cloud/evener"):
            subprocess.run([script], env=environment, check=True, stdout=subprocess.DEVNULL)
        yield Cloud()
    finally:
        subprocess.run(["cloud/down"], env=environment, check=True, stdout=subprocess.DEVNULL)


def measure() -> Iterator[Result]:
    """Measure in a cloud of its own."""
    with _running() as cloud:
        yield from _creation(cloud)
        yield from _reading(cloud)


@dataclass(frozen=True)
class Took:
    """Milliseconds from the beginning until a POST was answered, until there was an echo, and until an answer."""

    posted: float
    echoed: float = 0
    answered: float = 0


def _creation(cloud: Cloud) -> Iterator[Result]:
    """Make all in turns. All are logged in, and the networks are there; removals are not timed.

    How long Neutron's agent takes to see a tap is a matter of when it looks next, which what goes before decides:
    each of them begins at moments that are spread evenly over the time between two looks.
    """
    subnet = cloud.call(NEUTRON, "GET", "/v2.0/subnets?name=PROJECT_SUBNET")["subnets"][0]
    # The client asks for an address that is not there yet a hundred times a second, not once.
    often = f"net.ipv4.neigh.eth0.retrans_time_ms={ASKED_MS}"
    subprocess.run(["ip", "netns", "exec", CLIENT, "sysctl", "-qw", often], check=True)
    found = []
    with _group(cloud) as group:
        for each in range(REPETITIONS + 1):
            wait_s = SETTLED_S + LOOKS_EACH_S * (each % REPETITIONS) / REPETITIONS
            bare = _balancer(cloud, subnet["id"], {}, wait_s)
            whole = _balancer(cloud, subnet["id"], WANTED, wait_s)
            found.append((bare, whole, _by_hand(cloud, subnet, group, wait_s)))
    bares, wholes, hands = zip(*found[1:], strict=True)  # the first one loads what is loaded once
    first_answer = "in a cloud: a load balancer in one request, to first answer"
    first_echo = "in a cloud: a bare load balancer, to first echo"
    least = AIM * median(each.echoed for each in hands) + BESIDES_MS
    for name, ours in (
        (first_answer, [each.answered for each in wholes]),
        (first_echo, [each.echoed for each in bares]),
    ):
        beside = f"{name} / ({AIM} ports of Neutron + {BESIDES_MS} ms)"
        yield report.aimed(beside, median(ours) / least, "", report.AT_MOST, 1)
        yield report.result(name, median(ours), "ms")
    yield report.result("  of that, until its POST is answered", median(each.posted for each in bares), "ms")
    ratio = median(each.answered for each in wholes) / median(each.answered for each in hands)
    yield report.result(f"{first_answer} / a port of Neutron's and HAProxy by hand", ratio, "")
    name = "in a cloud: a port of Neutron's, plugged by hand, to first echo"
    yield report.result(name, median(each.echoed for each in hands), "ms")
    yield report.result("  of that, until its POST is answered", median(each.posted for each in hands), "ms")
    yield report.result("  and HAProxy there, to first answer", median(each.answered for each in hands), "ms")


def _answers(address: str) -> None:
    traffic.first_answer(address, WITHIN_S, CLIENT)


def _pings(address: str) -> None:
    """Return once there is an echo."""
    command = ["ip", "netns", "exec", CLIENT, "ping", "-q", "-c1", "-W0.1", address]
    deadline = time.monotonic() + WITHIN_S
    while subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"No echo from {address} within {WITHIN_S} s")


def _balancer(cloud: Cloud, subnet_id: str, parts: Any, wait_s: float) -> Took:
    """Make a load balancer, of which nothing is left; only one with parts answers more than pings."""
    time.sleep(wait_s)
    start = time.perf_counter()
    wanted = {"loadbalancer": {"name": "bench", "vip_subnet_id": subnet_id, **parts}}
    made = cloud.call(EVENER, "POST", OCTAVIA, wanted)["loadbalancer"]
    posted_ms = _since_ms(start)
    try:
        if parts:
            _answers(made["vip_address"])
            return Took(posted_ms, answered=_since_ms(start))
        _pings(made["vip_address"])
        return Took(posted_ms, echoed=_since_ms(start))
    finally:
        _remove(cloud, [made["id"]])


def _since_ms(start: float) -> float:
    return (time.perf_counter() - start) * 1000


def _remove(cloud: Cloud, ids: Sequence[str]) -> None:
    for each in ids:
        cloud.call(EVENER, "DELETE", f"{OCTAVIA}/{each}?cascade=true")
    deadline = time.monotonic() + GONE_S
    while any(cloud.is_there(f"{OCTAVIA}/{each}") for each in ids):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Not gone after {GONE_S} s: {ids}")
        time.sleep(POLL_S)


@contextmanager
def _group(cloud: Cloud) -> Iterator[str]:
    """Yield a security group that lets in what a load balancer's does."""
    made = cloud.call(NEUTRON, "POST", "/v2.0/security-groups", {"security_group": {"name": "bench"}})
    group = str(made["security_group"]["id"])
    rule = {"security_group_id": group, "direction": "ingress", "ethertype": "IPv4"}
    for more in ({"protocol": "icmp"}, {"protocol": "tcp", "port_range_min": 80, "port_range_max": 80}):
        cloud.call(NEUTRON, "POST", "/v2.0/security-group-rules", {"security_group_rule": {**rule, **more}})
    yield group
    cloud.call(NEUTRON, "DELETE", f"/v2.0/security-groups/{group}")


def _by_hand(cloud: Cloud, subnet: Any, group: str, wait_s: float) -> Took:
    """Make a port of Neutron's on this host with HAProxy behind it, of which nothing is left."""
    time.sleep(wait_s)
    start = time.perf_counter()
    wanted = {
        "network_id": subnet["network_id"],
        "fixed_ips": [{"subnet_id": subnet["id"]}],
        "security_groups": [group],
        "device_id": str(uuid.uuid4()),
        "device_owner": "bench:hand",
        "binding:host_id": socket.gethostname(),
    }
    port = cloud.call(NEUTRON, "POST", "/v2.0/ports", {"port": wanted})["port"]
    posted_ms = _since_ms(start)
    name, address = f"bench-{port['id'][:11]}", port["fixed_ips"][0]["ip_address"]
    directory = STATE / name
    try:
        _plug(name, port, f"{address}/{subnet['cidr'].partition('/')[2]}")
        _pings(address)
        echoed_ms = _since_ms(start)
        directory.mkdir()
        file = directory / "haproxy.conf"
        file.write_text(BY_HAND.format(address=address, member=MEMBER))
        process = ["haproxy", "-D", "-f", str(file), "-p", str(directory / "pid")]
        subprocess.run(["ip", "netns", "exec", name, *process], check=True)
        _answers(address)
        return Took(posted_ms, echoed_ms, _since_ms(start))
    finally:
        if (directory / "pid").exists():
            subprocess.run(["kill", (directory / "pid").read_text().strip()], check=True)
        subprocess.run(["ip", "netns", "delete", name], check=False)
        cloud.call(NEUTRON, "DELETE", f"/v2.0/ports/{port['id']}")
        shutil.rmtree(directory, ignore_errors=True)


def _plug(namespace: str, port: Any, address: str) -> None:
    """Plug a port into a namespace as Neutron-LBaaS's agent does: the rest is the Linux bridge agent's work."""
    tap = f"tap{port['id'][:11]}"
    commands = (
        f"netns add {namespace}",
        f"link add {tap} type veth peer name eth0 netns {namespace}",
        f"link set {tap} up",
        f"-n {namespace} link set eth0 address {port['mac_address']} up",
        f"-n {namespace} address add {address} dev eth0",
    )
    for each in commands:
        subprocess.run(["ip", *each.split()], check=True)


def _reading(cloud: Cloud) -> Iterator[Result]:
    """Ask for load balancers through Neutron's plugin and directly, in turns, on connections that are kept."""
    subnet = cloud.call(NEUTRON, "GET", "/v2.0/subnets?name=PROJECT_SUBNET")["subnets"][0]["id"]
    wanted = {"loadbalancer": {"name": "bench", "vip_subnet_id": subnet}}
    made = [cloud.call(EVENER, "POST", OCTAVIA, wanted)["loadbalancer"]["id"] for _ in range(LISTED)]
    try:
        for name, path in ((f"list of {LISTED}", LBAAS), ("show", f"{LBAAS}/{made[0]}")):
            through, directly = [], []
            for _ in range(QUESTIONS):
                through.append(_seconds(cloud, NEUTRON, path))
                directly.append(_seconds(cloud, EVENER, f"/networking{path}"))
            yield report.result(
                f"in a cloud: {name} through Neutron / directly", median(through) / median(directly), ""
            )
            yield report.result(f"  {name} through Neutron", median(through) * 1000, "ms")
    finally:
        _remove(cloud, made)


def _seconds(cloud: Cloud, port: int, path: str) -> float:
    start = time.perf_counter()
    cloud.call(port, "GET", path)
    return time.perf_counter() - start
