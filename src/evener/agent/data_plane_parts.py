"""Which part of a load balancer each of its data planes carries, and what they observe put together. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from evener.resources.facts import Observation
from evener.resources.graph import Graph


def parts(graph: Graph, carried: Sequence[Collection[str]]) -> tuple[Graph, ...]:
    """Return the part of each data plane, in their order; `carried` are the protocols of each.

    The first that carries a listener's protocol has it, with its policies and the pools it leads to. A pool that no
    listener leads to is of the first that carries the pool's.
    """
    protocols = _pool_protocols(graph)
    return tuple(_part(graph, own, protocols) for own in _own(carried))


def _own(carried: Sequence[Collection[str]]) -> Iterator[frozenset[str]]:
    taken: frozenset[str] = frozenset()
    for protocols in carried:
        yield frozenset(protocols) - taken
        taken |= frozenset(protocols)


def _part(graph: Graph, own: frozenset[str], pool_protocols: Mapping[str, frozenset[str]]) -> Graph:
    listeners = tuple(each for each in graph.listeners if each.protocol in own)
    pools = tuple(node for node in graph.pools if pool_protocols[node.pool.id] & own)
    if listeners == graph.listeners and pools == graph.pools:
        return graph
    ids = {each.id for each in listeners}
    policies = tuple(node for node in graph.l7policies if node.policy.listener_id in ids)
    part = {"listeners": listeners, "pools": pools, "l7policies": policies}
    return Graph(**{name: getattr(graph, name) for name in Graph.model_fields} | part)


def _pool_protocols(graph: Graph) -> Mapping[str, frozenset[str]]:
    """Return, by pools' ids, the protocols of the listeners that lead to each; its own where none does."""
    ways = [(each.default_pool_id, each.protocol) for each in graph.listeners]
    ways += [
        (node.policy.redirect_pool_id, each.protocol)
        for each in graph.listeners
        for node in graph.policies_of(each.id)
    ]
    found: dict[str, frozenset[str]] = {}
    for pool_id, protocol in ways:
        if pool_id is not None:
            found[pool_id] = found.get(pool_id, frozenset()) | {protocol}
    return {node.pool.id: found.get(node.pool.id) or frozenset({node.pool.protocol}) for node in graph.pools}


def carried_by_none(graph: Graph, carried: Sequence[Collection[str]]) -> Mapping[str, str]:
    """Return the listeners and pools that no data plane carries, by their ids, with the reason."""
    known = frozenset().union(*carried)
    protocols = {each.id: frozenset({str(each.protocol)}) for each in graph.listeners}
    return {
        key: f"no device driver of this agent carries {', '.join(sorted(each))}"
        for key, each in {**protocols, **_pool_protocols(graph)}.items()
        if not each & known
    }


def together(observations: Sequence[Observation]) -> Observation | None:
    """Return what several data planes observed of one load balancer; None where none did.

    Which of two hosts has its addresses is no data plane's to say.
    """
    if len(observations) < 2:
        return observations[0] if observations else None
    return Observation(
        **{
            name: {key: value for each in observations for key, value in getattr(each, name).items()}
            for name, field in Observation.model_fields.items()
            if isinstance(field.default, dict)
        }
    )


def with_vip(seen: Observation, *, has_vip: bool | None) -> Observation:
    """Return what was observed with who has the VIP; the very same where that is nothing new, as it mostly is."""
    return seen if seen.has_vip == has_vip else seen.model_copy(update={"has_vip": has_vip})
