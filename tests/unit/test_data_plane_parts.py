"""Which of several data planes carries what of a load balancer."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

import haproxy_graphs as g
from evener.agent.data_plane_parts import carried_by_none, parts, together
from evener.dataplane.haproxy.driver import HaproxyDriver
from evener.resources.facts import Counters, Observation
from evener.resources.types import ListenerProtocol, OperatingStatus, PoolProtocol

PROTOCOLS = sorted({str(each) for each in (*ListenerProtocol, *PoolProtocol)})
CARRIED = st.lists(st.sets(st.sampled_from(PROTOCOLS)), min_size=1, max_size=3)


NOT_YET = {"UDP", "SCTP"}


def test_haproxy_carries_every_protocol_but_those_below_it() -> None:
    assert {*ListenerProtocol, *PoolProtocol} - NOT_YET == HaproxyDriver.protocols


@given(g.graphs(), CARRIED)
def test_every_listener_has_one_data_plane_or_a_reason_and_all_it_leads_to_with_it(graph, carried) -> None:
    divided, lacking = parts(graph, carried), carried_by_none(graph, carried)
    listeners = [each.id for part in divided for each in part.listeners]
    assert sorted([*listeners, *(each.id for each in graph.listeners if each.id in lacking)]) == sorted(
        each.id for each in graph.listeners
    )
    pools = {each.pool.id for part in divided for each in part.pools}
    assert (
        pools | {each.pool.id for each in graph.pools if each.pool.id in lacking} == graph.pools_by_id.keys()
    )
    for part in divided:
        ids = {each.id for each in part.listeners}
        wanted = {each.policy.id for each in graph.l7policies if each.policy.listener_id in ids}
        assert {each.policy.id for each in part.l7policies} == wanted
        leads_to = chain(
            (each.default_pool_id for each in part.listeners),
            (each.policy.redirect_pool_id for each in part.l7policies),
        )
        assert set(leads_to) - {None} <= part.pools_by_id.keys()


@given(g.graphs())
def test_one_that_carries_all_has_the_graph_as_it_is_and_the_next_has_nothing(graph) -> None:
    first, second = parts(graph, [PROTOCOLS, PROTOCOLS])
    assert first is graph
    assert (second.listeners, second.pools, second.l7policies) == ((), (), ())
    assert (second.generation, second.vip_port) == (graph.generation, graph.vip_port)
    assert carried_by_none(graph, [PROTOCOLS]) == {}


def test_a_pool_goes_with_the_listener_that_leads_to_it_whatever_its_own_protocol() -> None:
    used, spare = g.pool(id=g.nth(1), protocol="TCP"), g.pool(id=g.nth(2), protocol="TCP")
    secure = g.listener(id=g.nth(3), protocol="HTTPS", default_pool_id=used.id)
    graph = g.graph(listeners=[secure], pools=[(used, (), None), (spare, (), None)])
    of_https, of_tcp = parts(graph, [["HTTPS"], ["TCP"]])
    assert (of_https.pools_by_id.keys(), of_tcp.pools_by_id.keys()) == ({used.id}, {spare.id})
    reason = "no device driver of this agent carries HTTPS"
    assert carried_by_none(graph, [["TCP"]]) == {secure.id: reason, used.id: reason}


def test_observations_of_one_load_balancer_are_put_together() -> None:
    one = Observation(members={"m1": OperatingStatus.ONLINE}, listeners={"l1": Counters(bytes_in=1)})
    other = Observation(members={"m2": OperatingStatus.OFFLINE}, reasons={"m2": "no answer"})
    assert together([]) is None
    assert together([one]) == one
    assert together([one, other]) == Observation(
        members={"m1": OperatingStatus.ONLINE, "m2": OperatingStatus.OFFLINE},
        reasons={"m2": "no answer"},
        listeners={"l1": Counters(bytes_in=1)},
    )
