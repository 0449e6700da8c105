"""Evener's programs beside a real Keystone and Neutron: load balancers, and what Neutron sees of them."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from services import PORT, Services, serving

from cloud.barbican_site import Owner
from evener.resources.caller import Caller
from made_certificates import authorities, served
from waiting import eventually_there as eventually

pytestmark = [pytest.mark.cloud, pytest.mark.root]
MEMBERS = ("192.168.200.9", "192.168.200.7")  # the servers of `cloud/servers`


@pytest.fixture(scope="module")
def evener(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with serving(tmp_path_factory.mktemp("evener")) as services:
        yield services


@pytest.fixture(scope="module")
def client(admin: Any) -> Any:
    """Return the SDK, with load balancing at our address whatever the catalog says."""
    admin.config.config["load_balancer_endpoint_override"] = f"http://127.0.0.1:{PORT}/load-balancer/v2"
    return admin.load_balancer


def said(command: str) -> str:
    """Return what a command says in the namespace `client`, or nothing where it fails."""
    words = ["ip", "netns", "exec", "client", *command.split()]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def balancer(evener: Services, client: Any, admin: Any) -> Iterator[Any]:
    """Yield a load balancer with a listener, a pool and the two servers, once it is ACTIVE."""
    subnet = admin.network.find_subnet("PROJECT_SUBNET")
    made = client.create_load_balancer(
        name="beside",
        vip_subnet_id=subnet.id,
        listeners=[
            {
                "name": "web",
                "protocol": "HTTP",
                "protocol_port": 80,
                "default_pool": {
                    "name": "servers",
                    "protocol": "HTTP",
                    "lb_algorithm": "ROUND_ROBIN",
                    "members": [
                        {"address": each, "protocol_port": 80, "subnet_id": subnet.id} for each in MEMBERS
                    ],
                },
            }
        ],
    )
    yield eventually(lambda: active(client, made.id))
    client.delete_load_balancer(made.id, cascade=True, ignore_missing=True)
    eventually(lambda: client.find_load_balancer(made.id, ignore_missing=True) is None)


def active(client: Any, balancer_id: str) -> Any:
    found = client.get_load_balancer(balancer_id)
    return found if found.provisioning_status == "ACTIVE" else None


def test_a_load_balancer_serves_at_its_port_of_neutron(balancer: Any, admin: Any) -> None:
    def answers() -> set[str]:
        return {said(f"curl -s -m 2 http://{balancer.vip_address}/") for _ in range(6)}

    eventually(lambda: answers() == {"This is web1\n", "This is web2\n"})
    eventually(lambda: "1 received" in said(f"ping -c 1 -W 1 {balancer.vip_address}"))
    eventually(lambda: admin.network.get_port(balancer.vip_port_id).status == "ACTIVE")
    port = admin.network.get_port(balancer.vip_port_id)
    assert port.device_owner == "neutron:LOADBALANCERV2"
    assert port.device_id == balancer.id
    assert port.binding_vif_type == "bridge"


@pytest.fixture
def owner(admin: Any) -> Iterator[Owner]:
    """Yield whoever has secrets in the project of the load balancer."""
    caller = Caller(admin.current_user_id, admin.current_project_id, frozenset({"admin"}), token="")
    yield (found := Owner(admin, "admin", caller))
    for ref in tuple(found.made):
        found.delete(ref)


NAME = "www.example.com"


def test_https_is_served_with_a_certificate_of_barbicans_and_with_the_next_one(
    balancer: Any, client: Any, owner: Owner, tmp_path: Path
) -> None:
    root, upper, lower = authorities()
    (trusted := tmp_path / "root.pem").write_bytes(root.pem)
    first, second = (owner.store(served(kind).p12(lower, upper)) for kind in ("RSA", "ECDSA"))
    listener = client.create_listener(
        name="secure",
        protocol="TERMINATED_HTTPS",
        protocol_port=443,
        load_balancer_id=balancer.id,
        default_pool_id=client.find_pool("servers").id,
        default_tls_container_ref=first,
    )
    consumer = {"service": "evener", "resource_type": "listener", "resource_id": listener.id}
    assert owner.consumers(first) == [consumer]
    to_it = f"--resolve {NAME}:443:{balancer.vip_address} --cacert {trusted}"

    def shown(kind: str) -> bool:
        """Return whether the certificate with this kind of key is trusted, and what is behind answers."""
        words = said(f"curl -sv -m 3 {to_it} --ciphers {kind} --tls-max 1.2 https://{NAME}/")
        return words in {"This is web1\n", "This is web2\n"}

    eventually(lambda: shown("aRSA") and not shown("aECDSA"))
    eventually(lambda: active(client, balancer.id))
    client.update_listener(listener, default_tls_container_ref=second)
    eventually(lambda: shown("aECDSA") and not shown("aRSA"))
    assert (owner.consumers(first), owner.consumers(second)) == ([], [consumer])
    client.delete_load_balancer(balancer.id, cascade=True)
    eventually(lambda: client.find_load_balancer(balancer.id, ignore_missing=True) is None)
    assert owner.consumers(second) == []


def test_nothing_is_left_in_neutron_or_on_the_host(
    evener: Services, client: Any, admin: Any, balancer: Any
) -> None:
    client.delete_load_balancer(balancer.id, cascade=True)
    eventually(lambda: client.find_load_balancer(balancer.id, ignore_missing=True) is None)
    assert list(admin.network.ports(device_id=balancer.id)) == []
    assert [each for each in admin.network.security_groups() if balancer.id in each.name] == []
    assert (
        f"qlbaas-{balancer.id}"
        not in subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    )
    assert not Path(f"/sys/class/net/tap{balancer.vip_port_id[:11]}").exists()


@pytest.mark.skipif(sys.base_prefix != "/usr", reason="uWSGI has Debian's Python, the environment another")
def test_the_api_is_served_by_uwsgi_too(evener: Services, admin: Any) -> None:
    port = PORT + 100
    command = [
        "uwsgi",
        "--plugins",
        "python3",
        "--virtualenv",
        sys.prefix,
        "--http-socket",
        f"127.0.0.1:{port}",
    ]
    command += ["--module", "evener.serving.wsgi:application", "--need-app", "--master", "--processes", "2"]
    command += ["--enable-threads"]
    command += [
        "--add-header",
        "Connection: close",
        "--pyargv",
        f"--config-file {evener.file}",
        "--die-on-term",
    ]
    url = f"http://127.0.0.1:{port}"
    said_by_it = evener.directory / "uwsgi.out"
    with said_by_it.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)

    def serves() -> bytes:
        assert process.poll() is None, said_by_it.read_text()  # it ends where it cannot load the application
        return answered(f"{url}/healthcheck", "")

    try:
        eventually(serves, 120)
        for path in ("/load-balancer/v2/lbaas/loadbalancers", "/networking/v2.0/lbaas/loadbalancers"):
            assert b'"loadbalancers"' in answered(url + path, admin.auth_token)
    finally:
        process.terminate()
        process.wait(30)


def answered(url: str, token: str) -> bytes:
    with urllib.request.urlopen(
        urllib.request.Request(url, headers={"X-Auth-Token": token}), timeout=30
    ) as answer:
        return bytes(answer.read())
