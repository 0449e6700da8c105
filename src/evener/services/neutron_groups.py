"""The security groups of load balancers' ports in a Neutron: one of ours that lets in what listeners wait for.

The group `lb-ID` is our own project's. A tag on the port says which group it is and what it lets in, so that who has
seen the port knows whether anything is to be done. Groups that a user has chosen are left alone.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_network
from uuid import UUID

from evener.resources.caller import Caller
from evener.resources.errors import Conflict, NotFound, QuotaExceeded
from evener.resources.wiring import PacketRule
from evener.services.network import PortClosed
from evener.services.neutron_api import Json, Neutron
from evener.services.neutron_ports import TAG, is_adopted, mark_of

_OURS = f"{TAG}in-"  # then the group's id, and the digest of its rules
_CHOSEN = f"{TAG}groups-chosen"
_PREFIX = "lb-"
# Neutron's attributes of a rule that make it another one, with their values.
Rule = tuple[tuple[str, str | int | None], ...]


class VipGroups:
    """Security groups of load balancers' ports; `installation` tells this Evener's from others'."""

    def __init__(self, neutron: Neutron, installation: str) -> None:
        self._neutron = neutron
        self._mark = mark_of(installation)

    def prepare(self, loadbalancer_id: str) -> None:
        """Make the group of a load balancer that is being made, so that its port can be bound into it at once."""
        self._ensure(loadbalancer_id, ())

    def choose(self, caller: Caller, port_id: str, group_ids: Sequence[str]) -> tuple[str, ...]:
        """Put a port into these groups alone, and return those it was in; see `Network.set_vip_groups`.

        With none it is back in ours, where there is one.
        """
        port = self._neutron.show("port", port_id)
        had = tuple(port["security_groups"])
        # Not by the tag: its user could name another project's group there.
        ours = [each["id"] for each in self._groups(port["device_id"])][:1]
        new = sorted({*group_ids} - {*had, *ours})
        if new:
            found = self._neutron.list("security_group", caller.token, id=new, fields="id")
            missing = {*new} - {each["id"] for each in found}
            if missing:
                raise NotFound(f"Security group {', '.join(sorted(missing))} does not exist")
        wanted = group_ids or ours
        if {*wanted} != {*had}:
            self._neutron.update("port", port_id, {"security_groups": list(wanted)})
        if is_adopted(port, port["device_id"]):  # one that is in groups of its user's in any case
            mark = self._neutron.tag if {*group_ids} - {*ours} else self._neutron.untag
            mark("port", port_id, _CHOSEN)
        return had

    def at_binding(self, found: list[Json], port: Json) -> Json:
        """Return what else changes of a port when it is bound: one that is in no group comes into ours.

        That is added to `found`. So it is no request of its own, which would take Neutron as long as to bind the port.
        """
        loadbalancer_id = port["device_id"]
        if port["security_groups"] or not _may_have_groups(port) or not _is_uuid(loadbalancer_id):
            return {}
        group = self._ensure(loadbalancer_id, self._groups(loadbalancer_id))
        found.append(group)
        return {"security_groups": [group["id"]]}

    def let_in(
        self, loadbalancer_id: str, port: Json, rules: Sequence[PacketRule], found: Sequence[Json] = ()
    ) -> None:
        """Have a port let in what `rules` say, unless a user has chosen its groups; see `Network.let_in`.

        `found` are the load balancer's groups, where they have just been asked for.
        """
        wanted = frozenset(rule for each in rules for rule in _rules(each))
        tag, groups = _tag_of(port), list(port["security_groups"])
        group_id = _group_of(tag)
        if not _may_have_groups(port) or (group_id in groups and tag == _tag(str(group_id), wanted)):
            return
        if tag is None and not wanted:
            return  # no group, or a new one, lets nothing in
        found = found or self._groups(loadbalancer_id)
        ours = [each for each in found if each["id"] in groups]
        if groups and not ours and not is_adopted(port, loadbalancer_id):
            return
        group = self._ensure(loadbalancer_id, ours or found)
        self._fill(group, wanted)
        if group["id"] not in groups:
            self._neutron.update("port", port["id"], {"security_groups": [*groups, group["id"]]})
        kept = [each for each in port["tags"] if each != tag]
        self._neutron.set_tags("port", port["id"], [*kept, _tag(group["id"], wanted)])

    def _no_room(self, error: QuotaExceeded) -> PortClosed:
        return PortClosed(
            f"{error.message} They are of project {self._neutron.project_id()}, of the user of [service_auth], which"
            " needs any number of security groups and rules:"
            " openstack quota set --secgroups -1 --secgroup-rules -1 PROJECT"
        )

    def _groups(self, loadbalancer_id: str) -> Sequence[Json]:
        return own_groups(self._neutron, _PREFIX + loadbalancer_id)

    def _ensure(self, loadbalancer_id: str, found: Sequence[Json]) -> Json:
        if found:
            return found[0]
        values = {"name": _PREFIX + loadbalancer_id, "description": self._mark}
        try:
            return self._neutron.create("security_group", values)
        except QuotaExceeded as error:
            raise self._no_room(error) from None

    def _fill(self, group: Json, wanted: frozenset[Rule], *, again: bool = False) -> None:
        """Have a group let in exactly what is wanted, and out everything."""
        wanted |= _OUT
        group_id, found = group["id"], group["security_group_rules"]
        there: Mapping[Rule, str] = {_there(each): str(each["id"]) for each in found}
        new = [{"security_group_id": group_id, **dict(rule)} for rule in wanted - there.keys()]
        try:
            self._neutron.create_all("security_group_rule", new)
        except Conflict:  # somebody has made one of them meanwhile
            if again:
                raise
            self._fill(self._neutron.show("security_group", group_id), wanted, again=True)
            return
        except QuotaExceeded as error:
            raise self._no_room(error) from None
        for rule in there.keys() - wanted:
            self._neutron.delete("security_group_rule", there[rule])

    def release(self, loadbalancer_id: str) -> None:
        """Delete the group of a load balancer, whose port is gone or in it no more."""
        for group_id in (each["id"] for each in self._groups(loadbalancer_id)):
            try:
                self._neutron.delete("security_group", group_id)
            except Conflict:  # a port is in it that was its user's before
                for port in self._neutron.list("port", security_groups=group_id):
                    left = [each for each in port["security_groups"] if each != group_id]
                    self._neutron.update("port", port["id"], {"security_groups": left})
                self._neutron.delete("security_group", group_id)

    def reserved(self) -> Collection[str]:
        """Return the load balancers that have a group of this Evener."""
        mine = {"description": self._mark, "project_id": self._neutron.project_id()}
        names = [each["name"] for each in self._neutron.list("security_group", **mine, fields="name")]
        return {name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)}


def own_groups(neutron: Neutron, name: str) -> Sequence[Json]:
    """Return our own project's security groups of a name, with their rules, in an order that is the same for all."""
    mine = {"name": name, "project_id": neutron.project_id()}
    found = neutron.list("security_group", **mine, fields=("id", "security_group_rules"))
    return sorted(found, key=lambda each: str(each["id"]))


def _rule(
    ethertype: str,
    direction: str = "ingress",
    protocol: str | None = None,
    first_port: int | None = None,
    last_port: int | None = None,
    remote: str | None = None,
) -> Rule:
    block = None if remote is None else ip_network(remote, strict=False)
    return (
        ("direction", direction),
        ("ethertype", ethertype),
        (
            "protocol",
            "ipv6-icmp" if protocol == "icmpv6" else protocol,
        ),  # one thing, and Neutron's name of it
        ("port_range_min", first_port),
        ("port_range_max", last_port),
        ("remote_ip_prefix", str(block) if block and block.prefixlen else None),
    )


_OUT = frozenset({_rule("IPv4", "egress"), _rule("IPv6", "egress")})


def _rules(packets: PacketRule) -> list[Rule]:
    """Return Neutron's rules that let in what `packets` says, one for each block of sources."""
    which = (f"IPv{packets.ip_version}", "ingress", packets.protocol, packets.first_port, packets.last_port)
    return [_rule(*which, each) for each in ((None,) if packets.remotes is None else packets.remotes)]


def _there(found: Json) -> Rule:
    names = ("ethertype", "direction", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
    return _rule(*(found[name] for name in names))


def _is_uuid(text: str) -> bool:
    """Say whether it can be the id of a load balancer: a port's user may write anything there."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _may_have_groups(port: Json) -> bool:
    """Say whether a port is filtered at all, and by groups that its load balancer's user has not chosen."""
    return port.get("port_security_enabled", True) and _CHOSEN not in port["tags"]


def _tag(group_id: str, wanted: Collection[Rule]) -> str:
    digest = hashlib.blake2b(repr(sorted(wanted, key=str)).encode(), digest_size=6).hexdigest()
    return f"{_OURS}{group_id}-{digest}"


def _tag_of(port: Json) -> str | None:
    return next((tag for tag in port["tags"] if tag.startswith(_OURS)), None)


def _group_of(tag: str | None) -> str | None:
    return None if tag is None else tag.removeprefix(_OURS).rpartition("-")[0]
