"""The dashboard's overview, plots, quotas and agents: what they make of what APIs say, and who may see them."""

from typing import Any

from test_dashboard import BALANCER, LB, ONE, Said, csrf, logged_in, sent
from test_dashboard_live import asked

from evener.dashboard import overview, rates
from evener.dashboard.cloud import Refused
from evener.dashboard.rates import Flow, Sample
from evener.dashboard.templates import render

AGENT = "55555555-5555-5555-5555-555555555555"


def balancer(name: str, operating: str, **more: Any) -> dict[str, Any]:
    return {**BALANCER, "name": name, "operating_status": operating, **more}


def test_the_worst_come_first_and_what_is_switched_off_last() -> None:
    found = [
        balancer("degraded", "DEGRADED"),
        balancer("off", "OFFLINE", admin_state_up=False),
        balancer("broken", "ERROR"),
        balancer("away", "OFFLINE"),
        balancer("well", "ONLINE"),
        balancer("not applied", "ONLINE", provisioning_status="ERROR"),
    ]
    shown = overview.values(found)
    assert [each["name"] for each in shown["rows"]] == ["broken", "degraded", "away", "not applied", "off"]
    assert shown["counts"] == [("ERROR", 1), ("DEGRADED", 1), ("OFFLINE", 2), ("ONLINE", 1)]
    assert not shown["has_more"]


def test_one_request_shows_the_overview() -> None:
    cloud = Said(ONE)
    browser = logged_in(cloud)
    cloud.asked.clear()
    assert "DEGRADED" in browser.simulate_get("/dashboard/overview").text
    assert [each[:2] for each in cloud.asked] == [("GET", "/lbaas/loadbalancers")]


def test_rates_are_differences_and_a_counter_that_begins_anew_is_no_burst() -> None:
    counted = [0, 30, 60, 5, 35]
    samples = [
        Sample(3.0 * at, {"total_connections": number, "active_connections": at, "bytes_out": 0})
        for at, number in enumerate(counted)
    ]
    connections, active, out = rates.plots(samples)
    assert (connections.now, connections.most) == (10.0, 10.0)
    assert (active.now, active.most) == (4.0, 4.0)
    assert (out.now, out.most) == (0.0, 0.0)
    heights = [float(point.partition(",")[2]) for point in connections.points.split()]
    assert heights[2] == rates.HIGH - 2  # the one that has begun anew
    assert all(0 <= height <= rates.HIGH for height in heights)
    assert connections.points.split()[-1].startswith(f"{rates.WIDE:.1f},")
    assert rates.plots(samples[:1]) == []


def test_numbers_are_as_people_read_them() -> None:
    assert [rates.in_words(each) for each in (0, 0.333333, 12.5, 1234567.8)] == [
        "0",
        "0.333",
        "12.5",
        "1,234,568",
    ]


def test_members_have_the_connections_that_are_left() -> None:
    def counted(total: int, now: int) -> dict[str, int]:
        return {"total_connections": total, "active_connections": now}

    samples = [
        Sample(0, {}, {"m": counted(10, 2), "old": counted(1, 1)}),
        Sample(2, {}, {"m": counted(30, 1), "new": counted(4, 3)}),
    ]
    found = rates.flows(samples)
    assert found == {"m": Flow(1, 10.0), "new": Flow(3, 0.0), rates.WHOLE: Flow(0, 0.0)}
    shown = rates.values(samples, found, {"Members": {"m": "web1"}})
    assert shown["counted"] == {"Members": [("web1", Flow(1, 10.0))]}
    assert not shown["has_requests"]


def test_requests_are_plotted_where_they_are_counted_and_none_is_no_zero() -> None:
    def counted(connections: int, **requests: int) -> dict[str, int]:
        return {"total_connections": connections, "active_connections": 0, "bytes_out": 0, **requests}

    def sample(at_s: float, total: dict[str, int]) -> Sample:
        return Sample(at_s, total, {}, {"http": total, "tcp": counted(1)})

    before, first = sample(0, counted(1)), sample(2, counted(2, requests=1000))
    samples = [before, first, sample(4, counted(3, requests=1030))]
    assert next(each.title for each in rates.plots([before, before])) == "Connections per second"
    requests, *_ = rates.plots(samples)
    assert (requests.title, requests.now, requests.most) == ("Requests per second", 15.0, 15.0)  # no burst
    shown = rates.values(samples, rates.flows(samples), {"Listeners": {"http": "h", "tcp": "t"}})
    assert shown["has_requests"]
    assert shown["counted"]["Listeners"] == [("h", Flow(0, 0.5, 15.0)), ("t", Flow(0, 0.0))]
    text = render("rates.html", asked(Said(ONE)).session, shown)
    assert [each in text for each in ("<td>15</td>", "<td>not counted</td>")] == [True, True]


def test_members_are_counted_where_the_cloud_can() -> None:
    stats = {"stats": {"total_connections": 1, "active_connections": 0, "bytes_out": 0}}
    there = {f"GET /lbaas/loadbalancers/{LB}/stats": stats}
    other = Said(there)
    other.ask = lambda login, method, service, path, body=None, **query: (  # type: ignore[method-assign]
        (_ for _ in ()).throw(Refused(404, "no")) if service == "network" else stats
    )
    assert rates.ask(asked(other), 1.0).members == {}
    assert other.counts_members is False


QUOTAS = {
    "GET /lbaas/quotas/id": {"quota": {"project_id": "id", "load_balancer": 10, "listener": -1}},
    "GET /lbaas/quotas": {"quotas": [{"project_id": "another", "load_balancer": 3}]},
    "GET /lbaas/quotas/another": {"quota": {"project_id": "another", "load_balancer": 3}},
    "PUT /lbaas/quotas/another": {},
    "GET /agents": {"agents": [{"id": AGENT, "host": "node1", "alive": True, "admin_state_up": True}]},
    f"GET /agents/{AGENT}/agent-loadbalancers": {"loadbalancers": [{"id": LB, "name": "lb"}]},
    f"PUT /agents/{AGENT}": {},
    f"PUT /lbaas/loadbalancers/{LB}/failover": {},
}


def test_a_member_of_a_project_sees_its_limits_and_changes_none() -> None:
    browser = logged_in(Said(ONE | QUOTAS))
    text = browser.simulate_get("/dashboard/quotas").text
    assert "no limit" in text
    assert "another" not in text
    for path in ("/quotas/another", "/agents", f"/balancers/{LB}/failover"):
        assert browser.simulate_get(f"/dashboard{path}").status_code == 403
    assert "/agents" not in text


def test_an_administrator_changes_limits_and_moves_load_balancers() -> None:
    cloud = Said(ONE | QUOTAS, frozenset({"admin"}))
    browser = logged_in(cloud)
    assert "another" in browser.simulate_get("/dashboard/quotas").text
    form = {"csrf": csrf(browser), "load_balancer": "5", "was.load_balancer": "3"}
    assert sent(browser, "/quotas/another", form).status_code == 303
    assert cloud.asked[-1] == ("PUT", "/lbaas/quotas/another", {"quota": {"load_balancer": 5}})
    assert "node1" in browser.simulate_get("/dashboard/agents").text
    assert sent(browser, f"/agents/{AGENT}", {"csrf": csrf(browser), "admin_state_up": ""}).status_code == 303
    assert cloud.asked[-1] == ("PUT", f"/agents/{AGENT}", {"agent": {"admin_state_up": False}})
    assert sent(browser, f"/balancers/{LB}/failover", {"csrf": csrf(browser)}).status_code == 303
    assert cloud.asked[-1][:2] == ("PUT", f"/lbaas/loadbalancers/{LB}/failover")


def test_what_happened_is_told_the_newest_first_and_names_are_no_markup() -> None:
    event = {
        "id": AGENT,
        "created_at": "2026-01-01T00:00:00",
        "type": "MEMBER_OUT",
        "resource_type": "member",
        "resource_id": "m",
        "resource_name": "<b>web1</b>",
        "attributes": [],
        "reason": "it refuses connections",
    }
    link = {"rel": "next", "href": "x"}
    found = {"events": [event], "events_links": [link]}
    browser = logged_in(Said(ONE | {f"GET /lbaas/loadbalancers/{LB}/events": found}))
    text = browser.simulate_get(f"/dashboard/balancers/{LB}/history").text
    assert "&lt;b&gt;web1" in text
    assert "it refuses connections" in text
    assert f'href="?marker={AGENT}"' in text
    assert f"/balancers/{LB}/history" in browser.simulate_get(f"/dashboard/balancers/{LB}").text
