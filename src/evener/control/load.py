"""What load balancers, their members and connections weigh, and what agents say of that. Pure; chooses nobody.

An agent says in its heartbeats how many members and open connections it has, and how much of its host's memory is left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

# So many weigh as much as a load balancer: connections by their buffers in memory (two of 16 KiB), members by what they
# are checked.
MEMBERS, CONNECTIONS = 20, 200
UNITS = 200  # to a load balancer; in whole ones of these a database adds up
SCARCE = 0.1  # of a host's memory: with less left it is the last that gets something
MOST = 10**9  # members or connections of a host: who says more is not believed


@dataclass(frozen=True, slots=True)
class Load:
    """What an agent said last: members, open connections, and which part of its host's memory is left, from 0 to 1."""

    members: Annotated[int, Field(ge=0, le=MOST)]
    connections: Annotated[int, Field(ge=0, le=MOST)]
    memory_left: Annotated[float, Field(ge=0, le=1)] | None = None  # where nobody tells


LOAD = TypeAdapter(Load)


def units(balancers: Any, members: Any, connections: Any) -> Any:
    """Return how much that is in `UNITS`: a number of numbers, an expression of columns."""
    return balancers * UNITS + members * (UNITS // MEMBERS) + connections * (UNITS // CONNECTIONS)


def weight(balancers: int, members: int, connections: int) -> float:
    """Return how much that is, in load balancers that have neither members nor connections."""
    return float(units(balancers, members, connections) / UNITS)


def load_of(configurations: Mapping[str, Any]) -> Load | None:
    """Return what an agent says in its configurations; None where it says nothing of that, or nothing that is known."""
    said = configurations.get("load")
    try:
        return None if said is None else LOAD.validate_python(said, extra="ignore")
    except ValidationError:
        return None


def burden(balancers: int, load: Load | None) -> tuple[bool, int]:
    """Return by what an agent is compared with others: the least gets what is new. Parts of a load balancer count not.

    One that says nothing of its load is compared by its load balancers alone.
    """
    if load is None:
        return False, balancers
    is_full = load.memory_left is not None and load.memory_left < SCARCE
    return is_full, int(weight(balancers, load.members, load.connections))
