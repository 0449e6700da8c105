"""What one project's burdens make of another project's requests: the factor by which each takes longer."""

import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import count

from bench import burdens, report, topology
from bench.api import IDENTITY, LBAAS, Api
from bench.burdens import Caller
from bench.report import Result
from evener.resources.bounds import DEFAULTS

TIMES = 40
AIM = 3


def _other(api: Api) -> Caller:
    """Return a member of a project of its own."""
    password = secrets.token_urlsafe()
    project = api.create(f"{IDENTITY}/projects", "project", name="other")["id"]
    user = api.create(f"{IDENTITY}/users", "user", name="other", password=password)["id"]
    role = api.call("GET", f"{IDENTITY}/roles?name=member")[1]["roles"][0]["id"]
    api.call("PUT", f"{IDENTITY}/projects/{project}/users/{user}/roles/{role}")
    token = api.log_in("other", password, "other")
    return Caller(topology.API_HOST, topology.API_PORT, token)


def measure(api: Api, subnet: str) -> Iterator[Result]:
    """Put one burden after the other on the server."""
    api.lift_quotas()
    other, one = _other(api), Caller(topology.API_HOST, topology.API_PORT, api.token)
    made = api.whole(subnet, topology.MEMBERS)
    api.wait_all_active()
    numbers = count()

    def post() -> None:
        body = {"name": f"{next(numbers)}", "payload": "x", "payload_content_type": "text/plain"}
        other.made(f"{burdens.KEY_MANAGER}/secrets", body)

    works = {"GET": lambda: other.call("GET", f"{LBAAS}/loadbalancers"), "POST": post}
    burdens.felt(works, TIMES)  # the first ones load what is loaded once
    on: dict[str, AbstractContextManager[None]] = {
        "8 of the costliest keys are opened": burdens.openings(one, made.loadbalancer),
        "the largest load balancer is made": burdens.graph(
            one, subnet, DEFAULTS.members_per_loadbalancer, "10.90."
        ),
        "12 read statistics": burdens.readers(one, made.loadbalancer),
        "60 log in with a wrong password": burdens.logins(one),
        "2,000 connections send half a request": burdens.connections(one),
    }
    for name, burden in on.items():
        quiet = burdens.felt(works, TIMES)  # just before: the machine is another one by and by
        with burden:
            busy = burdens.felt(works, TIMES)
        factor = max(busy[work] / quiet[work] for work in works)
        yield report.aimed(
            f"another project's requests while {name} / when quiet", factor, "", report.AT_MOST, AIM
        )
    api.remove(made)
