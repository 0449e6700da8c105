"""Who makes a request, as far as every other room needs to know."""

from dataclasses import dataclass, field

ADMIN = "admin"
MEMBER = "member"
READER = "reader"
DEFAULT_DOMAIN = "default"  # the id of the domain of who names none


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated user in a project, with the names of the user's roles there.

    `everywhere` says whether an operation reaches every project, where a policy has decided that; else the role does.
    `token` is what the user has proved it with, for services that are to decide themselves what the user may, and
    `request_id` which request it is.
    """

    user_id: str
    project_id: str
    roles: frozenset[str]
    everywhere: bool | None = None
    token: str = field(default="", repr=False, compare=False)
    request_id: str = field(default="", compare=False)

    @property
    def is_admin(self) -> bool:
        """Whether the caller sees and touches every project."""
        return ADMIN in self.roles if self.everywhere is None else self.everywhere

    @property
    def scope(self) -> str | None:
        """The project that queries are limited to; None for administrators."""
        return None if self.is_admin else self.project_id
