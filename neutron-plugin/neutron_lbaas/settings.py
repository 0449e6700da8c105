"""The section `[evener]` of Neutron's settings: where `evener-api` is, and as whom the plugin speaks to it itself."""

from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg

GROUP, NEUTRONS_OWN = "evener", "keystone_authtoken"
PLUGIN_OPTS = [
    cfg.StrOpt(  # no URIOpt: Neutron ends where one of its settings is of no use to oslo.config
        "endpoint",
        default="http://controller:9876",
        help="Where evener-api is; requests below /v2.0/lbaas go to /networking/v2.0/lbaas there.",
    ),
    cfg.IntOpt("answer_timeout", default=60, min=1, help="Seconds that evener-api has to answer a request."),
    cfg.StrOpt(
        "service_user",
        default="evener",
        help="Name of the user that Evener itself comes to Neutron as: it may delete ports of load balancers.",
    ),
]
MIGRATION_OPTS = [
    cfg.StrOpt(
        "db_manage", default="evener-db-manage", help="Evener's program for its tables, by name or path."
    ),
    cfg.StrOpt("config_file", default="/etc/evener/evener.conf", help="The file with Evener's settings."),
]


def register(conf: Any) -> None:
    """Let `conf` know the section; again is fine."""
    conf.register_opts(PLUGIN_OPTS, GROUP)
    loading.register_session_conf_options(conf, GROUP)
    for group in (GROUP, NEUTRONS_OWN):
        loading.register_auth_conf_options(conf, group)


def register_migration(conf: Any) -> None:
    """Let `conf`, which is `neutron-db-manage`'s, know what it needs of the section."""
    conf.register_opts(MIGRATION_OPTS, GROUP)


def session(conf: Any) -> Any:
    """Return a session of keystoneauth1 with the section's credentials, or Neutron's own where it has none.

    Raises:
        keystoneauth1.exceptions.OptionError: when neither section has any.
    """
    group = GROUP if conf[GROUP].auth_type else NEUTRONS_OWN
    auth = loading.load_auth_from_conf_options(conf, group)
    return loading.load_session_from_conf_options(conf, GROUP, auth=auth)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Return the settings, for `oslo-config-generator --namespace evener_neutron`."""
    session_opts = loading.get_session_conf_options()
    return [(GROUP, [*PLUGIN_OPTS, *MIGRATION_OPTS, *session_opts, *loading.get_auth_common_conf_options()])]
