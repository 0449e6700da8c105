"""Where everything of one load balancer lies: one directory, fixed names in it. Only names, no I/O."""

from dataclasses import dataclass
from pathlib import Path

from evener.dataplane.haproxy import exporter

CERTIFICATES = "certs"  # HAProxy knows it by this name: it runs in the load balancer's directory


def clients_file(pool_id: str, table: str) -> str:
    """Return the name, in the directory, of the map of the clients in a pool's table of type `table`."""
    return f"clients-{table}-{pool_id}.map"


@dataclass(frozen=True)
class Paths:
    """The files of one HAProxy; only what is in `chroot` can be reached by HAProxy's own user."""

    directory: Path

    @property
    def conf(self) -> Path:
        """The configuration that runs."""
        return self.directory / "haproxy.conf"

    @property
    def candidate(self) -> Path:
        """A configuration on its way to `conf`."""
        return self.directory / "haproxy.conf.new"

    @property
    def pid_file(self) -> Path:
        """The master's process id."""
        return self.directory / "haproxy.pid"

    @property
    def socket(self) -> Path:
        """The worker's command socket."""
        return self.directory / "haproxy.sock"

    @property
    def master_socket(self) -> Path:
        """The master's command socket."""
        return self.directory / "master.sock"

    @property
    def foreign_socket(self) -> Path:
        """The socket of the HAProxy of Neutron-LBaaS's agent, until that is taken over."""
        return self.directory / "haproxy_stats.sock"

    @property
    def state(self) -> Path:
        """The servers' health, handed from one worker to the next."""
        return self.directory / "servers.state"

    def clients(self, pool_id: str, table: str) -> Path:
        """The clients of one pool, handed from one worker to the next."""
        return self.directory / clients_file(pool_id, table)

    @property
    def follows_maps(self) -> Path:
        """There while the worker that serves may know clients by what it has read of those files only; says why."""
        return self.directory / "clients.follow"

    @property
    def log(self) -> Path:
        """What HAProxy's log says."""
        return self.directory / "haproxy.log"

    @property
    def access(self) -> Path:
        """What HAProxy has served, a line each."""
        return self.directory / "access.log"

    @property
    def stderr(self) -> Path:
        """What HAProxy says while it starts, reloads and ends."""
        return self.directory / "haproxy.err"

    @property
    def graph(self) -> Path:
        """The graph that was applied last."""
        return self.directory / "graph.json"

    @property
    def certificates(self) -> Path:
        """The directory of certificates with their keys."""
        return self.directory / CERTIFICATES

    @property
    def script(self) -> Path:
        """What answers with counters, where a listener does."""
        return self.directory / exporter.FILE

    @property
    def half_done(self) -> Path:
        """There while commands are on their way: what runs may be neither the old nor the new configuration."""
        return self.directory / "haproxy.changing"

    @property
    def counters(self) -> Path:
        """The listeners' counters, across workers."""
        return self.directory / "counters.json"

    @property
    def chroot(self) -> Path:
        """HAProxy's root directory; empty but for the log socket."""
        return self.directory / "chroot"

    @property
    def log_socket(self) -> Path:
        """Where HAProxy sends log messages; it knows the socket as /log."""
        return self.chroot / "log"
