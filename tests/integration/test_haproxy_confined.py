"""What HAProxy may do to its machine and to its neighbours, with real processes."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy.instance import Instance
from evener.dataplane.haproxy.plan import Reload, Start
from evener.dataplane.haproxy.settings import MEGABYTE
from evener.host import cgroups, netns, processes
from evener.host.cgroups import CgroupsMissing, Limits
from evener.resources.provider_data import FlavorData
from haproxy_rig import SETTINGS, VIP, Shop
from waiting import eventually

pytestmark = pytest.mark.root
UIDS = range(1879048192, 2147483648)  # as many as there are without a word of an operator
KEPT = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 18 | 1 << 24
BURNERS = 3  # for each processor
MEASURED_S = 2.0
AS_ANOTHER = (
    'kill -0 "$1" && echo signalled; shift; for each; do cat "$each" >/dev/null && echo "read $each"; done'
)


def status(pid: int) -> dict[str, list[str]]:
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.split() for name, _, value in lines}


def instances(rig, number=2) -> list[Instance]:
    """Return load balancers beside each other, in a namespace each."""
    settings, found = replace(SETTINGS, uids=UIDS), []
    for each in range(number):
        name = f"{rig.namespace}-{each}"
        netns.ensure(name)
        found.append(Instance(rig.directory.parent / g.nth(50 + each), name, settings))
        listener = g.listener(id=g.nth(3), protocol_port=80)
        found[-1].apply(g.graph(id=g.nth(50 + each), listeners=[listener], addresses=[VIP]))
    return found


def remove(found: list[Instance]) -> None:
    for each in found:
        each.remove()
        netns.delete(each.namespace)


def test_no_two_load_balancers_share_a_user_and_none_can_signal_or_read_another(rig):
    found = instances(rig)
    try:
        workers = [each.processes[1].pid for each in found]
        owners = [int(status(pid)["Uid"][0]) for pid in workers]
        assert len({*owners}) == 2
        assert all(each in UIDS for each in owners)
        for pid, uid in zip(workers, owners, strict=True):
            seen = status(pid)
            assert seen["Uid"] == [str(uid)] * 4
            assert int(seen["CapEff"][0], 16) == int(seen["CapPrm"][0], 16) == 0
        for own, other in ((0, 1), (1, 0)):
            directory = found[other].paths.directory
            paths = [str(each) for each in directory.rglob("*")] + [f"/proc/{workers[other]}/environ"]
            command = ["sh", "-c", AS_ANOTHER, "sh", str(workers[other]), *paths]
            answer = subprocess.run(
                command, user=owners[own], group="haproxy", capture_output=True, text=True, check=False
            )
            assert answer.stdout == ""
            assert answer.stderr.count("ermission") + answer.stderr.count("not permitted") > len(paths)
    finally:
        remove(found)


def test_a_master_has_only_the_capabilities_that_it_needs_and_reloads_with_them(rig):
    (instance,) = instances(rig, 1)
    try:
        master, worker = (each.pid for each in instance.processes)
        for _ in range(2):
            seen = status(master)
            assert int(seen["CapBnd"][0], 16) & ~KEPT == int(seen["CapPrm"][0], 16) & ~KEPT == 0
            listeners = [g.listener(id=g.nth(port), protocol_port=port) for port in (80, 81)]
            instance.apply(g.graph(id=g.nth(50), listeners=listeners, addresses=[VIP]))
        assert instance.processes[0].pid == master
        assert instance.processes[1].pid != worker
        assert int(status(os.getpid())["CapBnd"][0], 16) & ~KEPT  # nobody took ours
    finally:
        remove([instance])


def test_one_that_ran_as_the_common_user_gets_its_own_with_a_reload_that_costs_no_connection(rig):
    shop = Shop(rig)
    assert shop.apply() == [Start]
    assert int(status(rig.instance.processes[1].pid)["Uid"][0]) not in UIDS
    client = rig.connection()
    client.request("GET", "/")
    assert client.getresponse().read() in (b"w1", b"w2")
    rig.instance.settings = replace(SETTINGS, uids=UIDS)
    assert shop.apply() == [Reload]
    assert int(status(rig.instance.processes[1].pid)["Uid"][0]) in UIDS
    client.request("GET", "/")
    assert client.getresponse().read() in (b"w1", b"w2")
    client.close()
    assert shop.apply() == []
    assert rig.spread(2).total() == 2
    # Its log still comes through, as a user who owns nothing there.
    assert processes.alive(rig.instance.processes[0])


def test_a_load_balancer_that_fails_over_where_it_is_gets_another_worker_at_no_cost_of_a_connection(rig):
    shop = Shop(rig)
    shop.apply()
    master, worker = rig.instance.processes
    client = rig.connection()
    client.request("GET", "/")
    assert client.getresponse().read() in (b"w1", b"w2")
    assert shop.apply(failovers=1) == [Reload]
    assert rig.instance.processes[0] == master
    assert rig.instance.processes[1] != worker
    client.request("GET", "/")
    assert client.getresponse().read() in (b"w1", b"w2")
    client.close()
    assert rig.spread(20).total() == 20
    assert shop.apply(failovers=1) == []


def test_a_flavor_says_how_many_connections_a_load_balancer_takes(rig):
    shop = Shop(rig)
    shop.apply(flavor_data=FlavorData(maxconn=2))
    with ExitStack() as ended:
        for _ in range(2):
            held = rig.connection()
            ended.callback(held.close)
            held.request("GET", "/")
            assert held.getresponse().read() in (b"w1", b"w2")
        third = rig.connection(timeout_s=1.0)
        ended.callback(third.close)
        third.request("GET", "/")
        with pytest.raises(TimeoutError):
            third.getresponse()
        ended.close()
    assert eventually(lambda: rig.get()[0] == 200)


def test_a_flavor_says_how_much_of_the_machine_a_load_balancer_takes(rig):
    try:
        parent = cgroups.prepare(cgroups.root(), f"evener-test-{os.getpid()}")
    except CgroupsMissing as error:
        pytest.skip(str(error))
    instance = Instance(rig.directory, rig.namespace, replace(SETTINGS, cgroups=parent))
    group = parent / rig.directory.name
    listener = g.listener(protocol_port=80)
    half = int(Limits().files["memory.max"])
    with ExitStack() as ended:
        ended.callback(parent.rmdir)
        ended.callback(instance.remove)
        for said, weight, memory in (
            (FlavorData(cpu_weight=200, memory_max_mb=512), "200", 512 * MEGABYTE),
            (FlavorData(cpu_weight=300), "300", half),
        ):
            instance.apply(g.graph(id=g.nth(1), listeners=[listener], addresses=[VIP], flavor_data=said))
            assert (group / "cpu.weight").read_text().strip() == weight
            assert int((group / "memory.max").read_text()) == memory


def test_a_group_that_burns_all_it_can_leaves_another_most_of_an_even_share():
    try:
        parent = cgroups.prepare(cgroups.root(), f"evener-test-{os.getpid()}")
    except CgroupsMissing as error:
        pytest.skip(str(error))
    processors = os.cpu_count() or 1
    loop = [sys.executable, "-c", "while True: pass"]
    with ExitStack() as ended:
        ended.callback(parent.rmdir)
        for name, number in (("modest", processors), ("greedy", processors * BURNERS)):
            started = [subprocess.Popen(loop) for _ in range(number)]
            ended.callback(cgroups.remove, parent / name)
            for each in started:
                ended.callback(each.wait)
                ended.callback(each.kill)
            cgroups.confine(parent / name, Limits(), [each.pid for each in started])
        measured: list[dict[str, int]] = []

        def is_shared() -> bool:
            before = {name: used(parent / name) for name in ("modest", "greedy")}
            time.sleep(MEASURED_S)
            measured.append({name: used(parent / name) - before[name] for name in before})
            return measured[-1]["modest"] >= 0.8 * sum(measured[-1].values()) / 2

        eventually(is_shared, why=lambda: measured)  # once the processes are spread over the processors


def used(group: Path) -> int:
    lines = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(lines["usage_usec"])
