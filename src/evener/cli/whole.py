"""A whole load balancer as a file says it, and what is to be done so that it is as written. Pure: no request.

A file has the form of Octavia's single call: listeners and pools below a load balancer, members and a monitor in a
pool, policies with rules on a listener; a pool stands elsewhere by its name. What a file does not say stays as it is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evener.cli.errors import CliError
from evener.cli.escaping import visible

Json = dict[str, Any]
SETTABLE: Mapping[str, Mapping[str, Sequence[str]]] = json.loads(
    Path(__file__).with_name("written.json").read_text()
)
BELOW: Mapping[str, frozenset[str]] = {
    "loadbalancer": frozenset({"listeners", "pools"}),
    "listener": frozenset({"default_pool", "l7policies"}),
    "pool": frozenset({"members", "healthmonitor"}),
    "l7policy": frozenset({"redirect_pool", "rules"}),
}
PATHS = {
    "loadbalancer": "lbaas/loadbalancers",
    "listener": "lbaas/listeners",
    "pool": "lbaas/pools",
    "healthmonitor": "lbaas/healthmonitors",
    "l7policy": "lbaas/l7policies",
}
# Ids that say where something is, which its place in a file does, and what is of one load balancer alone.
PLACES = frozenset(
    {"project_id", "loadbalancer_id", "listener_id", "pool_id", "default_pool_id", "redirect_pool_id"}
    | {"vip_port_id", "vip_network_id"}
)
UNWRITTEN = PLACES - {"vip_network_id", "vip_port_id", "project_id"}
RULE = ("type", "compare_type", "key", "value", "invert")  # what tells a rule from the others of its policy


class NotAsWritten(CliError):
    """A file says what cannot be made so."""


@dataclass(frozen=True, slots=True)
class Ref:
    """The id of an object of that kind and key, which may only be known once it is made."""

    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Step:
    """A request, what it does in words, and which object it makes; ids may stand in it as `Ref`."""

    says: str
    method: str
    path: tuple[str | Ref, ...]
    body: Any = None
    makes: Ref | None = None
    query: Mapping[str, str] = field(default_factory=dict)


def exported(balancer: Json) -> Json:
    """Return what a file says of a load balancer, of which all that is below stands in the form of a file, with ids."""
    return {"loadbalancer": _plain("loadbalancer", balancer)}


def _plain(kind: str, it: Json) -> Json:
    """Return what can be given of an object, and is there; below it the same."""
    found = {
        name: it[name]
        for name in SETTABLE[kind]["create"]
        if name not in PLACES and it.get(name) not in (None, "", [], {})
    }
    if kind == "pool":
        found["name"] = key_of(kind, it)
    for name in ("default_pool", "redirect_pool"):
        if it.get(name):
            found[name] = {"name": it[name]["name"]}
    below = BELOW.get(kind, frozenset())
    if "healthmonitor" in below and it.get("healthmonitor"):
        found["healthmonitor"] = _plain("healthmonitor", it["healthmonitor"])
    for plural, one in PLURALS.items():
        if plural in below and it.get(plural):
            found[plural] = [_plain(one, each) for each in it[plural]]
    return found


PLURALS = {
    "listeners": "listener",
    "pools": "pool",
    "members": "member",
    "l7policies": "l7policy",
    "rules": "rule",
}


def key_of(kind: str, it: Mapping[str, Any]) -> str:
    """Return what tells an object from its neighbours: a pool's name, or its id where it has none; a listener's port.

    A member's place; a policy's name, or else its position; all that a rule says.
    """
    if kind == "listener":
        return str(it.get("protocol_port"))
    if kind == "member":
        return f"{it.get('address')} {it.get('protocol_port')}"
    if kind == "rule":
        return json.dumps([it.get(name) or None for name in RULE])
    if kind == "l7policy" and not it.get("name"):
        return f"at position {it.get('position')}"
    return str(it.get("name") or it.get("id"))


def check(written: Any) -> Json:
    """Return the load balancer of a file.

    Raises:
        NotAsWritten: naming what is none, or what nobody can set.
    """
    found = written.get("loadbalancer") if isinstance(written, dict) else None
    if not isinstance(found, dict) or not found.get("name"):
        raise NotAsWritten("A file has a 'loadbalancer' with a 'name' at least")
    _check("loadbalancer", found, "loadbalancer")
    pools = [str(each.get("name") or "") for each in found.get("pools") or ()]
    if "" in pools or len(pools) != len(set(pools)):
        raise NotAsWritten("Each pool has a name of its own: others stand for it by that")
    return found


def _check(kind: str, it: Json, where: str) -> None:
    for name, value in it.items():
        if name in BELOW.get(kind, ()) and value is None:
            continue
        if name in BELOW.get(kind, ()):
            for place, each in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(each, dict):
                    raise NotAsWritten(f"{where}.{name} is no object")
                if name in ("default_pool", "redirect_pool"):
                    if each.keys() != {"name"}:
                        raise NotAsWritten(f"{where}.{name}: the name of a pool is all that may stand there")
                    continue
                _check(PLURALS.get(name, name), each, f"{where}.{name}[{place}]")
        elif name not in SETTABLE[kind]["create"] or name in UNWRITTEN:
            raise NotAsWritten(f"{where}: there is no attribute '{visible(str(name))}' to set")


def steps(now: Json, wanted: Json, *, prune: bool) -> Iterator[Step]:
    """Yield what makes a load balancer that is there as it is written, in an order in which it can be done.

    With `prune`, what is not written goes. `now` has the form of a file, with ids and all attributes.

    Raises:
        NotAsWritten: for what is written otherwise than it can ever become.
    """
    yield from _changed("loadbalancer", now, wanted)
    pools = _by_key("pool", now.get("pools"))
    for pool in wanted.get("pools") or ():
        yield from _pool(now, pools.get(key_of("pool", pool)), pool, prune=prune)
    listeners = _by_key("listener", now.get("listeners"))
    for listener in wanted.get("listeners") or ():
        yield from _listener(now, listeners.get(key_of("listener", listener)), listener, prune=prune)
    if prune:
        for kind, there in (("listener", listeners), ("pool", pools)):
            kept = _by_key(kind, wanted.get(f"{kind}s"))
            for key, each in there.items():
                if key not in kept:
                    yield from _listener_parts(each) if kind == "listener" else ()
                    yield _gone(kind, each)


def _by_key(kind: str, found: Sequence[Json] | None) -> dict[str, Json]:
    return {key_of(kind, each): each for each in found or ()}


def _changed(kind: str, now: Json, wanted: Json, above: tuple[str | Ref, ...] = ()) -> Iterator[Step]:
    body = differences(kind, now, wanted)
    if body:
        path = (*above, now["id"]) if above else (PATHS[kind], now["id"])
        told = ", ".join(
            f"{name}: {_shown(now.get(name))} -> {_shown(value)}" for name, value in body.items()
        )
        yield Step(f"~ {_title(kind, now)}: {told}", "PUT", path, {kind: body})


def differences(kind: str, now: Json, wanted: Json) -> Json:
    """Return the attributes that are to be changed.

    Raises:
        NotAsWritten: naming one that never changes.
    """
    below = BELOW.get(kind, frozenset())
    found = {
        name: value
        for name, value in wanted.items()
        if name not in below
        and not _same(now.get(name), value)
        and not (name == "name" and value == now.get("id"))
    }
    for name in found:
        if name not in SETTABLE[kind]["update"]:
            raise NotAsWritten(
                f"{_title(kind, now)}: {name} is {_shown(now.get(name))} and never changes; delete it first"
            )
    return found


def _same(now: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(now, dict):
        return all(_same(now.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(now, list):
        return sorted(map(str, now)) == sorted(map(str, wanted))
    return bool(now == wanted or (now in (None, "", [], {}) and wanted in (None, "", [], {})))


def _shown(value: Any) -> str:
    if isinstance(value, Ref):
        return visible(value.key)
    return visible(value if isinstance(value, str) else json.dumps(value))


def _title(kind: str, it: Mapping[str, Any]) -> str:
    key = key_of(kind, it)
    return (
        f"{kind} {visible(' '.join(map(_shown, filter(None, json.loads(key)))) if kind == 'rule' else key)}"
    )


def _gone(kind: str, it: Json, above: tuple[str | Ref, ...] = ()) -> Step:
    path = (*above, it["id"]) if above else (PATHS[kind], it["id"])
    return Step(f"- {_title(kind, it)}", "DELETE", path)


def _own(kind: str, it: Json) -> Json:
    return {name: value for name, value in it.items() if name not in BELOW.get(kind, frozenset())}


def _pool(balancer: Json, now: Json | None, wanted: Json, *, prune: bool) -> Iterator[Step]:
    key = key_of("pool", wanted)
    own = Ref("pool", key)
    if now is None:
        body = {**_own("pool", wanted), "loadbalancer_id": balancer["id"]}
        yield Step(f"+ {_title('pool', wanted)}", "POST", (PATHS["pool"],), {"pool": body}, own)
    else:
        yield from _changed("pool", now, wanted)
    yield from _members(own, now or {}, wanted, prune=prune)
    there, written = (now or {}).get("healthmonitor"), wanted.get("healthmonitor")
    if there and ((written and not _same(there.get("type"), written.get("type"))) or (prune and not written)):
        yield Step(f"- healthmonitor of pool {key}", "DELETE", (PATHS["healthmonitor"], there["id"]))
        there = None
    if written and there:
        yield from _changed("healthmonitor", there, written)
    elif written:
        body = {"healthmonitor": {**written, "pool_id": own}}
        yield Step(
            f"+ healthmonitor {written.get('type')} of pool {key}", "POST", (PATHS["healthmonitor"],), body
        )


def _members(pool: Ref, now: Json, wanted: Json, *, prune: bool) -> Iterator[Step]:
    """Yield the one request that sets a pool's members, where it changes anything; a file may say nothing of them."""
    if "members" not in wanted:
        return
    there = _by_key("member", now.get("members"))
    written = _by_key("member", wanted["members"])
    told = [
        f"+ {_title('member', each)} of pool {pool.key}" for key, each in written.items() if key not in there
    ]
    for key, each in written.items():
        if key in there and (changed := differences("member", there[key], each)):
            was = ", ".join(
                f"{name}: {_shown(there[key].get(name))} -> {_shown(changed[name])}" for name in changed
            )
            told.append(f"~ {_title('member', each)} of pool {pool.key}: {was}")
    if prune:
        told += [
            f"- {_title('member', each)} of pool {pool.key}"
            for key, each in there.items()
            if key not in written
        ]
    if told:
        # What is not said of a member would be what it is by default.
        settable = [name for name in SETTABLE["member"]["create"] if name not in PLACES]
        said = {key: {name: each[name] for name in settable if name in each} for key, each in there.items()}
        said = {
            key: {name: value for name, value in each.items() if value is not None}
            for key, each in said.items()
        }
        body = {"members": [{**said.get(key, {}), **each} for key, each in written.items()]}
        query = {} if prune else {"additive_only": "true"}
        yield Step("\n".join(told), "PUT", (PATHS["pool"], pool, "members"), body, query=query)


def _listener(balancer: Json, now: Json | None, wanted: Json, *, prune: bool) -> Iterator[Step]:
    own = Ref("listener", key_of("listener", wanted))
    link = _link("default_pool", now, wanted)
    if now is None:
        body = {**_own("listener", wanted), **link, "loadbalancer_id": balancer["id"]}
        yield Step(f"+ {_title('listener', wanted)}", "POST", (PATHS["listener"],), {"listener": body}, own)
    else:
        yield from _changed("listener", now, wanted)
        yield from _linked("listener", now, link)
    there = _by_key("l7policy", (now or {}).get("l7policies"))
    for policy in wanted.get("l7policies") or ():
        yield from _policy(own, there.get(key_of("l7policy", policy)), policy)
    if prune and "l7policies" in wanted:
        kept = _by_key("l7policy", wanted["l7policies"])
        yield from (_gone("l7policy", each) for key, each in there.items() if key not in kept)


def _listener_parts(listener: Json) -> Iterator[Step]:
    return (_gone("l7policy", each) for each in listener.get("l7policies") or ())


def _link(name: str, now: Json | None, wanted: Json) -> dict[str, Any]:
    """Return the pool that a listener or policy is to have, where that is another one; null takes it away."""
    if name not in wanted:
        return {}
    pool = (wanted[name] or {}).get("name")
    before = ((now or {}).get(name) or {}).get("name")
    return {} if pool == before else {f"{name}_id": Ref("pool", pool) if pool else None}


def _linked(kind: str, now: Json, link: Mapping[str, Any]) -> Iterator[Step]:
    for name, pool in link.items():
        to = pool.key if isinstance(pool, Ref) else "none"
        yield Step(
            f"~ {_title(kind, now)}: {name} -> {to}", "PUT", (PATHS[kind], now["id"]), {kind: {name: pool}}
        )


def _policy(listener: Ref, now: Json | None, wanted: Json) -> Iterator[Step]:
    """Yield what makes a policy as written, with exactly the rules that are written: all of them are its condition."""
    own = Ref("l7policy", f"{listener.key} {key_of('l7policy', wanted)}")
    link = _link("redirect_pool", now, wanted)
    if now is None:
        body = {**_own("l7policy", wanted), **link, "listener_id": listener}
        yield Step(f"+ {_title('l7policy', wanted)}", "POST", (PATHS["l7policy"],), {"l7policy": body}, own)
    else:
        yield from _changed("l7policy", now, {**wanted, **link})
    if "rules" not in wanted:
        return
    place: str | Ref = own if now is None else now["id"]
    above = (PATHS["l7policy"], place, "rules")
    there, written = _by_key("rule", (now or {}).get("rules")), _by_key("rule", wanted["rules"])
    for key, each in written.items():
        if key not in there:
            yield Step(
                f"+ {_title('rule', each)} of {_title('l7policy', wanted)}", "POST", above, {"rule": each}
            )
        else:
            yield from _changed("rule", there[key], each, above)
    yield from (_gone("rule", each, above) for key, each in there.items() if key not in written)
