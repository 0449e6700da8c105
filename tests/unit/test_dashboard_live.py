"""What an open page is sent: changes and nothing else, that the API is away, and that it is back."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from test_dashboard import BALANCER, LB, ONE, Said
from test_dashboard_certificates import PEM

from evener.dashboard import live
from evener.dashboard.asked import Asked
from evener.dashboard.cloud import Away, Login, Refused
from evener.dashboard.sessions import Session

STATUS = f"GET /lbaas/loadbalancers/{LB}/status"


def asked(cloud: Said) -> Asked:
    end = datetime.now(UTC) + timedelta(hours=1)
    login = Login("t", "u", "p", "i", frozenset({"member"}), {}, end)
    return Asked(cloud, Session(login), {"balancer_id": LB})


def news(page: live._Open) -> Sequence[str]:
    return [str(each.event) for each in asyncio.run(page.news())]


def test_a_page_is_sent_what_changes_and_told_when_the_api_is_away_and_back() -> None:
    answers = {**ONE, STATUS: {"statuses": 1}}
    page = live._Open(live.Shared(), live.BALANCER, asked(Said(answers)), "")
    page._shared = Fresh()
    assert news(page) == ["changed", "picture"]
    assert news(page) == []
    answers[STATUS] = Away("it does not answer")
    assert news(page) == ["away"]
    answers[STATUS] = {"statuses": 1}
    assert news(page) == ["well"]
    answers[STATUS] = {"statuses": 2}
    assert news(page) == []  # nothing that is shown is otherwise
    answers[f"GET /lbaas/loadbalancers/{LB}"] = {"loadbalancer": BALANCER | {"operating_status": "ERROR"}}
    answers[STATUS] = {"statuses": 3}
    assert news(page) == ["changed", "picture"]


@pytest.mark.parametrize(
    "failure", [Away("it does not answer"), Refused(404, "No pool"), Refused(429, "Later")]
)
def test_a_change_that_could_not_be_read_at_first_is_sent_when_it_can(failure: Exception) -> None:
    answers = {**ONE, STATUS: {"statuses": 1}}
    page = live._Open(Fresh(), live.BALANCER, asked(Said(answers)), "")
    assert news(page) == ["changed", "picture"]
    listeners = "GET /lbaas/listeners"
    answers |= {STATUS: {"statuses": 2}, listeners: failure}
    if isinstance(failure, Refused) and failure.status != 404:
        with pytest.raises(Refused):
            news(page)
    else:
        assert "changed" not in news(page)
    answers[listeners] = {"listeners": []}
    assert "changed" in news(page)


def test_after_a_while_without_a_change_the_newest_event_is_asked_for_instead() -> None:
    events = f"GET /lbaas/loadbalancers/{LB}/events"
    answers = {**ONE, STATUS: {"statuses": 1}, events: {"events": [{"id": "1"}]}}
    cloud = Said(answers)
    page = live._Open(Fresh(), live.BALANCER, asked(cloud), "")
    assert news(page) == ["changed", "picture"]
    page._sent_at_s -= live.QUIET_S
    assert news(page) == []
    cloud.asked.clear()
    assert news(page) == []
    assert (cloud.asked[0][1]) == f"/lbaas/loadbalancers/{LB}/events"
    answers[f"GET /lbaas/loadbalancers/{LB}"] = {"loadbalancer": BALANCER | {"operating_status": "ERROR"}}
    answers[events] = {"events": [{"id": "2"}]}
    assert news(page) == ["changed", "picture"]
    cloud.asked.clear()
    assert news(page) == []
    assert cloud.asked[0][1] == f"/lbaas/loadbalancers/{LB}/status"  # now that something happens


def test_a_cloud_without_events_is_asked_for_statuses() -> None:
    cloud = Said({**ONE, STATUS: {"statuses": 1}})
    page = live._Open(Fresh(), live.BALANCER, asked(cloud), "")
    assert news(page) == ["changed", "picture"]
    page._sent_at_s -= live.QUIET_S
    news(page)
    cloud.asked.clear()
    news(page)
    assert [each[1] for each in cloud.asked if "events" in each[1]] == []


class Fresh(live.Shared):
    """Remembers nothing, so that a test need not wait."""

    async def get(self, key, work, stands_s=0.0):  # type: ignore[no-untyped-def]
        return work()


def test_the_overview_is_sent_plots_of_all_where_the_cloud_adds_up() -> None:
    answers = {
        **ONE,
        "GET /lbaas/stats": {"stats": {"total_connections": 1, "active_connections": 0, "bytes_out": 0}},
    }
    page = live._Open(Fresh(), live.OVERVIEW, asked(Said(answers)), "")
    assert news(page) == ["changed", "rates"]
    assert news(page) == []
    page._rates_at_s = 0
    assert news(page) == ["rates"]
    other = live._Open(Fresh(), live.OVERVIEW, asked(Said(ONE)), "")
    assert news(other) == ["changed"]


def test_of_agents_is_asked_again_what_they_serve_when_that_is_more_or_fewer() -> None:
    agent = {"id": "a", "host": "node1", "alive": True, "admin_state_up": True, "heartbeat_timestamp": "1"}
    answers = {
        "GET /agents": {"agents": [agent | {"configurations": {"instances": 0}}]},
        "GET /agents/a/agent-loadbalancers": {"loadbalancers": []},
    }
    cloud = Said(answers)
    page = live._Open(Fresh(), live.AGENTS, asked(cloud), "")
    assert news(page) == ["changed"]
    page._whole_at_s = float("inf")
    cloud.asked.clear()
    answers["GET /agents"] = {
        "agents": [agent | {"configurations": {"instances": 0}, "heartbeat_timestamp": "2"}]
    }
    assert news(page) == []
    assert len(cloud.asked) == 1
    answers["GET /agents"] = {"agents": [agent | {"configurations": {"instances": 1}}]}
    answers["GET /agents/a/agent-loadbalancers"] = {"loadbalancers": [{"id": LB, "name": "lb"}]}
    assert news(page) == ["changed"]


def test_limits_cost_one_request_while_none_changes() -> None:
    own = {"project_id": "i", "load_balancer": 10}
    answers = {"GET /lbaas/quotas/i": {"quota": own}}
    cloud = Said(answers)
    page = live._Open(Fresh(), live.QUOTAS, asked(cloud), "")
    assert news(page) == ["changed"]
    for each in ([], []):
        cloud.asked.clear()
        assert news(page) == each
        assert len(cloud.asked) == 1
    answers["GET /lbaas/quotas/i"] = {"quota": own | {"load_balancer": 11}}
    assert news(page) == ["changed"]


def test_a_certificate_is_read_once_and_what_is_not_readable_again_when_all_is() -> None:
    def container(number: int, *users: str) -> dict[str, Any]:
        secret = f"http://x/v1/secrets/{number:08}-1111-1111-1111-111111111111"
        return {
            "container_ref": secret.replace("secrets", "containers"),
            "name": f"c{number}",
            "secret_refs": [{"name": "certificate", "secret_ref": secret}],
            "consumers": [{"name": each} for each in users],
        }

    both = [container(1), container(2)]
    path = "GET /secrets/00000001-1111-1111-1111-111111111111/payload"
    answers = {"GET /containers": {"containers": both, "total": 2}, path: PEM}
    cloud = Said(answers)
    page = live._Open(Fresh(), live.CERTIFICATES, asked(cloud), "")
    assert news(page) == ["changed"]
    assert len(cloud.asked) == 3
    page._whole_at_s = float("inf")
    cloud.asked.clear()
    assert news(page) == []
    assert len(cloud.asked) == 1
    answers["GET /containers"] = {"containers": [container(1, "web"), both[1]], "total": 2}
    cloud.asked.clear()
    assert news(page) == ["changed"]
    assert [each[1].split("/")[1] for each in cloud.asked] == ["containers", "secrets"]
    assert "secrets/00000002" in cloud.asked[1][1]  # which was not there to read before
