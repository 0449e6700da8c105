"""Tells Neutron that an agent lives, over Neutron's own RPC, so that `openstack network agent list` shows it.

Neutron answers nothing: what an administrator sets there is asked for by control. Neither decides nor keeps anything.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from evener.bus.messaging import MessagingBus
from evener.resources.agent import AGENT_TYPE, BINARY, TOPIC

LOG = logging.getLogger(__name__)
# Neutron's exchange, neutron-lib's agent/topics.py; of `report_state` the first version that takes all that is said.
EXCHANGE, PLUGIN_TOPIC, VERSION = "neutron", "q-reports-plugin", "1.1"
SHOWN = ("device_drivers", "instances")  # as Neutron-LBaaS's agent showed them
MOMENT = "%Y-%m-%dT%H:%M:%S.%f"  # in UTC: Neutron passes over what is older than its own start
RETRY_S = 5.0


def report(
    host: str, configurations: Mapping[str, Any], moment: datetime, *, starts: bool
) -> dict[str, dict[str, Any] | str]:
    """Return the arguments of Neutron's `report_state` (its `db/agents_db.py`) for an agent of those configurations.

    `starts` says that it has not been heard of since its start.
    """
    zone = configurations.get("availability_zone")
    state = {
        "agent_type": AGENT_TYPE,
        "binary": BINARY,
        "host": host,
        "topic": TOPIC,
        "configurations": {name: configurations[name] for name in SHOWN if name in configurations},
        **({"availability_zone": zone} if zone else {}),
        **({"start_flag": True} if starts else {}),
    }
    return {"agent_state": {"agent_state": state}, "time": moment.strftime(MOMENT)}


def keep_reporting(
    bus: MessagingBus,
    host: str,
    interval_s: float,
    configurations: Callable[[], Mapping[str, Any]],
    ended: threading.Event,
) -> None:
    """Report every `interval_s` seconds, with what `configurations` returns then, until `ended` is set."""
    client = bus.client_of(EXCHANGE, PLUGIN_TOPIC, VERSION)
    starts, level = True, logging.WARNING
    while not ended.is_set():
        arguments = report(host, configurations(), datetime.now(UTC), starts=starts)
        try:
            client.cast({}, "report_state", **arguments)
            starts, level = False, logging.WARNING
            ended.wait(interval_s)
        except Exception as error:  # noqa: BLE001 - of as many types as there are layers below
            LOG.log(level, "Neutron is not told that this agent lives: %s", error)
            level = logging.DEBUG  # until it is told again
            ended.wait(RETRY_S)
