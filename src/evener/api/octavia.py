"""What stands at `/load-balancer`: Octavia's versions, and its collections on the same objects as those of LBaaS v2."""

import falcon

from evener.api import octavia_admin, octavia_creation, octavia_statuses
from evener.api.answer_cache import AnswerCache
from evener.api.app import App
from evener.api.batch import Members
from evener.api.collections import READ_ONLY, USUAL, Operations, Served, add_collections
from evener.api.dialects import octavia_policy
from evener.api.dialects.octavia import OCTAVIA
from evener.api.dialects.octavia_paths import LBAAS, PREFIX, V2
from evener.api.documented import LINKS, STRING, Documented, View, documented, exactly, many
from evener.api.openapi import Description
from evener.api.policy import Policy
from evener.control.administration import Administration
from evener.control.operations import LoadBalancing
from evener.resources.describe import Resource
from evener.resources.event import Event
from evener.resources.healthmonitor import HealthMonitor
from evener.resources.l7policy import L7Policy
from evener.resources.l7rule import L7Rule
from evener.resources.listener import Listener
from evener.resources.loadbalancer import LoadBalancer
from evener.resources.member import Member
from evener.resources.pool import Pool

COLLECTIONS = (
    *(
        Served(
            cls,
            LBAAS,
            cascades=cls is LoadBalancer,
            nested=octavia_creation.SCHEMAS.get(cls),
            dialect=OCTAVIA,
        )
        for cls in (LoadBalancer, Listener, Pool, HealthMonitor, L7Policy)
    ),
    Served(Member, LBAAS, parent=Pool, verbs=USUAL | {"set"}, dialect=OCTAVIA),
    Served(L7Rule, LBAAS, parent=L7Policy, dialect=OCTAVIA),
    Served(Event, LBAAS, parent=LoadBalancer, verbs=READ_ONLY, dialect=OCTAVIA),
    *octavia_admin.COLLECTIONS,
)
KINDS = tuple(served.cls for served in COLLECTIONS)
RULES = octavia_policy.RULES

# When each version of the API was made (octavia/api/root_controller.py): month by month, as far as clients are told.
LAST_MINOR = 30
VERSION = exactly(id=STRING, status=STRING, updated=STRING, links=LINKS)


class Versions:
    """`/load-balancer`: every version that there was, of which the last is served."""

    @documented(Documented(exactly(versions=many(VERSION)), open=True))
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """List the versions."""
        base = request.context.asked_url.rstrip("/")
        response.media = {"versions": [_version(minor, base) for minor in range(LAST_MINOR + 1)]}


def _version(minor: int, base: str) -> dict[str, object]:
    status = "CURRENT" if minor == LAST_MINOR else "SUPPORTED"
    links = [{"href": f"{base}/v2", "rel": "self"}]
    return {"id": f"v2.{minor}", "status": status, "updated": UPDATED[minor], "links": links}


UPDATED = tuple(
    f"{day}:00:00Z" if "T" in day else f"{day}T00:00:00Z"
    for day in (
        *("2016-12-11", "2018-04-20", "2018-07-31", "2018-12-18", "2018-12-19", "2019-01-21", "2019-01-25"),
        *(
            "2018-01-25T12",
            "2019-02-12",
            "2019-03-04",
            "2019-03-05",
            "2019-06-24",
            "2019-09-11",
            "2019-09-13",
        ),
        *(
            "2019-11-10",
            "2020-03-10",
            "2020-03-15",
            "2020-04-29",
            "2020-04-29T01",
            "2020-05-12",
            "2020-08-02",
        ),
        *("2020-09-03", "2020-09-04", "2020-09-07", "2020-10-15", "2021-10-02", "2022-08-29", "2023-05-05"),
        *("2023-11-08", "2024-10-15", "2025-02-26"),
    )
)


class Version:
    """`/load-balancer/v2`: the version itself."""

    @documented(Documented(exactly(version=VERSION)))
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        """Show the version."""
        base = request.context.base_url + PREFIX
        response.media = {"version": _version(LAST_MINOR, base)}


ABOUT = "Load balancing as a service: Octavia's API, v2, on the same objects as Neutron's LBaaS v2."
VIEWS = (
    View(PREFIX, Versions),
    View(V2, Version),
    View(f"{V2}/openapi.json", Description),
    *octavia_statuses.VIEWS,
    *octavia_admin.VIEWS,
)


def add_routes(
    app: App,
    balancing: LoadBalancing,
    administration: Administration,
    policy: Policy,
    largest_body: int,
    answers: AnswerCache,
) -> None:
    """Add everything below `/load-balancer`, on the objects of `balancing` and `administration`."""
    app.error_forms[PREFIX] = OCTAVIA.errors
    ours = balancing.in_manner(OCTAVIA.manner)
    operations: dict[type[Resource], Operations] = {
        **dict.fromkeys(KINDS, ours),
        Event: administration.events,
        **octavia_admin.operations_of(administration),
    }
    handlers = (
        Versions(),
        Version(),
        Description(COLLECTIONS, VIEWS, OCTAVIA, ABOUT),
        octavia_statuses.StatusViews(ours, policy),
        *octavia_admin.handlers_of(administration, policy, largest_body),
    )
    by_class = {type(each): each for each in handlers}
    for view in VIEWS:
        app.add_route(view.path, by_class[view.handlers], suffix=view.suffix or None)
    add_collections(
        app,
        COLLECTIONS,
        operations,
        policy,
        largest_body,
        answers,
        balancing.bounds,
        {**octavia_creation.KINDS, Member: Members},
    )
