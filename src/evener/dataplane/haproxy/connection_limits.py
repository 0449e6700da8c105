"""How many connections one HAProxy takes at once: what its listeners ask for, as far as the host's files go. Pure."""

from collections.abc import Mapping, Sequence

from evener.dataplane.haproxy.settings import Settings
from evener.resources.graph import Graph
from evener.resources.listener import Listener

_FILES_EACH = 2  # towards the client, and towards the member
# Besides: of threads and commands, of the sockets that listen, of checks (`maxsock` in src/haproxy.c of 2.6 and 3.0).
_OTHER_FILES, _FILES_PER_LISTENER = 500, 4
_MEMBERS = (
    1000  # checks are counted in so many, so that one more does not change the limit, which costs a reload
)


def of_process(graph: Graph, listeners: Sequence[Listener], settings: Settings) -> int:
    """Return how many connections HAProxy may have with `listeners` in service.

    In steps of `[haproxy] maxconn`, so that most changes of a listener's limit are no change of this one; never more
    than the load balancer's flavor says.
    """
    of_host, said = _of_host(graph, listeners, settings), graph.loadbalancer.flavor_data
    return of_host if said is None or said.maxconn is None else min(of_host, said.maxconn)


def _of_host(graph: Graph, listeners: Sequence[Listener], settings: Settings) -> int:
    asked = sum(each.connection_limit for each in listeners if each.connection_limit > 0)
    steps = max(1, -(-asked // settings.maxconn))
    return min(steps * settings.maxconn, _possible(graph, listeners, settings))


def of_listener(listener: Listener, settings: Settings, most: int) -> int:
    """Return how many of at most `most` connections a listener may have; without a limit of its own the usual."""
    return min(listener.connection_limit if listener.connection_limit > 0 else settings.maxconn, most)


def too_high(graph: Graph, listeners: Sequence[Listener], settings: Settings) -> Mapping[str, str]:
    """Return the listeners whose limit this host cannot keep, by their ids, with the reason."""
    most = _of_host(graph, listeners, settings)
    return {
        each.id: f"connection_limit {each.connection_limit} of listener {each.id} is more than the {most} connections "
        f"for which HAProxy may open files on this host, which are its limit now"
        for each in listeners
        if each.connection_limit > most
    }


def _possible(graph: Graph, listeners: Sequence[Listener], settings: Settings) -> int:
    members = sum(len(node.members) for node in graph.pools)
    others = _OTHER_FILES + _FILES_PER_LISTENER * len(listeners) + -(-members // _MEMBERS) * _MEMBERS
    return max(1, (settings.files - others) // _FILES_EACH)
