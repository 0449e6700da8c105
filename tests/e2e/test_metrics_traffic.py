"""What Prometheus reads of load balancers that carry traffic, end to end."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from standalone import Balancer, Cloud, Standalone, Traffic, ip, ip_in

from waiting import eventually

pytestmark = pytest.mark.root


@pytest.fixture
def balancer(cloud: Cloud) -> Iterator[Balancer]:
    made = cloud.balancer("measured")
    yield made
    cloud.delete(made)


class Scrapes:
    """Reads `/metrics`, and sees to it that no counter ever falls."""

    def __init__(self, standalone: Standalone) -> None:
        self.url = f"{standalone.url}/metrics"
        self.last: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return the newest value of the one sample that has the labels, or None where there is none."""
        answer = requests.get(self.url, timeout=60)
        assert answer.status_code == 200, answer.text
        found = []
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                if family.type == "counter" and family.name.startswith(("evener_lo", "evener_listener")):
                    key = (sample.name, frozenset(sample.labels.items()))
                    assert sample.value >= self.last.get(key, 0), key
                    self.last[key] = sample.value
                if sample.name == name and labels.items() <= sample.labels.items():
                    found.append(sample.value)
        assert len(found) <= 1, found
        return found[0] if found else None


def test_counters_grow_with_traffic_and_survive_restarts(
    cloud: Cloud, balancer: Balancer, standalone: Standalone
) -> None:
    scrapes, listener = Scrapes(standalone), balancer.listener["id"]

    def connections() -> float:
        return scrapes.value("evener_listener_connections_total", id=listener) or 0

    def counted(requests: int) -> None:
        before = connections()
        cloud.client.spread(balancer.vip, requests)
        eventually(lambda: connections() >= before + requests)

    counted(10)
    lb = balancer.lb["id"]
    for name in ("bytes_in", "bytes_out"):
        assert scrapes.value(f"evener_listener_{name}_total", id=listener, name="measured-http") > 100
        assert scrapes.value(f"evener_loadbalancer_{name}_total", id=lb, name="measured") > 100
    cloud.api.update(balancer.pool, lb_algorithm="LEAST_CONNECTIONS")  # a reload
    cloud.api.wait_active(balancer.lb)
    counted(10)
    standalone.restart()
    counted(10)
    eventually(lambda: (scrapes.value("evener_loadbalancer_connections_total", id=lb) or 0) >= 30)


def test_a_member_that_checks_find_down_is_not_up(
    cloud: Cloud, balancer: Balancer, standalone: Standalone
) -> None:
    scrapes, member = Scrapes(standalone), balancer.members["web1"]["id"]
    eventually(lambda: scrapes.value("evener_member_up", id=member) == 1)
    checked = {"type": "HTTP", "delay": 1, "timeout": 1, "max_retries": 2, "url_path": "/"}
    cloud.api.delete(balancer.monitor)
    monitor = cloud.api.create("healthmonitor", balancer.pool["id"], **checked)
    cloud.webs[0].status = 500
    eventually(lambda: scrapes.value("evener_member_up", id=member) == 0)
    degraded = {"id": balancer.lb["id"], "status": "DEGRADED"}
    eventually(lambda: scrapes.value("evener_loadbalancer_operating_status", **degraded) == 1)
    cloud.webs[0].status = 200
    eventually(lambda: scrapes.value("evener_member_up", id=member) == 1)
    cloud.api.delete(monitor)


def test_only_what_was_not_as_it_was_left_counts_as_a_repair(
    cloud: Cloud, balancer: Balancer, standalone: Standalone
) -> None:
    scrapes = Scrapes(standalone)
    repairs = scrapes.value("evener_agent_repairs_total")
    for _ in range(3):
        ip_in(balancer.namespace, "link add unrelated type bridge")
        ip_in(balancer.namespace, "link delete unrelated")
    time.sleep(0.5)  # each is looked at
    assert scrapes.value("evener_agent_repairs_total") == repairs
    ip(f"link set {balancer.tap} down")
    eventually(lambda: scrapes.value("evener_agent_repairs_total") == repairs + 1)
    cloud.client.spread(balancer.vip, 2)


def test_counters_never_fall_however_many_ask_at_once(
    cloud: Cloud, balancer: Balancer, standalone: Standalone
) -> None:
    scrapes, stop = Scrapes(standalone), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            cloud.api.stats(balancer.lb)

    with ThreadPoolExecutor(4) as pool, Traffic(cloud.client, balancer.vip):
        asking = [pool.submit(ask) for _ in range(4)]
        begin = time.monotonic()
        while time.monotonic() - begin < 3:
            scrapes.value("evener_loadbalancer_connections_total", id=balancer.lb["id"])
        stop.set()
        for each in asking:
            each.result()


def test_the_agent_tells_how_far_it_is_and_what_it_did(
    cloud: Cloud, balancer: Balancer, standalone: Standalone
) -> None:
    scrapes = Scrapes(standalone)
    applies = scrapes.value("evener_agent_applies_total")
    cloud.api.update(balancer.pool, lb_algorithm="SOURCE_IP")
    cloud.api.wait_active(balancer.lb)
    eventually(lambda: scrapes.value("evener_agent_applies_total") > applies)
    assert scrapes.value("evener_agent_apply_duration_seconds_sum") > 0
    assert scrapes.value("evener_agent_apply_failures_total") == 0
    eventually(lambda: scrapes.value("evener_agent_loadbalancers") == 1)
    eventually(lambda: scrapes.value("evener_agent_generations_behind") == 0)
    assert scrapes.value("evener_agent_queue_length", queue="work") is not None
    assert scrapes.value("evener_agent_heartbeat_age_seconds") < 60
    assert scrapes.value("process_resident_memory_bytes") > 1_000_000
