"""The ports of the two hosts of a load balancer in a Neutron, beside that of its VIP, which then is bound nowhere.

They are our own project's, so no user's quota counts them. A group of their own, `pair-ID`, lets the two talk to each
other; what else they let in, and which addresses they may use besides, is as with the VIP's port.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from evener.resources.errors import Conflict, NotFound, QuotaExceeded, Unavailable
from evener.resources.types import Role
from evener.services.network import HostPort
from evener.services.neutron_api import Json, Neutron
from evener.services.neutron_groups import own_groups
from evener.services.neutron_ports import LEAVING, OWNER, delete_port, mark_of

ROLES = (Role.MASTER, Role.BACKUP)
_GROUP = "pair-"
_VERSIONS = ("IPv4", "IPv6")
_FIELDS = ("device_id", "description", "project_id")


class HostPorts:
    """Ports of hosts; `installation` tells this Evener's from those of others that use the same Neutron."""

    def __init__(self, neutron: Neutron, installation: str) -> None:
        self._neutron = neutron
        # Then comes the port of the VIP that they are beside. What a user wrote there is not looked at.
        self._mark = f"{mark_of(installation)}, beside port "
        self._group_mark = f"{mark_of(installation)}, for two hosts"

    def ensure(self, loadbalancer_id: str, vip_port_id: str) -> Mapping[Role, HostPort]:
        """Make them, or give those that are there what they lack; see `Network.reserve_host_ports`."""
        vip = self._neutron.show("port", vip_port_id)
        there = {each["name"]: each for each in self._of(loadbalancer_id)}
        try:
            group_id = self._ensure_group(loadbalancer_id) if _is_filtered(vip) else None
            ports = {role: self._ensure_port(there, loadbalancer_id, role, vip, group_id) for role in ROLES}
        except QuotaExceeded as error:
            raise self._no_room(error) from None
        first = vip["fixed_ips"][0]["subnet_id"]
        return {role: HostPort(port["id"], _address_on(port, first)) for role, port in ports.items()}

    def _ensure_port(
        self, there: Mapping[str, Json], loadbalancer_id: str, role: Role, vip: Json, group_id: str | None
    ) -> Json:
        name = f"loadbalancer-{loadbalancer_id}-{role.lower()}"
        subnets = sorted({each["subnet_id"] for each in vip["fixed_ips"]})
        if name not in there:
            values = {
                "name": name,
                "description": self._mark + vip["id"],
                "network_id": vip["network_id"],
                "device_id": loadbalancer_id,
                "device_owner": OWNER,
                "project_id": self._neutron.project_id(),
                "admin_state_up": False,  # until it is bound
                "fixed_ips": [{"subnet_id": each} for each in subnets],
            }
            return self._neutron.create("port", values | _let_in(vip, group_id))
        port = there[name]
        missing = sorted({*subnets} - {each["subnet_id"] for each in port["fixed_ips"]})
        if not missing:
            return port
        wanted = [*port["fixed_ips"], *({"subnet_id": each} for each in missing)]
        return self._neutron.update("port", port["id"], {"fixed_ips": wanted})

    def extend(self, vip_port_id: str) -> None:
        """Give those that are there what they lack, once the VIP's port has another address."""
        beside = {"project_id": self._neutron.project_id(), "description": self._mark + vip_port_id}
        for loadbalancer_id in {str(each["device_id"]) for each in self._neutron.list("port", **beside)}:
            self.ensure(loadbalancer_id, vip_port_id)

    def vip(self, port_id: str) -> Json | None:
        """Return the port of a VIP that two hosts have in turn, bound nowhere from now on; None when it is gone."""
        try:
            port = self._neutron.show("port", port_id)
            if port.get("binding:host_id") or not port["admin_state_up"]:
                nowhere = {"binding:host_id": "", "admin_state_up": True}
                port = self._neutron.update("port", port_id, nowhere)
        except NotFound:
            return None
        return port

    def is_one(self, port: Json) -> bool:
        """Say whether a port is a host's."""
        ours = str(port["description"]).startswith(self._mark)
        return ours and bool(port["project_id"] == self._neutron.project_id())

    def follow(self, port: Json) -> None:
        """Have a host's port let in, and use, what the port of its VIP does now."""
        try:
            vip = self._neutron.show("port", port["description"].removeprefix(self._mark))
        except NotFound:
            return  # it is on its way out
        if not (_is_filtered(vip) and _is_filtered(port)):
            return
        groups, of_vip = {*port["security_groups"]}, {*vip["security_groups"]}
        if groups > of_vip and len(groups) == len(of_vip) + 1 and _pairs(port) == _addresses(vip):
            return
        self._neutron.update("port", port["id"], _let_in(vip, self._ensure_group(port["device_id"])))

    def remove(self, loadbalancer_id: str) -> None:
        """Remove them, if there are any, and their group."""
        for port in self._of(loadbalancer_id):
            delete_port(self._neutron, port["id"])
        for group_id in (each["id"] for each in own_groups(self._neutron, _GROUP + loadbalancer_id)):
            self._neutron.delete("security_group", group_id)

    def every(self) -> Collection[str]:
        """Return the load balancers, by their ids, that have any of this."""
        mine = {"project_id": self._neutron.project_id()}
        ports = self._neutron.list("port", **mine, device_owner=[OWNER, LEAVING], fields=_FIELDS)
        groups = self._neutron.list("security_group", **mine, description=self._group_mark, fields="name")
        return {
            *(str(each["device_id"]) for each in ports if self.is_one(each)),
            *(str(each["name"]).removeprefix(_GROUP) for each in groups),
        }

    def _of(self, loadbalancer_id: str) -> Sequence[Json]:
        mine = {"project_id": self._neutron.project_id(), "device_id": loadbalancer_id}
        return [each for each in self._neutron.list("port", **mine) if self.is_one(each)]

    def _ensure_group(self, loadbalancer_id: str) -> str:
        values = {"name": _GROUP + loadbalancer_id, "description": self._group_mark}
        found = own_groups(self._neutron, values["name"])
        group = found[0] if found else self._neutron.create("security_group", values)
        group_id = str(group["id"])
        there = {
            each["ethertype"]
            for each in group["security_group_rules"]
            if each["direction"] == "ingress" and each["remote_group_id"] == group_id
        }
        each_other = [
            {
                "security_group_id": group_id,
                "direction": "ingress",
                "ethertype": version,
                "remote_group_id": group_id,
            }
            for version in _VERSIONS
            if version not in there
        ]
        with suppress(Conflict):  # somebody has made them meanwhile
            self._neutron.create_all("security_group_rule", each_other)
        return group_id

    def _no_room(self, error: QuotaExceeded) -> Unavailable:
        return Unavailable(
            f"{error.message} Ports of two hosts are of project {self._neutron.project_id()}, of the user of"
            " [service_auth], which needs any number of ports, security groups and rules:"
            " openstack quota set --ports -1 --secgroups -1 --secgroup-rules -1 PROJECT"
        )


def _is_filtered(port: Json) -> bool:
    return bool(port.get("port_security_enabled", True))


def _let_in(vip: Json, group_id: str | None) -> dict[str, Any]:
    """Return what a host's port lets in, and which addresses it may use besides its own."""
    if group_id is None:
        return {"port_security_enabled": False, "security_groups": []}
    return {
        "security_groups": [group_id, *vip["security_groups"]],
        "allowed_address_pairs": [{"ip_address": each["ip_address"]} for each in vip["fixed_ips"]],
    }


def _pairs(port: Json) -> Collection[str]:
    return {each["ip_address"] for each in port["allowed_address_pairs"]}


def _addresses(port: Json) -> Collection[str]:
    return {each["ip_address"] for each in port["fixed_ips"]}


def _address_on(port: Json, subnet_id: str) -> str:
    return next(str(each["ip_address"]) for each in port["fixed_ips"] if each["subnet_id"] == subnet_id)
