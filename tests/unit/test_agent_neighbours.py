"""The agent's warning that a neighbour table of the kernel is almost full; no kernel is asked."""

import pytest
from prometheus_client import generate_latest

from evener.agent.metrics import AgentMetrics
from evener.agent.neighbours import NeighbourTables
from evener.host import neighbours
from evener.host.errors import HostError
from evener.host.neighbours import NeighbourTable


@pytest.fixture
def full(monkeypatch) -> dict[str, int]:
    """Return how many entries of 1,000 the tables have, to be changed."""
    entries = {"arp_cache": 0, "ndisc_cache": 0}
    monkeypatch.setattr(
        neighbours, "tables", lambda: tuple(NeighbourTable(name, n, 1000) for name, n in entries.items())
    )
    return entries


def test_a_table_that_becomes_almost_full_is_told_once(full, caplog):
    metrics = AgentMetrics()
    tables = NeighbourTables(metrics)
    for entries, warnings in ((799, 0), (800, 1), (1000, 1), (500, 1), (801, 2)):
        full["arp_cache"] = entries
        tables.look()
        assert len(caplog.records) == warnings, entries
    assert "arp_cache has 801 entries of 1000" in caplog.messages[-1]
    assert "net.ipv4.neigh.default.gc_thresh3" in caplog.messages[-1]
    shown = generate_latest(metrics.registry).decode()
    assert 'evener_agent_neighbour_entries{table="arp_cache"} 801.0' in shown
    assert 'evener_agent_neighbour_entries_limit{table="ndisc_cache"} 1000.0' in shown


def test_a_kernel_that_does_not_say_is_no_trouble(monkeypatch, caplog):
    def refused():
        raise HostError("Cannot read the neighbour tables")

    monkeypatch.setattr(neighbours, "tables", refused)
    NeighbourTables(AgentMetrics()).look()
    assert not caplog.records
