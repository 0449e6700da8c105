"""A change that HAProxy refuses: the operator reads why, and what ran before runs on until it can be had."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from standalone import Balancer, Cloud, Traffic

from evener.dataplane.haproxy.settings import most_files
from waiting import eventually

pytestmark = pytest.mark.root

TAKEN = 8080
LISTEN = "import socket, time; s = socket.create_server(('', %d)); print('taken', flush=True); time.sleep(99)"


@pytest.fixture
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    made = cloud.balancer("refused")
    yield made
    for second in cloud.api.named("listener", "second"):
        cloud.api.delete(second)
    cloud.delete(made)


@pytest.fixture
def intruder(balancer: Balancer) -> Iterator[subprocess.Popen[str]]:
    """Run a process in the load balancer's namespace that holds a port."""
    command = ["ip", "netns", "exec", balancer.namespace, sys.executable, "-c", LISTEN % TAKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "taken\n"
        yield process
        process.kill()


def test_a_listener_on_a_taken_port_is_an_error_with_haproxys_words_and_heals(
    cloud: Cloud, balancer: Balancer, intruder: subprocess.Popen[str]
) -> None:
    api, below = cloud.api, {"loadbalancer_id": balancer.lb["id"], "default_pool_id": balancer.pool["id"]}

    def status() -> str:
        return api.show(balancer.lb)["provisioning_status"]

    with Traffic(cloud.client, balancer.vip) as traffic:
        second = api.create("listener", name="second", protocol="HTTP", protocol_port=TAKEN, **below)

        eventually(lambda: status() == "ERROR")
        for shown in (api.show(balancer.lb), api.statuses(balancer.lb)):
            assert "cannot bind socket" in shown["provisioning_error"].lower(), shown
            assert str(TAKEN) in shown["provisioning_error"]
        states = {each["id"]: each["provisioning_status"] for each in api.statuses(balancer.lb)["listeners"]}
        assert states == {balancer.listener["id"]: "ACTIVE", second["id"]: "ERROR"}
        configuration = (cloud.standalone.directory_of(balancer.lb) / "haproxy.conf").read_text()
        assert second["id"] not in configuration

        intruder.kill()
        eventually(lambda: status() == "ACTIVE", within_s=40)  # it is tried again, with growing pauses
        assert "provisioning_error" not in api.show(balancer.lb)
        eventually(lambda: cloud.client.answers(balancer.vip, TAKEN))
    traffic.assert_unharmed()


def test_the_next_good_change_heals_a_refused_one(
    cloud: Cloud, balancer: Balancer, intruder: subprocess.Popen[str]
) -> None:
    api, below = cloud.api, {"loadbalancer_id": balancer.lb["id"], "default_pool_id": balancer.pool["id"]}
    with Traffic(cloud.client, balancer.vip) as traffic:
        second = api.create("listener", name="second", protocol="HTTP", protocol_port=TAKEN, **below)
        eventually(lambda: api.show(balancer.lb)["provisioning_status"] == "ERROR")

        api.update(second, admin_state_up=False)

        api.wait_active(balancer.lb)
        assert "provisioning_error" not in api.show(balancer.lb)
    traffic.assert_unharmed()


def test_a_limit_of_connections_that_the_host_cannot_keep_is_said_of_its_listener_while_it_serves(
    cloud: Cloud, balancer: Balancer
) -> None:
    api, limit = cloud.api, 100_000
    api.update(balancer.listener, connection_limit=limit)
    if most_files() > 3 * limit:
        api.wait_active(balancer.lb)
    else:
        eventually(lambda: api.show(balancer.lb)["provisioning_status"] == "ERROR")
        assert f"connection_limit {limit} of listener" in api.show(balancer.lb)["provisioning_error"]
    cloud.client.answers(balancer.vip)
    api.update(balancer.listener, connection_limit=9000)
    api.wait_active(balancer.lb)
    configuration = (cloud.standalone.directory_of(balancer.lb) / "haproxy.conf").read_text()
    assert "maxconn 9000\n" in configuration
    assert "provisioning_error" not in api.show(balancer.lb)


def test_what_cannot_be_removed_stays_pending_with_the_reason_until_it_can(cloud: Cloud) -> None:
    api, balancer = cloud.api, cloud.api.create("loadbalancer", vip_subnet_id=cloud.subnet["id"])
    api.wait_active(balancer)
    held = cloud.standalone.directory_of(balancer) / "held"
    held.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", held], check=True)
    try:
        api.delete(balancer)
        eventually(lambda: "provisioning_error" in api.show(balancer))
        shown = api.show(balancer)
        assert shown["provisioning_status"] == "PENDING_DELETE"
        assert "busy" in shown["provisioning_error"].lower()
    finally:
        subprocess.run(["umount", held], check=True)
    api.wait_gone(balancer)
