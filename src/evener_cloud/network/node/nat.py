"""The packet rules of a router's namespace, as a pure function of the router: what passes, and under which address.

A rule's order is its meaning: a floating address wins over the router's own.
"""

from collections.abc import Iterator

from evener.host.rules import ACCEPT, DROP, Chain, Rule, Statement, looked_up, meta, payload, tracked
from evener.resources.wiring import RouterSpec, WiredPort
from evener_cloud.network.node.conntrack import Connection

DESTINATION_PRIORITY, SOURCE_PRIORITY, FILTER_PRIORITY = -100, 100, 0  # nft(8): dstnat, srcnat, filter


def chains(spec: RouterSpec, outer: str) -> tuple[Chain, ...]:
    """Return the rules of router `spec`, whose gateway's interface is called `outer`, if it has one.

    - Who calls a floating address reaches what it stands for, from outside as from inside.
    - What leaves by the gateway has its floating address; else, with `snat`, the gateway's own.
    - Who calls a floating address from inside is shown to the other side as that as well: the other side would
      answer a neighbour directly, under an address the caller never called.
    - With `snat`, nobody outside reaches an IPv4 address inside but by a floating address, not even who is on the
      outer network and knows the way: two projects may share it. IPv6 is routed, and so is IPv4 without `snat`.
    - Between the router's own subnets nothing is translated.
    - Nothing passes a router that is not enabled.
    """
    return (
        Chain("prerouting", "nat", "prerouting", DESTINATION_PRIORITY, tuple(_arriving(spec))),
        Chain("postrouting", "nat", "postrouting", SOURCE_PRIORITY, tuple(_leaving(spec, outer))),
        Chain("forward", "filter", "forward", FILTER_PRIORITY, tuple(_passing(spec, outer)), policy="drop"),
    )


def own_address(gateway: WiredPort | None) -> str | None:
    """Return the IPv4 address under which what has no floating address leaves, or None."""
    fixed_ips = gateway.fixed_ips if gateway else ()
    return next((fixed.address for fixed in fixed_ips if ":" not in fixed.address), None)


def source_addresses(spec: RouterSpec) -> dict[str, str]:
    """Return the floating address of each that has one; of two, the first in order of the text."""
    ordered = sorted(spec.floating_ips, key=lambda each: each.floating, reverse=True)
    return {each.fixed: each.floating for each in ordered}


def outdated(spec: RouterSpec, connection: Connection) -> bool:
    """Return whether a connection is translated in a way that `spec` no longer says.

    One that left under the router's own address stays when a floating address comes: it would only be lost.
    """
    fixed = {each.floating: each.fixed for each in spec.floating_ips} if spec.gateway else {}
    if connection.answered_by not in (connection.destination, fixed.get(connection.destination)):
        return True
    shown_as = connection.answered_to
    return shown_as not in (connection.source, own_address(spec.gateway)) and (
        fixed.get(shown_as) != connection.source
    )


def _arriving(spec: RouterSpec) -> Iterator[Rule]:
    if spec.gateway and spec.floating_ips:
        table = {each.floating: each.fixed for each in spec.floating_ips}
        yield ({"dnat": {"family": "ip", "addr": looked_up(payload("ip", "daddr"), table)}},)


def _leaving(spec: RouterSpec, outer: str) -> Iterator[Rule]:
    if spec.gateway is None:
        return
    from_inside = meta("iifname", outer, "!=")
    outwards, called_floating = meta("oifname", outer), tracked("status", "dnat")
    if spec.floating_ips:
        own_floating = _as(looked_up(payload("ip", "saddr"), source_addresses(spec)))
        yield from_inside, outwards, own_floating
        yield from_inside, called_floating, own_floating
    own = own_address(spec.gateway)
    if own:
        if spec.snat:
            yield from_inside, outwards, meta("nfproto", "ipv4"), _as(own)
        # Also where all else is routed without translation: the answer has to come back to us.
        yield from_inside, called_floating, _as(own)


def _as(address: object) -> Statement:
    return {"snat": {"family": "ip", "addr": address}}


def _passing(spec: RouterSpec, outer: str) -> Iterator[Rule]:
    if not spec.enabled:
        return
    if spec.gateway is not None:
        outside = meta("iifname", outer)
        yield tracked("state", "established", "related"), ACCEPT
        yield outside, tracked("status", "dnat"), ACCEPT
        if spec.snat:
            yield outside, meta("nfproto", "ipv4"), DROP
    yield (ACCEPT,)
