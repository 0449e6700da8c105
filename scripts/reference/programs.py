"""Manual pages of the programs, and the table of their exit codes."""

import argparse
import re
from collections.abc import Callable, Mapping
from functools import partial

from scripts.reference.markup import MADE, code, coded, definitions, plain, section, sentence
from scripts.reference.options import listed, synopsis, visible

from evener import config_check
from evener.agent import main as agent
from evener.cli.shell import Shell
from evener.dashboard import settings as dashboard
from evener.doctor import main as doctor
from evener.importing import command as importing
from evener.programs import PROGRAMS, Program
from evener.serving import settings
from evener.store import manage
from evener_cloud import config as cloud
from evener_cloud.backup import command as backup
from evener_cloud.manage import OF_BACKUPS
from evener_cloud.secrets import resealing
from evener_cloud.standalone import main as standalone

NOTHING = ("--config-file", "/dev/null")
COMMENT = f"\n{MADE}"
SEE = (
    ("evener(1)", "evener.1.md"),
    ("evener.conf(5)", "../configuration.md"),
    ("evener-doctor(8)", "evener-doctor.8.md"),
    ("evener-db-manage(8)", "evener-db-manage.8.md"),
)


def _of_settings(load: Callable[[tuple[str, ...]], object]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = vars(load(NOTHING))["_oparser"]
    return parser


def _for_the_database() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(manage.PROGRAM, description=PROGRAMS[manage.PROGRAM].about)
    parser.add_argument("--config-file", metavar="FILE", help="settings, instead of /etc/evener/evener.conf")
    parser.add_argument("--version", action="version", version=config_check.version_of(manage.PROGRAM))
    return parser


# What reads each program's command line.
PARSERS: Mapping[str, Callable[[], argparse.ArgumentParser]] = {
    "evener": lambda: Shell().parser,
    "evener-admin-password": partial(_of_settings, lambda argv: cloud.load(argv, "evener-admin-password")),
    "evener-agent": partial(_of_settings, agent.OWN.settings),
    "evener-api": partial(_of_settings, lambda argv: settings.load(argv, "evener-api")),
    "evener-controller": partial(_of_settings, lambda argv: settings.load(argv, "evener-controller")),
    "evener-dashboard": partial(_of_settings, dashboard.load),
    "evener-db-manage": _for_the_database,
    "evener-doctor": doctor._parser,
    "evener-reseal": partial(
        _of_settings, lambda argv: cloud.load(argv, resealing.PROGRAM, resealing.CLI_OPTS)
    ),
    "evener-standalone": partial(
        _of_settings, lambda argv: cloud.load(argv, standalone.PROGRAM, standalone.CLI_OPTS)
    ),
    "neutron-lbaasv2-agent": partial(_of_settings, agent.BESIDE_NEUTRON.settings),
}


def documents(commands: str, output: str) -> dict[str, str]:
    """Return the page of each program by its path; `commands` and `output` are the client's lists of these."""
    more = section("Commands", commands) + section("Output", output)
    pages = {f"docs/man/{each.name}.{each.section}.md": _page(each, more) for each in PROGRAMS.values()}
    return {**pages, "docs/exit-codes.md": _exit_codes()}


def _page(program: Program, of_client: str) -> str:
    parser = PARSERS[program.name]()
    called = synopsis(program.name, parser)
    more = ""
    if program.name == "evener":
        called += " COMMAND [...]"
        more = of_client
    if program.name == manage.PROGRAM:
        called += " COMMAND [...]"
        imports = importing._parser()
        more = section("Commands", _told(manage.USAGE))
        parsers = {"import": imports, **{each: backup.parser(each) for each in OF_BACKUPS}}
        for command, each in parsers.items():
            about = f"{plain(str(each.description))}\n\n{listed(each, visible(each))}"
            more += section(f"Options of {command}", about)
    see = ",\n".join(f"[{name}]({page})" for name, page in SEE if not name.startswith(f"{program.name}("))
    return (
        f"# {program.name}({program.section}): {program.summary}\n\n"
        + section("Synopsis", _block(called))
        + section("Description", plain(str(parser.description)))
        + section("Options", listed(parser, visible(parser)))
        + more
        + section("Signals", coded(program.signals))
        + section("Files", coded(program.files))
        + section("Exit status", coded({str(code): when for code, when in program.exits.items()}))
        + section("See also", see)
    ).rstrip("\n") + f"\n{COMMENT}"


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```\n"


def _told(usage: str) -> str:
    """Return what a text for people has in two columns."""
    rows = re.findall(r"^  (\S.*?) {2,}(.+)$", usage, re.MULTILINE)
    return definitions((code(command), sentence(plain(text))) for command, text in rows)


def _exit_codes() -> str:
    rows = "\n".join(
        f"| `{each.name}` | {code} | {plain(when)} |"
        for each in sorted(PROGRAMS.values(), key=lambda each: each.name)
        for code, when in each.exits.items()
    )
    return (
        "# Exit codes\n\nOf each program, for scripts and units. What a signal ends has none of its own: a shell says"
        f" 128 and the signal's number.\n\n| program | code | when |\n| --- | --- | --- |\n{rows}\n{COMMENT}"
    )
