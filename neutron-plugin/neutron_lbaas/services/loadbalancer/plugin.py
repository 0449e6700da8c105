"""The service plugin: what Neutron loads as `lbaasv2`. It has no load balancers; `evener-api` has.

Whatever cannot be set up is logged, and the rest works: Neutron starts without it.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from neutron.db.servicetype_db import ServiceTypeManager
from neutron.services.provider_configuration import ProviderConfiguration
from neutron_lib.services.base import ServicePluginBase
from oslo_config import cfg
from sqlalchemy.orm import configure_mappers

import neutron_lbaas.extensions  # noqa: F401 - Neutron looks for extensions in packages that are imported
from neutron_lbaas import agents, quotas, settings
from neutron_lbaas.announced import DEFAULT_PROVIDER, EXTENSIONS, PROVIDER_TYPE, QUOTAS
from neutron_lbaas.evener_api import EvenerApi
from neutron_lbaas.ports import Ports

LOG = logging.getLogger(__name__)


class LoadBalancerPluginv2(ServicePluginBase):  # type: ignore[misc] # neutron-lib has no types
    """Announces LBaaS v2, guards ports of load balancers, and counts for quotas."""

    supported_extension_aliases = tuple(EXTENSIONS)
    path_prefix = "/lbaas"
    # Without it Neutron turns off the extension filter-validation, for everything.
    __filter_validation_support = True

    def __init__(self) -> None:
        super().__init__()
        self._set_up("settings", lambda: settings.register(cfg.CONF))
        self._api = EvenerApi(cfg.CONF)
        self._set_up("service providers", register_providers)
        self._set_up("quotas", lambda: quotas.register(cfg.CONF))
        self._set_up("guarding ports", Ports(EvenerApi(cfg.CONF), cfg.CONF).subscribe)
        self._set_up("deleting agents", agents.Deleted(EvenerApi(cfg.CONF)).subscribe)
        # Neutron 21 answers 500 to a list of ports until something else has asked the database in the same process.
        self._set_up("a first list of ports", configure_mappers)
        for kind, (plural, _) in QUOTAS.items():
            setattr(self, f"get_{plural}_count", self._counting(kind))

    @staticmethod
    def _set_up(what: str, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception:
            LOG.exception("Load balancing has to do without: %s", what)

    @classmethod
    def get_plugin_type(cls) -> str:
        """Return the type that Neutron knows plugins of load balancing by."""
        return PROVIDER_TYPE

    def get_plugin_description(self) -> str:
        """Return what Neutron logs."""
        return "Load balancing (LBaaS v2) by Evener"

    def _counting(self, kind: str) -> Callable[..., int]:
        """Return what Neutron counts a kind by (`neutron/quota/resource.py`)."""

        def counted(_context: Any, filters: Mapping[str, Any]) -> int:
            return quotas.count(self._api, kind, filters["project_id"][0])

        return counted


def register_providers() -> None:
    """Have Neutron show the providers that `[service_providers]` names, or HAProxy where it names none."""
    configuration = ProviderConfiguration("neutron_lbaas", PROVIDER_TYPE)
    if not configuration.providers:
        configuration.add_provider(DEFAULT_PROVIDER)
    ServiceTypeManager.get_instance().add_provider_configuration(PROVIDER_TYPE, configuration)
