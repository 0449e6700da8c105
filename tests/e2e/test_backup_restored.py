"""A standalone is saved under changes, destroyed and put back, or its database moved: all is as it was, and serves."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url
from standalone import LONG_S, Balancer, Cloud, Standalone, Traffic, haproxies, settled, traces

from integration.databases import _administer as administer
from integration.databases import postgresql_url
from waiting import eventually

__all__ = ["postgresql_url"]
pytestmark = pytest.mark.root
PROGRAM = Path(sys.executable).with_name("evener-db-manage")
KINDS = ("loadbalancer", "listener", "pool", "healthmonitor", "network", "subnet", "port", "security_group")
SECRETS = "/key-manager/v1/secrets"


def manage(server: Standalone, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(PROGRAM), "--config-file", str(server.config), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONG_S, check=False)


def objects(cloud: Cloud) -> dict[str, Any]:
    """Return all that the API shows, and a secret's payload."""
    shown = {kind: cloud.api.request("GET", cloud.api.collection(kind)).json() for kind in KINDS}
    secret = cloud.api.request("GET", SECRETS).json()["secrets"][0]["secret_ref"]
    payload = cloud.api.request("GET", f"{SECRETS}/{secret.rpartition('/')[2]}/payload")
    return {**shown, "payload": payload.text}


@contextmanager
def repeated(work: Callable[[], object]) -> Iterator[None]:
    """Do something again and again as long as the block runs; what goes wrong in it is raised at the end."""
    ended, wrong = threading.Event(), []

    def run() -> None:
        try:
            while not ended.wait(0.02):
                work()
        except Exception as error:  # noqa: BLE001 - raised below
            wrong.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert wrong == []


def is_online(cloud: Cloud, balancer: Balancer) -> bool:
    return set(cloud.api.operating(balancer.lb).values()) == {"ONLINE"}


def answers(cloud: Cloud, balancer: Balancer) -> bool:
    """Return whether it answers; HAProxy may have asked its members before they were plugged in again."""
    with suppress(AssertionError, OSError):
        return bool(cloud.client.get(balancer.vip))
    return False


def serves(cloud: Cloud, balancer: Balancer) -> None:
    cloud.api.wait_active(balancer.lb)
    eventually(lambda: is_online(cloud, balancer))
    eventually(lambda: set(cloud.client.spread(balancer.vip, 6)) == {"web1", "web2"})


def test_what_was_destroyed_comes_back_and_serves(cloud: Cloud, tmp_path: Path) -> None:
    server, file = cloud.standalone, tmp_path / "evener.tar"
    body = {"name": "words", "payload": "the words", "payload_content_type": "text/plain"}
    assert cloud.api.request("POST", SECRETS, body).status_code == 201
    kept, changing = cloud.balancer("kept"), cloud.balancer("changing")

    def change() -> None:
        pool = cloud.api.create(
            "pool", loadbalancer_id=changing.lb["id"], protocol="HTTP", lb_algorithm="ROUND_ROBIN"
        )
        cloud.api.delete(pool)

    with Traffic(cloud.client, kept.vip) as traffic:
        with repeated(change):
            saved = manage(server, "backup", file)
        assert (saved.returncode, saved.stderr) == (0, "")
        for each in (kept, changing):
            serves(cloud, each)
        before = objects(cloud)
    traffic.assert_unharmed()

    server.purge()
    assert traces() == []
    assert not server.state.exists()
    restored = manage(server, "restore", file)
    assert (restored.returncode, restored.stderr) == (0, "")
    server.start()
    cloud.api = server.api()
    for host in cloud.hosts:
        host.join()
    known = {each["id"] for each in before["pool"]["pools"]}
    for pool in cloud.api.named("pool", ""):  # that was there, or about to go, in the moment of the backup
        assert pool["id"] not in known
        cloud.api.request("DELETE", pool.path)
    for each in (kept, changing):
        eventually(lambda at=each: answers(cloud, at))
        serves(cloud, each)
    eventually(lambda: objects(cloud) == before, 20, lambda: objects(cloud))


def test_a_host_goes_back_to_what_it_was_while_traffic_goes_on(cloud: Cloud, tmp_path: Path) -> None:
    server, file = cloud.standalone, tmp_path / "evener.tar"
    kept = cloud.balancer("kept")
    serves(cloud, kept)
    assert manage(server, "backup", file).returncode == 0
    cloud.api.update(kept.members["web2"], weight=0)
    later = cloud.balancer("later", port=81)
    cloud.api.wait_active(kept.lb)
    eventually(lambda: set(cloud.client.spread(kept.vip, 4)) == {"web1"})
    with Traffic(cloud.client, kept.vip) as traffic:
        server.stop()
        restored = manage(server, "restore", file)
        assert "before-restore.tar" in restored.stdout, restored.stderr
        server.start()
        cloud.api = server.api()
        serves(cloud, kept)
        assert not cloud.api.exists(later.lb)
        eventually(lambda: not haproxies(later.lb["id"]), 30)  # it is little, so it goes
    traffic.assert_unharmed()


def test_the_database_moves_to_a_server_while_traffic_goes_on(cloud: Cloud, postgresql_url: str) -> None:
    server, url = cloud.standalone, make_url(postgresql_url).set(database="moved")
    administer(make_url(postgresql_url), "CREATE DATABASE moved")
    kept = cloud.balancer("kept")
    cloud.api.update(kept.members["web2"], weight=1)
    serves(cloud, kept)
    before, processes = objects(cloud), settled(kept.lb["id"])
    with Traffic(cloud.client, kept.vip) as traffic:
        assert "runs on" in manage(server, "move", url.render_as_string()).stderr
        server.stop()
        moved = manage(server, "move", url.render_as_string())
        assert moved.returncode == 0, moved.stderr
        with server.config.open("a") as file:
            file.write(f"[database]\nconnection = {url.render_as_string()}\n")
        server.start()
        cloud.api = server.api()
        serves(cloud, kept)
        eventually(lambda: objects(cloud) == before, 20, lambda: objects(cloud))
        cloud.api.update(kept.members["web2"], weight=0)
        eventually(lambda: set(cloud.client.spread(kept.vip, 4)) == {"web1"})
    traffic.assert_unharmed()
    assert haproxies(kept.lb["id"]).keys() >= processes.keys()
