"""Someone changes by hand what Evener made: it is as before within five seconds, and the log says so."""

import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from standalone import Balancer, Cloud, Traffic, haproxies, ip, ip_in, settled, traces

from evener.dataplane.haproxy.paths import Paths
from evener.host import processes
from waiting import eventually

pytestmark = pytest.mark.root
REPAIRED_WITHIN_S = 5.0
KNOWN_WITHIN_S = 10.0  # where nothing tells of it


def reached_by(paths: Paths) -> list[bool]:
    return [path.exists() for path in (paths.pid_file, paths.socket, paths.master_socket)]


def read(path: Path) -> str:
    """Return what is in a file, which may go or come in this moment."""
    with suppress(OSError):
        return path.read_text()
    return ""


class Victim:
    """A load balancer, and what of it someone could touch."""

    def __init__(self, cloud: Cloud, balancer: Balancer) -> None:
        self.cloud, self.balancer = cloud, balancer
        self.paths = Paths(cloud.standalone.directory_of(balancer.lb))
        settled(balancer.lb["id"])
        self.before = self.state()

    def is_well(self) -> bool:
        return self.state() == self.before and self.cloud.client.answers(self.balancer.vip)

    def changes(self) -> dict[str, tuple[str, str]]:
        found = self.state()
        return {key: (found[key], value) for key, value in self.before.items() if found[key] != value}

    def master(self) -> int:
        return int(self.paths.pid_file.read_text())

    def workers(self) -> set[int]:
        return set(haproxies(self.balancer.lb["id"])) - {self.master()}

    def state(self) -> dict[str, str]:
        """Return all that is expected to come back as it was."""

        def inside(*command: str) -> list[str]:
            shown = subprocess.run(
                ["ip", "-n", self.balancer.namespace, *command], capture_output=True, text=True, check=False
            ).stdout
            return sorted(shown.replace("@", " ").split())

        tap = Path("/sys/class/net", self.balancer.tap)
        return {
            "configuration": read(self.paths.conf),
            "addresses": str([word for word in inside("-br", "-4", "address", "show", "up") if "/" in word]),
            "routes": str(inside("route")),
            "tap": read(tap / "operstate"),
            "bridge": (tap / "master").resolve().name,
            "sockets": str(reached_by(self.paths)),
            # A master and a worker; those of earlier reloads may still finish their connections.
            "processes": str(min(len(haproxies(self.balancer.lb["id"])), 2)),
            "stopped": str([pid for pid in haproxies(self.balancer.lb["id"]) if is_halted(pid)]),
        }


def is_halted(pid: int) -> bool:
    found = processes.of(pid)
    return found is not None and processes.is_halted(found)


def delete_namespace(victim: Victim) -> None:
    ip(f"netns delete {victim.balancer.namespace}")


def delete_namespace_and_kill(victim: Victim) -> None:
    delete_namespace(victim)
    processes.kill({victim.master(), *victim.workers()})


def kill_master(victim: Victim) -> None:
    processes.kill({victim.master()})


def kill_worker(victim: Victim) -> None:
    processes.kill(victim.workers())


def kill_all(victim: Victim) -> None:
    processes.kill({victim.master(), *victim.workers()})


def freeze_worker(victim: Victim) -> None:
    for worker in victim.workers():
        with suppress(ProcessLookupError):  # one of an earlier reload
            os.kill(worker, signal.SIGSTOP)


def freeze_master(victim: Victim) -> None:
    os.kill(victim.master(), signal.SIGSTOP)


def remove_sockets(victim: Victim) -> None:
    for path in (victim.paths.pid_file, victim.paths.socket, victim.paths.master_socket):
        path.unlink()


def edit_configuration(victim: Victim) -> None:
    with victim.paths.conf.open("a") as file:
        file.write("# edited by hand\n")


def replace_configuration(victim: Victim) -> None:
    fresh = victim.paths.directory / "edited"
    fresh.write_text("global\n")
    fresh.rename(victim.paths.conf)


def remove_configuration(victim: Victim) -> None:
    victim.paths.conf.unlink()


def delete_tap(victim: Victim) -> None:
    ip(f"link delete {victim.balancer.tap}")


def release_tap(victim: Victim) -> None:
    ip(f"link set {victim.balancer.tap} nomaster")


def set_tap_down(victim: Victim) -> None:
    ip(f"link set {victim.balancer.tap} down")


def set_bridge_down(victim: Victim) -> None:
    ip(f"link set {victim.cloud.client.bridge} down")


def delete_bridge(victim: Victim) -> None:
    ip(f"link delete {victim.cloud.client.bridge}")

    def rejoined() -> bool:
        try:
            for host in victim.cloud.hosts:
                host.rejoin()
        except subprocess.CalledProcessError:
            return False
        return True

    eventually(rejoined)  # the servers are no business of Evener's


def remove_address(victim: Victim) -> None:
    ip_in(victim.balancer.namespace, f"address delete {victim.balancer.vip}/24 dev {victim.balancer.inner}")


def set_down(victim: Victim) -> None:
    ip_in(victim.balancer.namespace, f"link set {victim.balancer.inner} down")


def remove_route(victim: Victim) -> None:
    ip_in(victim.balancer.namespace, "route delete default")


DRIFTS = [
    delete_namespace,
    delete_namespace_and_kill,
    kill_master,
    kill_worker,
    kill_all,
    freeze_worker,
    freeze_master,
    remove_sockets,
    edit_configuration,
    replace_configuration,
    remove_configuration,
    delete_tap,
    release_tap,
    set_tap_down,
    set_bridge_down,
    delete_bridge,
    remove_address,
    set_down,
    remove_route,
]
HARMLESS = [delete_namespace, edit_configuration, replace_configuration, remove_configuration, remove_route]


@pytest.fixture(scope="module")
def balancer(cloud: Cloud) -> Balancer:
    made = cloud.balancer("drifting")
    yield made
    cloud.delete(made)
    assert traces(made.lb["id"], made.lb["vip_port_id"]) == []


@pytest.fixture(scope="module")
def victim(cloud: Cloud, balancer: Balancer) -> Victim:
    return Victim(cloud, balancer)


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.__name__)
def test_what_someone_changed_is_repaired_within_five_seconds_and_logged(
    cloud: Cloud, victim: Victim, drift: Callable[[Victim], None]
) -> None:
    eventually(victim.is_well, why=victim.changes)
    logged = len(cloud.standalone.warnings())

    drift(victim)

    eventually(
        victim.is_well,
        KNOWN_WITHIN_S if drift in (freeze_worker, freeze_master) else REPAIRED_WITHIN_S,
        victim.changes,
    )
    eventually(lambda: any(" WARNING " in line for line in cloud.standalone.warnings()[logged:]))


def test_workers_that_are_killed_as_soon_as_they_serve_are_replaced_each_time(
    cloud: Cloud, victim: Victim
) -> None:
    eventually(victim.is_well, why=victim.changes)
    for _ in range(10):
        kill_worker(victim)
        eventually(lambda: cloud.client.answers(victim.balancer.vip), REPAIRED_WITHIN_S)
    eventually(lambda: victim.state() == victim.before, REPAIRED_WITHIN_S, victim.changes)


@pytest.mark.parametrize("drift", HARMLESS, ids=lambda drift: drift.__name__)
def test_a_repair_of_what_carries_no_traffic_costs_no_request(
    cloud: Cloud, victim: Victim, drift: Callable[[Victim], None]
) -> None:
    eventually(victim.is_well, why=victim.changes)
    with Traffic(cloud.client, victim.balancer.vip) as traffic:
        drift(victim)
        eventually(lambda: victim.state() == victim.before, REPAIRED_WITHIN_S, victim.changes)
    traffic.assert_unharmed()
