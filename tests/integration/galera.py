"""A Galera cluster of two MariaDBs for tests, both of which take writes.

What two nodes have written at once is compared at the commit; one of them is told of a deadlock there
(https://mariadb.com/kb/en/about-galera-replication/). To be run in tests/sandbox: the ports are these on loopback.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from databases import mariadb

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")  # of Debian's galera-4
FIRST, SECOND = 4567, 4667
HOST = "127.0.0.1"


@contextmanager
def cluster() -> Iterator[tuple[str, str]]:
    """Yield the URLs of the superuser of both nodes."""
    with (
        mariadb(*_options(FIRST), "--wsrep-cluster-address=gcomm://", "--wsrep-new-cluster") as first,
        mariadb(*_options(SECOND), f"--wsrep-cluster-address=gcomm://{HOST}:{FIRST}") as second,
    ):
        yield first, second


def _options(base: int) -> list[str]:
    """Return those of the node with the port `base` for the other one, and the next ones for the rest."""
    provider = {
        "base_host": HOST,
        "base_port": base,
        "gmcast.listen_addr": f"tcp://{HOST}:{base}",
        "ist.recv_addr": f"{HOST}:{base + 2}",
        "gcache.size": "16M",
    }
    return [
        f"--port={base + 1}",
        f"--bind-address={HOST}",
        "--binlog-format=ROW",
        "--innodb-autoinc-lock-mode=2",
        "--wsrep-on=ON",
        f"--wsrep-provider={PROVIDER}",
        "--wsrep-provider-options=" + ";".join(f"{key}={value}" for key, value in provider.items()),
        "--wsrep-sst-method=rsync",
        f"--wsrep-sst-receive-address={HOST}:{base + 3}",
        f"--wsrep-node-address={HOST}",
        f"--wsrep-node-incoming-address={HOST}:{base + 1}",
        "--wsrep-cluster-name=evener",
    ]
