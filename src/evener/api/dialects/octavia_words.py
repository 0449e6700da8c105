"""How well objects are, in the words of Octavia's API: on every kind, and DISABLED is none of them.

The rules are those of Octavia's `controller/healthmanager/health_drivers/update_db.py`, for facts that agents report.
"""

from evener.control.operating import Rule, Words, always
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.types import OperatingStatus

ONLINE, OFFLINE = OperatingStatus.ONLINE, OperatingStatus.OFFLINE
DEGRADED, ERROR = OperatingStatus.DEGRADED, OperatingStatus.ERROR

_DISABLED: Rule = (lambda it: it.disabled, OFFLINE)
_PENDING: Rule = (lambda it: it.pending, OFFLINE)
_WELL: Rule = (always, ONLINE)
_SWITCH = (_DISABLED, _PENDING, _WELL)
WORDS = Words(
    {
        LoadBalancer: (
            _DISABLED,
            (lambda it: it.error, ERROR),
            (lambda it: it.idle, OFFLINE),
            (lambda it: it.silent | it.degraded, DEGRADED),
            _WELL,
        ),
        Listener: (
            _DISABLED,
            (lambda it: it.broken, ERROR),
            _PENDING,
            (lambda it: it.full, DEGRADED),
            _WELL,
        ),
        Pool: (
            (lambda it: it.disabled | it.unused, OFFLINE),
            _PENDING,
            (lambda it: it.all_down, ERROR),
            (lambda it: it.down, DEGRADED),
            _WELL,
        ),
        Member: (
            _DISABLED,
            (lambda it: it.pending & it.drained, OFFLINE),
            (lambda it: it.pending & it.unwatched, OperatingStatus.NO_MONITOR),
            _PENDING,
            (lambda it: it.down, ERROR),
            (lambda it: it.drained, OperatingStatus.DRAINING),
            (lambda it: it.unwatched, OperatingStatus.NO_MONITOR),
            (lambda it: it.well, ONLINE),
            (always, OFFLINE),
        ),
        HealthMonitor: _SWITCH,
        L7Policy: _SWITCH,
        L7Rule: _SWITCH,
    },
    everywhere=True,
)
