"""`evener-doctor`: looks at this host and what it needs, and says what is wrong and what to do about it.

Exits 0 where nothing is bad, 1 where something is. Reads the settings that daemons read; changes nothing.
"""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points, version
from pathlib import Path

from oslo_config import cfg

from evener import config, config_check
from evener.doctor import checks, machine, others
from evener.doctor.findings import Finding, Level, as_json, text
from evener.programs import PROGRAMS
from evener.serving import settings

PROGRAM = "evener-doctor"
AGENT, CONTROL = "agent", "control"
PARTS = (AGENT, CONTROL)


def main() -> None:
    """Look, tell, and exit."""
    asked = _parser().parse_args()
    logging.disable(logging.CRITICAL)  # libraries complain of what is told here in other words
    found = list(look(asked.config_file, asked.parts))
    if asked.bundle is not None:
        _bundle(asked.config_file, found, Path(asked.bundle))
        return
    sys.stdout.write((as_json(found) if asked.format == "json" else text(found)) + "\n")
    sys.exit(1 if any(each.level is Level.BAD for each in found) else 0)


def _parser() -> argparse.ArgumentParser:
    said = PROGRAMS[PROGRAM]
    parser = argparse.ArgumentParser(PROGRAM, description=said.about, epilog=said.epilog)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {version('evener')}")
    parser.add_argument("--config-file", action="append", default=[], help="settings to read; several add up")
    parser.add_argument(
        "--for",
        dest="parts",
        action="append",
        choices=PARTS,
        help="what this host is for: serving load balancers, or the API; both where neither was seen here yet",
    )
    parser.add_argument(
        "--bundle",
        metavar="FILE",
        help="write all that helps who helps from afar to a tar.gz, without secrets",
    )
    parser.add_argument(
        *("-f", "--format"), choices=("text", "json"), default="text", help="for people, or for programs"
    )
    return parser


def _bundle(files: Sequence[str], found: Sequence[Finding], file: Path) -> None:
    from evener.doctor import bundle

    conf, _ = _settings([word for each in files for word in ("--config-file", each)])
    try:
        bundle.write(conf, found, file)
    except OSError as error:
        sys.exit(f"{PROGRAM}: {file}: {error.strerror}")
    sys.stdout.write(f"Wrote {file}. Look into it before you send it: names and addresses are in it.\n")


def look(files: Sequence[str], parts: Sequence[str] | None) -> Iterator[Finding]:
    """Yield all that is found, with what does not depend on anything else first."""
    argv = [word for file in files for word in ("--config-file", file)]
    conf, error = _settings(argv)
    yield from checks.settings(error, list(config_check.unknown(conf)) if error is None else [])
    there = parts or seen(conf)
    yield from machine.of_both(conf)
    if AGENT in there:
        yield from machine.of_agent(conf)
    if CONTROL in there:
        yield from machine.of_control(conf)
        yield from others.of_database(conf)
    yield from others.of_bus(conf)


def _settings(argv: Sequence[str]) -> tuple[cfg.ConfigOpts, str | None]:
    """Return the settings, and what is wrong with them; then these are the defaults."""
    known = dict(settings.list_opts())
    for entry in entry_points(group="oslo.config.opts"):
        if entry.name == "evener_cloud":  # whose settings stand in the same file
            for group, options in entry.load()():
                known[group] = [*known.get(group, ()), *options]
    try:
        return config.load(argv, PROGRAM, others=known), None
    except SystemExit as refused:
        reason = str(refused.code).removeprefix(f"{PROGRAM}: ")
        return config.load([], PROGRAM, others=known, files=()), reason


def seen(conf: cfg.ConfigOpts) -> tuple[str, ...]:
    """Return what this host was for until now, by the files that daemons leave; all of it where there are none."""
    state = config.state_path(conf)
    if (state / "standalone.pid").exists():
        return PARTS
    found = [AGENT] if config.agent_lock(conf).exists() else []
    control = [*state.glob("evener-api-*.pid"), *state.glob("evener-controller*")]
    of_units = [
        *state.parent.glob("evener-api/"),
        *state.parent.glob("evener-controller/"),
    ]  # their StateDirectory
    found += [CONTROL] if control or of_units else []
    return tuple(found) or PARTS
