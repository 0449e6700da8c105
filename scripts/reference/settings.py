"""`docs/configuration.md`, which is evener.conf(5) too, a page of libraries' settings, and a sample file of both."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence

import keystonemiddleware.auth_token
import oslo_messaging.opts
import oslo_policy.opts
from oslo_config import cfg, types
from oslo_log import _options as oslo_log
from scripts.reference.markup import MADE, code, definitions, plain, sentence

from evener import config, daemon
from evener.bus import messaging
from evener.services import sessions
from evener.serving import settings
from evener_cloud import config as cloud

Group = tuple[str, Sequence[cfg.Opt]]
AUTH = sessions.GROUP
AGENT = "`evener-agent`, `evener-standalone`"
API = "`evener-api`, `evener-controller`"
STANDALONE = "`evener-standalone`"
BOTH = "`evener-api`, `evener-controller`, `evener-standalone`"
# What each group is about, and who reads it.
ABOUT: Mapping[str, tuple[str, str]] = {
    "DEFAULT": ("This node, and what is between the programs.", "all programs"),
    "agent": ("What an agent is to others.", AGENT),
    "api": ("How the API is reached, and what one client may do.", "`evener-api`, `evener-standalone`"),
    "barbican": ("Where Barbican is, where the catalogue does not say it.", API),
    "dashboard": (
        "The dashboard beside a cloud.",
        "`evener-dashboard`; `idle_minutes` also `evener-standalone`",
    ),
    "database": ("Where the database is.", f"{BOTH}, and what works on the database"),
    "events": ("How long events of load balancers are kept.", "`evener-controller`, `evener-standalone`"),
    "haproxy": ("How an agent runs HAProxy.", AGENT),
    "identity": ("The embedded identity service.", STANDALONE),
    "keystone": ("Where Keystone is, where the catalogue does not say it.", API),
    "limits": ("How large one load balancer, and one request, may be.", BOTH),
    "linux_bridge": ("Bridges of the interface driver linuxbridge.", AGENT),
    "networking": ("Where members may be.", BOTH),
    "neutron": (
        "Neutron: where it is, where the catalogue does not say it, and what is told to it.",
        f"{API}, `evener-agent`",
    ),
    "ovs": ("Bridges of the interface driver openvswitch.", AGENT),
    "quotas": ("How many of each kind a project may have, where nobody has said otherwise for it.", BOTH),
    "service_providers": ("What load balancers can be asked of.", BOTH),
    "services": ("Which services the cloud has.", API),
    "standalone": ("What is served on one host.", STANDALONE),
}
LIBRARIES: Mapping[str, tuple[str, str]] = {
    AUTH: ("With which credentials other services are asked (keystoneauth).", API),
    "DEFAULT": ("Logs (oslo.log) and the bus (oslo.messaging).", "all daemons"),
    "oslo_messaging_rabbit": ("RabbitMQ (oslo.messaging).", f"{API}, {AGENT}"),
    "keystone_authtoken": ("How callers' tokens are checked (keystonemiddleware).", "`evener-api`"),
    "oslo_policy": (
        "Who may do what ([policy.md](policy.md); oslo.policy).",
        "`evener-api`, `evener-standalone`",
    ),
}
# What our programs have in place of a library's default, and what no machine's name is to be in.
OTHER_DEFAULTS = {
    "logging_context_format_string": config.LOG_FORMAT,
    "log_rotation_type": "size",
    "max_logfile_size_mb": daemon.LOG_MEGABYTES,
    "max_logfile_count": daemon.LOG_FILES,
    "rpc_response_timeout": messaging.CALL_S,
    "amqp_auto_delete": True,
    "rabbit_interval_max": messaging.PAUSE_S,
    "hostname": "node-1",
    "processname": "evener-agent",
}
UNITS = ("milliseconds", "seconds", "minutes", "days", "megabytes", "bytes", "characters")
HEAD = """# evener.conf(5): settings of Evener's programs

## Description

`evener-standalone` needs no settings. Each program reads `/etc/evener/evener.conf` where it exists, or the files of
`--config-file`, of which the later win; one file may be for all programs on a host. `[haproxy] maxconn = 4000` is
written as

    [haproxy]
    maxconn = 4000

A value may hold `$name` of another setting. `--check-config` says what is wrong with a file without a start, and the
log names a setting that does not exist. Settings are read at the start, but for `debug`, which SIGHUP reads again.
A file with all of them is [evener.conf.sample](evener.conf.sample); what libraries add is in
[configuration-libraries.md](configuration-libraries.md). After `=` is what holds where nothing is said.

"""
FOOT = """## Files

`/etc/evener/evener.conf`
: Read by all programs; it may hold passwords, so that root and the group `evener` alone read it.

`/usr/share/doc/evener-common/evener.conf.sample`
: All settings, of a package.

## See also

[evener-standalone(8)](man/evener-standalone.8.md), [evener-api(8)](man/evener-api.8.md),
[evener-controller(8)](man/evener-controller.8.md), [evener-agent(8)](man/evener-agent.8.md),
[evener-dashboard(8)](man/evener-dashboard.8.md), [evener-doctor(8)](man/evener-doctor.8.md)
"""
LIBRARIES_HEAD = """# Settings of libraries

Of the libraries that Evener's programs log, speak over RabbitMQ, ask other services, and check tokens and rules with,
in the same file as [its own](configuration.md). The words are the libraries'. Beside a cloud `[service_auth]` and
`[keystone_authtoken]` are needed ([openstack.md](openstack.md)), and `[oslo_messaging_rabbit] ssl` where RabbitMQ is
spoken to by TLS. Defaults are those that Evener's programs have; where no `log_file` is said, each daemon logs to the
file that its manual page names.

"""
SAMPLE_HEAD = """# All settings of Evener's programs, with their defaults. None is needed by evener-standalone.
# Written by scripts/describe. The same to read: evener.conf(5), docs/configuration.md.
"""


def own() -> list[Group]:
    """Return all settings of ours by group."""
    found: dict[str, list[cfg.Opt]] = {}
    for group, options in (*settings.list_opts(), *cloud.list_opts()):
        known = found.setdefault(group, [])
        known += [each for each in options if each.dest not in {one.dest for one in known}]
    del found[AUTH]  # whose words are a library's
    return sorted(found.items(), key=lambda each: (each[0] != "DEFAULT", each[0]))


def of_libraries() -> list[Group]:
    """Return the settings of libraries by group, as far as our programs use what they are about."""
    ours = {each.dest for each in config.DEFAULT_OPTS}
    messages = {group or "DEFAULT": options for group, options in oslo_messaging.opts.list_opts()}
    general = [*oslo_log.list_opts()[0][1], *messages["DEFAULT"]]
    others = [*keystonemiddleware.auth_token.list_opts(), *oslo_policy.opts.list_opts()]
    return [
        ("DEFAULT", [each for each in general if each.dest not in ours]),
        (AUTH, sessions.OPTS),
        (messaging.RABBIT, messages[messaging.RABBIT]),
        *((str(group), options) for group, options in others),
    ]


def documents() -> dict[str, str]:
    """Return the pages and the sample by their paths."""
    return {
        "docs/configuration.md": HEAD + _groups(own(), ABOUT) + FOOT + "\n" + MADE,
        "docs/configuration-libraries.md": LIBRARIES_HEAD + _groups(of_libraries(), LIBRARIES) + MADE,
        "docs/evener.conf.sample": _sample(),
    }


def _groups(groups: Iterable[Group], about: Mapping[str, tuple[str, str]]) -> str:
    return (
        "\n".join(
            f"## {group}\n\n{about[group][0]} Read by {about[group][1]}.\n\n{definitions(map(_entry, options))}"
            for group, options in groups
        )
        + "\n"
    )


def _entry(option: cfg.Opt) -> tuple[str, str]:
    value = default(option)
    term = code(f"{option.dest} = {value}") if value else code(f"{option.dest} =")
    return term, f"{sentence(plain(option.help or ''))} {_more(option)}".strip()


def _more(option: cfg.Opt) -> str:
    """Return what kind of value it takes, and what else it is called."""
    told = [f"*{sentence(kind(option))}*"] if kind(option) else []
    if meanings := _meanings(option):
        told.append("; ".join(f"`{value}`: {plain(text)}" for value, text in meanings) + ".")
    old = [each for each in option.deprecated_opts if each.name or each.group]
    names = dict.fromkeys(
        f"[{each.group or 'DEFAULT'}] {each.name or option.dest}"
        if each.group
        else each.name.replace("-", "_")
        for each in old
    )
    if names := [each for each in names if each != option.dest]:
        told.append(f"Also read as {', '.join(map(code, names))}.")
    return " ".join(told)


def _meanings(option: cfg.Opt) -> list[tuple[str, str]]:
    found = getattr(option.type, "choices", None) or {}
    return [(value, text) for value, text in found.items() if text] if isinstance(found, Mapping) else []


KINDS: tuple[tuple[type, str], ...] = (
    (types.Boolean, "true or false"),
    (types.Port, "a port"),
    (types.List, "values with commas between them"),
    (types.Dict, "NAME:VALUE, with commas between them"),
)


def kind(option: cfg.Opt) -> str:
    """Return in words what values it takes: of numbers the unit and the bounds."""
    form = option.type
    if found := next((words for each, words in KINDS if isinstance(form, each)), None):
        return found
    if isinstance(form, types.Integer | types.Float):
        return _number(option, form)
    if choices := getattr(form, "choices", None):
        return f"one of {', '.join(map(str, choices))}"
    return "may be given several times" if option.multi else ""


def _number(option: cfg.Opt, form: types.Integer | types.Float) -> str:
    words = (option.help or "").lower()
    # The one that is named first is the setting's own; others are what it is about.
    unit = min((each for each in UNITS if each in words), key=words.index, default="")
    whole = isinstance(form, types.Integer)
    told = f"a {'whole ' if whole else ''}number{f' of {unit}' if unit else ''}"
    bounds = [
        f"at {word} {value}" for word, value in (("least", form.min), ("most", form.max)) if value is not None
    ]
    return ", ".join([told, *bounds])


def default(option: cfg.Opt) -> str:
    """Return what holds where nothing is said, as a file would say it."""
    value = option.sample_default if option.sample_default is not None else option.default
    value = OTHER_DEFAULTS.get(option.dest, value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{name}:{each}" for name, each in value.items())
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _sample() -> str:
    parts = [SAMPLE_HEAD]
    about = {**LIBRARIES, **ABOUT}
    everything = dict(own())
    for group, options in of_libraries():
        everything[group] = [*everything.get(group, ()), *options]
    for group, options in everything.items():
        parts.append(
            f"\n[{group}]\n{_comment(f'{about[group][0]} Read by {about[group][1]}.'.replace('`', ''))}"
        )
        parts += ["\n" + "\n".join(_sampled(option)) for option in options]
    return "\n".join(parts) + "\n"


def _sampled(option: cfg.Opt) -> Iterator[str]:
    yield _comment(f"{sentence(' '.join((option.help or '').split()))} {sentence(kind(option))}".strip())
    yield from (_comment(f"{value}: {text}") for value, text in _meanings(option))
    yield f"#{option.dest} = {default(option)}".rstrip()


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in textwrap.wrap(text, 98, break_long_words=False))
