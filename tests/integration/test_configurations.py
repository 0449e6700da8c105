"""By what a load balancer is configured on its hosts, as either API shows it, and to whom."""

import pytest
from api_cloud import HOST, Cloud, User
from sqlalchemy import insert, select

from evener.resources.errors import Unavailable
from evener.store.schema import agents, bindings

FILE = "global\n  maxconn 1000\n"


def paths(user: User, balancer_id: str) -> list[tuple[User, str]]:
    return [
        (user, f"/lbaas/loadbalancers/{balancer_id}/configuration"),
        (user.octavia, f"/loadbalancers/{balancer_id}/configuration"),
    ]


def test_an_administrator_reads_it_by_either_api(any_cloud: Cloud) -> None:
    balancer_id = any_cloud.tree().loadbalancer
    any_cloud.agent.configurations[balancer_id] = {"HAProxy": FILE}
    for user, path in paths(any_cloud.admin, balancer_id):
        assert user.ok("GET", path) == {
            "configurations": [{"host": HOST, "data_plane": "HAProxy", "text": FILE, "error": ""}]
        }


@pytest.mark.parametrize("role", ["member", "reader", "load-balancer_member", "load-balancer_observer"])
@pytest.mark.parametrize("project", ["ann", "bob"])
def test_nobody_else_does_not_even_of_the_own_project(cloud: Cloud, project: str, role: str) -> None:
    balancer_id = cloud.tree().loadbalancer
    cloud.agent.configurations[balancer_id] = {"HAProxy": FILE}
    for user, path in paths(cloud.user(project, role), balancer_id):
        answer = user.send("GET", path)
        assert answer.status_code == 403
        assert "maxconn" not in answer.text


def test_before_there_is_one_and_without_a_load_balancer_an_error_says_so(cloud: Cloud) -> None:
    balancer_id = cloud.tree().loadbalancer
    for user, path in paths(cloud.admin, balancer_id):
        answer = user.send("GET", path)
        assert answer.status_code == 404
        assert f"has no configuration yet on {HOST}" in answer.text
        assert user.send("GET", path.replace(balancer_id, "nowhere")).status_code == 404


def test_of_an_agent_that_is_away_the_others_are_shown_and_alone_it_is_an_error(cloud: Cloud) -> None:
    balancer_id = cloud.tree().loadbalancer
    cloud.agent.configurations[balancer_id] = {"HAProxy": FILE}
    cloud.controller.heartbeat("node-0", {})
    with cloud.database.write() as tx:
        own = tx.execute(select(bindings).where(bindings.c.loadbalancer_id == balancer_id)).one()._asdict()
        other = tx.scalar(select(agents.c.id).where(agents.c.host == "node-0"))
        tx.execute(insert(bindings).values(own | {"id": "0" * 36, "agent_id": other}))
    for user, path in paths(cloud.admin, balancer_id):
        away, there = user.ok("GET", path)["configurations"]
        assert (away["host"], away["text"]) == ("node-0", "")
        assert "node-0 does not answer" in away["error"]
        assert there["text"] == FILE
    cloud.bus.close()
    for user, path in paths(cloud.admin, balancer_id):
        answer = user.send("GET", path)
        assert answer.status_code == 503
        assert "node-0 does not answer" in answer.text
        assert f"{HOST} does not answer" in answer.text
    with pytest.raises(Unavailable):
        cloud.bus.agent(HOST)
