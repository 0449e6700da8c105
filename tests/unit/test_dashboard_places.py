"""Who serves a load balancer, on the dashboard's page of it."""

from collections.abc import Mapping
from typing import Any

from test_dashboard import BALANCER, LB, ONE, Said, logged_in

from evener.dashboard.cloud import Refused

ADMINISTRATOR = frozenset({"admin"})


def page(answers: Mapping[str, Any], roles: frozenset[str] = ADMINISTRATOR) -> tuple[str, Said]:
    """Return the page's text, and the cloud that was asked."""
    cloud = Said({**ONE, **answers}, roles)
    return logged_in(cloud).simulate_get(f"/dashboard/balancers/{LB}").text, cloud


def served_by(*amphorae: tuple[str, str], dead: str = "", **more: Any) -> dict[str, Any]:
    """Return what a cloud says where those hosts serve it in those roles, of which one is not heard of."""
    return {
        f"GET /lbaas/loadbalancers/{LB}": {"loadbalancer": {**BALANCER, **more}},
        "GET /octavia/amphorae": {
            "amphorae": [{"lb_network_ip": host, "role": role} for host, role in amphorae]
        },
        "GET /agents": {"agents": [{"host": host, "alive": host != dead} for host, _ in amphorae]},
    }


def test_of_two_who_has_the_vip_is_first_and_who_is_not_heard_of_is_said() -> None:
    text, cloud = page(served_by(("a<b>", "BACKUP"), ("z", "MASTER"), dead="a<b>", topology="ACTIVE_STANDBY"))
    assert "MASTER <bdi>z</bdi>, BACKUP <bdi>a&lt;b&gt;</bdi> <span" in text
    assert text.count("not heard of") == 1
    assert "missing" not in text
    assert ("/octavia/amphorae", {"loadbalancer_id": LB}) in cloud.queries


def test_a_second_one_that_is_missing_is_said_and_one_that_is_not_wanted_is_not() -> None:
    assert "the second one is missing" in page(served_by(("z", "MASTER"), topology="ACTIVE_STANDBY"))[0]
    text, _ = page(served_by(("z", "STANDALONE"), topology="SINGLE"))
    assert "<bdi>z</bdi></dd>" in text
    assert "missing" not in text
    assert "STANDALONE" not in text


def test_who_is_no_administrator_is_told_nothing_and_a_cloud_that_cannot_tell_does_no_harm() -> None:
    text, cloud = page(served_by(("z", "STANDALONE")), frozenset({"member"}))
    assert "Served by" not in text
    assert not [path for path, _ in cloud.queries if path in ("/octavia/amphorae", "/agents")]
    for refused in ("GET /octavia/amphorae", "GET /agents"):
        text, _ = page(served_by(("z", "STANDALONE")) | {refused: Refused(403, "no")})
        assert "Pool" in text
        assert "Served by" not in text
