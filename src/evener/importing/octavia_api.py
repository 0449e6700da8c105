"""Reads an Octavia by its API, as an administrator of it. Changes nothing there."""

from collections.abc import Iterator
from typing import Any

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from evener.importing.octavia import Shown
from evener.resources.describe import Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool

Failed = (SDKException, ClientException)
Json = dict[str, Any]
_AT_TOP: tuple[type[Resource], ...] = (LoadBalancer, Listener, Pool, HealthMonitor, L7Policy)
_PAGE = 500


def shown(cloud: str | None = None) -> Shown:
    """Return all objects of all projects, of a cloud of clouds.yaml, or that of the environment (`OS_*`).

    Raises:
        SDKException, ClientException: when it cannot be asked, or refuses.
    """
    api = openstack.connect(cloud=cloud).load_balancer
    found: dict[type[Resource], list[Json]] = {
        cls: list(_all(api, f"/lbaas/{cls.PLURAL}", cls.PLURAL)) for cls in _AT_TOP
    }
    found[Member] = [
        {**each, "pool_id": pool["id"]}
        for pool in found[Pool]
        for each in _all(api, f"/lbaas/pools/{pool['id']}/members", "members")
    ]
    found[L7Rule] = [
        {**each, "l7policy_id": policy["id"]}
        for policy in found[L7Policy]
        for each in _all(api, f"/lbaas/l7policies/{policy['id']}/rules", "rules")
    ]
    return found


def _all(api: Any, path: str, name: str) -> Iterator[Json]:
    """Yield the objects of a collection, page by page."""
    marker: dict[str, str] = {}
    while True:
        answer = api.get(path, params={"limit": _PAGE, **marker})
        answer.raise_for_status()
        body = answer.json()
        yield from body[name]
        if not body[name] or not any(each["rel"] == "next" for each in body.get(f"{name}_links", ())):
            return
        marker = {"marker": body[name][-1]["id"]}
