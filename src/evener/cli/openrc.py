"""The session of a plain openrc: a user's password for a project, at version 3 of the identity service.

`openstack.config` knows all there is to know about clouds, and takes as long to load as the rest of the client. Here
is what the variables of an openrc mean, and nothing else: whatever is not plain is left to it.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OLD_NAMES = {
    "tenant_id": "project_id",
    "tenant_name": "project_name",
    "endpoint_type": "interface",
}
USER = ("username", "user_id", "user_domain_id", "user_domain_name", "password")
PROJECT = ("project_id", "project_name", "project_domain_id", "project_domain_name")
PLAIN = frozenset(
    {*USER, *PROJECT, "auth_url", "auth_type", "identity_api_version", "region_name", "interface", "cacert"}
)
IGNORED = frozenset({"client_config_file"})  # where clouds are described, none of which was named
PASSWORD_TYPES = ("password", "v3password")
IDENTITY_V3 = ("3", "3.0", "v3")


def plain_settings(options: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, str] | None:
    """Return what `options` and the OS_* variables say together, by option's name; None where they are not plain.

    An option wins over a variable. Plain is what fully says who logs in with a password, and to what.
    """
    said = {name: value for name, value in environment.items() if name.startswith("OS_") and value}
    given = {name: value for name, value in vars(options).items() if name.startswith("os_") and value}
    found: dict[str, str] = {}
    for name, value in (*said.items(), *given.items()):
        key = name.lower().removeprefix("os_")
        found[OLD_NAMES.get(key, key)] = value
    found = {name: value for name, value in found.items() if name not in IGNORED}
    return found if not options.insecure and _is_plain(found) else None


def _is_plain(found: Mapping[str, str]) -> bool:
    user = "user_id" in found or ("username" in found and _any(found, "user_domain_id", "user_domain_name"))
    project = "project_id" in found or (
        "project_name" in found and _any(found, "project_domain_id", "project_domain_name")
    )
    return (
        found.keys() <= PLAIN
        and found.get("auth_url", "").rstrip("/").endswith("/v3")
        and found.get("auth_type", PASSWORD_TYPES[0]) in PASSWORD_TYPES
        and found.get("identity_api_version", IDENTITY_V3[0]) in IDENTITY_V3
        and "password" in found
        and user
        and project
        and ("cacert" not in found or Path(found["cacert"]).exists())
    )


def _any(found: Mapping[str, str], *names: str) -> bool:
    return any(name in found for name in names)


def session(settings: Mapping[str, str], timeout_s: float | None) -> Any:
    """Return a `keystoneauth1.session.Session` that logs in with `settings` when it is first used."""
    from keystoneauth1.identity.v3 import Password
    from keystoneauth1.session import Session

    who: dict[str, Any] = {name: settings[name] for name in (*USER, *PROJECT) if name in settings}
    auth = Password(settings["auth_url"], **who)
    verify = settings.get("cacert", True)
    return Session(auth=auth, verify=verify, timeout=timeout_s, app_name="evener")


def endpoint(opened: Any, settings: Mapping[str, str], service_type: str = "network") -> str | None:
    """Return the URL of a service in the catalogue, logging in; None where there is none."""
    found = opened.get_endpoint(
        service_type=service_type,
        interface=settings.get("interface", "public"),
        region_name=settings.get("region_name"),
    )
    return None if found is None else str(found)
