"""What standalone changes on the host, and what it never touches: docs/host.md, compared with the kernel."""

import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from standalone import PROGRAM, Api, Cloud, Standalone, ip

from evener.host import netns
from waiting import eventually

pytestmark = pytest.mark.root
PEER, UPLINK, HOST_ADDRESS, PEER_ADDRESS = "peer", "uplink0", "10.77.0.1", "10.77.0.2"
TESTS_OWN = "e2e"  # the links by which the test's own servers are in our bridges
# Counters, and what only root of the first namespace may read.
UNSTEADY = re.compile(r"net\.netfilter\.nf_conntrack_count|net\.ipv4\.(route|neigh|tcp_mem)|stable_secret")


def shown(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def links() -> dict[str, dict]:
    return {link["ifname"]: link for link in json.loads(shown("ip", "-j", "-d", "link"))}


def others() -> dict[str, str]:
    """Return what nothing of Evener's may ever change, while it runs or after it: all but links."""
    addresses = json.loads(shown("ip", "-j", "address"))
    of_link = {
        link["ifname"]: sorted(f"{each['local']}/{each['prefixlen']}" for each in link["addr_info"])
        for link in addresses
        if not link["ifname"].startswith(TESTS_OWN)
    }
    routes = "".join(shown("ip", family, "route", "show", "table", "all") for family in ("-4", "-6"))
    return {
        "addresses": json.dumps({name: found for name, found in of_link.items() if found}, sort_keys=True),
        "routes": "\n".join(line for line in routes.splitlines() if f" dev {TESTS_OWN}" not in line),
        "policy": shown("ip", "rule") + shown("ip", "-6", "rule"),
        "packet rules": shown("nft", "--stateless", "list", "ruleset"),
        "name servers": Path("/etc/resolv.conf").read_text(),
    }


def sysctls() -> dict[str, str]:
    """Return the kernel's settings of the network, without those of the links that come and go."""
    found = subprocess.run(
        ["/sbin/sysctl", "-a", "--ignore"], capture_output=True, text=True, check=False
    ).stdout
    pairs = dict(
        line.split(" = ", 1) for line in found.splitlines() if line.startswith("net.") and " = " in line
    )
    return {name: value for name, value in pairs.items() if not UNSTEADY.search(name)}


@pytest.fixture
def host() -> Iterator[None]:
    """Let the host have a neighbour, and rules and settings of its operator's."""
    ip(
        f"netns add {PEER}",
        f"link add {UPLINK} type veth peer name eth0 netns {PEER}",
        f"address add {HOST_ADDRESS}/24 dev {UPLINK}",
        f"link set {UPLINK} up",
        f"route add default via {PEER_ADDRESS}",
    )
    with netns.inside(PEER):
        ip("link set lo up", f"address add {PEER_ADDRESS}/24 dev eth0", "link set eth0 up")
    eventually(lambda: " fe80" in (found := shown("ip", "-6", "address")) and "tentative" not in found)
    rules = "table inet operators { chain input { type filter hook input priority 0; tcp dport 23 drop; }; }"
    shown("nft", rules)
    yield
    shown("nft", "delete table inet operators")
    ip(f"link delete {UPLINK}", f"netns delete {PEER}")


@contextmanager
def pings() -> Iterator[list[int]]:
    """Send the neighbour a number every 10 ms, which it sends back; give the list of those that were not."""
    lost: list[int] = []
    ended = threading.Event()
    with netns.inside(PEER):
        echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind((PEER_ADDRESS, 7))

    def answer() -> None:
        while (message := echo.recvfrom(16))[0] != b"end":
            echo.sendto(*message)

    def ask() -> None:
        number = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.settimeout(20)
            own.connect((PEER_ADDRESS, 7))
            while not ended.wait(0.01):
                number += 1
                own.send(str(number).encode())
                try:
                    while own.recv(16) != str(number).encode():
                        pass
                except OSError:
                    lost.append(number)
            own.send(b"end")
        lost.extend([] if number > 50 else [-1])

    threads = [threading.Thread(target=each, daemon=True) for each in (answer, ask)]
    for thread in threads:
        thread.start()
    yield lost
    ended.set()
    for thread in reversed(threads):
        thread.join(60)
    echo.close()


@pytest.mark.usefixtures("host")
def test_a_start_a_load_balancer_a_stop_and_a_purge_leave_the_host_as_it_was(tmp_path):
    before = (links(), others(), sysctls(), sorted(Path("/run/netns").iterdir()))
    server = Standalone(tmp_path / "state", 19976)
    with pings() as lost:
        server.start()
        cloud = Cloud(server, "192.168.200.0/24")
        balancer = cloud.balancer("lb")
        eventually(lambda: cloud.client.answers(balancer.vip))
        running, settings = others(), sysctls()
        new = {name for name in links() if name not in before[0]}
        cloud.remove()
        server.purge()
    assert lost == []
    assert running == before[1]
    assert {name: settings[name] for name in before[2]} == before[2]
    assert {name[:3] for name in new} == {"brq", "tap", TESTS_OWN}
    after = (links(), others(), sysctls(), sorted(Path("/run/netns").iterdir()))
    # What a module of the kernel brought with it stays with it; what was there is as it was.
    assert {name: after[2].get(name) for name in before[2]} == before[2]
    for found, there in ((after[0], before[0]), (after[1], before[1])):
        assert {name: value for name, value in found.items() if there.get(name) != value} == {}
        assert there.keys() == found.keys()
    assert after[3] == before[3]


def addresses_of(link: str) -> list[str]:
    found = json.loads(shown("ip", "-j", "-4", "address", "show", "dev", link))
    return [f"{each['local']}/{each['prefixlen']}" for each in found[0]["addr_info"]] if found else []


@pytest.mark.usefixtures("host")
def test_the_host_has_an_address_on_a_network_where_its_operator_asks_and_loses_it_again(tmp_path):
    server = Standalone(tmp_path / "state", 19977)
    plain = server.config.read_text()
    server.start()
    api: Api = server.api()
    network = api.create("network", name="net")
    api.create("subnet", network_id=network["id"], cidr="10.88.0.0/24", ip_version=4)
    bridge = f"brq{network['id'][:11]}"
    eventually(lambda: bridge in links())

    def restart_with(value: str) -> None:
        server.stop()
        server.config.write_text(f"{plain}[standalone]\nhost_addresses = {value}\n")
        server.start()

    restart_with(f"{network['id']}:10.88.0.1/24")
    eventually(lambda: addresses_of(bridge) == ["10.88.0.1/24"])
    ip(f"address add 10.88.0.99/24 dev {bridge}")  # the operator's own, which nobody asked us to touch
    restart_with(f"{network['id']}:10.88.0.2/24")
    eventually(lambda: sorted(addresses_of(bridge)) == ["10.88.0.2/24", "10.88.0.99/24"])
    restart_with("")
    eventually(lambda: addresses_of(bridge) == ["10.88.0.99/24"])

    server.stop()
    server.config.write_text(f"{plain}[standalone]\nhost_addresses = {network['id']}:10.77.0.129/25\n")
    command = [*PROGRAM, "--config-file", str(server.config)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert refused.returncode == 1
    assert "10.77.0.129/25 overlaps the host's" in refused.stderr
    server.config.write_text(f"{plain}[standalone]\nhost_addresses = {network['id']}:10.88.0.1/24\n")
    server.start()
    eventually(lambda: "10.88.0.1/24" in addresses_of(bridge))
    server.purge()
    assert bridge not in links()
    assert "10.88" not in others()["addresses"] + others()["routes"]
