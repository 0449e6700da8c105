"""`evener export` and `evener apply`: whole load balancers to and from files, by Octavia's API.

Reads and does; what is to be done is decided in `whole`.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from evener.cli.arguments import TARGET, add_request_format
from evener.cli.catalogue import BY_KIND
from evener.cli.client import UUID, Client
from evener.cli.command import Command, client_of, say
from evener.cli.errors import NotFound
from evener.cli.resource import Resource
from evener.cli.whole import PATHS, Json, NotAsWritten, Ref, Step, check, exported, key_of, steps

PAGE = 500


class Export(Command):
    """Print a load balancer with all below it as a file that `apply` reads (YAML)."""

    resource: ClassVar[Resource] = BY_KIND["loadbalancer"]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_request_format(parser)
        parser.add_argument(TARGET, metavar="LOADBALANCER", help="Name or id of the load balancer.")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        import yaml

        client = client_of(self.app)
        balancer_id = client.find_id("loadbalancer", vars(parsed_args)[TARGET])
        told = yaml.safe_dump(exported(read(client, balancer_id)), sort_keys=False, allow_unicode=True)
        say(self.app, told.rstrip("\n"))


class Apply(Command):
    """Make load balancers as files say.

    A file has a loadbalancer with what `export` prints. One that is not there is made whole; of one that is, what
    differs is changed, and what a file does not say stays as it is. The rules of a policy are made exactly as written.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_request_format(parser)
        parser.add_argument(
            "-f",
            "--file",
            metavar="FILE",
            action="append",
            required=True,
            help="YAML or JSON, with one load balancer or several documents; - is standard input; may be repeated.",
        )
        parser.add_argument("--diff", action="store_true", help="Say what would be done, and change nothing.")
        parser.add_argument("--prune", action="store_true", help="Delete what is below and not in the file.")

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        client = client_of(self.app)
        wanted = [check(each) for file in parsed_args.file for each in documents(file)]
        for each in wanted:
            planned = plan(client, each, prune=parsed_args.prune)
            for step in planned:
                say(self.app, step.says)
            if not planned:
                say(self.app, f"= loadbalancer {each['name']}: all is as written")
            if not parsed_args.diff:
                do(client, each["name"], planned)


def documents(file: str) -> list[Any]:
    """Return the documents of a file.

    Raises:
        NotAsWritten: when it cannot be read, or is no YAML.
    """
    import yaml

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        return [each for each in yaml.safe_load_all(text) if each is not None]
    except (OSError, UnicodeDecodeError) as error:
        raise NotAsWritten(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    except yaml.YAMLError as error:
        raise NotAsWritten(f"{file} is no YAML: {' '.join(str(error).split())}") from None


def plan(client: Client, wanted: Json, *, prune: bool) -> list[Step]:
    """Return what is to be done for one load balancer; one that is not there is one request."""
    written = with_ids(client, wanted)
    try:
        balancer_id = client.find_id("loadbalancer", wanted["name"])
    except NotFound:
        title = f"+ loadbalancer {wanted['name']} with all that is below it"
        return [Step(title, "POST", (PATHS["loadbalancer"],), {"loadbalancer": written})]
    return list(steps(read(client, balancer_id), written, prune=prune))


def do(client: Client, name: str, planned: Sequence[Step]) -> None:
    """Do it, step by step; what is done stays where one is refused."""
    ids: dict[Ref, str] = {}
    if any(_refs(step.path) or _refs(step.body) for step in planned):
        ids = known(read(client, client.find_id("loadbalancer", name)))
    for step in planned:
        path = "/".join(_resolved(part, ids) for part in step.path)
        made = client.load_balancing(step.method, path, _resolved(step.body, ids), step.query or None)
        if step.makes is not None:
            ids[step.makes] = str(next(iter(made.values()))["id"])


def known(balancer: Json) -> dict[Ref, str]:
    """Return the ids of what is there and others refer to."""
    found = {Ref("pool", key_of("pool", each)): each["id"] for each in balancer["pools"]}
    return found | {Ref("listener", key_of("listener", each)): each["id"] for each in balancer["listeners"]}


def _refs(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_refs, value.values()))
    return any(map(_refs, value)) if isinstance(value, list | tuple) else isinstance(value, Ref)


def _resolved(value: Any, ids: Mapping[Ref, str]) -> Any:
    """Return a value with ids in place of references.

    Raises:
        NotAsWritten: for a pool that is neither there nor made.
    """
    if isinstance(value, Ref):
        if value not in ids:
            raise NotAsWritten(f"There is no {value.kind} {value.key}")
        return ids[value]
    if isinstance(value, dict):
        return {name: _resolved(each, ids) for name, each in value.items()}
    return [_resolved(each, ids) for each in value] if isinstance(value, list) else value


def with_ids(client: Client, it: Any) -> Any:
    """Return what is written with the ids of subnets that are named."""
    if isinstance(it, list):
        return [with_ids(client, each) for each in it]
    if not isinstance(it, dict):
        return it
    return {
        name: client.find_id("subnet", value)
        if name.endswith("subnet_id") and isinstance(value, str) and not UUID.fullmatch(value)
        else with_ids(client, value)
        for name, value in it.items()
    }


def read(client: Client, balancer_id: str) -> Json:
    """Return a load balancer with all below it, in the form of a file, with ids and all attributes."""
    it: Json = client.load_balancing("GET", f"{PATHS['loadbalancer']}/{balancer_id}")["loadbalancer"]
    of_it = {"loadbalancer_id": balancer_id}
    pools = [_pool(client, each) for each in _all(client, PATHS["pool"], of_it)]
    by_id = {each["id"]: each for each in pools}
    listeners = [_listener(client, each, by_id) for each in _all(client, PATHS["listener"], of_it)]
    return {**it, "pools": pools, "listeners": listeners}


def _pool(client: Client, pool: Json) -> Json:
    members = list(_all(client, f"{PATHS['pool']}/{pool['id']}/members", {}))
    monitor_id, monitor = pool.get("healthmonitor_id"), None
    if monitor_id:
        monitor = client.load_balancing("GET", f"{PATHS['healthmonitor']}/{monitor_id}")["healthmonitor"]
    stays = monitor is not None and not _goes(monitor)
    return {**pool, "members": members, "healthmonitor": monitor if stays else None}


def _listener(client: Client, listener: Json, pools: Mapping[str, Json]) -> Json:
    found = [
        {
            **policy,
            **_named("redirect_pool", policy, pools),
            "rules": list(_all(client, f"{PATHS['l7policy']}/{policy['id']}/rules", {})),
        }
        for policy in (
            _all(client, PATHS["l7policy"], {"listener_id": listener["id"]})
            if listener.get("l7policies")
            else ()
        )
    ]
    found.sort(key=lambda policy: int(policy.get("position") or 0))
    return {**listener, **_named("default_pool", listener, pools), "l7policies": found}


def _named(name: str, it: Json, pools: Mapping[str, Json]) -> Json:
    """Return the pool that an object has, by its name."""
    pool = pools.get(it.get(f"{name}_id") or "")
    return {name: None if pool is None else {"name": key_of("pool", pool)}}


def _goes(it: Json) -> bool:
    """Return whether an object is on its way out."""
    return it.get("provisioning_status") == "PENDING_DELETE"


def _all(client: Client, path: str, query: Mapping[str, Any]) -> Iterator[Json]:
    """Yield all objects of a list that are not on their way out, page by page."""
    name, marker = path.rpartition("/")[2], ""
    while True:
        paging = {"limit": PAGE, **({"marker": marker} if marker else {})}
        found: list[Json] = client.load_balancing("GET", path, query={**query, **paging})[name]
        yield from (each for each in found if not _goes(each))
        if len(found) < PAGE:
            return
        marker = found[-1]["id"]
