"""How large one load balancer, and one request, may be, whatever the quotas of its project say.

Whoever asks for more gets the name of the bound. Real users never meet them: they keep one project from taking the
database, or a machine, from all others. Must not count anything itself.
"""

from dataclasses import dataclass, field, fields

from evener.resources.errors import QuotaExceeded


def _at_most(default: int, what: str) -> int:
    made: int = field(default=default, metadata={"what": what})
    return made


@dataclass(frozen=True, slots=True)
class Bounds:
    """The settings of the group `[limits]`, by their names."""

    objects_per_request: int = _at_most(5000, "objects in one request")
    listeners_per_loadbalancer: int = _at_most(200, "listeners of a load balancer")
    pools_per_loadbalancer: int = _at_most(500, "pools of a load balancer")
    members_per_loadbalancer: int = _at_most(4000, "members of a load balancer, in all its pools")
    members_per_pool: int = _at_most(2000, "members of a pool")
    l7policies_per_listener: int = _at_most(300, "L7 policies of a listener")
    rules_per_l7policy: int = _at_most(50, "rules of an L7 policy")
    rules_per_loadbalancer: int = _at_most(2000, "L7 rules of a load balancer")
    regexes_per_listener: int = _at_most(20, "L7 rules with a regular expression on a listener")
    certificates_per_listener: int = _at_most(100, "certificates of a listener")
    connections_per_listener: int = _at_most(100_000, "connections in the connection_limit of a listener")

    def check(self, name: str, number: int) -> None:
        """Let pass as many as the bound `name` allows.

        Raises:
            QuotaExceeded: naming the bound.
        """
        bound: int = getattr(self, name)
        if number > bound:
            raise QuotaExceeded(
                f"Limit exceeded: at most {bound} {WHAT[name]} are allowed (setting [limits] {name}).",
            )


WHAT: dict[str, str] = {each.name: each.metadata["what"] for each in fields(Bounds)}
DEFAULTS = Bounds()
