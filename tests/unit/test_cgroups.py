"""What is written into the files of cgroup v2, on a directory tree of its shape: the kernel's are not everywhere."""

import os
from pathlib import Path

import pytest

from evener.dataplane.haproxy.cgroup import Cgroup
from evener.dataplane.haproxy.settings import MEGABYTE, Settings
from evener.host import cgroups
from evener.host.cgroups import CgroupsMissing, Limits
from evener.resources.provider_data import FlavorData

LIMITS = Limits(cpu_weight=50, memory_max=64 << 20, pids_max=100)


def tree(directory: Path, controllers: str = "cpuset cpu io memory pids") -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "cgroup.controllers").write_text(controllers + "\n")
    (directory / "cgroup.subtree_control").write_text("")
    return directory


def mounts(directory: Path, *kinds: str) -> Path:
    lines = [f"none {directory / str(number)} {kind} rw 0 0\n" for number, kind in enumerate(kinds)]
    (directory / "mounts").write_text("".join(lines))
    return directory / "mounts"


def test_the_first_mount_of_version_2_with_the_controllers_is_taken(tmp_path: Path) -> None:
    tree(tmp_path / "0")
    tree(tmp_path / "1", "hugetlb")
    tree(tmp_path / "2")
    assert cgroups.root(mounts(tmp_path, "cgroup", "cgroup2", "cgroup2")) == tmp_path / "2"


def test_who_has_no_version_2_or_lacks_controllers_is_told_which(tmp_path: Path) -> None:
    with pytest.raises(CgroupsMissing, match="not mounted"):
        cgroups.root(mounts(tmp_path, "cgroup", "tmpfs"))
    tree(tmp_path / "0", "cpu io")
    with pytest.raises(CgroupsMissing, match="lacks the controllers memory, pids"):
        cgroups.root(mounts(tmp_path, "cgroup2"))


def test_controllers_are_turned_on_for_the_group_and_for_those_in_it(tmp_path: Path) -> None:
    root = tree(tmp_path / "root")
    parent = cgroups.prepare(root, "evener")
    assert parent == root / "evener"
    for each in (root, parent):
        assert (each / "cgroup.subtree_control").read_text() == "+cpu +memory +pids"
        (each / "cgroup.subtree_control").write_text("cpu memory pids io\n")  # as the kernel shows it
    cgroups.prepare(root, "evener")
    assert (root / "cgroup.subtree_control").read_text() == "cpu memory pids io\n"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("")
    with pytest.raises(CgroupsMissing, match=r"root.*Not a directory"):
        cgroups.prepare(tmp_path / "root", "evener")


def test_a_group_has_its_limits_and_processes_and_goes(tmp_path: Path) -> None:
    group = tmp_path / "lb"
    cgroups.confine(group, LIMITS, [os.getpid()])
    found = {each.name: each.read_text() for each in group.iterdir()}
    assert found == {
        "cpu.weight": "50",
        "memory.max": str(64 << 20),
        "pids.max": "100",
        "cgroup.procs": str(os.getpid()),
    }
    for each in group.iterdir():
        each.unlink()  # the kernel's vanish with their directory
    cgroups.remove(group)
    cgroups.remove(group)
    assert not group.exists()


def test_without_a_number_a_group_has_half_of_the_machines_memory() -> None:
    memory = int(Limits().files["memory.max"])
    assert abs(memory * 2 - os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) <= 2 * os.sysconf(
        "SC_PAGE_SIZE"
    )
    assert memory % os.sysconf("SC_PAGE_SIZE") == 0


def test_a_flavor_says_what_a_load_balancer_may_take_in_place_of_the_agent(tmp_path: Path) -> None:
    group = Cgroup("lb", Settings(cgroups=tmp_path, limits=Limits(100, 64 * MEGABYTE, 50)))
    for said, weight, memory in (
        (FlavorData(cpu_weight=200), 200, 64),
        (FlavorData(memory_max_mb=512), 100, 512),
        (None, 100, 64),
    ):
        group.confine((), said)
        assert (tmp_path / "lb" / "cpu.weight").read_text() == str(weight)
        assert (tmp_path / "lb" / "memory.max").read_text() == str(memory * MEGABYTE)
        assert (tmp_path / "lb" / "pids.max").read_text() == "50"
