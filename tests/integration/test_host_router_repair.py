"""What someone does by hand to a router: the kernel tells at once, and the next look makes it as it was."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from router_rig import FLOATING_1, OUTER, Project, changed, echoes, fixed, new_id, nft, port, run, site

from evener.host import links, netns, nftables
from evener.host.errors import HostError
from evener_cloud.network.node import conntrack

__all__ = ["site"]
pytestmark = pytest.mark.root
TOLD_WITHIN_S = 30.0
# What the kernel says of an interface a moment after it has come up.
LATER = {"UP", "DOWN", "UNKNOWN", "LOWERLAYERDOWN", "linkdown"}


@pytest.fixture
def project(site) -> Project:
    made = Project(site)
    made.apply()
    site.changed.clear()
    return made


def inner(project: Project) -> str:
    return "qr-" + project.spec.ports[0].id[:11]


def outer(project: Project) -> str:
    return "qg-" + project.spec.gateway.id[:11]


def state(project: Project) -> str:
    """Return all that makes the router what it is."""
    rules = re.sub(r'"handle": \d+', "", nftables.read(project.namespace) or "none")
    links = [line.split("@")[0] for line in project.ip("-br", "link", "show", "up").splitlines()]
    addresses = [re.sub(r"@\S+", "", line) for line in shown(project, "address")]
    with netns.inside(project.namespace):
        forwarding = [
            path.read_text() for path in sorted(Path("/proc/sys/net").glob("ipv?/conf/q*/forwarding"))
        ]
    return f"{sorted(links)} {sorted(addresses)} {sorted(shown(project, 'route'))} {forwarding} {rules}"


def shown(project: Project, what: str) -> list[str]:
    lines = [
        line
        for family in ("-4", "-6")
        for line in project.ip("-br", family, what, "show").splitlines()
        if not line.startswith("fe80:")
    ]
    return [
        " ".join(sorted(word for word in line.split() if word not in LATER and not word.startswith("fe80:")))
        for line in lines
    ]


def in_namespace(*command: str) -> Callable[[Project], object]:
    def damage(project: Project) -> None:
        names = {"INNER": inner(project), "OUTER": outer(project)}
        project.ip(*(names.get(word, word) for word in command))

    return damage


def rules(command: str) -> Callable[[Project], object]:
    return lambda project: nft(project.namespace, command)


def setting(path: str, value: str) -> Callable[[Project], object]:
    def damage(project: Project) -> None:
        with netns.inside(project.namespace):
            Path("/proc/sys/net", path.replace("INNER", inner(project))).write_text(value)

    return damage


def tap(*command: str) -> Callable[[Project], object]:
    return lambda project: run("ip", "link", command[0], "tap" + inner(project)[3:], *command[1:])


def another_namespace(project: Project) -> None:
    netns.delete(project.namespace)
    netns.ensure(project.namespace)


DAMAGE: dict[str, Callable[[Project], object]] = {
    "a subnet's address is missing": in_namespace("address", "del", "192.168.200.1/24", "dev", "INNER"),
    "a floating address is missing": in_namespace("address", "del", f"{FLOATING_1}/32", "dev", "OUTER"),
    "another address": in_namespace("address", "add", "198.51.100.99/32", "dev", "OUTER"),
    "the default route is missing": in_namespace("route", "del", "default"),
    "another default route": in_namespace("route", "replace", "default", "via", "198.51.100.9"),
    "the inner interface is down": in_namespace("link", "set", "INNER", "down"),
    "the outer interface was deleted": in_namespace("link", "del", "OUTER"),
    "the tap was deleted": tap("del"),
    "the tap is out of its bridge": tap("set", "nomaster", "down"),
    "forwarding is off": setting("ipv4/conf/all/forwarding", "0"),
    "forwarding is off for IPv6 on one interface": setting("ipv6/conf/INNER/forwarding", "0"),
    "our table is missing": rules("delete table inet evener"),
    "our rules are missing": rules("flush table inet evener"),
    "a rule too many": rules("insert rule inet evener forward drop"),
    "another policy": rules("add chain inet evener forward { policy accept; }"),
    "the namespace's name is missing": lambda project: netns.delete(project.namespace),
    "another namespace has the name": another_namespace,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_told_at_once_and_repaired_at_the_next_look(project, damage):
    before = state(project)
    damage(project)
    assert project.site.changed.wait(TOLD_WITHIN_S)
    project.apply()
    assert state(project) == before
    assert project.outside.hears(FLOATING_1) == "web1 198.51.100.1"


def test_a_namespace_that_lost_its_name_gets_it_back_with_all_its_connections(project):
    with project.other.call("198.51.100.1") as call:
        assert call.recv(100) == f"outside {OUTER}\n".encode()
        netns.delete(project.namespace)
        assert project.site.changed.wait(TOLD_WITHIN_S)
        project.apply()
        assert echoes(call)


def test_an_agent_that_starts_anew_adopts_what_is_there_and_changes_nothing_that_carries_traffic(project):
    before = state(project)
    with project.outside.call(FLOATING_1) as call:
        assert call.recv(100)
        index = project.ip("-o", "link").split(":")[2]
        project.site.agent_anew()
        project.apply()
        assert echoes(call)
    assert state(project) == before
    assert project.ip("-o", "link").split(":")[2] == index


def test_the_operators_own_tables_stay_as_they_are_in_our_namespaces_and_on_the_host(project):
    table = "table inet mine { chain c { type filter hook forward priority 5; ip saddr 10.99.0.1 drop; }; }"
    for namespace in (project.namespace, None):
        nft(namespace, f"{table}; add table inet evener_not; add table ip evener")
    on_host = nft(None, "list ruleset")
    mine = nft(project.namespace, "list table inet mine")
    rules("flush table inet evener")(project)
    assert project.site.changed.wait(TOLD_WITHIN_S)
    project.apply()
    project.apply(snat=False)
    assert nft(None, "list ruleset") == on_host
    assert nft(project.namespace, "list table inet mine") == mine
    project.site.apply()
    assert nft(None, "list ruleset") == on_host
    nft(None, "delete table inet mine; delete table inet evener_not; delete table ip evener")


def test_a_router_that_cannot_be_made_keeps_no_other_from_being_made_and_is_named(site, caplog):
    broken = Project(site)
    taken = "tap" + broken.spec.ports[0].id[:11]
    run("ip", "link", "add", taken, "type", "bridge")
    gateway = port(broken.outer_network, fixed("198.51.100.70/24"), prefix="qg-")
    other = changed(broken.spec, id=new_id(), ports=(), gateway=gateway)
    with pytest.raises(HostError, match=broken.spec.id):
        site.apply(broken.spec, other)
    assert (
        f"Router {broken.spec.id}: cannot be made as it should be: Interface {taken} is no veth"
        in caplog.text
    )
    assert "198.51.100.70" in run("ip", "-n", f"qrouter-{other.id}", "address")
    run("ip", "link", "del", taken)
    site.apply(broken.spec)
    assert broken.outside.hears(FLOATING_1) == "web1 198.51.100.1"


class Killed(BaseException):
    """Ends an agent's work at once, as a kill does."""


POINTS = {
    "before the namespace": (netns, "ensure", 1),
    "before the rules": (nftables, "_write", 1),
    "before the first port": (links, "create_veth", 1),
    "between two ports": (links, "create_veth", 2),
    "before the connections are forgotten": (conntrack, "forget", 1),
}


@pytest.mark.parametrize(("module", "name", "call"), POINTS.values(), ids=POINTS.keys())
@pytest.mark.parametrize("wanted", [True, False], ids=["wanted", "not wanted any more"])
def test_an_agent_killed_at_work_is_followed_by_one_that_finishes_or_removes_all(
    site, monkeypatch, module, name, call, wanted
):
    made, original, calls = Project(site), getattr(module, name), []

    def killed(*arguments, **values):
        calls.append(name)
        if len(calls) == call:
            raise Killed
        return original(*arguments, **values)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        with pytest.raises(Killed):
            made.apply()
    site.agent_anew()
    if wanted:
        made.apply()
        assert made.outside.hears(FLOATING_1) == "web1 198.51.100.1"
    else:
        site.apply()
        assert not netns.exists(made.namespace)
