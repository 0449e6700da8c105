"""Waiting until a change is in effect: the load balancer is ACTIVE again, or gone. Changes nothing itself."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

from evener.cli.catalogue import BY_KIND
from evener.cli.client import Client
from evener.cli.errors import Refused, WaitFailed
from evener.cli.resource import Resource

INTERVAL_S = 0.2
LONGEST_INTERVAL_S = 2.0
# Which attribute of a kind holds its parents, and what those are.
PARENTS: dict[str, tuple[tuple[str, str], ...]] = {
    "listener": (("loadbalancers", "loadbalancer"),),
    "pool": (("loadbalancers", "loadbalancer"), ("listeners", "listener")),
    "healthmonitor": (("pools", "pool"),),
    "l7policy": (("listeners", "listener"),),
}
CLEAR_LINE = "\r\x1b[K"

# Takes what is being waited for, in words; nothing once that is over.
Progress = Callable[[str], None]


def silent(text: str) -> None:
    """Show nothing of the progress."""


def progress_on(stream: TextIO) -> Progress:
    """Return what shows the progress as one line on `stream`, in place, when that is a terminal."""
    if not stream.isatty():
        return silent

    def show(text: str) -> None:
        printable = "".join(letter for letter in text if letter.isprintable())
        print(f"{CLEAR_LINE}{printable}", end="", file=stream, flush=True)

    return show


def loadbalancer_ids(
    client: Client, resource: Resource, found: Mapping[str, Any], parent_id: str | None
) -> list[str]:
    """Return the ids of the load balancers that the object `found` belongs to, asking for parents as needed."""
    if resource.kind == "loadbalancer":
        return [str(found["id"])]
    if resource.parent and parent_id:
        parent = BY_KIND[resource.parent]
        return loadbalancer_ids(client, parent, client.show(parent, parent_id), None)
    for attribute, kind in PARENTS[resource.kind]:
        ids: list[str] = []
        for reference in found.get(attribute) or []:
            above = BY_KIND[kind]
            known = {"id": reference["id"]}
            nearer = known if kind == "loadbalancer" else client.show(above, reference["id"])
            ids += loadbalancer_ids(client, above, nearer, None)
        if ids:
            return list(dict.fromkeys(ids))
    return []


def _failure(found: Mapping[str, Any]) -> WaitFailed:
    reason = found.get("provisioning_error")
    said = f": {reason}" if reason else ", and the server gives no reason"
    return WaitFailed(f"loadbalancer {found.get('name') or found['id']} is in ERROR{said}")


def _state(client: Client, loadbalancer_id: str) -> dict[str, Any] | None:
    try:
        return client.show(BY_KIND["loadbalancer"], loadbalancer_id)
    except Refused as refused:
        if refused.status == 404:
            return None
        raise


def _wait_for_one(
    client: Client, loadbalancer_id: str, deadline: float, progress: Progress, *, gone: bool
) -> None:
    interval_s = INTERVAL_S
    began = time.monotonic()
    while True:
        found = _state(client, loadbalancer_id)
        if found is None:
            if gone:
                return
            raise WaitFailed(f"loadbalancer {loadbalancer_id} is gone")
        status = found.get("provisioning_status")
        if status == "ERROR":
            raise _failure(found)
        if status == "ACTIVE" and not gone:
            return
        name = found.get("name") or loadbalancer_id
        if time.monotonic() >= deadline:
            raise WaitFailed(f"loadbalancer {name} is still {status} at the end of the time to wait")
        progress(f"loadbalancer {name} is {status}, {time.monotonic() - began:.0f} s")
        time.sleep(max(0.0, min(interval_s, deadline - time.monotonic())))
        interval_s = min(interval_s * 1.5, LONGEST_INTERVAL_S)


def wait(
    client: Client,
    ids: Iterable[str],
    seconds: float,
    *,
    gone: bool = False,
    progress: Progress = silent,
) -> None:
    """Return once all load balancers `ids` are ACTIVE, or `gone`; tell `progress` while they are not.

    Raises:
        WaitFailed: when one is in ERROR, with the server's reason, or not there after `seconds`.
    """
    deadline = time.monotonic() + seconds
    try:
        for loadbalancer_id in ids:
            _wait_for_one(client, loadbalancer_id, deadline, progress, gone=gone)
    finally:
        progress("")
