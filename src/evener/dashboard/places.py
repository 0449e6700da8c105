"""Who serves a load balancer, in which role, and who is missing: for administrators."""

from dataclasses import dataclass
from typing import Any

from evener.dashboard.agents import KIND
from evener.dashboard.asked import Asked
from evener.dashboard.cloud import CloudError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A host that serves it; `silent` is one that is not heard of. Of Octavia's own it is an amphora's address."""

    host: str
    role: str
    silent: bool


@dataclass(frozen=True, slots=True)
class Places:
    """All that serve it, who has the VIP first; `one_is_missing` where two should."""

    all: tuple[Place, ...] = ()
    one_is_missing: bool = False


NONE = Places()


def read(asked: Asked, balancer: Json) -> Places:
    """Return who serves a load balancer; none to who is no administrator, and where nobody can tell."""
    if not asked.session.login.is_admin:
        return NONE
    try:
        amphorae = asked.operating("GET", "/amphorae", loadbalancer_id=balancer["id"])["amphorae"]
        found = {str(each["lb_network_ip"]): str(each["role"]) for each in amphorae if each["lb_network_ip"]}
        asking = (
            asked.network("GET", "/agents", agent_type=KIND, host=sorted(found)) if found else {"agents": []}
        )
    except CloudError:
        return NONE
    silent = {each["host"] for each in asking["agents"] if not each["alive"]}
    places = [Place(host, role, host in silent) for host, role in found.items()]
    places.sort(key=lambda each: (each.role != "MASTER", each.host))
    return Places(tuple(places), balancer.get("topology") == "ACTIVE_STANDBY" and len(places) == 1)
