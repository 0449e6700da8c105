"""The ports of load balancers in a Neutron: made, taken over, given addresses, and let go of.

What of a port is ours to remove is written on the port alone: its device is the load balancer, and its description,
or a tag on one that a user had before, says that it is of this Evener. Whether a port is bound, and what it lets in,
is others' affair.
"""

from collections.abc import Collection, Sequence
from ipaddress import ip_address
from typing import Any

from evener.resources.caller import Caller
from evener.resources.errors import Conflict, EvenerError, InvalidInput, NotFound
from evener.services import takeover
from evener.services.network import SubnetInfo, VipAllocation
from evener.services.neutron_api import IpAddressGenerationFailure, Json, Neutron

OWNER = "neutron:LOADBALANCERV2"
LEAVING = "neutron:LOADBALANCERV2_LEAVING"  # who guards ports from being deleted guards those of OWNER
TAG = "evener-"  # all tags of ours begin so
_FIELDS = ("id", "device_id", "description", "tags", "security_groups")


class VipPorts:
    """Ports of load balancers. `installation` tells this Evener from others that use the same Neutron.

    With `closed`, a new port is in no security group, and so lets nothing in yet.
    """

    def __init__(self, neutron: Neutron, installation: str, *, closed: bool) -> None:
        self._neutron, self._closed = neutron, closed
        self._mark = mark_of(installation)
        self._tag = f"{TAG}vip-{installation[:8]}-"

    def reserve(
        self,
        caller: Caller,
        loadbalancer_id: str,
        project_id: str,
        network_id: str,
        subnet_ids: Sequence[str],
        address: str | None,
    ) -> VipAllocation:
        """Make a port as the caller: so Neutron decides what the caller may; see `Network.reserve_vip_port`."""
        values = {
            "name": f"loadbalancer-{loadbalancer_id}",
            "description": self._mark,
            "network_id": network_id,
            "device_id": loadbalancer_id,
            "device_owner": OWNER,
            "admin_state_up": False,  # until it is bound
            **({"security_groups": []} if self._closed else {}),
            **({} if project_id == caller.project_id else {"project_id": project_id}),
        }
        wish = {} if address is None else {"ip_address": address}
        for subnet_id in subnet_ids:
            try:
                port = self._neutron.create(
                    "port", {**values, "fixed_ips": [{"subnet_id": subnet_id, **wish}]}, caller.token
                )
            except IpAddressGenerationFailure:
                if subnet_id == subnet_ids[-1]:
                    raise
            else:
                break
        return _allocation(port, port["fixed_ips"][0])

    def adopt(
        self,
        caller: Caller,
        loadbalancer_id: str,
        port_id: str,
        subnet_id: str | None,
        address: str | None,
    ) -> VipAllocation:
        """Take over a port as the caller, that must not be another device's meanwhile; see `Network.adopt_vip_port`."""
        _vip_of(self._neutron.show("port", port_id, caller.token), subnet_id, address)
        tag = self._tag + loadbalancer_id
        self._neutron.tag("port", port_id, tag, caller.token)  # first: without it the port would be deleted
        try:
            port = self._neutron.show("port", port_id, caller.token)
            found = _vip_of(port, subnet_id, address)
            ours = {"device_id": loadbalancer_id, "device_owner": OWNER}
            self._neutron.update("port", port_id, ours, caller.token, port["revision_number"])
        except EvenerError as error:
            self._neutron.untag("port", port_id, tag)
            if isinstance(error, Conflict):
                raise InvalidInput(f"Port {port_id} was changed by somebody else meanwhile.") from None
            raise
        return _allocation(port, found)

    def foreign(
        self, loadbalancer_id: str, port_id: str, subnet_id: str | None, address: str | None
    ) -> VipAllocation:
        """Return the VIP on a port of another service; see `services.takeover.Handover`."""
        port = self._neutron.show("port", port_id)
        return _allocation(port, _vip_of(port, subnet_id, address, takeover.devices(loadbalancer_id)))

    def take_over(self, loadbalancer_id: str, port_id: str) -> None:
        """Write on a port of another service that it is ours; one that a user made stays that user's.

        One of Octavia's leaves the security group that Octavia keeps for it, where we keep groups.
        """
        port, tag = self._neutron.show("port", port_id), self._tag + loadbalancer_id
        takeover.check_device(port_id, port["device_id"], loadbalancer_id)
        values: dict[str, Any] = {"device_id": loadbalancer_id, "device_owner": OWNER}
        if port["device_owner"] not in (OWNER, takeover.OCTAVIA):
            self._neutron.tag("port", port_id, tag)  # first: without it the port would be deleted
        elif tag not in port["tags"]:
            values["description"] = self._mark
        if port["device_owner"] == takeover.OCTAVIA and self._closed:
            theirs = self._neutron.list("security_group", name=f"lb-{loadbalancer_id}", fields="id")
            left = {*port["security_groups"]} - {each["id"] for each in theirs}
            values["security_groups"] = sorted(left)
        if any(port[name] != value for name, value in values.items()):
            self._neutron.update("port", port_id, values)

    def release(self, loadbalancer_id: str) -> None:
        """Delete the ports that were made for a load balancer, and leave those it was given."""
        for port in self._neutron.list(
            "port", device_id=loadbalancer_id, device_owner=[OWNER, LEAVING], fields=_FIELDS
        ):
            if is_adopted(port, loadbalancer_id):
                self._leave(port)
            else:
                delete_port(self._neutron, port["id"])

    def _leave(self, port: Json) -> None:
        try:
            self._neutron.update("port", port["id"], {"device_id": "", "device_owner": ""})
        except NotFound:
            return
        for tag in port["tags"]:
            if tag.startswith(TAG):
                self._neutron.untag("port", port["id"], tag)

    def reserved(self) -> Collection[str]:
        """Return the load balancers that have a port which this Evener has made or taken over."""
        ports = self._neutron.list("port", device_owner=[OWNER, LEAVING], fields=_FIELDS)
        return {
            port["device_id"]
            for port in ports
            if port["description"] == self._mark or self._tag + port["device_id"] in port["tags"]
        }

    def reach(self, port_id: str, subnet: SubnetInfo | None, member: str) -> tuple[str, ...]:
        """Give a port an address of the version of `member`; see `Network.reach_from_vip_port`."""
        version = ip_address(member).version
        port = self._neutron.show("port", port_id)
        present = addresses(port, version)
        if present:
            return present
        if subnet is not None and subnet.network_id == port["network_id"]:
            possible = [subnet.id]
        else:
            on_network = {"network_id": port["network_id"], "ip_version": version}
            possible = [each["id"] for each in self._neutron.list("subnet", **on_network, fields="id")]
        for subnet_id in possible:
            try:
                return self._add_address(port, subnet_id, member)
            except IpAddressGenerationFailure:
                if subnet_id == possible[-1]:
                    raise
        return ()

    def _add_address(self, port: Json, subnet_id: str, avoid: str) -> tuple[str, ...]:
        avoid = str(ip_address(avoid))  # as Neutron writes it
        version, before = ip_address(avoid).version, list(port["fixed_ips"])
        more = {"fixed_ips": [*before, {"subnet_id": subnet_id}]}
        found = addresses(self._neutron.update("port", port["id"], more), version)
        if avoid in found:
            # Held until there is another one, which so is another one.
            held = {"subnet_id": subnet_id, "ip_address": avoid}
            more = {"fixed_ips": [*before, held, {"subnet_id": subnet_id}]}
            found = addresses(self._neutron.update("port", port["id"], more), version)
            kept = [{"subnet_id": subnet_id, "ip_address": each} for each in found if each != avoid]
            more = {"fixed_ips": [*before, *kept]}
            found = addresses(self._neutron.update("port", port["id"], more), version)
        return found


def mark_of(installation: str) -> str:
    """Return what the description of a thing says that this Evener has made, or begins with."""
    return f"Kept by Evener {installation}".strip()


def delete_port(neutron: Neutron, port_id: str) -> None:
    """Delete a port of ours, from which all others are kept."""
    try:
        neutron.delete("port", port_id)
    except Conflict:  # what guards it knows us by this
        neutron.update("port", port_id, {"device_owner": LEAVING})
        neutron.delete("port", port_id)


def is_adopted(port: Json, loadbalancer_id: str) -> bool:
    """Say whether a load balancer's port was its user's before, whichever Evener has taken it over."""
    return any(tag.startswith(f"{TAG}vip-") and tag.endswith(loadbalancer_id) for tag in port["tags"])


def addresses(port: Json, version: int | None = None) -> tuple[str, ...]:
    """Return the addresses that a port has, of an IP version."""
    found = (str(each["ip_address"]) for each in port["fixed_ips"])
    return tuple(each for each in found if version in (None, ip_address(each).version))


def _vip_of(port: Json, subnet_id: str | None, address: str | None, devices: Collection[str] = ("",)) -> Json:
    """Return the one address that can be the VIP, of a port that no device has but one of `devices`."""
    if port["device_id"] not in devices:
        raise InvalidInput(f"Port {port['id']} is in use by device {port['device_id']}.")
    fitting = [
        each
        for each in port["fixed_ips"]
        if subnet_id in (None, each["subnet_id"]) and address in (None, each["ip_address"])
    ]
    if len(fitting) != 1:
        how = "no address" if not fitting else "more than one address"
        raise InvalidInput(f"Port {port['id']} has {how} that the VIP could be; name its subnet or address.")
    found: Json = fitting[0]
    return found


def _allocation(port: Json, found: Json) -> VipAllocation:
    return VipAllocation(port["id"], found["ip_address"], found["subnet_id"], port["network_id"])
