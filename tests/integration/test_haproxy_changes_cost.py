"""design/changes.md tells the truth about what a change costs a HAProxy that runs."""

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import process
from evener.dataplane.haproxy.plan import Reload, Start, Stop
from evener.resources.graph import Graph
from haproxy_changes import base, changeable, changed, costs, more_or_less
from haproxy_rig import VIP, Rig
from made_certificates import authorities, document, ec_key, make, revoked

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]


@pytest.fixture(scope="module")
def rig(tmp_path_factory, haproxy):
    rig = Rig(tmp_path_factory.mktemp("costs"), "qlbaas-test", haproxy)
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def one() -> Graph:
    """What `base` is, with an address and certificates that HAProxy takes."""
    root, upper, issuer = authorities()
    found = {}
    for number, ref in enumerate("abc", 1):
        made = make(f"{ref}.example.com", ec_key(number), issuer, (f"{ref}.example.com",))
        found[ref] = document(made, (issuer,))
    return g.altered(
        base(),
        certificates=found,
        authorities={"ca": root.pem.decode(), "ca2": upper.pem.decode()},
        revoked={"crl": revoked(root).decode(), "crl2": revoked(upper).decode()},
        vip_port=g.graph(addresses=[VIP]).vip_port,
    )


def cost(rig: Rig, other: Graph) -> str:
    """Apply `other`, and say what that has done to the processes."""
    before = process.serving(rig.instance.paths)
    steps = rig.instance.apply(other).steps
    after = process.serving(rig.instance.paths)
    if before is None or after is None:
        assert steps in ((Start(),), (Stop(),))
        return "start or stop"
    assert (before != after) == (steps == (Reload(),)), steps
    return "reload" if before != after else "runtime command" if steps else "nothing"


@pytest.mark.parametrize("name", sorted(changeable()))
def test_a_change_of_an_attribute_costs_what_the_document_says(rig, one, name):
    rig.instance.apply(one)
    back = costs()[name]
    if name == "listener.connection_limit" and not rig.settings.raises_limits:
        back = "reload"  # from 5 to none; the document says which versions
    assert cost(rig, changed(one, *name.split("."))) == costs()[name]
    assert cost(rig, one) == back


def test_an_object_more_or_less_costs_what_the_document_says(rig, one):
    rig.instance.apply(one)
    for name, others in more_or_less(one).items():
        for other in others:
            assert (cost(rig, other), cost(rig, one)) == (costs()[name], costs()[name])
