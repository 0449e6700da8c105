"""Ports of the embedded network that another load balancing service's load balancers have; see `services.takeover`."""

from sqlalchemy import select

from evener.services import takeover
from evener.services.network import VipAllocation
from evener.store import rows
from evener.store.database import Database, retried
from evener.store.schema import loadbalancers
from evener_cloud.network import adopted
from evener_cloud.network.resources.port import LOADBALANCER_OWNER, Port
from evener_cloud.network.visibility import find, lock


class BuiltinHandover:
    """Implements `evener.services.takeover.Handover`. A port that is taken over stays when the load balancer goes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @retried
    def foreign_vip_port(
        self, loadbalancer_id: str, port_id: str, subnet_id: str | None, address: str | None
    ) -> VipAllocation:
        """Return the VIP of a load balancer on the port that it has."""
        with self._database.read() as tx:
            port = find(tx, Port, port_id, None)
            takeover.check_device(port_id, port.device_id, loadbalancer_id)
            return adopted.vip_on(tx, port_id, port.network_id, subnet_id, address)

    @retried
    def take_over_vip_port(self, loadbalancer_id: str, port_id: str) -> None:
        """Have the port be that of a load balancer of ours."""
        with self._database.write() as tx:
            if adopted.port_of(tx, loadbalancer_id) == port_id:
                return
            port = lock(tx, Port, port_id)
            takeover.check_device(port_id, port.device_id, loadbalancer_id)
            address = tx.scalar(
                select(loadbalancers.c.vip_address).where(loadbalancers.c.id == loadbalancer_id)
            )
            theirs = port.device_owner in (LOADBALANCER_OWNER, takeover.OCTAVIA)
            rows.update(tx, Port, port_id, device_id="", device_owner="" if theirs else port.device_owner)
            adopted.adopt(tx, None, loadbalancer_id, port_id, None, address)
