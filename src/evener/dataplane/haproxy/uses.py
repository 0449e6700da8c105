"""Which listeners lead to which pool, and the backends that makes: mostly one for each pool. Pure.

HAProxy leads a listener of requests to no backend of bytes, and bytes that are led to one of requests are read as such.
So a pool that is served in the mode of its listeners (PROXY, PROXYV2) has two backends while it has listeners of both
kinds, each of which asks its members for itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evener.dataplane.haproxy import l7
from evener.dataplane.haproxy.modes import reads_requests, sends_requests
from evener.resources.graph import Graph, PoolNode
from evener.resources.listener import Listener

_OF_BYTES = "-tcp"  # in the name of the second backend


@dataclass(frozen=True)
class Use:
    """A backend: a pool, the listeners in service that lead to it, whether it is one of requests, and its name."""

    node: PoolNode
    listeners: tuple[Listener, ...]
    requests: bool
    name: str


def listeners_by_pool(graph: Graph, listeners: Iterable[Listener]) -> dict[str | None, list[Listener]]:
    """Return those of the `listeners` that lead to each pool, by its id; all at once, for there may be many of both."""
    found: dict[str | None, list[Listener]] = {}
    for each in sorted(listeners, key=lambda listener: listener.id):
        for pool_id in _pools_of(graph, each):
            found.setdefault(pool_id, []).append(each)
    return found


def of_pool(node: PoolNode, users: Sequence[Listener]) -> tuple[Use, ...]:
    """Return the backends of a pool that `users` in service lead to; one that nobody leads to has one as well."""
    pool_id = node.pool.id
    requests = sends_requests(node.pool, users)
    others = tuple(each for each in users if sends_requests(node.pool, [each]) != requests)
    same = tuple(each for each in users if each not in others)
    first = Use(node, same, requests, pool_id)
    return (first, Use(node, others, not requests, pool_id + _OF_BYTES)) if others else (first,)


def _pools_of(graph: Graph, listener: Listener) -> set[str | None]:
    by_policies = l7.chosen(graph.policies_of(listener.id)) if reads_requests(listener) else ()
    return {listener.default_pool_id, *by_policies}


def by_pool(uses: Iterable[Use], listener: Listener) -> dict[str, str]:
    """Return the names of the backends that `listener` can lead to, by the ids of their pools."""
    return {each.node.pool.id: each.name for each in uses if _fits(each, listener)}


def _fits(use: Use, listener: Listener) -> bool:
    if reads_requests(listener) and not use.requests:
        return False
    return use.requests == sends_requests(use.node.pool, [listener])
