"""Providers by the names that clients of Octavia know, the default one's other names among them."""

from collections.abc import Sequence

from evener.control.errors import DefaultServiceProviderNotFound, ProviderNotEnabled
from evener.resources.provider import LOADBALANCERV2, Provider, with_aliases


def named(providers: Sequence[Provider], name: str) -> Provider:
    """Return the provider that is called so.

    Raises:
        InvalidInput: when none is.
    """
    for provider in with_aliases(providers):
        if provider.name == name.lower():
            return provider
    raise ProviderNotEnabled(f"Provider '{name}' is not enabled.")


def usual(providers: Sequence[Provider]) -> Provider:
    """Return the default provider.

    Raises:
        InvalidInput: when there is none.
    """
    for provider in providers:
        if provider.default:
            return provider
    raise DefaultServiceProviderNotFound(
        f"Service type {LOADBALANCERV2} does not have a default service provider",
    )
