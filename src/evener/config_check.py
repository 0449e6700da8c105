"""What is wrong in files of settings, in words for the operator; and all settings, for programs that write samples.

It changes no setting.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from oslo_config import cfg

from evener.programs import PROGRAMS

OPTION = cfg.BoolOpt("check-config", default=False, help="Say what is wrong with the settings, and exit.")
GOOD = "The settings are good.\n"
# Of oslo.messaging's, in the group DEFAULT; its other groups begin with oslo_.
MESSAGING = frozenset(
    {"control_exchange", "rpc_response_timeout", "rpc_ping_enabled", "executor_thread_pool_size"}
    | {"rpc_conn_pool_size", "conn_pool_min_size", "conn_pool_ttl"}
)
# What only some of our programs read, of a file that is for all on a host.
OF_OTHERS = frozenset({"barbican", "dashboard", "identity", "keystone", "service_auth", "standalone"})
MIDDLEWARE = frozenset({"keystone_authtoken"})  # which declares its settings when it is made


def version_of(program: str) -> str:
    """Return what `program` says to `--version`."""
    return f"{program} {version('evener')}"


def parse(conf: cfg.ConfigOpts, argv: list[str], prog: str, files: list[str]) -> None:
    """Let `conf` read `argv` and files, and see that every value is one.

    Raises:
        SystemExit: with one line on stderr that names the file or the setting.
    """
    try:
        words: dict[str, Any] = (
            {"description": said.about, "epilog": said.epilog} if (said := PROGRAMS.get(prog)) else {}
        )
        conf(
            argv,
            "evener",
            prog,
            version_of(prog),
            default_config_files=files,
            default_config_dirs=[],
            **words,
        )
        for group in (None, *conf._groups):  # noqa: SLF001 - there is no other way to name them all
            for option in conf._groups[group]._opts if group else conf._opts:  # noqa: SLF001
                _value(conf, group, option, prog)
    except (cfg.Error, OSError) as error:
        if isinstance(error, cfg.RequiredOptError):
            raise
        sys.exit(f"{prog}: {' '.join(str(error).split())}")


def _value(conf: cfg.ConfigOpts, group: str | None, option: str, prog: str) -> None:
    """Read one setting; where it is none, end with what is wrong and what it is for."""
    try:
        _ = conf[group][option] if group else conf[option]
    except (cfg.ConfigFileValueError, ValueError) as error:
        options = conf._groups[group]._opts if group else conf._opts  # noqa: SLF001 - as above
        reason = str(error).rpartition("is not valid: ")[2]
        sys.exit(f"{prog}: [{group or 'DEFAULT'}] {option}: {reason}; {options[option]['opt'].help}")


def unknown(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Yield the settings in the files of `conf` that nobody reads, where the files are ours alone."""
    if "api" not in conf:
        return  # an agent may be given Neutron's
    for file in conf.config_file:
        sections: dict[str, dict[str, list[str]]] = {}
        with suppress(cfg.ParseError, OSError):
            cfg.ConfigParser(file, sections).parse()
        for section, names in sections.items():
            read_elsewhere = section in OF_OTHERS and section not in conf
            if section.startswith("oslo_") or section in MIDDLEWARE or read_elsewhere:
                continue
            for name in names:
                if not _known(conf, section, name.replace("-", "_")):
                    yield f"[{section}] {name}, in {file}"


def _known(conf: cfg.ConfigOpts, section: str, name: str) -> bool:
    plain = section == "DEFAULT"
    groups = conf._groups  # noqa: SLF001
    options = conf._opts if plain else groups[section]._opts if section in groups else {}  # noqa: SLF001
    if name in options or (plain and name in MESSAGING):
        return True
    everywhere = [options, conf._opts, *(group._opts for group in groups.values())]  # noqa: SLF001
    return any(
        (old.group or "DEFAULT", old.name or each["opt"].dest) == (section, name)
        for found in everywhere
        for each in found.values()
        for old in each["opt"].deprecated_opts
    )
