"""Two hosts on one network: the server's own, and a namespace with an agent of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from node import Node
from rabbitmq import with_a_node
from standalone import Cloud, Standalone
from two_machines import cloud_of_both, joined, node_on

MANY = "[quotas]\n" + "".join(
    f"quota_{kind} = -1\n" for kind in ("loadbalancer", "listener", "pool", "member", "healthmonitor")
)


class TwoHosts(NamedTuple):
    """What is asked, the server with the first agent, and the second one."""

    cloud: Cloud
    server: Standalone
    node: Node


@contextmanager
def two_hosts(
    port: int, general: str = "", more: str = "", cidr: str = "10.44.0.0/24", of_node: str = ""
) -> Iterator[TwoHosts]:
    """Have both, on a network of `cidr`; `general` are lines of `[DEFAULT]`, `more` whole groups of settings.

    `of_node` are groups of the second one's alone.
    """
    with TemporaryDirectory() as directory, ExitStack() as stack:
        rabbitmq = stack.enter_context(with_a_node())
        lines = stack.enter_context(joined(rabbitmq)).replace("[DEFAULT]", f"[DEFAULT]\n{general}", 1) + more
        server = Standalone(Path(directory) / "standalone", port, settings=lines)
        stack.callback(server.purge)
        server.start()
        node = node_on(rabbitmq, Path(directory) / "node", more=of_node)
        stack.callback(_stop, node)
        node.start()
        cloud = cloud_of_both(server, cidr)
        stack.callback(cloud.remove)
        yield TwoHosts(cloud, server, node)


def _stop(node: Node) -> None:
    """Stop what runs: of a host that was lost nothing does."""
    if node.process is not None and node.process.poll() is None:
        node.stop()
