"""The settings of the services beside a cloud: load balancing's own, and where the cloud's services are found."""

from collections.abc import Mapping, Sequence

from oslo_config import cfg

from evener import config, config_check
from evener.dashboard import settings as dashboard
from evener.services import neutron, sessions

OTHERS: Mapping[str, Sequence[cfg.Opt]] = sessions.groups(keystone=(), neutron=neutron.OPTS, barbican=())


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return all settings of load balancing, for `oslo-config-generator --namespace evener`."""
    groups = {**config.GROUPS, dashboard.GROUP: dashboard.OPTS}
    return [(name, [*groups.get(name, ()), *OTHERS.get(name, ())]) for name in {**groups, **OTHERS}]


def load(argv: Sequence[str], program: str) -> cfg.ConfigOpts:
    """Return all settings from `argv`; see `evener.config.load`.

    Raises:
        SystemExit: with a message on stderr, for an unknown option or a value out of range.
    """
    return config.load(argv, program, [config_check.OPTION], others=OTHERS)
