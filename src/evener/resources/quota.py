"""How many of each kind a project may have where nobody has said otherwise.

The numbers, each with its kind, are those of Neutron-LBaaS (`extensions/loadbalancerv2.py`) and Neutron
(`conf/quota.py`); rules are counted since Octavia, which has no limits by default.
"""

from collections.abc import Iterable
from typing import Annotated, ClassVar

from evener.resources.describe import SHOWN, Derived, Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import ProjectId

LIMITED: tuple[type[Resource], ...] = (LoadBalancer, Listener, Pool, Member, HealthMonitor, L7Policy, L7Rule)


def default_limits(kinds: Iterable[type[Resource]] = LIMITED) -> dict[str, int]:
    """Return the limits of those `kinds` that have any, by their names on the wire; -1 is any number."""
    return {cls.counted_as(): cls.LIMIT for cls in kinds if cls.LIMIT is not None}


Limit = Annotated[int, Derived(filtered=True)]


class ProjectQuota(Resource):
    """What a project may have of each kind, as lists have it; its id is the project's."""

    KIND: ClassVar[str] = "quota"
    PLURAL: ClassVar[str] = "quotas"
    LABEL: ClassVar[str] = "Quotas"

    project_id: Annotated[ProjectId, SHOWN]
    loadbalancer: Limit
    listener: Limit
    pool: Limit
    member: Limit
    healthmonitor: Limit
    l7policy: Limit
    l7rule: Limit
