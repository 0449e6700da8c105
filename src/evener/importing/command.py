"""`evener-db-manage import`: what it is asked for, what it works with, and what it prints."""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from oslo_config import cfg
from sqlalchemy.exc import SQLAlchemyError

from evener import config
from evener.bus.base import Bus
from evener.control.takeover import Takeover
from evener.importing import neutron_lbaas, octavia, octavia_api, octavia_database, report, tables
from evener.importing.found import Source
from evener.importing.run import run
from evener.resources.errors import Unavailable
from evener.services.network import Network
from evener.services.secrets import Secrets
from evener.services.takeover import Handover
from evener.serving import parts, settings
from evener.serving.errors import StartError
from evener.store.database import Database, reason

PROGRAM, COMMAND = "evener-db-manage", "import"
ALL_CAME, NOT_ALL, UNREADABLE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Site:
    """What load balancers come into."""

    conf: cfg.ConfigOpts
    database: Database
    network: Network
    ports: Handover
    secrets: Secrets | None
    bus: Bus | None = None


# Makes it of the options for settings.
MakeSite = Callable[[Sequence[str]], Site]


class _UnreadableSource(Exception):
    """There is nothing to import from, with the reason."""


def beside_cloud(options: Sequence[str]) -> Site:
    """Return what `evener-api` works with, as settings say.

    Raises:
        StartError: when something cannot be used.
    """
    conf = settings.load(options, PROGRAM)
    database = parts.database(conf)
    network, secrets = parts.network(conf, database), parts.secrets(conf)
    bus: Bus | None = None
    with suppress(StartError, Unavailable):  # else agents come to it by themselves
        bus = parts.bus(conf)
    return Site(conf, database, network, network, secrets, bus)


def main(argv: Sequence[str], standalone: MakeSite) -> int:
    """Import what `argv` says, print what became of it, and return the program's exit status."""
    asked = _parser().parse_args(argv)
    if (asked.source is None) != asked.octavia_api:
        _parser().error("name SOURCE, or --octavia-api")
    options = [] if asked.config_file is None else ["--config-file", asked.config_file]
    try:
        site = (standalone if asked.standalone else beside_cloud)(options)
        source = _octavia_api(asked.os_cloud) if asked.octavia_api else read(asked.source)
    except (StartError, Unavailable, _UnreadableSource) as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return UNREADABLE
    try:
        return _import(site, source, asked.provider, rehearse=asked.dry_run)
    finally:
        if site.bus is not None:
            site.bus.close()
        site.database.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        f"{PROGRAM} [--config-file FILE] {COMMAND}",
        description="Bring load balancers over with their ids, VIP ports and addresses, each whole or not at all.",
        epilog="Exits 0 when all came or were there, 1 when some did not, 2 when there is nothing to read.",
        allow_abbrev=False,
    )
    say = parser.add_argument
    say(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="URL (SQLAlchemy's) of a Neutron database with Neutron-LBaaS's tables, or of an Octavia database",
    )
    say("--octavia-api", action="store_true", help="ask an Octavia API, as OS_* or clouds.yaml says, instead")
    say(
        "--os-cloud",
        metavar="NAME",
        help="with --octavia-api: the cloud of clouds.yaml, in place of OS_CLOUD",
    )
    say("--dry-run", action="store_true", help="print what would come and what cannot, and change nothing")
    say(
        *("--provider",),
        action="append",
        default=[],
        metavar="NAME",
        help="bring those of this provider as well, for HAProxy to serve; may be given several times",
    )
    say(
        "--standalone", action="store_true", help="into an evener-standalone, whose network has the VIP ports"
    )
    say("--config-file", metavar="FILE", help="settings, instead of /etc/evener/evener.conf")
    return parser


def read(url: str) -> Source:
    """Return what is in a database of Neutron-LBaaS or of Octavia.

    Raises:
        _UnreadableSource: when it is neither, or does not answer.
    """
    try:
        rows = tables.read(url, neutron_lbaas.TABLES | octavia_database.TABLES)
    except (SQLAlchemyError, ImportError) as error:
        raise _UnreadableSource(f"SOURCE cannot be read: {reason(error)}") from None
    if neutron_lbaas.MARK in rows:
        return neutron_lbaas.found(rows)
    if octavia_database.MARK in rows:
        return octavia.found(octavia_database.shown(rows))
    raise _UnreadableSource(
        f"SOURCE is no database of Neutron-LBaaS or Octavia: it has neither a table {neutron_lbaas.MARK} nor"
        f" {octavia_database.MARK}"
    )


def _octavia_api(cloud: str | None) -> Source:
    try:
        return octavia.found(octavia_api.shown(cloud))
    except octavia_api.Failed as error:
        raise _UnreadableSource(f"Octavia's API cannot be read: {error}") from None


def _import(site: Site, source: Source, providers: Sequence[str], *, rehearse: bool) -> int:
    conf, say = site.conf, partial(print, flush=True)
    declared = config.service_providers(conf)
    takeover = Takeover(
        *(site.database, site.network, site.ports, source.manner),
        secrets=site.secrets,
        providers=declared,
        reserved=config.reserved_ips(conf),
        bounds=config.largest(conf),
        bus=site.bus,
        rehearse=rehearse,
    )
    all_told = []
    for told in run(source, takeover, {*providers, *(each.name for each in declared)}):
        all_told.append(told)
        say(*report.lines(told, rehearsed=rehearse), sep="\n")
    say(*report.left(source.left), report.summary(all_told, rehearsed=rehearse), sep="\n")
    return ALL_CAME if not source.left and all(told.well for told in all_told) else NOT_ALL
