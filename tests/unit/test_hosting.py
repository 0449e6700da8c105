"""Where load balancers find their agent: as quickly with many on a network as with few."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from evener.services.network import Footing
from evener.store.database import Database, Transaction, now
from evener.store.schema import agents, bindings, loadbalancers
from evener_cloud.manage import upgrade
from evener_cloud.network import hosting
from evener_cloud.network.tables import networks, ports

FEW, MANY, STEPS = 10, 1_000, 100


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'evener.sqlite'}")
    upgrade(made)
    yield made
    made.close()


def fill(tx: Transaction, number: int) -> tuple[str, str]:
    """Make a network of one host with so many load balancers on it; return an agent's id, and another port's there."""
    network, agent, project = (str(uuid.uuid4()) for _ in range(3))
    moments = {"created_at": now(), "updated_at": now()}
    common = {**moments, "project_id": project, "name": "", "description": "", "admin_state_up": True}
    tx.execute(
        networks.insert().values(
            **common, id=network, status="ACTIVE", mtu=1500, shared=False, router_external=False,
            network_type="local", tags=[],
        )
    )  # fmt: skip
    tx.execute(
        agents.insert().values(
            **moments, id=agent, host=agent, agent_type="", binary="", topic="", description="",
            admin_state_up=True, heartbeat_at=now(), started_at=now(), configurations={},
        )
    )  # fmt: skip
    ids = [str(uuid.uuid4()) for _ in range(number + 1)]
    tx.execute(
        ports.insert(),
        [
            {
                **common, "id": each, "network_id": network, "mac_address": f"fa:16:3e:00:{n >> 8:02x}:{n & 255:02x}",
                "device_id": each, "device_owner": "neutron:LOADBALANCERV2", "status": "ACTIVE",
                "allowed_address_pairs": [], "tags": [],
            }
            for n, each in enumerate(ids)
        ],
    )  # fmt: skip
    balancers: list[dict[str, Any]] = [
        {
            **common, "id": each, "vip_port_id": each, "vip_network_id": network, "provider": "haproxy",
            "vip_subnet_id": network, "vip_address": "198.51.100.1", "generation": 1, "created_generation": 1,
                        "changed_generation": 1, "tags": [], "vip_sg_ids": [], "failovers": 0,
        }
        for each in ids[1:]
    ]  # fmt: skip
    bound = [
        {
            **moments, "id": each, "loadbalancer_id": each, "agent_id": agent, "role": "STANDALONE",
            "applied_generation": 1,
        }
        for each in ids[1:]
    ]  # fmt: skip
    if number:
        tx.execute(loadbalancers.insert(), balancers)
        tx.execute(bindings.insert(), bound)
    return agent, ids[0]


def test_the_home_of_a_network_is_found_as_quickly_with_a_thousand_load_balancers_as_with_ten(
    database: Database,
) -> None:
    taken = []
    for number in (FEW, MANY):
        with database.write() as tx:
            agent, port = fill(tx, number)
        with database.read() as tx:
            steps: list[None] = []
            driver: Any = tx.connection.connection.driver_connection
            driver.set_progress_handler(lambda found=steps: found.append(None), STEPS)
            footing = hosting.footing_of_port(tx, port)
            driver.set_progress_handler(None, 0)
        assert list(footing.homes.values()) == [frozenset({agent})]
        taken.append(len(steps))
    few, many = taken
    assert many <= few + 2


def test_a_network_that_nothing_is_on_has_no_home(database: Database) -> None:
    with database.write() as tx:
        _, port = fill(tx, 0)
        network = tx.scalar(select(ports.c.network_id).where(ports.c.id == port))
        assert hosting.footing_of_port(tx, port) == Footing(alone=frozenset({str(network)}))
