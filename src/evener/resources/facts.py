"""What an agent found out about a load balancer, on its way back to control, and who the agent is.

Another version may say more than this one knows: that is left out, and not refused.
"""

import hashlib
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from evener.resources.types import OperatingStatus


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Counters(_Fact):
    """What went through a load balancer or a listener since it was made; bytes as the client sees them.

    `requests` is None where nobody reads them, as of TCP, or they are not counted, as by earlier agents.
    """

    active_connections: int = 0
    total_connections: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    request_errors: int = 0
    requests: int | None = None

    def __add__(self, other: "Counters") -> "Counters":
        """Return what both counted."""
        both = {name: (getattr(self, name), getattr(other, name)) for name in Counters.model_fields}
        known = {name: [each for each in values if each is not None] for name, values in both.items()}
        return Counters(**{name: sum(values) for name, values in known.items() if values})


class Observation(_Fact):
    """The state of traffic at one moment: each member's health by its id, and counters by listener's id.

    `reasons` say why members are OFFLINE, each in a sentence without an end; it stays the same while the member does.
    `servers` are the members' counters by their ids. They begin anew with each of HAProxy's workers, so they are for
    who watches, and never reported or added up. `has_vip` says which of two hosts was called, None where one serves.
    """

    members: dict[str, OperatingStatus] = {}
    reasons: dict[str, str] = {}
    listeners: dict[str, Counters] = {}
    servers: dict[str, Counters] = {}
    has_vip: bool | None = None


class Traffic(_Fact):
    """What went through a load balancer, as its users see it: in all, by listener, and by member of late."""

    total: Counters
    listeners: dict[str, Counters] = {}
    members: dict[str, Counters] = {}


class Failure(_Fact):
    """A generation that could not be applied, and why, in words an operator can act on.

    `objects` are the ids of those below the load balancer that it concerns; where there are none, all of them.
    `serving` is false where nothing is served either that was applied before.
    """

    generation: int
    reason: str
    objects: tuple[str, ...] = ()
    serving: bool = True


class Report(_Fact):
    """What an agent tells control about one load balancer; a part that is None says nothing.

    `gone` is true once nothing of the load balancer is left on the host. `run` and `number` say which report it is, so
    that one that comes late undoes nothing.
    """

    loadbalancer_id: str
    run: str | None = None
    number: int = 0
    applied_generation: int | None = None
    failure: Failure | None = None
    observation: Observation | None = None
    gone: bool = False


class Run(_Fact):
    """One life of an agent: on which machine and state directory, and the how manieth there; `id` is no other's."""

    place: str
    start: int
    id: str


class Asker(_Fact):
    """Which agent asks: its run, which nobody else knows, and the database whose word it takes.

    One that has no run yet, or serves no database yet, says nothing of it.
    """

    run: str | None = None
    database: str | None = None


ANYONE = Asker()


class Heard(_Fact):
    """What control answers to a heartbeat: which database it has, and why it does not take the agent for its host's.

    `assigned` is the `digest` of what the host is to serve; None where control is of a version that tells none.
    """

    database: str
    refusal: str | None = None
    assigned: str | None = None


def digest(assigned: Mapping[str, int]) -> str:
    """Return a short text that is the same for the same load balancers in the same generations, and no others."""
    said = "".join(f"{each}:{generation}\n" for each, generation in sorted(assigned.items()))
    return hashlib.sha256(said.encode()).hexdigest()
