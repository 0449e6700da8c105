"""What requests may say about domains, projects, users, roles and logins. Checks form only, never existence.

The limits are those of Keystone's Identity API v3 reference.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    model_validator,
)

from evener.resources.types import Text, lines, one_line
from evener_cloud.identity.tables import DESCRIPTION_LENGTH

_VISIBLE = r"\S"
_SEEN = "a text with something to see"


def _nothing_wanted(value: Any) -> Any:
    """Take options that are all off: clients send them, and that is how it is."""
    if any(value.values()) if isinstance(value, dict) else value:
        raise ValueError("is not supported by this identity service")
    return value


Id = Annotated[str, Text(64, min_length=1)]
ShortName = Annotated[str, Text(64, min_length=1, pattern=_VISIBLE, what=_SEEN)]
LongName = Annotated[str, Text(255, min_length=1, pattern=_VISIBLE, what=_SEEN)]
# Those of new objects: whoever names one that exists may use whatever name it has.
NewShortName = Annotated[ShortName, AfterValidator(one_line)]
NewLongName = Annotated[LongName, AfterValidator(one_line)]
Password = Annotated[str, Text(4096)]
NewPassword = Annotated[str, Text(4096, min_length=1)]
Description = Annotated[
    str,
    Text(DESCRIPTION_LENGTH),
    AfterValidator(lines),
    BeforeValidator(lambda value: "" if value is None else value),
]
Email = Annotated[str, Text(255)]
Unsupported = Annotated[dict[str, Any] | list[Any] | bool | None, AfterValidator(_nothing_wanted)]


class Input(BaseModel):
    """Base of what is written down: what is not named is refused, and no message shows what was given.

    The same model serves to make and to change: `model_fields_set` says what was given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DomainInput(Input):
    """A domain."""

    name: NewShortName = ""
    description: Description = ""
    enabled: StrictBool = True
    tags: Unsupported = None
    options: Unsupported = None


class ProjectInput(Input):
    """A project; in the domain `default` when none is named, where it stays. Projects hold no projects."""

    name: NewShortName = ""
    domain_id: Id | None = None
    description: Description = ""
    enabled: StrictBool = True
    parent_id: Id | None = None
    is_domain: Unsupported = None
    tags: Unsupported = None
    options: Unsupported = None


class UserInput(Input):
    """A user; in the domain `default` when none is named, where it stays. Without a password, none logs in."""

    name: NewLongName = ""
    domain_id: Id | None = None
    description: Description = ""
    enabled: StrictBool = True
    default_project_id: Id | None = None
    email: Email | None = None
    password: NewPassword | None = None
    options: Unsupported = None


class RoleInput(Input):
    """A role; none belongs to a domain."""

    name: NewLongName = ""
    description: Description = ""
    domain_id: None = None
    options: Unsupported = None


class PasswordChange(Input):
    """A user's new password, with the old one as proof."""

    password: NewPassword
    original_password: Password


class _Loose(BaseModel):
    """Base of what Keystone reads leniently: unknown keys have no effect."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


class DomainRef(_Loose):
    """A domain by id or name."""

    id: Id | None = None
    name: LongName | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.id is None and self.name is None:
            raise ValueError("needs an id or a name")
        return self


class ProjectRef(_Loose):
    """A project by id, or by name and domain."""

    id: Id | None = None
    name: ShortName | None = None
    domain: DomainRef | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        _needs_id_or_name(self.id, self.name, self.domain)
        return self


class UserCredentials(_Loose):
    """Who logs in: a user by id, or by name and domain, and the password."""

    password: Password
    id: Id | None = None
    name: LongName | None = None
    domain: DomainRef | None = None

    @model_validator(mode="after")
    def _named(self) -> Self:
        _needs_id_or_name(self.id, self.name, self.domain)
        return self


def _needs_id_or_name(object_id: str | None, name: str | None, domain: DomainRef | None) -> None:
    if object_id is None and (name is None or domain is None):
        raise ValueError("needs an id, or a name and a domain")


class PasswordMethod(_Loose):
    """A login by password."""

    user: UserCredentials


class TokenMethod(_Loose):
    """A login by a token that one has."""

    id: Annotated[str, Text(4096, min_length=1)]


class Methods(_Loose):
    """How the user proves to be that user: each of `methods` must be there and hold."""

    methods: Annotated[tuple[Literal["password", "token"], ...], Field(min_length=1, max_length=4)]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for method in self.methods:
            if getattr(self, method) is None:
                raise ValueError(f"names the method {method} without its credentials")
        return self


class Scope(_Loose):
    """What a token is for; exactly one of these."""

    project: ProjectRef | None = None
    domain: DomainRef | None = None
    unscoped: dict[str, Any] | None = None
    system: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("must name exactly one of project, domain and unscoped")
        return self


class Login(_Loose):
    """The body of a request for a token."""

    identity: Methods
    scope: Scope | Literal["unscoped"] | None = None
