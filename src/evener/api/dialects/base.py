"""What a dialect is made of. Holds no dialect, and decides nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from evener.api.documented import UNKNOWN_OBJECT, Schema, exactly
from evener.api.query import Listing
from evener.control.manner import STRICT, Manner
from evener.resources import errors
from evener.resources.describe import Resource
from evener.resources.errors import EvenerError
from evener.resources.event import Event
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.wire import on_wire
from evener.resources.wire_form import WireForm

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client gets for a type of error: a status, a name (the class's own where there is none), and words.

    The words are the error's own message where `says` gives no others.
    """

    status: int
    name: str | None = None
    says: Callable[[Any], str] | None = None


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """The answers by type of error, and the body that a client reads, made of a status, a name and a message.

    An answer holds for the types below its own too, but for the name.
    """

    answers: Mapping[type[EvenerError], Answer]
    body: Callable[[int, str, str], Json]
    schema: Schema = field(default_factory=lambda: UNKNOWN_OBJECT)  # of the body
    unauthorized: Schema | None = None  # of the body of 401, where that is another

    def answer(self, error: EvenerError) -> tuple[int, Json]:
        """Return the status and the body for an error."""
        kind = next(kind for kind in type(error).__mro__ if kind in self.answers)
        found = self.answers[kind]
        name = (found.name if kind is type(error) else None) or type(error).__name__
        message = found.says(error) if found.says else error.message
        return found.status, self.body(found.status, name, message)


# What most APIs of the family answer; a dialect says what it answers otherwise.
STATUSES: Mapping[type[EvenerError], Answer] = {
    errors.InvalidInput: Answer(400),
    errors.Unauthorized: Answer(401),
    errors.Forbidden: Answer(403),
    errors.NotFound: Answer(404),
    errors.Conflict: Answer(409),
    errors.QuotaExceeded: Answer(409),
    errors.Unexpected: Answer(500),
    errors.Unsupported: Answer(501),
    errors.Unavailable: Answer(503),
}


_STRING: Schema = {"type": "string"}
UNAUTHORIZED = exactly(code={"type": "integer"}, title=_STRING, message=_STRING)


def unauthorized_body(message: str) -> Json:
    """Return the body that Keystone's middleware puts in front of every service, for who has no valid token."""
    return {"error": {"code": 401, "title": "Unauthorized", "message": message}}


_KINDS = {cls.KIND: cls for cls in (LoadBalancer, Listener, Pool, Member, HealthMonitor, L7Policy, L7Rule)}


def changed_attributes(event: Event, form: WireForm) -> list[str]:
    """Return what the attributes that an event changed are called on a wire; those that are not there are left out."""
    cls = _KINDS.get(event.resource_type)
    called = {} if cls is None else on_wire(cls, form)
    return sorted(called[name] for name in event.attributes if name in called)


class ReadList(Protocol):
    """Understands a query string."""

    def __call__(self, cls: type[Resource], query_string: str, form: WireForm, /) -> Listing:
        """Return what it asks of a list of `cls`.

        Raises:
            InvalidInput: naming the parameter that makes no sense.
        """


class ShowPages(Protocol):
    """Says where the other pages of a list are."""

    def __call__(
        self, cls: type[Resource], url: str, query_string: str, listing: Listing, shown: list[Json], /
    ) -> Json:
        """Return what stands beside the list `shown`, whose address is `url`; the links of pages."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The grammar of lists: filters, sorting and fields, and paging.

    `parameters` describes the query string of a list, `links` says what the links of pages stand under. `read_one`
    understands the query string of one object, where that is another than a list's.
    """

    read: ReadList
    pages: ShowPages
    parameters: Callable[[type[Resource], WireForm], Mapping[str, Schema]] = lambda _cls, _form: {}
    links: Callable[[type[Resource]], str] = lambda cls: f"{cls.PLURAL}_links"
    read_one: ReadList | None = None


@dataclass(frozen=True, slots=True)
class Grants:
    """Who reads, writes and administers where the operator says nothing else, as oslo.policy writes it.

    `more` are rules that others are made of. Where they are `by_project`, they say of which project's objects they are
    (`project_id:%(project_id)s`), and who asks for another project's objects is told that this is forbidden. Else roles
    decide, and administrators alone reach what is not their project's.
    """

    reading: str
    writing: str
    administration: str
    more: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    by_project: bool = False


@dataclass(frozen=True, slots=True)
class Dialect:
    """A wire form: what stands below `prefix` is read and shown in it.

    `rule` names the rule of the policy that decides an operation (list, get, create, update, delete) on a kind, and
    `grants` say who may. Operations are done in the dialect's `manner`.
    """

    prefix: str
    form: WireForm
    lists: Lists
    errors: ErrorForm
    rule: Callable[[str, type[Resource]], str]
    grants: Grants
    manner: Manner = STRICT
