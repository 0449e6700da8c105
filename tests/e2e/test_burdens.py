"""All that one project, and somebody without a token, can put on the server at once is felt little by others."""

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bench import burdens
from bench.burdens import Caller
from projects import project_api
from standalone import NETWORKING, Api, Cloud, Standalone

from waiting import eventually, patience

pytestmark = pytest.mark.root

FACTOR = 10
TIMES = 40
MEMBERS = 1000  # for the bound of the size of a load balancer, which would take this test too long
HEARTBEAT_S, HEALTH_S = 10, 20  # a heartbeat and a check come each second
LARGE = """[limits]
members_per_loadbalancer = 1000
members_per_pool = 1000
"""


@pytest.fixture(scope="module")
def settings() -> str:
    return LARGE


def caller(api: Api) -> Caller:
    host, port = api.url.removeprefix("http://").split(":")
    return Caller(host, int(port), str(api.session.get_token()))


def test_another_project_feels_little_of_all_at_once_and_health_and_heartbeats_are_on_time(
    standalone: Standalone, cloud: Cloud, tmp_path: Path
) -> None:
    api = cloud.api
    balancer = cloud.balancer("LB")
    one, other = caller(api), caller(project_api(standalone, "other-project", tmp_path))

    def post() -> None:
        body = {"payload": "anything", "payload_content_type": "text/plain"}
        other.made(f"{burdens.KEY_MANAGER}/secrets", body)

    works = {"GET": lambda: other.call("GET", f"{NETWORKING}/lbaas/loadbalancers"), "POST": post}
    quiet = burdens.felt(works, TIMES)
    with ExitStack() as stack:
        stack.enter_context(burdens.connections(one))
        stack.enter_context(burdens.logins(one))
        stack.enter_context(burdens.readers(one, balancer.lb["id"]))
        stack.enter_context(burdens.graph(one, cloud.subnet["id"], MEMBERS, "192.168."))
        stack.enter_context(burdens.openings(one, balancer.lb["id"]))
        busy = burdens.felt(works, TIMES)
        web = cloud.webs[0]
        web.stop()
        member = balancer.members[web.name]["id"]
        eventually(lambda: api.operating(balancer.lb)[member] == "OFFLINE", HEALTH_S)
        (agent,) = api.request("GET", f"{NETWORKING}/agents").json()["agents"]
        heard = datetime.fromisoformat(agent["heartbeat_timestamp"])
        assert (datetime.now(UTC).replace(tzinfo=None) - heard).total_seconds() < HEARTBEAT_S * patience()
    after = burdens.felt(works, TIMES)  # what else the machine does may have grown meanwhile
    quiet = {name: max(quiet[name], after[name]) for name in works}
    for name in works:
        assert busy[name] <= FACTOR * quiet[name], f"{name}: {quiet} {busy}"
    cloud.delete(balancer)
