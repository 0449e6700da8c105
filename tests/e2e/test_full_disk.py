"""The disk of an agent's files is full, the database's is not: users are told, traffic goes on, room mends all."""

import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest
from standalone import Cloud, Standalone, Traffic, traces

from evener.dataplane.haproxy.counters import Ledger
from waiting import eventually

pytestmark = pytest.mark.root
PORT, SIZE = 19870, "16m"
BALLAST_BLOCK = 512  # bytes


@pytest.fixture(scope="module")
def standalone(tmp_path_factory) -> Iterator[Standalone]:
    directory = tmp_path_factory.mktemp("full")
    database = f"[database]\nconnection = sqlite:///{directory / 'evener.sqlite'}\n"
    server = Standalone(directory / "e2e", PORT, settings=database)
    server.state.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0755", "evener-test", str(server.state)], check=True
    )
    try:
        server.start()
        yield server
        server.purge()
        assert traces() == []
    finally:
        subprocess.run(["umount", "--lazy", str(server.state)], check=True)


def fill(standalone: Standalone) -> None:
    with (standalone.state / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
        while True:
            ballast.write(bytes(BALLAST_BLOCK))


def test_a_change_that_cannot_be_written_is_told_and_made_once_there_is_room(cloud: Cloud) -> None:
    balancer = cloud.balancer("full")
    web2 = balancer.members["web2"]["id"]
    with Traffic(cloud.client, balancer.vip) as traffic:
        fill(cloud.standalone)
        cloud.api.update(balancer.pool, lb_algorithm="LEAST_CONNECTIONS")
        eventually(lambda: cloud.api.show(balancer.lb)["provisioning_status"] == "ERROR")
        reason = cloud.api.statuses(balancer.lb)["provisioning_error"]
        assert "No space left on device" in reason
        assert "make room" in reason
    traffic.assert_unharmed()

    cloud.webs[1].stop()  # what cannot be counted on disk is no reason not to tell
    eventually(lambda: cloud.api.operating(balancer.lb)[web2] == "OFFLINE")
    counted = cloud.api.stats(balancer.lb)["total_connections"]
    cloud.client.get(balancer.vip)
    eventually(lambda: cloud.api.stats(balancer.lb)["total_connections"] > counted)

    (cloud.standalone.state / "ballast").unlink()
    cloud.api.wait_active(balancer.lb, 40)
    conf = (cloud.standalone.directory_of(balancer.lb) / "haproxy.conf").read_text()
    assert "balance leastconn" in conf
    assert cloud.client.spread(balancer.vip, 4) == {"web1": 4}
    kept = cloud.standalone.directory_of(balancer.lb) / "counters.json"
    listener = balancer.listener["id"]

    def kept_connections() -> int:
        return Ledger.model_validate_json(kept.read_text()).totals()[listener].total_connections

    eventually(lambda: kept_connections() == cloud.api.stats(balancer.lb)["total_connections"])
