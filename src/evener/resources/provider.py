"""Service providers: the names that users may ask for, and the driver behind each, as operators declare them.

The form is Neutron's (`neutron/services/provider_configuration.py`): `SERVICE_TYPE:NAME:DRIVER[:default]`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

LOADBALANCERV2 = "LOADBALANCERV2"
DEFAULT_DECLARATION = f"{LOADBALANCERV2}:haproxy:evener:default"
# The one driver there is, and the name it has in the configuration of a cloud that came from Neutron-LBaaS.
DRIVERS = ("evener", "neutron_lbaas.drivers.haproxy.plugin_driver.HaproxyOnHostPluginDriver")
LONGEST_NAME = 255
# What clients of Octavia call the provider that they take for granted: here, other names of the default one.
ALIASES = ("amphora", "octavia")


@dataclass(frozen=True, slots=True)
class Provider:
    """A declared provider; `default` is the one that load balancers get where nobody asks for another."""

    name: str
    driver: str
    default: bool = False
    service_type: str = LOADBALANCERV2


def parse(declarations: Iterable[str]) -> tuple[Provider, ...]:
    """Return the providers that `declarations` say, in their order.

    Raises:
        ValueError: naming the declaration and what is wrong with it.
    """
    providers: list[Provider] = []
    for declaration in declarations:
        try:
            provider = _parse_one(declaration)
            _check_unique(providers, provider)
        except ValueError as error:
            raise ValueError(f"service_provider = {declaration}: {error}") from None
        providers.append(provider)
    return tuple(providers)


def _parse_one(declaration: str) -> Provider:
    parts = [part.strip() for part in declaration.split(":")]
    if len(parts) not in (3, 4):
        raise ValueError("the form is SERVICE_TYPE:NAME:DRIVER[:default]")
    service_type, name, driver, default = (*parts, "")[:4]
    if service_type != LOADBALANCERV2:
        raise ValueError(f"service type '{service_type}' is not served here, only {LOADBALANCERV2} is")
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValueError(f"the name must have 1 to {LONGEST_NAME} characters")
    if driver not in DRIVERS:
        raise ValueError(f"there is no driver '{driver}'; use {' or '.join(DRIVERS)}")
    if default not in ("", "default"):
        raise ValueError(f"the last part must be 'default' or empty, not '{default}'")
    return Provider(name.lower(), driver, default == "default", service_type)


def _check_unique(providers: Sequence[Provider], new: Provider) -> None:
    for known in providers:
        if known.name == new.name:
            raise ValueError(f"a provider named '{new.name}' is declared already")
        if known.driver == new.driver:
            raise ValueError(f"driver '{new.driver}' is not unique across providers")
        if known.default and new.default:
            raise ValueError(f"'{known.name}' is the default already")


DEFAULT_PROVIDERS = parse([DEFAULT_DECLARATION])


def with_aliases(providers: Sequence[Provider]) -> tuple[Provider, ...]:
    """Return providers, and after them the default one by its other names."""
    known = {provider.name for provider in providers}
    defaults = [provider for provider in providers if provider.default]
    others = (
        replace(provider, name=name, default=False)
        for provider in defaults
        for name in ALIASES
        if name not in known
    )
    return (*providers, *others)


def by_driver(providers: Iterable[Provider], driver: str) -> Provider | None:
    """Return the provider with a driver of that name, or with the same driver under its other name."""
    found = sorted(
        (provider for provider in providers if driver in DRIVERS),
        key=lambda provider: provider.driver != driver,
    )
    return found[0] if found else None
