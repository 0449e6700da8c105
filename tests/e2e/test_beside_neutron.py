"""evener-agent under the name and with the files of Neutron-LBaaS's agent tells Neutron, over RabbitMQ, that it lives.

Neutron's end is oslo.messaging's own server, as Neutron makes it, and there is no control: that is not asked for it.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import oslo_messaging
import pytest
from node import HOST, PROGRAM, Node
from oslo_config import cfg
from rabbitmq import RabbitMQ

from waiting import eventually, patience

pytestmark = [pytest.mark.root, pytest.mark.timeout(400)]
LONG_S = 60.0
NAME = "neutron-lbaasv2-agent"
LOG = Path("/var/log/neutron") / f"{NAME}.log"


class Reports:
    """What Neutron answers to `report_state`: nothing, to a cast."""

    target: ClassVar = oslo_messaging.Target(version="1.2")

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def report_state(self, _context: object, **arguments: Any) -> None:
        self.heard.append(arguments)


def said_at(report: dict[str, Any]) -> datetime:
    return datetime.strptime(report["time"], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)


@pytest.fixture(scope="module")
def neutron(rabbitmq: RabbitMQ) -> Iterator[Reports]:
    """Start Neutron's end, before any agent, so that the exchange is as Neutron makes it."""
    conf, endpoint = cfg.CONF, Reports()
    conf([], default_config_files=[], default_config_dirs=[])
    transport = oslo_messaging.get_rpc_transport(conf, url=rabbitmq.url)
    where = oslo_messaging.Target(exchange="neutron", topic="q-reports-plugin", server="controller")
    server = oslo_messaging.get_rpc_server(transport, where, [endpoint])
    server.start()
    yield endpoint
    threading.Thread(target=server.stop, daemon=True).start()  # it may wait for what the test has ended


@pytest.fixture(scope="module")
def node(rabbitmq: RabbitMQ, neutron: Reports, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Start the agent, on a machine whose logs are empty, with a report every second."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/var/log"], check=True)
    program = [str(Path(sys.executable).parent / NAME)]
    made = Node(tmp_path_factory.mktemp("node") / "etc", rabbitmq.url, program)
    with (made.directory / "neutron.conf").open("a") as file:
        file.write(
            "[AGENT]\nreport_interval = 1\nlog_agent_heartbeats = true\n[nova]\nauth_type = password\n"
        )
    made.log = LOG
    made.start()
    yield made
    made.stop()
    subprocess.run(["umount", "/var/log"], check=True)


def test_neutron_hears_what_its_list_of_agents_shows(neutron: Reports, node: Node) -> None:
    eventually(lambda: len(neutron.heard) > 1, LONG_S)
    first, second = sorted(neutron.heard, key=said_at)[:2]  # threads hear them, in whichever order
    expected = {
        "agent_type": "Loadbalancerv2 agent",
        "binary": "neutron-lbaasv2-agent",
        "host": HOST,
        "topic": "n-lbaasv2_agent",
        "configurations": {"device_drivers": ["haproxy_ns"], "instances": 0},
    }
    assert first["agent_state"]["agent_state"] == {**expected, "start_flag": True}
    assert second["agent_state"]["agent_state"] == expected
    assert abs(datetime.now(UTC) - said_at(second)) < timedelta(minutes=1) * patience()


def test_it_logs_where_neutrons_agents_do_and_has_no_word_against_what_others_of_them_read(
    node: Node,
) -> None:
    assert LOG.stat().st_mode & 0o777 == 0o640
    for words in ("no setting", "deprecated", "report_interval", "core_plugin", "password"):
        assert words not in LOG.read_text()
    assert not list(node.state.glob("*.log"))


def test_reports_go_on_when_rabbitmq_is_there_again(neutron: Reports, node: Node, rabbitmq: RabbitMQ) -> None:
    rabbitmq.stop()
    eventually(lambda: node.said("Neutron is not told that this agent lives"), LONG_S)
    rabbitmq.start()
    heard = len(neutron.heard)
    eventually(lambda: len(neutron.heard) > heard + 1, LONG_S)


def test_under_its_own_name_it_tells_neutron_nothing_unless_that_is_asked_for(
    neutron: Reports, node: Node, rabbitmq: RabbitMQ, tmp_path: Path
) -> None:
    node.stop()
    others = Node(tmp_path / "etc", rabbitmq.url, [PROGRAM])
    ini = others.directory / "lbaas_agent.ini"
    ini.write_text(ini.read_text() + "[neutron]\n")
    begun = datetime.now(UTC)

    def heard() -> list[dict[str, Any]]:
        return [each for each in neutron.heard if said_at(each) > begun]  # none that was under way

    others.start()
    time.sleep(3)
    assert heard() == []
    others.stop()
    ini.write_text(ini.read_text() + "report_state = true\n")
    others.start()
    eventually(heard, LONG_S)
    others.stop()
    node.start()
