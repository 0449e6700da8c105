"""What `/metrics` answers and to whom, the agent's own counters, and names that nothing can be broken with."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import falcon
import pytest
from falcon import testing
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from evener import config
from evener.agent.metrics import AgentMetrics
from evener.agent.work import KeyedQueue
from evener.api import metrics
from evener.api.dialects.lbaas import ERRORS
from evener.api.errors import ErrorHandlers
from evener.control.metrics import DatabaseCollector, Found, measured
from evener.resources.errors import EvenerError
from evener.store.database import Database

MOMENT = datetime(2030, 1, 2, 3, 4, 5)  # noqa: DTZ001 - as the tables hold it
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


class Measured(Collector):
    """Collects what follows from rows."""

    def __init__(self, found: Found) -> None:
        self.found = found

    def collect(self):
        return measured(self.found, MOMENT)

    def describe(self):
        return ()


def exposed(registry: CollectorRegistry) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return the samples by name, as Prometheus reads them."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def rows_of(name: str, project: str) -> Found:
    """Return one load balancer with a listener, a pool and a member, all of one name, and its agent."""
    row = SimpleNamespace(
        id="1",
        name=name,
        project_id=project,
        loadbalancer_id="1",
        pool_id="1",
        weight=1,
        shown_role="STANDALONE",
        default_pool_id="1",
        admin_state_up=True,
        created_generation=1,
        changed_generation=2,
        generation=7,
        deleted_generation=None,
        checked=True,
        member_id="1",
        agent_id="1",
        status="ONLINE",
        host=name,
        heartbeat_at=MOMENT - timedelta(seconds=9),
        applied_generation=4,
        failed_generation=None,
        failure=None,
        owner_id="1",
        **dict.fromkeys(("active_connections", "total_connections", "request_errors", "requests"), 3),
        **dict.fromkeys(("bytes_in", "bytes_out"), 2**40 + 1),
    )
    row._mapping = vars(row)
    return Found(**{kind: [row] for kind in Found.__slots__})


@given(NAMES, NAMES)
def test_no_name_breaks_the_format(name: str, project: str) -> None:
    registry = CollectorRegistry()
    registry.register(Measured(rows_of(name, project)))
    found = exposed(registry)
    assert found["evener_member_up"] == [
        ({"id": "1", "name": name, "project_id": project, "loadbalancer_id": "1", "pool_id": "1"}, 1)
    ]
    assert found["evener_loadbalancer_provisioning_status"] == [
        ({"id": "1", "name": name, "project_id": project, "status": "PENDING_UPDATE"}, 1)
    ]
    assert found["evener_agent_heartbeat_age_seconds"] == [({"host": name}, 9)]
    assert found["evener_agent_generations_behind"] == [({"host": name}, 3)]
    assert all(len(samples) == 1 for samples in found.values())


def test_counters_of_many_bytes_are_exact() -> None:
    registry = CollectorRegistry()
    registry.register(Measured(rows_of("web", "ann")))
    assert exposed(registry)["evener_listener_bytes_in_total"][0][1] == 2**40 + 1


def test_requests_have_a_line_where_they_are_counted() -> None:
    found, registry = rows_of("web", "ann"), CollectorRegistry()
    (row,) = found.counters
    stream = SimpleNamespace(**{**vars(row), "requests": None})
    name = "evener_loadbalancer_requests_total"
    registry.register(Measured(replace(found, counters=[row, stream])))
    assert exposed(registry)[name][0][1] == 3
    registry = CollectorRegistry()
    registry.register(Measured(replace(found, counters=[stream])))
    assert name not in exposed(registry)
    assert exposed(registry)["evener_loadbalancer_connections_total"][0][1] == 3


def test_an_agent_counts_its_applies_their_failures_and_their_time() -> None:
    agent = AgentMetrics()
    with agent.apply():
        pass
    with pytest.raises(RuntimeError), agent.apply():
        raise RuntimeError
    found = exposed(agent.registry)
    assert found["evener_agent_applies_total"] == [({}, 2)]
    assert found["evener_agent_apply_failures_total"] == [({}, 1)]
    assert found["evener_agent_apply_duration_seconds_count"] == [({}, 2)]
    assert not [name for name in found if name.endswith("_created")]


def test_the_first_certificate_of_a_load_balancer_that_ends_is_shown_while_there_is_one() -> None:
    agent, name = AgentMetrics(), "evener_agent_certificate_not_after_seconds"
    agent.certificates("1", [300, 0, 200])  # 0: of a version that did not say
    agent.certificates("2", [0])
    assert exposed(agent.registry)[name] == [({"loadbalancer_id": "1"}, 200)]
    agent.certificates("1", [])
    agent.certificates("1", [])
    assert name not in exposed(agent.registry)


def test_a_database_that_does_not_answer_is_told_and_all_else_is_shown() -> None:
    registry = CollectorRegistry()
    registry.register(DatabaseCollector(Database("sqlite://")))
    registry.register(AgentMetrics().registry)
    found = exposed(registry)
    assert found["evener_database_up"] == [({}, 0)]
    assert found["evener_agent_applies_total"] == [({}, 0)]
    assert "evener_agent_heartbeat_age_seconds" not in found


def test_the_length_of_a_queue_is_what_waits_now_or_for_later() -> None:
    agent, queue = AgentMetrics(), KeyedQueue()
    agent.watch_queue("work", queue)
    for key in ("a", "b", "a"):
        queue.put(key)
    queue.put("c", delay_s=1000)
    assert exposed(agent.registry)["evener_agent_queue_length"] == [({"queue": "work"}, 3)]
    queue.get()
    assert len(queue) == 2


def client(readers: str) -> testing.TestClient:
    """Return a client of an application that serves an agent's metrics."""
    app = falcon.App()
    app.add_error_handler(EvenerError, ErrorHandlers({"": ERRORS}).refuse)
    metrics.add_routes(app, AgentMetrics().registry, readers)
    return testing.TestClient(app)


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.9", False),
        ("::ffff:10.0.0.9", False),
        ("128.0.0.1", False),
        ("::", False),
        ("0.0.0.0", False),
        ("2001:db8::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_only_this_machine_may_read_unless_anybody_may(address: str, is_here: bool) -> None:
    given = {"REMOTE_ADDR": address}
    local = client("local").simulate_get("/metrics", extras=given)
    assert local.status_code == (200 if is_here else 403), local.text
    assert ("evener_" in local.text) == is_here
    assert client("open").simulate_get("/metrics", extras=given).status_code == 200
    assert client("off").simulate_get("/metrics", extras=given).status_code == 404


def test_no_header_makes_a_request_one_from_this_machine() -> None:
    headers = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1", "X-Real-IP": "127.0.0.1"}
    answer = client("local").simulate_get("/metrics", headers=headers, extras={"REMOTE_ADDR": "10.0.0.9"})
    assert answer.status_code == 403


def test_the_form_is_the_one_that_is_accepted() -> None:
    plain = client("open").simulate_get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=")
    accepted = {"Accept": "application/openmetrics-text; version=1.0.0"}
    newer = client("open").simulate_get("/metrics", headers=accepted)
    assert newer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert newer.text.endswith("# EOF\n")


def test_the_settings_know_the_readers_that_the_route_knows() -> None:
    conf = config.load([], "evener-test")
    assert conf.api.metrics == metrics.LOCAL
    for readers in metrics.READERS:
        conf.set_override("metrics", readers, "api")
    with pytest.raises(ValueError, match="Valid values are"):
        conf.set_override("metrics", "everybody", "api")
