"""Quotas of load balancing among Neutron's: their names and defaults there, and counting for it. Enforces none.

Limits are Neutron's to keep and `evener-api`'s to hold to; what there is `evener-api` knows.
"""

import logging
from typing import Any
from urllib.parse import quote

from neutron.quota import resource_registry
from oslo_config import cfg

from neutron_lbaas.announced import QUOTAS
from neutron_lbaas.evener_api import EvenerApi

LOG = logging.getLogger(__name__)
DETAILS = "/networking/v2.0/quotas/{project}/details"


def register(conf: Any) -> None:
    """Have Neutron show and set quotas of load balancing."""
    options = [
        cfg.IntOpt(
            f"quota_{kind}", default=limit, help=f"How many {plural} a project may have; -1: any number"
        )
        for kind, (plural, limit) in QUOTAS.items()
    ]
    conf.register_opts(options, "QUOTAS")
    for kind, (plural, _) in QUOTAS.items():
        resource_registry.register_resource_by_name(kind, plural)


def count(api: EvenerApi, kind: str, project_id: str) -> int:
    """Return how many of a kind a project has.

    Raises:
        NotImplementedError: when `evener-api` does not say; Neutron expects no other error (`quota/resource.py`).
    """
    try:
        details = api.ask("GET", DETAILS.format(project=quote(project_id, safe="")))
        return int(details["quota"][kind]["used"])
    except Exception as error:
        LOG.error("evener-api does not say how many of %s project %s has: %s", kind, project_id, error)
        raise NotImplementedError(f"evener-api does not say how many there are: {kind}") from error
