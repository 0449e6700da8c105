"""The end of Evener on a host: everything its agent made is removed, and its state with it."""

import shutil

from oslo_config import cfg

from evener import config
from evener.agent import purge as agent


def purge(conf: cfg.ConfigOpts) -> None:
    """Remove all load balancers, routers, networks and state of this host, saying what went on stdout."""
    agent.purge(conf)
    state = config.state_path(conf)
    try:
        shutil.rmtree(state)
    except OSError:  # a file system of its own is emptied, and stays mounted
        if not state.is_mount() or any(state.iterdir()):
            raise
