"""A second dialect, as small as can be: another name of an attribute, one left out, no secret about other projects'
objects, errors in other words, and pages of a size.
"""

from typing import Any
from urllib.parse import parse_qsl, urlencode

from evener.api.collections import Served
from evener.api.dialects.base import STATUSES, Answer, Dialect, ErrorForm, Lists
from evener.api.dialects.lbaas import LBAAS
from evener.api.query import Listing
from evener.control import errors as control
from evener.resources import errors
from evener.resources.describe import Resource
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool
from evener.resources.wire import attribute_name
from evener.resources.wire_form import WireForm
from evener.store.rows import ListQuery

PREFIX = "/second/v1"
NAMES = WireForm(
    {LoadBalancer: {"vip_address": "address", "flavor_id": None}}, second={"owner": "project_id"}
)
ANSWERS = {
    **STATUSES,
    errors.OfAnotherProject: Answer(403, "Forbidden", lambda _: "It is not yours"),
    errors.ObjectNotFound: Answer(
        404, "Missing", lambda error: f"No {error.kind} is called {error.object_id}"
    ),
    errors.QuotaExceeded: Answer(403, "Full"),
    errors.OverQuota: Answer(403, "Full"),
    control.LoadBalancerInUse: Answer(400, "HasChildren"),
}


def body(status: int, name: str, message: str) -> dict[str, Any]:
    return {"fault": name, "says": message, "code": status}


def read(cls: type[Resource], query_string: str, form: WireForm) -> Listing:
    """`size` and `after`, and one word for sorting: `by=name`."""
    given = dict(parse_qsl(query_string))
    size, after, by = (given.pop(name, "") for name in ("size", "after", "by"))
    filters = {attribute_name(cls, name, form): [value] for name, value in given.items()}
    sort = [(attribute_name(cls, by, form), True)] if by else []
    return Listing(ListQuery(filters, sort, int(size) if size else None, after or None), None)


def pages(
    cls: type[Resource], url: str, query_string: str, listing: Listing, shown: list[dict[str, Any]]
) -> dict[str, Any]:
    """Always there, and empty at the end."""
    if listing.query.limit is None or len(shown) < listing.query.limit:
        return {"more": ""}
    rest = {**dict(parse_qsl(query_string)), "after": shown[-1]["id"]}
    return {"more": f"{url}?{urlencode(rest)}"}


def rule(verb: str, cls: type[Resource]) -> str:
    return f"second:{cls.PLURAL}:{verb}"


SECOND = Dialect(PREFIX, NAMES, Lists(read, pages), ErrorForm(ANSWERS, body), rule, LBAAS.grants)
COLLECTIONS = (
    Served(LoadBalancer, PREFIX, dialect=SECOND),
    Served(Pool, PREFIX, dialect=SECOND),
    Served(Member, PREFIX, parent=Pool, dialect=SECOND),
)
