"""What each program is, in the words of its `--help` and its manual page, and how it ends. It starts nothing.

`scripts/describe` writes the manual pages and the table of exit codes from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

USAGE = 2  # argparse's, for words that it does not know


@dataclass(frozen=True, slots=True)
class Program:
    """A program: what it is in a few words, then in a few sentences; its exit codes, files and signals."""

    name: str
    summary: str
    about: str
    exits: Mapping[int, str]
    files: Mapping[str, str] = field(default_factory=dict)
    signals: Mapping[str, str] = field(default_factory=dict)
    section: int = 8

    @property
    def epilog(self) -> str:
        """What follows the options: how it ends."""
        return "Exit status: " + "; ".join(f"{code}: {when}" for code, when in self.exits.items()) + "."


_ONE_LINE = "the reason is one line on standard error"
_USAGE = {USAGE: "an option, or a word, that it does not have"}
_DAEMON = {
    0: "it was told to end, or did what an option asks and found nothing wrong",
    1: f"it cannot start, go on, or do what an option asks; {_ONE_LINE}, and in the log",
    **_USAGE,
}
_ONCE = {0: "done", 1: f"not done, or not all; {_ONE_LINE}", **_USAGE}
_SETTINGS = {"/etc/evener/evener.conf": "settings, where no --config-file is given; see evener.conf(5)"}
_SIGNALS = {
    "SIGTERM, SIGINT": "end; traffic goes on",
    "SIGHUP": "open the log anew, and read again those settings that can change meanwhile",
}
_API_SIGNALS = {**_SIGNALS, "SIGHUP": f"{_SIGNALS['SIGHUP']}, and the API's certificate"}
_KEYS = {"/var/lib/evener/secrets.key": "the keys that seal secrets; lost, the secrets are lost"}
_CREDENTIALS = {
    "/var/lib/evener/clouds.yaml, openrc": "the administrator's credentials, for the cloud `evener`",
}

_ALL = (
    Program(
        "evener",
        "client of load balancing as a service",
        "",  # the client says itself what it is, and knows nothing but itself
        {
            0: "done",
            1: "not done: the server, or what was asked for, does not allow it; or evener doctor found what is bad",
            USAGE: "a command or an option that there is not",
            130: "interrupted (SIGINT)",
            141: "nobody reads its output any more (SIGPIPE)",
        },
        {
            "clouds.yaml": "in the working directory, ~/.config/openstack or /etc/openstack, or where"
            " OS_CLIENT_CONFIG_FILE says: clouds, of which --os-cloud or OS_CLOUD names one",
            "/var/lib/evener/clouds.yaml": "the credentials that evener-standalone has written",
        },
        section=1,
    ),
    Program(
        "evener-standalone",
        "load balancing with a small cloud of its own, on one host",
        "Serves the APIs (identity, networks, secrets, load balancers), the dashboard, and, as an agent, the load"
        " balancers themselves: one HAProxy in one network namespace for each. Needs no settings, and root. Its end"
        " leaves traffic alone, and its next start goes on with what is there.",
        _DAEMON,
        {
            **_SETTINGS,
            "/var/lib/evener/evener.sqlite": "the database, where settings name no other",
            **_CREDENTIALS,
            **_KEYS,
            "/var/lib/evener/token.key": "the key that seals tokens",
            "/var/lib/evener/standalone.pid": "its process id; locked while it runs",
            "/var/lib/evener/lbaas/v2/LB_ID/": "of each load balancer HAProxy's file, logs and sockets",
            "/var/lib/evener/evener.log": "the log; of a unit of systemd in /var/log/evener",
        },
        _API_SIGNALS,
    ),
    Program(
        "evener-api",
        "the API of load balancing, beside a cloud",
        "Answers LBaaS v2 and Octavia v2, next to Neutron, Keystone and Barbican. As many processes on as many hosts as"
        " one likes: nothing is between them but the database and RabbitMQ. Traffic needs none of them.",
        _DAEMON,
        {
            **_SETTINGS,
            "/var/lib/evener/evener-api-PORT.pid": "its process id; of a unit in /var/lib/evener-api",
            "/var/lib/evener/evener-api.log": "the log; of a unit of systemd in /var/log/evener-api",
        },
        _API_SIGNALS,
    ),
    Program(
        "evener-controller",
        "what agents get their work from, beside a cloud",
        "Answers agents over RabbitMQ, gives what a lost host served to others, and lets go of what nobody uses. As"
        " many processes on as many hosts as one likes; one of them does the housekeeping. Traffic needs none of them.",
        _DAEMON,
        {
            **_SETTINGS,
            "/var/lib/evener/evener-controller.log": "the log; of a unit of systemd in /var/log/evener-controller",
        },
        _SIGNALS,
    ),
    Program(
        "evener-agent",
        "serves load balancers on a network node",
        "Is told over RabbitMQ what to serve, and runs one HAProxy in one network namespace for each load balancer."
        " Needs root, and transport_url. Its end leaves traffic alone, and its next start goes on with what is there.",
        _DAEMON,
        {
            **_SETTINGS,
            "/var/lib/evener/lbaas/agent.pid": "its process id; locked while it runs",
            "/var/lib/evener/lbaas/v2/LB_ID/": "of each load balancer HAProxy's file, logs and sockets",
            "/var/lib/evener/evener-agent.log": "the log; of a unit of systemd in /var/log/evener",
        },
        _SIGNALS,
    ),
    Program(
        "neutron-lbaasv2-agent",
        "evener-agent, with the files of Neutron's agents",
        "Is evener-agent(8) under the name that Neutron-LBaaS's agent had, with that agent's files, and tells Neutron"
        " that it lives.",
        _DAEMON,
        {
            "/etc/neutron/neutron.conf, /etc/neutron/lbaas_agent.ini": "settings, where no --config-file is given:"
            " those of Neutron-LBaaS's agent, and those of evener.conf(5)",
            "/var/lib/neutron/lbaas/": "state",
            "/var/log/neutron/neutron-lbaasv2-agent.log": "the log",
        },
        _SIGNALS,
    ),
    Program(
        "evener-dashboard",
        "pages for a browser, beside a cloud",
        "Serves the dashboard, which is a client of the public APIs with its user's own token. It keeps nothing but"
        " sessions. evener-standalone starts one by itself; with --os-cloud it is one for yourself.",
        _DAEMON,
        {
            **_SETTINGS,
            "/var/lib/evener/evener-dashboard.log": "the log; of a unit of systemd in /var/log/evener-dashboard",
        },
        {"SIGTERM, SIGINT": "end"},
    ),
    Program(
        "evener-db-manage",
        "care of the database",
        "Makes tables and brings them to another version, saves a standalone and puts it back, moves everything to"
        " another database, and brings load balancers over from Neutron-LBaaS and Octavia. The database is the one that"
        " settings name.",
        {
            **_ONCE,
            USAGE: "an option that a command does not have; of import: there is nothing to read",
        },
        {
            **_SETTINGS,
            "/var/lib/evener/before-restore.tar": "a backup of what the last restore has replaced",
            "/var/lib/evener/restore-unfinished": "there while a restore puts files in their places: run it again where"
            " it stays",
        },
    ),
    Program(
        "evener-doctor",
        "says what is wrong on this host, and what to do",
        "Looks at this host and what it needs of others: programs, kernel, files, settings, database, RabbitMQ, agents."
        " Changes nothing. Run it as root.",
        {
            0: "nothing is bad; with --bundle: the file is written",
            1: "something is bad; with --bundle: the file cannot be written",
            **_USAGE,
        },
        _SETTINGS,
    ),
    Program(
        "evener-reseal",
        "seals stored secrets with a new key",
        "Seals the payloads of evener-standalone's secrets anew, with the first key of the key file, while servers go"
        " on. May be ended at any moment and started again.",
        {**_ONCE, 1: f"a payload opens with no key of the file, or there is no file; {_ONE_LINE}"},
        {**_SETTINGS, **_KEYS},
    ),
    Program(
        "evener-admin-password",
        "gives the administrator of evener-standalone a new password",
        "Reads the new password from the terminal, or as a line of standard input, and gives the user admin back what"
        " it takes to administer. Asks nobody but the database; a server may run meanwhile.",
        _ONCE,
        {**_SETTINGS, **_CREDENTIALS},
    ),
)
PROGRAMS: Mapping[str, Program] = {each.name: each for each in _ALL}
