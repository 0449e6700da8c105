"""Provisioning statuses, derived from generations and reports, and what is known of members. Pure: rows in.

What decides is data: rules that hold for numbers, and as well for columns of a database, so that lists and their
filters mean the same (`status_columns`); hence `&` in them. How well objects are is decided in `operating`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from evener.resources.types import OperatingStatus, ProvisioningStatus

AGENT_DOWN_AFTER = timedelta(seconds=75)  # Neutron's agent_down_time
NEVER = -1  # before every generation


ONLINE, OFFLINE = OperatingStatus.ONLINE, OperatingStatus.OFFLINE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the agents of one load balancer are: the one that is least far counts.

    `failed` is the newest generation that could not be applied (None when all is well), `reason` what the agents said
    of it, `concerned` the ids of what failed below the load balancer, None for all. `silence` says which agents have
    not been heard of, or that there are none; where `unknown`, that is all of them, and nobody knows how it is.
    """

    applied: int = 0
    failed: int | None = None
    reason: str | None = None
    concerned: frozenset[str] | None = None
    silence: str | None = None
    unknown: bool = False

    def of(self, object_id: str) -> "Progress":
        """Return how far an object below the load balancer is: a failure that does not concern it is none."""
        if self.concerned is None or object_id in self.concerned:
            return self
        return replace(self, failed=None, reason=None)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """In which generations of its load balancer an object came, last changed, and was told to go."""

    created: int
    changed: int
    deleted: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules of provisioning statuses ask of an object: generations, `NEVER` for none, or columns of such.

    In which it came, last changed, and was told to go; which has been applied, and the newest that failed.
    """

    created: Any
    changed: Any
    deleted: Any
    applied: Any
    failed: Any


# The first that holds decides; the last always does. What was applied once fails too, when it has to be repaired and
# that is refused.
PROVISIONING_RULES: tuple[tuple[Callable[[Standing], Any], ProvisioningStatus], ...] = (
    (lambda it: it.deleted > NEVER, ProvisioningStatus.PENDING_DELETE),
    (
        lambda it: (it.failed >= it.changed) & ((it.applied < it.changed) | (it.failed <= it.applied)),
        ProvisioningStatus.ERROR,
    ),
    (lambda it: it.applied >= it.changed, ProvisioningStatus.ACTIVE),
    (lambda it: it.applied < it.created, ProvisioningStatus.PENDING_CREATE),
    (lambda _: True, ProvisioningStatus.PENDING_UPDATE),
)


def is_silent(binding: Mapping[str, Any], moment: datetime) -> bool:
    """Return whether the agent of a row has not been heard of for a time."""
    return bool(moment - binding["heartbeat_at"] > AGENT_DOWN_AFTER)


def progress(bindings: Sequence[Mapping[str, Any]], moment: datetime) -> Progress:
    """Return the progress of a load balancer from its `bindings` rows, each with its agent's host and heartbeat."""
    applied = min((row["applied_generation"] for row in bindings), default=0)
    silent = [row for row in bindings if is_silent(row, moment)]
    silence = "; ".join(map(_silence, silent)) or (None if bindings else "No agent serves it")
    unknown = len(silent) == len(bindings)
    failing = [row for row in bindings if row["failed_generation"] is not None]
    if not failing:
        return Progress(applied, silence=silence, unknown=unknown)
    newest = max(row["failed_generation"] for row in failing)
    last = [row for row in failing if row["failed_generation"] == newest]
    named = [row["failed_objects"] for row in failing if row["failed_objects"]]
    only = frozenset().union(*named) if len(named) == len(failing) else None
    return Progress(applied, newest, _reason(last), only, silence, unknown)


def _silence(row: Mapping[str, Any]) -> str:
    since = row["heartbeat_at"].isoformat(timespec="seconds")
    return f"The agent on {row['host']} has not been heard of since {since}Z"


def _reason(failing: Sequence[Mapping[str, Any]]) -> str:
    """Return why a generation failed; who says what, where several say something."""
    if len(failing) == 1:
        return str(failing[0]["failure"])
    return "; ".join(sorted(f"{row['host']}: {row['failure']}" for row in failing))


def combined_health(
    bindings: Iterable[Mapping[str, Any]], seen: Iterable[Any], moment: datetime
) -> dict[str, OperatingStatus]:
    """Return the members' health as the agents of a load balancer see it, put together.

    `seen` are rows of `member_health`. A member is ONLINE when every agent that is heard of sees it well, OFFLINE when
    one sees it out, and absent while nobody can say.
    """
    heard = {row["agent_id"] for row in bindings if not is_silent(row, moment)}
    well: dict[str, set[str]] = defaultdict(set)
    found: dict[str, OperatingStatus] = {}
    for row in seen:
        if row["agent_id"] in heard and row["status"] == OFFLINE:
            found[row["member_id"]] = OFFLINE
        elif row["agent_id"] in heard and row["status"] == ONLINE:
            well[row["member_id"]].add(row["agent_id"])
    return {**{member: ONLINE for member, by in well.items() if by >= heard}, **found}


def reasons_out(
    bindings: Sequence[Mapping[str, Any]], seen: Iterable[Any], moment: datetime
) -> dict[str, str]:
    """Return why members are out, by their ids, as those agents say that are heard of, and since when.

    `seen` are rows of `member_health`; where several agents serve the load balancer, each is named.
    """
    heard = {row["agent_id"]: row["host"] for row in bindings if not is_silent(row, moment)}
    said: dict[str, list[str]] = defaultdict(list)
    for row in seen:
        if row["agent_id"] in heard and row["status"] == OFFLINE:
            who = f"{heard[row['agent_id']]}: " if len(bindings) > 1 else ""
            why = row["reason"] or "Its checks fail"
            said[row["member_id"]].append(f"{who}{why}, since {row['changed_at']:%Y-%m-%d %H:%M:%S} UTC")
    return {member: "; ".join(sorted(each)) for member, each in said.items()}


def why_out(member_id: str, at: Progress, said: Mapping[str, str]) -> str:
    """Return why a member is OFFLINE, from `reasons_out` and how far its agents are."""
    if at.unknown and at.silence is not None:
        return at.silence
    if at.applied == 0:
        return "Nothing of its load balancer is served"
    return said.get(member_id, "No agent has said how it is")


def provisioning_status(life: Lifetime, at: Progress) -> ProvisioningStatus:
    """Return an object's provisioning status."""
    deleted, failed = (NEVER if each is None else each for each in (life.deleted, at.failed))
    return standing_status(Standing(life.created, life.changed, deleted, at.applied, failed))


def standing_status(it: Standing) -> ProvisioningStatus:
    """Return the provisioning status of what stands like this."""
    return next(status for rule, status in PROVISIONING_RULES if rule(it))


def explanation(life: Lifetime, at: Progress) -> str | None:
    """Return why a load balancer has the status it has, where there is something to say.

    An old failure does not explain what is on its way now; an agent that is silent is named whatever the status. One
    that was told to go stays PENDING_DELETE while an agent fails to remove it.
    """
    stays = life.deleted is not None and at.failed is not None and at.failed >= life.deleted
    failing = stays or provisioning_status(life, at) == ProvisioningStatus.ERROR
    return at.reason if failing else at.silence
