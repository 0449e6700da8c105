"""What Octavia's API alone can ask for: many members in one request, whole load balancers, PROXY, TLS to members and
certificates of clients, each against the same by hand.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from bench import certificates, creation, report, throughput, topology, traffic
from bench.api import OCTAVIA, Api
from bench.report import Result
from bench.topology import BARE_ADDRESS, SERVER_ADDRESS, STATE
from evener.dataplane.haproxy import runtime
from evener.dataplane.haproxy.errors import SocketError

BARE = "bench-bare"
SERVING_S, BATCH_S, PAUSE_S = 20.0, 30.0, 0.001
BATCH, BATCHES, BATCH_AT_MOST_S = 500, 5, 1.0
LISTENERS, MEMBERS, CREATIONS, CREATION_AT_MOST, CREATION_AT_MOST_MS = 3, 20, 15, 1, 60
PROXY, ENCRYPTED, AUTHENTICATED = 82, 83, 444  # where a load balancer listens, and the one by hand
BEHIND_PROXY, BEHIND_TLS, PLAIN = 8011, 8021, tuple(range(8101, 8101 + MEMBERS))  # of the servers
CERTIFICATE, EXTRA, SERVERS = (STATE / name for name in ("octavia.pem", "extra.conf", "more-servers.conf"))

Json = dict[str, Any]


def measure(api: Api, subnet: str, bridge: str) -> Iterator[Result]:
    """Measure all of it."""
    bundle, container = certificates.make(api)
    CERTIFICATE.write_bytes(bundle)
    SERVERS.write_text(_servers())
    topology.run("ip", "netns", "exec", topology.SERVERS, "haproxy", "-D", "-f", str(SERVERS))
    yield from _whole(api, subnet, bridge)
    yield from _batch(api, subnet)
    yield from _throughput(api, subnet, bridge, container, certificates.store(api, bundle))


def _pool(name: str, ports: Sequence[int], **more: Any) -> Json:
    members = [{"address": SERVER_ADDRESS, "protocol_port": port} for port in ports]
    pool = {"name": name, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": members, **more}
    monitor = {"type": "TCP", "delay": 5, "timeout": 4, "max_retries": 3}
    return {**pool, "healthmonitor": monitor}


def _create(api: Api, subnet: str, listeners: list[Json]) -> Json:
    return api.create(f"{OCTAVIA}/loadbalancers", "loadbalancer", vip_subnet_id=subnet, listeners=listeners)


def _remove(api: Api, balancer: Json) -> None:
    path = f"{OCTAVIA}/loadbalancers/{balancer['id']}"
    status, document = api.call("DELETE", f"{path}?cascade=true")
    if status != 204:
        raise RuntimeError(f"DELETE {path}: {status} {document}")
    topology.wait_for(lambda: api.call("GET", path)[0] == 404, SERVING_S, f"{path} does not go")


def _whole(api: Api, subnet: str, bridge: str) -> Iterator[Result]:
    """Make a load balancer with listeners and members in one request, until its first answer, and by hand, in turns."""
    ports, more, by_hand = [80 + each for each in range(LISTENERS)], STATE / "listeners.conf", []
    more.write_text("".join(_front(port) for port in ports[1:]))
    seconds, servers = [], [(SERVER_ADDRESS, port) for port in PLAIN]
    for turn in range(CREATIONS + 1):
        listeners: list[Json] = [{"protocol": "HTTP", "protocol_port": port} for port in ports]
        listeners[0]["default_pool"] = _pool("web", PLAIN)
        start = time.perf_counter()
        balancer = _create(api, subnet, listeners)
        traffic.first_answer(balancer["vip_address"], SERVING_S)
        took_s = time.perf_counter() - start
        _remove(api, balancer)
        bare_s = creation.by_hand_s(bridge, servers, more)
        if turn:
            seconds.append(took_s)
            by_hand.append(bare_s)
    name = f"a load balancer of {LISTENERS} listeners and {MEMBERS} members in one request, to first answer"
    # Each against its neighbour in time, so that whatever else the machine does weighs on both.
    ratio = median(ours / bare for ours, bare in zip(seconds, by_hand, strict=True))
    yield report.aimed(f"{name} / by ip and haproxy", ratio, "", report.AT_MOST, CREATION_AT_MOST)
    yield report.aimed(name, median(seconds) * 1000, "ms", report.AT_MOST, CREATION_AT_MOST_MS)
    yield report.result("  by ip and haproxy, to first answer", median(by_hand) * 1000, "ms")


def _front(port: int) -> str:
    """Return a listener without a pool, as it is by hand."""
    return f"frontend also{port}\n    mode http\n    bind {BARE_ADDRESS}:{port}\n    option forwardfor\n"


def _batch(api: Api, subnet: str) -> Iterator[Result]:
    """Give a pool other members, all in one request, until HAProxy has them and no other."""
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "name": "web"}
    balancer = _create(api, subnet, [{"protocol": "HTTP", "protocol_port": 80, "default_pool": pool}])
    try:
        pool_id = balancer["pools"][0]["id"]
        socket = STATE / "lbaas" / "v2" / balancer["id"] / "haproxy.sock"
        topology.wait_for(lambda: bool(_said(socket, "show info")), SERVING_S, "HAProxy does not answer")
        worker, seconds = _worker(socket), []
        for turn in range(BATCHES):
            members = [
                {"address": f"10.90.{16 + turn * 2 + each // 250}.{each % 250 + 1}", "protocol_port": 80}
                for each in range(BATCH)
            ]
            start = time.perf_counter()
            status, document = api.call("PUT", f"{OCTAVIA}/pools/{pool_id}/members", {"members": members})
            if status != 202:
                raise RuntimeError(f"PUT members: {status} {document}")
            wanted = {each["address"] for each in members}
            topology.wait_for(partial(_has, socket, pool_id, wanted), BATCH_S, "A batch does not arrive")
            seconds.append(time.perf_counter() - start)
        name = f"{BATCH} members in one request in place of as many, until all serve"
        yield report.aimed(name, median(seconds), "s", report.AT_MOST, BATCH_AT_MOST_S)
        reloads = 0 if _worker(socket) == worker else 1
        yield report.aimed("  reloads for all of these", reloads, "", report.AT_MOST, 0)
    finally:
        _remove(api, balancer)


def _said(socket: Path, command: str) -> str:
    with suppress(SocketError):
        return runtime.ask(socket, command)
    return ""


def _worker(socket: Path) -> str:
    return next(line for line in _said(socket, "show info").splitlines() if line.startswith("Pid:"))


def _has(socket: Path, pool_id: str, addresses: set[str]) -> bool:
    rows = [line.split() for line in _said(socket, f"show servers state {pool_id}").splitlines()[2:]]
    time.sleep(PAUSE_S)
    return {row[4] for row in rows if len(row) > 4} == addresses


def _throughput(api: Api, subnet: str, bridge: str, container: str, authority: str) -> Iterator[Result]:
    """Compare what members are sent by PROXY and by TLS, and what clients with certificates may be asked for."""
    EXTRA.write_text(_extra())
    topology.make_bare(topology.Bare(BARE, CERTIFICATE, EXTRA), bridge, topology.MEMBERS)
    web = _pool("web", topology.PORTS[:2])
    balancer = _create(
        api,
        subnet,
        [
            {"protocol": "HTTP", "protocol_port": 80, "default_pool": web},
            {
                "protocol": "HTTP",
                "protocol_port": PROXY,
                "default_pool": {**_pool("proxy", (BEHIND_PROXY,)), "protocol": "PROXYV2"},
            },
            {
                "protocol": "HTTP",
                "protocol_port": ENCRYPTED,
                "default_pool": _pool("encrypted", (BEHIND_TLS,), tls_enabled=True),
            },
            {
                "protocol": "TERMINATED_HTTPS",
                "protocol_port": AUTHENTICATED,
                "default_tls_container_ref": container,
                "client_authentication": "OPTIONAL",
                "client_ca_tls_container_ref": authority,
                "default_pool": {"name": "web"},
            },
        ],
    )
    vip = balancer["vip_address"]
    try:
        for address in (vip, BARE_ADDRESS):
            traffic.first_answer(address, SERVING_S)
        api.wait_all_active()
        for label, url in (
            ("PROXY to members", f"http://{{}}:{PROXY}"),
            ("TLS to members", f"http://{{}}:{ENCRYPTED}"),
            ("client authentication", f"https://{{}}:{AUTHENTICATED}"),
        ):
            yield from throughput.compared(label, vip, throughput.ROUNDS, (), url=url)
    finally:
        topology.remove(BARE)
        _remove(api, balancer)


def _servers() -> str:
    answer = "    http-request return status 200 content-type text/plain string web\n"
    return (
        "global\n    maxconn 4000\ndefaults\n    mode http\n    timeout client 50s\n"
        f"frontend plain\n    bind {SERVER_ADDRESS}:{PLAIN[0]}-{PLAIN[-1]}\n{answer}"
        f"frontend proxied\n    bind {SERVER_ADDRESS}:{BEHIND_PROXY}\n"
        "    tcp-request connection expect-proxy layer4 if { src 10.90.0.12 10.90.1.0/24 10.90.2.0/24"
        " 10.90.3.0/24 10.90.4.0/24 }\n"
        f"{answer}frontend encrypted\n    bind {SERVER_ADDRESS}:{BEHIND_TLS} ssl crt {CERTIFICATE}\n{answer}"
    )


def _extra() -> str:
    return (
        f"frontend proxy\n    mode http\n    bind {BARE_ADDRESS}:{PROXY}\n    default_backend proxy\n"
        "backend proxy\n    mode http\n    balance roundrobin\n"
        f"    server one {SERVER_ADDRESS}:{BEHIND_PROXY} send-proxy-v2\n"
        f"frontend encrypted\n    mode http\n    bind {BARE_ADDRESS}:{ENCRYPTED}\n    default_backend encrypted\n"
        "backend encrypted\n    mode http\n    balance roundrobin\n"
        f"    server one {SERVER_ADDRESS}:{BEHIND_TLS} ssl verify none\n"
        f"frontend authenticated\n    mode http\n    bind {BARE_ADDRESS}:{AUTHENTICATED} ssl crt {CERTIFICATE}"
        f" ca-file {CERTIFICATE} verify optional ssl-min-ver TLSv1.2 alpn h2,http/1.1\n    default_backend web\n"
    )
