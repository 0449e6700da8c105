"""What operations do otherwise for the clients of one API than for those of another, as data.

The defaults are the strictest rules, those of LBaaS v2; a dialect that is more lenient says so. Knows no dialect.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evener.control.operating import WORDS, Words
from evener.resources.describe import Resource
from evener.resources.errors import DefaultCertificateMissing, InvalidInput, SessionPersistenceInvalid
from evener.resources.listener import Listener
from evener.resources.pool import Pool, SessionPersistence
from evener.resources.types import ListenerProtocol, PersistenceType, PoolProtocol

Values = Mapping[str, Any]
# Gets all attributes of an object, and the names of those that a change brings (None: it is new). Raises InvalidInput.
Check = Callable[[Values, frozenset[str] | None], None]


def _brings(name: str, changed: frozenset[str] | None) -> bool:
    """Return whether it is this change that brings an attribute: what is there already stands in nobody's way."""
    return changed is None or name in changed


def check_listener(values: Values, changed: frozenset[str] | None) -> None:
    """A limit of 0 would refuse every connection: HAProxy reads it as 'no limit', users as 'closed'."""
    if values["connection_limit"] == 0 and _brings("connection_limit", changed):
        raise InvalidInput(
            "Invalid input for connection_limit. Reason: '0' is not allowed; "
            "use -1 for no limit or a number from 1 up."
        )
    terminates = values["protocol"] == ListenerProtocol.TERMINATED_HTTPS
    named = values["default_tls_container_ref"]
    if terminates and not named and _brings("default_tls_container_ref", changed):
        raise DefaultCertificateMissing("Default TLS container was not specified")


def check_pool(values: Values, changed: frozenset[str] | None) -> None:
    """Cookies need an HTTP pool."""
    persistence: SessionPersistence | None = values["session_persistence"]
    if persistence is None or persistence.type == PersistenceType.SOURCE_IP:
        return
    if not _brings("session_persistence", changed):
        return
    if values["protocol"] != PoolProtocol.HTTP:
        raise SessionPersistenceInvalid(
            f"Session Persistence Invalid: {persistence.type} needs a pool of protocol HTTP, not {values['protocol']}"
        )


# Which pool protocols a listener's protocol goes with (neutron-lbaas, services/loadbalancer/constants.py).
SAME_PROTOCOL: Mapping[str, frozenset[str]] = {
    ListenerProtocol.TCP: frozenset({PoolProtocol.TCP}),
    ListenerProtocol.HTTP: frozenset({PoolProtocol.HTTP}),
    ListenerProtocol.HTTPS: frozenset({PoolProtocol.HTTPS}),
    ListenerProtocol.TERMINATED_HTTPS: frozenset({PoolProtocol.HTTP}),
}


@dataclass(frozen=True, slots=True)
class Manner:
    """`checks` are rules of one object beyond its own; `pool_protocols` those that a listener's protocol goes with.

    Where `parts_go_along`, the deletion of an object takes along what is a part of it: a listener's policies, a
    pool's monitor. Else they have to be deleted first. Where `flavors_with_providers`, a new load balancer may name a
    flavor and its provider both, and providers by their other names. What an object below a load balancer says of its
    project is not heard where `parents_say_projects`. Where not `within_quotas`, what comes is counted, and no limit of
    its project keeps it from coming. Statuses are told in `words`.
    """

    checks: Mapping[type[Resource], Check] = field(
        default_factory=lambda: {Listener: check_listener, Pool: check_pool}
    )
    pool_protocols: Mapping[str, frozenset[str]] = field(default_factory=lambda: SAME_PROTOCOL)
    parts_go_along: bool = False
    flavors_with_providers: bool = False
    parents_say_projects: bool = False
    within_quotas: bool = True
    words: Words = WORDS

    def check(self, cls: type[Resource], values: Values, changed: frozenset[str] | None = None) -> None:
        """Check an object's `values`, all of them, of which a PUT brings those `changed`.

        Raises:
            InvalidInput: naming the attribute and what is allowed.
        """
        check = self.checks.get(cls)
        if check is not None:
            check(values, changed)


STRICT = Manner()
