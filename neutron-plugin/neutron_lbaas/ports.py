"""Ports of load balancers in Neutron: nobody deletes one under its load balancer, and `evener-api` hears of changes.

A port is known by its owner, and by the load balancer that its `device_id` names. What is told may be lost: Evener
looks at its ports by itself, too, only later.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from neutron_lib import exceptions
from neutron_lib.callbacks import events, registry, resources
from neutron_lib.plugins import directory

from neutron_lbaas import native
from neutron_lbaas.announced import DEVICE_OWNER
from neutron_lbaas.evener_api import EvenerApi
from neutron_lbaas.settings import GROUP

LOG = logging.getLogger(__name__)
CHANGES = "/neutron/ports"
WAITING = 1000  # ports that have changed and of which evener-api has not been told
TOLD_AT_ONCE = 100
# What changes with any change, and what L2 agents say of their own work.
UNMEANT = frozenset({"updated_at", "revision_number", "status"})


class Ports:
    """Guards and watches the ports of load balancers."""

    def __init__(self, api: EvenerApi, conf: Any) -> None:
        self._api = api
        self._conf = conf
        self._threading, self._queue = native.module("threading"), native.module("queue")
        self._changed = self._queue.Queue(WAITING)
        self._lock = self._threading.Lock()
        self._teller: Any = None
        self._trouble = ""  # of the teller, which logs nothing itself: logging's locks may be eventlet's

    def subscribe(self) -> None:
        """Be called from now on."""
        registry.subscribe(self.before_delete, resources.PORT, events.BEFORE_DELETE)
        registry.subscribe(self.after_update, resources.PORT, events.AFTER_UPDATE)
        registry.subscribe(self.after_delete, resources.PORT, events.AFTER_DELETE)

    def before_delete(self, _resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
        """Refuse to delete the port of a load balancer, unless Evener does.

        Who must, takes it from the load balancer first: `openstack port set --device-owner '' PORT`.

        Raises:
            ServicePortInUse: which Neutron answers 409 with.
        """
        if not payload.metadata.get("port_check", True) or self._is_evener(payload.context):
            return
        try:
            port = directory.get_plugin().get_port(payload.context.elevated(), payload.resource_id)
        except exceptions.PortNotFound:
            return
        if _is_guarded(port):
            reason = (
                f"it is the VIP of load balancer {port['device_id']}, which goes with it when it is deleted"
            )
            raise exceptions.ServicePortInUse(port_id=port["id"], reason=reason)

    def after_update(self, _resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
        """Tell of a port that is or was a load balancer's, where something has changed that Evener has not."""
        before, after = payload.states[0], payload.latest_state
        if _meant(before) != _meant(after):
            self._tell(payload.context, (before, after))

    def after_delete(self, _resource: Any, _event: Any, _trigger: Any, payload: Any) -> None:
        """Tell of a load balancer's port that is gone."""
        self._tell(payload.context, (payload.latest_state,))

    def _is_evener(self, context: Any) -> bool:
        """Return whether Evener itself does this: its service's user, with a service's rights."""
        name: str = self._conf[GROUP].service_user
        return context.user_name == name and (context.is_admin or "service" in context.roles)

    def _tell(self, context: Any, states: Iterable[Mapping[str, Any]]) -> None:
        if self._is_evener(context):
            return
        ids = {port["id"] for port in states if port and port["device_owner"] == DEVICE_OWNER}
        if not ids:
            return
        trouble, self._trouble = self._trouble, ""
        if trouble:
            LOG.warning("evener-api has not been told of %s", trouble)
        with self._lock:
            # Not before there is something to tell: Neutron forks after it has loaded its plugins.
            if self._teller is None or not self._teller.is_alive():
                self._teller = self._threading.Thread(target=self._keep_telling, name="evener", daemon=True)
                self._teller.start()
        for each in ids:
            try:
                self._changed.put_nowait(each)
            except self._queue.Full:
                LOG.warning("Too many ports have changed at once; evener-api is not told of %s", each)

    def _keep_telling(self) -> None:
        while True:
            changed = {self._changed.get()}
            while len(changed) < TOLD_AT_ONCE and not self._changed.empty():
                changed.add(self._changed.get())
            try:
                self._api.ask("POST", CHANGES, {"ports": sorted(changed)})
            except Exception as error:  # noqa: BLE001 - whatever it is, the next ones are told
                self._trouble = f"{len(changed)} changed ports: {error}"


def _is_guarded(port: Mapping[str, Any]) -> bool:
    return port["device_owner"] == DEVICE_OWNER and bool(port["device_id"])


def _meant(port: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in port.items() if name not in UNMEANT}
