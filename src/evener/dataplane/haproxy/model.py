"""A HAProxy configuration as plain data: what two of them differ in can be asked, and the text is derived.

Pure. Says nothing about where the values come from, and never touches a process or a file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise

from evener.dataplane.haproxy import exporter
from evener.dataplane.haproxy.quoting import line, word

PEERS = "workers"  # the section by which a worker hands its tables to the next


def socket_address(address: str, port: int) -> str:
    """Return `address` with `port` in HAProxy's form: IPv6 in brackets."""
    # HAProxy itself says what is wrong with what is no address.
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True)
class Server:
    """A member in a backend; `options` are further words of its line, `cookie` says that a cookie names it.

    HAProxy itself checks one that is `checked`; whether one that is `pinged` is well, it is told.
    """

    name: str
    address: str
    number: int
    weight: int
    enabled: bool = True
    checked: bool = False
    pinged: bool = False
    cookie: bool = False
    options: tuple[str, ...] = ()

    @property
    def by_tls(self) -> bool:
        """Whether it is spoken to by TLS; that is what its words begin with."""
        return self.options[:1] == ("ssl",)

    @property
    def rise(self) -> int:
        """How many good checks in a row take it in, where it is checked."""
        return self.limits[0]

    @property
    def fall(self) -> int:
        """How many failed checks in a row take it out, where it is checked."""
        return self.limits[1]

    @property
    def limits(self) -> tuple[int, int]:
        """How many checks in a row take it in, and out, where it is checked."""
        return _limits(self.options)

    def words(self) -> str:
        """Return the words behind `server NAME`, without its administrative state.

        The same words make a server in a file and at run time. With a source, even one that says nothing, HAProxy lets
        go of its end's port (SO_REUSEADDR): a listener may come to a port that a connection to a member has.
        """
        source = "[::]" if self.address.startswith("[") else "0.0.0.0"  # noqa: S104 - nobody listens there
        own = f"{word(self.address)} source {source} id {self.number} weight {self.weight}"
        return f"{own} {_text(self.options)}" if self.options else own

    def line(self) -> str:
        """Return the line of the file."""
        state = "" if self.enabled else " disabled"
        return f"server {word(self.name)} {self.words()}{state}"


# The members of a pool have their further words in common, but for those that say where each is asked.
@lru_cache(maxsize=1024)
def _text(options: tuple[str, ...]) -> str:
    return line(*options)


@lru_cache(maxsize=1024)
def _limits(options: tuple[str, ...]) -> tuple[int, int]:
    values = dict(pairwise(options))
    return int(values["rise"]), int(values["fall"])


@dataclass(frozen=True, slots=True)
class Asked:
    """How the members of a pool are asked, for who reads of it: the monitor's type, and the codes that are good."""

    by: str = ""
    codes: str = ""


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key in PEM, in a file of that name, for `hosts`, wildcards as they stand."""

    name: str
    bundle: str = field(repr=False)
    hosts: tuple[str, ...] = ()
    key_type: str = ""


@dataclass(frozen=True)
class TlsFile:
    """A file that several lines may name, in PEM, of one of HAProxy's kinds: `ca-file`, `crl-file`, or `cert`."""

    kind: str
    name: str
    content: str = field(repr=False)


@dataclass(frozen=True)
class Bind:
    """An address and a port that a listener listens on; `options` are further words of its line."""

    address: str
    port: int
    options: tuple[str, ...] = ()

    def line(self) -> str:
        """Return the line of the file."""
        return line("bind", socket_address(self.address, self.port), *self.options)


@dataclass(frozen=True)
class Frontend:
    """A listener: its name, where it listens, its lines, its limit of connections, its certificates.

    The first certificate is the default one. By the files `trust`, certificates of clients are looked at.
    """

    name: str
    binds: tuple[Bind, ...]
    lines: tuple[str, ...]
    limit: int
    certificates: tuple[Certificate, ...] = ()
    trust: tuple[TlsFile, ...] = ()


@dataclass(frozen=True)
class Backend:
    """A pool: its name, its lines but for servers, its servers, and the type of its table of clients.

    `asked` is words about what is in the lines, `files` are what servers' lines name.
    """

    name: str
    lines: tuple[str, ...]
    servers: tuple[Server, ...] = ()
    table: str | None = None
    asked: Asked = field(default=Asked(), compare=False)
    files: tuple[TlsFile, ...] = ()

    @cached_property
    def servers_by_name(self) -> dict[str, Server]:
        """The servers by their names."""
        return {server.name: server for server in self.servers}


@dataclass(frozen=True)
class Config:
    """A whole configuration. Without frontends there is nothing to serve, and no process is needed."""

    global_lines: tuple[str, ...] = ()
    defaults_lines: tuple[str, ...] = ()
    peers_lines: tuple[str, ...] = ()
    frontends: tuple[Frontend, ...] = ()
    backends: tuple[Backend, ...] = ()
    exporter_lines: tuple[str, ...] = ()  # of a frontend that nobody reaches from outside

    @cached_property
    def text(self) -> str:
        """The file."""
        return "\n\n".join("\n    ".join(section) for section in self._sections()) + "\n"

    def __str__(self) -> str:
        return self.text

    @cached_property
    def backends_by_name(self) -> dict[str, Backend]:
        """The backends by their names."""
        return {backend.name: backend for backend in self.backends}

    def _sections(self) -> Iterator[tuple[str, ...]]:
        yield ("global", *self.global_lines)
        yield ("defaults", *self.defaults_lines)
        if self.peers_lines:
            yield (line("peers", PEERS), *self.peers_lines)
        for frontend in self.frontends:
            binds = (bind.line() for bind in frontend.binds)
            yield (line("frontend", frontend.name), *binds, *frontend.lines, line("maxconn", frontend.limit))
        if self.exporter_lines:
            yield (line("frontend", exporter.NAME), *self.exporter_lines)
        for backend in self.backends:
            servers = (server.line() for server in backend.servers)
            yield (line("backend", backend.name), *backend.lines, *servers)


# What runs where we cannot tell what runs: equal to nothing that is ever rendered.
UNKNOWN = Config(global_lines=("# unknown",))
