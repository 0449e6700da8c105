"""How many of each kind a project may have where nobody has said otherwise.

The numbers, each with its kind, are those of Neutron-LBaaS (`extensions/loadbalancerv2.py`) and Neutron
(`conf/quota.py`); rules are counted since Octavia, which has no limits by default.
"""

from collections.abc import Iterable

from evener.resources.describe import Resource
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool

LIMITED: tuple[type[Resource], ...] = (LoadBalancer, Listener, Pool, Member, HealthMonitor, L7Policy, L7Rule)


def default_limits(kinds: Iterable[type[Resource]] = LIMITED) -> dict[str, int]:
    """Return the limits of those `kinds` that have any, by their names on the wire; -1 is any number."""
    return {cls.counted_as(): cls.LIMIT for cls in kinds if cls.LIMIT is not None}
