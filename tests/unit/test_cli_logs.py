"""`evener logs`: what happened, oldest first, and with -f what happens from then on, each once."""

from typing import Any

from evener.cli import logs

EVENT = {"resource_type": "pool", "resource_name": "servers", "attributes": ["name"], "type": "UPDATED"}


def event(number: int) -> dict[str, Any]:
    return {
        **EVENT,
        "id": str(number),
        "created_at": f"2026-11-26 08:00:0{number}",
        "user_id": f"ann{number}",
    }


def test_the_oldest_comes_first(run, server) -> None:
    balancer = server.put("lbaas/loadbalancers", name="web")
    path = f"lbaas/loadbalancers/{balancer['id']}/events"
    server.answers[path] = {"events": [event(2), event(1)]}
    assert run("logs web -n 2").split("\n")[:2] == [
        "2026-11-26 08:00:01  pool servers updated (name) by ann1",
        "2026-11-26 08:00:02  pool servers updated (name) by ann2",
    ]
    assert server.queries(path) == [{"limit": ["2"]}]


def test_who_follows_is_told_each_event_once(run, server, monkeypatch) -> None:
    balancer = server.put("lbaas/loadbalancers", name="web")
    path = f"lbaas/loadbalancers/{balancer['id']}/events"
    seen = [[event(1)], [event(2), event(1)], [event(4), event(3), event(2), event(1)]]
    server.answers[path] = {"events": seen.pop(0)}

    def wait(_seconds: float) -> None:
        if not seen:
            raise KeyboardInterrupt
        server.answers[path] = {"events": seen.pop(0)}

    monkeypatch.setattr(logs.time, "sleep", wait)
    lines = run("logs web -f").strip().split("\n")
    assert [line.rpartition(" ")[2] for line in lines] == ["ann1", "ann2", "ann3", "ann4"]


def test_events_of_a_load_balancer_that_is_gone_are_asked_for_by_its_id(run, server) -> None:
    gone = "0a1b2c3d-0000-4000-8000-000000000001"
    server.answers[f"lbaas/loadbalancers/{gone}/events"] = {"events": [{**event(1), "type": "DELETED"}]}
    assert "DELETED" in run(f"lbaas-event-list {gone} -f value -c type")
