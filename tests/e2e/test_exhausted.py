"""What an agent needs of its machine runs out, or is not there: users are told why, traffic goes on, and it heals."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from standalone import PROGRAM, Balancer, Cloud, Standalone, Traffic

from waiting import eventually

pytestmark = pytest.mark.root
LITTLE_ROOM = 60  # descriptors


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> Path:
    """Return a HAProxy of our own, which only this module's agent finds first."""
    directory = tmp_path_factory.mktemp("bin")
    return Path(shutil.copy2(shutil.which("haproxy"), directory))


@pytest.fixture(scope="module")
def program(binary: Path) -> tuple[str, ...]:
    others = [each for each in os.environ["PATH"].split(":") if not (Path(each) / "haproxy").exists()]
    return ("env", f"PATH={':'.join([str(binary.parent), *others])}", *PROGRAM)


@pytest.fixture(scope="module")
def balancer(cloud: Cloud) -> Balancer:
    return cloud.balancer("needy")


@contextmanager
def few_files(standalone: Standalone) -> Iterator[None]:
    pid = standalone.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    there = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (there + LITTLE_ROOM, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


@contextmanager
def unreadable(binary: Path) -> Iterator[None]:
    binary.chmod(0)
    try:
        yield
    finally:
        binary.chmod(0o755)


@contextmanager
def no_forks(standalone: Standalone) -> Iterator[None]:
    """Let the server start neither process nor thread, by the controller `pids` of whichever version there is."""
    with cgroups(standalone.directory / "cgroups") as parent:
        group = parent / f"evener-test-{os.getpid()}"
        group.mkdir()
        try:
            (group / "cgroup.procs").write_text(str(standalone.process.pid))
            looks = [int((group / "pids.current").read_text()) for _ in range(20)]
            (group / "pids.max").write_text(
                str(min(looks))
            )  # a thread that ends in this moment leaves no room
            yield
        finally:
            (group / "pids.max").write_text("max")
            while pids := (group / "cgroup.procs").read_text().split():
                for each in pids:
                    (parent / "cgroup.procs").write_text(each)
            group.rmdir()


@contextmanager
def cgroups(directory: Path) -> Iterator[Path]:
    """Mount groups that have the controller `pids`."""
    directory.mkdir(exist_ok=True)
    for kind in (("cgroup", "-o", "pids"), ("cgroup2",)):
        mounted = subprocess.run(
            ["mount", "-t", *kind, "none", str(directory)], capture_output=True, check=False
        )
        if mounted.returncode == 0:
            break
    else:
        pytest.skip("no cgroups can be mounted here")
    try:
        control = directory / "cgroup.subtree_control"
        if control.exists() and "pids" not in control.read_text().split():
            pytest.skip("the cgroups here have no controller pids")
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


CASES = {
    "descriptors": (lambda server, _: few_files(server), ("Too many open files", "LimitNOFILE")),
    "processes": (lambda server, _: no_forks(server), ("Resource temporarily unavailable", "pids.max")),
    "binary": (lambda _, binary: unreadable(binary), ("haproxy", "Permission denied")),
}


@pytest.mark.parametrize("what", CASES)
def test_what_the_agent_lacks_ends_in_an_error_that_says_so_and_heals_when_it_is_over(
    cloud: Cloud, balancer: Balancer, binary: Path, what: str
) -> None:
    lacking: Callable[..., object] = CASES[what][0]
    words = CASES[what][1]
    cloud.api.update(balancer.pool, lb_algorithm="ROUND_ROBIN")
    pools = [
        cloud.api.create("pool", loadbalancer_id=balancer.lb["id"], protocol="HTTP", lb_algorithm="SOURCE_IP")
    ]
    cloud.api.wait_active(balancer.lb)
    with Traffic(cloud.client, balancer.vip) as traffic:
        with lacking(cloud.standalone, binary):
            cloud.api.update(balancer.pool, lb_algorithm="LEAST_CONNECTIONS")
            eventually(lambda: cloud.api.show(balancer.lb)["provisioning_status"] == "ERROR")
            reason = cloud.api.statuses(balancer.lb)["provisioning_error"]
            assert all(word in reason for word in words), reason
        cloud.api.wait_active(balancer.lb, 40)  # it is tried again, with growing pauses
    traffic.assert_unharmed()
    for pool in pools:
        cloud.api.delete(pool)


def test_nothing_that_is_written_is_for_everybody_to_read(cloud: Cloud, balancer: Balancer) -> None:
    found = {cloud.standalone.state, *cloud.standalone.state.rglob("*")}
    assert {"evener.log", "graph.json", f"{cloud.subnet['network_id']}.json"} <= {each.name for each in found}
    assert [each for each in found if not each.is_symlink() and each.stat().st_mode & 0o007] == []
