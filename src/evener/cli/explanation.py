"""What a load balancer is, what serves it, what is wrong and what happened last, as a page of plain text.

Pure: what the server answered in, lines of at most 80 columns out. What others wrote is made harmless.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evener.cli.escaping import visible
from evener.cli.status_tree import Node, children, title

WIDTH = 80
OPERATING = {
    "ONLINE": "all of it is well",
    "DEGRADED": "it serves, and not all of it is well",
    "OFFLINE": "it serves nobody",
    "NO_MONITOR": "nobody looks at its members",
    "DISABLED": "it is out of use (admin_state_up is False)",
}
PROVISIONING = {
    "ACTIVE": "all that was asked for is in effect",
    "PENDING_CREATE": "its agents are about to make it",
    "PENDING_UPDATE": "its agents are about to change it",
    "PENDING_DELETE": "its agents are about to remove it",
    "ERROR": "what was asked for last is not in effect",
}
WELL = frozenset({"ONLINE", "NO_MONITOR", "DISABLED", "DRAINING", ""})
ROLES = {
    "MASTER": "has the VIP",
    "BACKUP": "takes over when the other is lost",
    "STANDALONE": "serves it alone",
}
HAPPENED = {
    "FAILED_OVER": "served anew",
    "MOVED": "moved to another agent",
    "APPLIED": "applied",
    "FAILED": "could not be applied",
    "MEMBER_OUT": "out",
    "MEMBER_IN": "in",
    "VIP_TAKEN": "VIP taken",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a load balancer: itself, the tree of its statuses, and by id the attributes of what is below.

    `places` are the hosts that serve it (host, role), `agents` by host; both are empty where the caller is not told.
    `events` are the newest first, None where the server tells none.
    """

    balancer: Mapping[str, Any]
    tree: Node
    below: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    places: Sequence[Mapping[str, Any]] = ()
    agents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] | None = None


def page(facts: Facts) -> str:
    """Return the page."""
    sections = (
        ("", [*_what(facts)]),
        ("What it serves", [*_serves(facts)]),
        ("What runs where", [*_where(facts)]),
        ("What is wrong", [*_wrong(facts)] or ["Nothing that anybody knows of."]),
        ("What happened last", [*_happened(facts)]),
    )
    return "\n\n".join(_section(heading, items) for heading, items in sections if items)


def _section(heading: str, items: Sequence[str]) -> str:
    if not heading:
        return "\n".join(line for item in items for line in textwrap.wrap(item, WIDTH))
    return "\n".join([heading, *(line for item in items for line in _wrapped(item))])


def _wrapped(item: str) -> list[str]:
    """Return an item in lines; what it begins with a gap goes further in."""
    gap = len(item) - len(item.lstrip()) + 2
    return textwrap.wrap(
        item.strip(),
        WIDTH,
        initial_indent=" " * gap,
        subsequent_indent=" " * (gap + 2),
        break_on_hyphens=False,
    )


def _what(facts: Facts) -> Iterator[str]:
    it, tree = facts.balancer, facts.tree
    name = visible(str(it.get("name") or "without a name"))
    yield f"Load balancer {name} ({it['id']})"
    address = (
        f"at {it.get('vip_address')}, of project {visible(str(it.get('project_id') or it.get('tenant_id')))}"
    )
    yield f"{address}, provider {it.get('provider')}."
    status = str(tree.get("operating_status") or it.get("operating_status") or "")
    yield f"{status}: {OPERATING.get(status, 'a status that this client does not know')}."
    status = str(tree.get("provisioning_status") or "")
    yield f"{status}: {PROVISIONING.get(status, 'a status that this client does not know')}."


def _serves(facts: Facts) -> Iterator[str]:
    listeners = facts.tree.get("listeners") or []
    if not listeners:
        yield "It has no listener: nothing answers at its address."
    for listener in listeners:
        about = facts.below.get(str(listener["id"]), {})
        yield f"Listener {title(listener)}: {about.get('protocol', '?')} on port {about.get('protocol_port', '?')}"
        pools = listener.get("pools") or []
        if not pools:
            yield "  no pool: who connects gets no server"
        for pool in pools:
            yield f"  {_pool(pool)}"
    used = {pool["id"] for listener in listeners for pool in listener.get("pools") or []}
    for pool in facts.tree.get("pools") or []:
        if pool["id"] not in used:
            yield f"{_pool(pool)}; no listener has it by default"


def _pool(pool: Node) -> str:
    members = pool.get("members") or []
    out = sum(member.get("operating_status") not in WELL for member in members)
    monitor = pool.get("healthmonitor") or {}
    checks = f"checked by {monitor['type']}" if monitor.get("type") else "nobody looks at them"
    if not members:
        return f"pool {title(pool)}: it has no members"
    return f"pool {title(pool)}: {len(members) - out} of {len(members)} members in, {checks}"


def _where(facts: Facts) -> Iterator[str]:
    topology = "two agents serve it" if len(facts.places) > 1 else "one agent serves it"
    if not facts.places:
        hosts = dict.fromkeys(str(event["host"]) for event in facts.events or () if event.get("host"))
        if hosts:
            yield f"Heard of it of late: {', '.join(map(visible, hosts))} (administrators are told more)."
        return
    yield f"Topology {facts.balancer.get('topology') or '?'}: {topology}."
    for place in facts.places:
        host = str(place["host"])
        yield f"{visible(host)}: {ROLES.get(str(place['role']), place['role'])}; {_agent(facts.agents.get(host))}"


def _agent(agent: Mapping[str, Any] | None) -> str:
    if agent is None:
        return "no agent of that name is known"
    heard = f"last heard of at {agent.get('heartbeat_timestamp')} UTC"
    if not agent.get("alive"):
        return f"its agent is silent, {heard}"
    return f"its agent is alive, {heard}" + (
        "" if agent.get("admin_state_up") else "; gets no new load balancers"
    )


def _wrong(facts: Facts) -> Iterator[str]:
    error = facts.tree.get("provisioning_error") or facts.balancer.get("provisioning_error")
    if error:
        since = _since(facts, str(error))
        yield f"{facts.tree.get('provisioning_status')}{since}: {visible(str(error))}"
    for kind, node, above in _unwell(facts.tree):
        reason = node.get("operating_reason")
        if reason:
            last = next(iter(_of(facts, node, "MEMBER_OUT")), None)
            before = str((last or {}).get("reason") or "").rpartition("; ")[2]
            more = f" ({visible(before)})" if before.startswith("it was ") else ""
            yield f"{kind.capitalize()} {title(node)} of {above} is out: {visible(str(reason))}{more}."
        elif node.get("provisioning_status") == "ERROR":
            yield f"{kind.capitalize()} {title(node)}: what was asked of it last is not in effect."


def _since(facts: Facts, error: str) -> str:
    """Return since when that is the reason, where an event says so."""
    failed = [
        each for each in facts.events or () if each["type"] == "FAILED" and str(each["reason"]) in error
    ]
    return f" since {failed[0]['created_at']} UTC on {visible(str(failed[0]['host']))}" if failed else ""


def _unwell(node: Node, above: str = "it") -> Iterator[tuple[str, Node, str]]:
    """Yield what is below `node`, each once, with what it is below."""
    seen: set[str] = set()
    stack = [(kind, child, above) for kind, child in children(node)]
    while stack:
        kind, child, where = stack.pop(0)
        if str(child.get("id")) not in seen:
            seen.add(str(child.get("id")))
            yield kind, child, where
            stack += [(one, below, f"{kind} {title(child)}") for one, below in children(child)]


def _of(facts: Facts, node: Node, kind: str) -> Iterable[Mapping[str, Any]]:
    return (each for each in facts.events or () if each["type"] == kind and each["resource_id"] == node["id"])


def _happened(facts: Facts) -> Iterator[str]:
    if facts.events is None:
        yield "This server tells no events."
    for event in (facts.events or ())[:10]:
        yield f"{event['created_at']}  {told(event)}"


def told(event: Mapping[str, Any]) -> str:
    """Return what happened, in words."""
    kind = str(event["type"])
    name = visible(str(event.get("resource_name") or ""))
    what = f"{event['resource_type']} {name}".strip()
    if kind in ("APPLIED", "FAILED"):
        what = f"generation {event['generation']}"
    said = f"{what} {HAPPENED.get(kind, kind.lower())}"
    if event.get("attributes"):
        said += f" ({', '.join(event['attributes'])})"
    if event.get("host"):
        said += f" on {visible(str(event['host']))}"
    if event.get("user_id"):
        said += f" by {visible(str(event['user_id']))}"
    return f"{said}: {visible(str(event['reason']))}" if event.get("reason") else said
