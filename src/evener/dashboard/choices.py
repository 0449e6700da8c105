"""What can be chosen in a form, asked of the APIs: a load balancer's pools, subnets, certificates."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from evener.dashboard import certificates
from evener.dashboard.asked import Asked
from evener.dashboard.cloud import CloudError
from evener.dashboard.fields import Field

Json = dict[str, Any]
Options = Sequence[tuple[str, str]]  # value and words


def of(asked: Asked, fields: Iterable[Field]) -> dict[str, Options]:
    """Return the options of fields, by how these are chosen; asks nothing that no field needs."""
    wanted = {field.how for field in fields}
    return {how: FOUND[how](asked) for how in FOUND if how in wanted}


def pools(asked: Asked) -> Options:
    """Return the pools of the load balancer that the address names; none where it names none."""
    balancer_id = asked.parts.get("balancer_id")
    if balancer_id is None:
        return []
    found = asked.balancing("GET", "/pools", loadbalancer_id=balancer_id, fields=("id", "name"))["pools"]
    return [(each["id"], each["name"] or each["id"]) for each in found]


def subnets(asked: Asked) -> Options:
    """Return the subnets that the user sees."""
    found = network(asked, "subnets", "id", "name", "cidr")
    return [(each["id"], f"{each['name'] or each['id']} ({each['cidr']})") for each in found]


def network(asked: Asked, kind: str, *fields: str) -> list[Json]:
    """Return the network service's objects of a kind; none where it does not say."""
    try:
        found: list[Json] = asked.network("GET", f"/{kind}", fields=fields)[kind]
    except CloudError:
        return []
    return found


FOUND: dict[str, Callable[[Asked], Options]] = {
    "pool": pools,
    "subnet": subnets,
    "secret": certificates.options,
}
