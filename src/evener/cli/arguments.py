"""From descriptions to argument parsers, and from parsed arguments to bodies and queries.

Pure, but for the `find` that callers hand in to turn names into ids.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from evener.cli.errors import CliError
from evener.cli.resource import ABSENT, TAG_FILTERS, Arg, Resource
from evener.cli.values import true_or_false

DEFAULT_WAIT_S = 60.0
TARGET = "name_or_id"  # where the parsed arguments hold which object is meant

# Returns the attributes of the object of a kind with a name or id; "id" is among them.
Find = Callable[[str, str, tuple[str, ...]], Mapping[str, Any]]


def _options(arg: Arg, *, creating: bool) -> dict[str, Any]:
    options: dict[str, Any] = {
        "help": argparse.SUPPRESS if arg.hidden else arg.help,
        "default": argparse.SUPPRESS,  # what is not given is not in the namespace, so None can mean null
    }
    if not arg.positional:
        options["dest"] = arg.attribute
        options["required"] = arg.required and creating and arg.default is ABSENT
    if arg.const is not ABSENT:
        return {**options, "action": "store_const", "const": arg.const}
    if arg.repeat:
        options.update(action="append", help=f"{arg.help.removesuffix('.')}; may be repeated.")
    given = {"type": arg.type, "choices": arg.choices, "metavar": arg.metavar, "nargs": arg.nargs}
    return options | {key: value for key, value in given.items() if value is not None}


def _add(parser: argparse.ArgumentParser, args: Iterable[Arg], *, creating: bool) -> None:
    groups: dict[str, Any] = {}
    for arg in args:
        target: Any = parser
        if arg.group:
            if arg.group not in groups:
                groups[arg.group] = parser.add_mutually_exclusive_group()
            target = groups[arg.group]
        options = _options(arg, creating=creating)
        target.add_argument(arg.attribute if arg.positional else arg.flag, **options)


def _add_parent(parser: argparse.ArgumentParser, resource: Resource) -> None:
    if resource.parent:
        parser.add_argument(
            "parent",
            metavar=resource.parent.upper(),
            help=f"Name or id of the {resource.parent} the {resource.title} belongs to.",
        )


def _add_wait(parser: argparse.ArgumentParser, resource: Resource) -> None:
    if resource.waits:
        parser.add_argument(
            "--wait",
            nargs="?",
            type=float,
            const=DEFAULT_WAIT_S,
            metavar="SECONDS",
            help="Return once the change is in effect on the load balancer; fail when it is not after SECONDS "
            f"({DEFAULT_WAIT_S:.0f} where no number is given), or when the load balancer goes to ERROR.",
        )


def _add_target(parser: argparse.ArgumentParser, resource: Resource, *, several: bool = False) -> None:
    parser.add_argument(
        TARGET,
        metavar=resource.kind.upper(),
        nargs="+" if several else None,
        help=f"{'Name or id' if resource.named else 'Id'} of the {resource.title}"
        f"{'; several are possible' if several else ''}.",
    )


def add_request_format(parser: argparse.ArgumentParser) -> None:
    """Accept `neutron`'s --request-format, which has had one choice for years."""
    parser.add_argument("--request-format", choices=["json"], default="json", help=argparse.SUPPRESS)


def add_fields(parser: argparse.ArgumentParser) -> None:
    """Add what list and show have in common."""
    add_request_format(parser)
    parser.add_argument("-D", "--show-details", action="store_true", help="Ask the server for all details.")
    parser.add_argument(
        "-F",
        "--field",
        dest="fields",
        action="append",
        default=[],
        metavar="FIELD",
        help="Ask the server for this field only; may be repeated.",
    )
    parser.add_argument("--fields", dest="fields", action="append", help=argparse.SUPPRESS)


def add_create(parser: argparse.ArgumentParser, resource: Resource) -> None:
    """Add the arguments of `create`."""
    add_request_format(parser)
    parser.add_argument(
        "--tenant-id",
        "--project-id",
        dest="tenant_id",
        default=argparse.SUPPRESS,
        metavar="PROJECT_ID",
        help="Id of the project that is to own it, where it is not your own.",
    )
    _add(parser, [arg for arg in resource.args if arg.create], creating=True)
    _add_parent(parser, resource)
    _add_wait(parser, resource)


def add_update(parser: argparse.ArgumentParser, resource: Resource) -> None:
    """Add the arguments of `update`."""
    add_request_format(parser)
    _add_target(parser, resource)
    _add_parent(parser, resource)
    _add(parser, [arg for arg in resource.args if arg.update], creating=False)
    _add_wait(parser, resource)


def add_show(parser: argparse.ArgumentParser, resource: Resource) -> None:
    """Add the arguments of `show`."""
    add_fields(parser)
    _add_target(parser, resource)
    _add_parent(parser, resource)


def add_delete(parser: argparse.ArgumentParser, resource: Resource) -> None:
    """Add the arguments of `delete`."""
    add_request_format(parser)
    _add_target(parser, resource, several=True)
    _add_parent(parser, resource)
    _add_wait(parser, resource)


def add_list(parser: argparse.ArgumentParser, resource: Resource) -> None:
    """Add the arguments of `list`: fields, pages, sorting, and filters by attribute."""
    add_fields(parser)
    parser.add_argument(
        "-P",
        "--page-size",
        type=int,
        metavar="SIZE",
        help="Objects to fetch with one request; all are listed.",
    )
    parser.add_argument(
        "--sort-key",
        action="append",
        default=[],
        metavar="FIELD",
        help="Let the server sort by this field; may be repeated, each with its --sort-dir (asc where not given).",
    )
    parser.add_argument(
        "--sort-dir",
        action="append",
        default=[],
        choices=["asc", "desc"],
        metavar="{asc,desc}",
        help="Direction of the --sort-key of the same place.",
    )
    _add_parent(parser, resource)
    _add_filters(parser, resource)


def _add_filters(parser: argparse.ArgumentParser, resource: Resource) -> None:
    group = parser.add_argument_group(
        "filters", "List only what has these values. Any other attribute can be given as --attribute VALUE."
    )
    project = ["--tenant-id", "--project-id"]
    for name, kind in {"tenant_id": "str", **resource.filters}.items():
        flags = project if name == "tenant_id" else [f"--{name.replace('_', '-')}"]
        boolean: dict[str, Any] = {"type": true_or_false, "metavar": "{True,False}"}
        group.add_argument(
            *flags,
            dest=f"filter_{name}",
            action="append",
            help=f"By {name}.",
            **(boolean if kind == "bool" else {"metavar": name.split(":")[-1].upper()}),
        )


def _resolve(arg: Arg, value: Any, find: Find, copied: dict[str, Any]) -> Any:
    if arg.refers is None or value is None:
        return value
    if isinstance(value, list):
        return [_resolve(arg, item, find, copied) for item in value]
    if arg.key is not None:
        named = value.get(arg.key)
        return value if named is None else {**value, arg.key: _resolve_one(arg, named, find, copied)}
    return _resolve_one(arg, value, find, copied)


def _resolve_one(arg: Arg, name: str, find: Find, copied: dict[str, Any]) -> str:
    found = find(str(arg.refers), name, arg.copies)
    copied.update({attribute: found[attribute] for attribute in arg.copies})
    return str(found["id"])


def _given(args: Iterable[Arg], parsed: argparse.Namespace, find: Find) -> dict[str, Any]:
    values = vars(parsed)
    body: dict[str, Any] = {}
    copied: dict[str, Any] = {}
    for arg in args:
        name = arg.attribute
        if name in values and name not in body:
            body[name] = _resolve(arg, values[name], find, copied)
    return body | copied


def _defaults(args: Iterable[Arg]) -> dict[str, Any]:
    return {arg.attribute: arg.default for arg in args if arg.default is not ABSENT}


def create_body(
    resource: Resource, parsed: argparse.Namespace, extra: Mapping[str, Any], find: Find
) -> dict[str, Any]:
    """Return the attributes of a new object from what was given; `extra` are those without an own argument.

    Raises:
        CliError: when what is needed is not given, or what is given does not go together, or `find` fails.
    """
    if resource.one_of and not any(vars(parsed).get(name) or extra.get(name) for name in resource.one_of):
        raise CliError(resource.one_of_message)
    wrong = resource.check(vars(parsed)) if resource.check else None
    if wrong:
        raise CliError(wrong)
    args = [arg for arg in resource.args if arg.create]
    owner = {"tenant_id": parsed.tenant_id} if "tenant_id" in parsed else {}
    return resource.complete({**_defaults(args), **owner, **_given(args, parsed, find), **extra})


def update_body(
    resource: Resource, parsed: argparse.Namespace, extra: Mapping[str, Any], find: Find
) -> dict[str, Any]:
    """Return the attributes to change.

    Raises:
        CliError: when there are none, or `find` fails.
    """
    args = [arg for arg in resource.args if arg.update]
    body = {**_defaults(args), **_given(args, parsed, find), **extra}
    if not body:
        raise CliError(f"Must specify new values to update {resource.group_name}")
    return body


def show_query(parsed: argparse.Namespace) -> dict[str, Any]:
    """Return the query of a `show`."""
    query: dict[str, Any] = {"verbose": "True"} if parsed.show_details else {}
    if parsed.fields:
        query["fields"] = parsed.fields
    return query


def list_query(resource: Resource, parsed: argparse.Namespace, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query of a `list`: fields, filters, page size and sorting."""
    query = show_query(parsed)
    for name in ("tenant_id", *resource.filters):
        values = vars(parsed)[f"filter_{name}"]
        if values is not None:
            # Neutron's extension standard-attr-tag spells them with dashes on the wire.
            query[name.replace("_", "-") if name in TAG_FILTERS else name] = values
    query.update(extra)
    if parsed.page_size:
        query["limit"] = parsed.page_size
    if parsed.sort_key:
        directions = [*parsed.sort_dir, *["asc"] * len(parsed.sort_key)][: len(parsed.sort_key)]
        query.update(sort_key=parsed.sort_key, sort_dir=directions)
    return query
