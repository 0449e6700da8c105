"""What became of load balancers that were to come, in lines for the one who runs the import. All is pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evener.control.takeover import Outcome
from evener.importing.found import Found, Trouble


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one: an outcome, and who serves it; or troubles, where it has not come."""

    found: Found
    outcome: Outcome | None
    host: str | None = None
    troubles: Sequence[Trouble] = ()

    @property
    def well(self) -> bool:
        """Whether nothing is left to do for it."""
        return self.outcome is not None and not self.troubles


def lines(told: Told, *, rehearsed: bool) -> Iterator[str]:
    """Yield a line for a load balancer, and one for each thing to be said of it."""
    found = told.found
    named = f"{found.id} {found.name}".strip()
    if told.outcome is Outcome.CAME:
        yield f"{named}: {'would come' if rehearsed else 'came'}, to {told.host}, with {_counted(found)}"
    elif told.outcome is not None:
        yield f"{named}: {told.outcome}, and is passed over"
    else:
        yield f"{named}: {'cannot come' if rehearsed else 'did not come'}"
    yield from (f"  {each.kind} {each.id}: {each.reason}" for each in told.troubles)
    yield from (f"  note: {each}" for each in found.notes)


def _counted(found: Found) -> str:
    counted = Counter(part.cls.PLURAL for part in found.parts)
    return ", ".join(f"{number} {kind}" for kind, number in counted.items()) or "nothing below it"


def left(troubles: Sequence[Trouble]) -> Iterator[str]:
    """Yield a line for each object that goes with no load balancer."""
    yield from (f"{each.kind} {each.id}: {each.reason}, and is left behind" for each in troubles)


def summary(all_told: Sequence[Told], *, rehearsed: bool) -> str:
    """Return the last line."""
    came = sum(told.outcome is Outcome.CAME for told in all_told)
    passed = sum(told.outcome not in (None, Outcome.CAME) for told in all_told)
    refused = sum(told.outcome is None for told in all_told)
    would, could = ("would come", "cannot") if rehearsed else ("came", "did not come")
    return f"{came} {would}, {passed} passed over, {refused} {could}"
