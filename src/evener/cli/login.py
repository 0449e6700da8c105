"""Who calls, and where the server is: clouds.yaml, OS_* variables and --os-* options; a session and an endpoint.

Everything slow is imported when it is needed, not before.
"""

import argparse
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from evener.cli import http_session, openrc
from evener.cli.errors import CliError, LoginFailed, Unreachable, one_line, unreachable

NO_CLOUD = (
    "No credentials: set the OS_* variables (source an openrc file), or name a cloud of a clouds.yaml with "
    "--os-cloud or OS_CLOUD"
)
# Option, names on the wire of openstack.config that the option's own name does not tell, and its help.
AUTH_OPTIONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--os-auth-url",), "URL of the identity service."),
    (("--os-username",), "Name of the user."),
    (("--os-user-id",), "Id of the user."),
    (("--os-password",), "Password of the user."),
    (("--os-user-domain-name",), "Name of the user's domain."),
    (("--os-user-domain-id",), "Id of the user's domain."),
    (("--os-project-name", "--os-tenant-name"), "Name of the project."),
    (("--os-project-id", "--os-tenant-id"), "Id of the project."),
    (("--os-project-domain-name",), "Name of the project's domain."),
    (("--os-project-domain-id",), "Id of the project's domain."),
    (("--os-domain-name",), "Name of the domain to be scoped to."),
    (("--os-domain-id",), "Id of the domain to be scoped to."),
    (("--os-token", "--os-auth-token"), "A token instead of a password."),
    (("--os-endpoint",), "Endpoint for authentication without an identity service (none, admin_token)."),
    (("--os-application-credential-id",), "Id of an application credential."),
    (("--os-application-credential-name",), "Name of an application credential."),
    (("--os-application-credential-secret",), "Secret of the application credential."),
)
# What values are called where the option's own name would make a line of help too long.
SHORT = {"os_network_endpoint_override": "URL", "os_interface": "KIND"}
USER_VARIABLES = tuple(
    f"OS_{name}" for name in ("USERNAME", "USER_ID", "PASSWORD", "USER_DOMAIN_NAME", "USER_DOMAIN_ID")
)
CONNECTION_OPTIONS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--os-cloud",), "Name of a cloud in clouds.yaml."),
    (("--os-auth-type",), "Way of authentication, such as password or v3applicationcredential."),
    (("--os-region-name",), "Region of the cloud."),
    (
        ("--os-interface", "--os-endpoint-type", "--endpoint-type"),
        "Which endpoint: public, internal or admin.",
    ),
    (
        ("--os-network-endpoint-override", "--os-endpoint-override", "--os-url"),
        "Endpoint to use instead of the one in the catalogue.",
    ),
    (("--os-cacert",), "File with the authorities that the server's certificate is checked against."),
    (("--os-cert",), "File with your client certificate."),
    (("--os-key",), "File with the key of your client certificate."),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say who calls and where the server is; environment variables do as well."""
    group = parser.add_argument_group(
        "connection", "Each --os-x-y can be given as the environment variable OS_X_Y, or in clouds.yaml."
    )
    for flags, text in (*CONNECTION_OPTIONS, *AUTH_OPTIONS):
        dest = flags[0].removeprefix("--").replace("-", "_")
        metavar = flags[0].removeprefix("--os-").replace("-", "_").upper()
        group.add_argument(*flags, dest=dest, default=None, metavar=SHORT.get(dest, metavar), help=text)
    group.add_argument(
        "--insecure", action="store_true", default=None, help="Do not check the server's certificate."
    )
    group.add_argument(
        "--http-timeout", type=float, default=None, metavar="SECONDS", help="Longest wait for one answer."
    )


def _configuration() -> Any:
    """Return `openstack.config`, loaded without the rest of the SDK.

    The package's own `__init__` imports the clients of all services, which takes longer than most commands. So
    it runs only when somebody asks for what it defines.
    """
    spec = importlib.util.find_spec("openstack")
    if "openstack" not in sys.modules and spec is not None and spec.loader is not None:
        sys.modules["openstack"] = _lazy(spec, spec.loader)
    return importlib.import_module("openstack.config")


def _lazy(spec: ModuleSpec, loader: Loader) -> ModuleType:
    package = importlib.util.module_from_spec(spec)

    def load(name: str) -> Any:
        submodule = f"{spec.name}.{name}"
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        if importlib.util.find_spec(submodule) is not None:
            return importlib.import_module(submodule)
        del package.__dict__["__getattr__"]
        loader.exec_module(package)
        return getattr(package, name)

    package.__dict__["__getattr__"] = load
    return package


def region(options: argparse.Namespace) -> Any:
    """Return the `CloudRegion` that `options`, the environment and clouds.yaml describe together.

    Raises:
        LoginFailed: when they do not describe one.
    """
    config = _configuration()
    given = {
        key: value for key, value in vars(options).items() if key.startswith("os_") and value is not None
    }
    if options.insecure:
        given["verify"] = False
    if options.http_timeout is not None:
        given["api_timeout"] = options.http_timeout
    auth = {}
    for flags, _ in AUTH_OPTIONS:
        name = flags[0].removeprefix("--os-").replace("-", "_")
        if f"os_{name}" in given:
            auth[name] = given.pop(f"os_{name}")
    cloud = given.pop("os_cloud", None)
    arguments = {key.removeprefix("os_"): value for key, value in given.items()}
    if "token" in auth:
        arguments.setdefault("auth_type", "token")
        for name in USER_VARIABLES:  # an openrc sets them, and with a token they would be one too many
            os.environ.pop(name, None)
    if auth:
        arguments["auth"] = auth
    try:
        return config.OpenStackConfig(app_name="evener").get_one(cloud=cloud, **arguments)
    except _library_errors() as error:
        raise LoginFailed(_missing(str(error))) from None
    except TypeError as error:  # how a way of authentication refuses what belongs to another
        raise LoginFailed(f"The credentials do not go together: {error}") from None


def _missing(message: str) -> str:
    text = one_line(message)
    if "auth-url" in text or "auth_url" in text or "Auth plugin requires parameters" in text:
        return NO_CLOUD
    return text


def _library_errors() -> tuple[type[Exception], ...]:
    """Return the errors of the libraries that log in, which have a message for the user."""
    from keystoneauth1.exceptions import ClientException
    from openstack.exceptions import SDKException

    return ClientException, SDKException


@dataclass(frozen=True)
class Connection:
    """A session with the server: `request(url, method, **arguments)`, its `base` URL ending in /v2.0.

    `errors` are those that `explain` knows, of the library behind the session. `endpoint` looks a type of service up
    in the catalogue, and returns None where that has none.
    """

    session: Any
    base: str
    errors: tuple[type[Exception], ...] = ()
    endpoint: Callable[[str], str | None] = lambda _: None

    def is_admin(self) -> bool:
        """Return whether the caller has the role admin; False where there are no roles to see."""
        if isinstance(self.session, http_session.Session):
            return "admin" in self.session.role_names
        get_access = getattr(self.session.auth, "get_access", None)
        return get_access is not None and "admin" in get_access(self.session).role_names


def explain(error: Exception, where: str) -> CliError:
    """Return what an error of the libraries that log in and talk to `where` (a URL) means to the user."""
    if isinstance(error, http_session.ERRORS):
        return unreachable(where, error)
    from keystoneauth1 import exceptions

    if isinstance(error, exceptions.ConnectionError | exceptions.DiscoveryFailure):
        return unreachable(where, error)
    if isinstance(error, exceptions.Unauthorized):
        return LoginFailed(f"Login refused by {where}: {error.message}")
    if isinstance(error, exceptions.CatalogException):
        return Unreachable(f"The catalogue of {where} has no endpoint for the network service: {error}")
    return LoginFailed(_missing(str(error)))


def versioned(endpoint: str) -> str:
    """Return `endpoint` with /v2.0 at its end: a catalogue lists Neutron without a version, or with it."""
    base = endpoint.rstrip("/")
    return base if base.endswith("/v2.0") else f"{base}/v2.0"


def connect(options: argparse.Namespace) -> Connection:
    """Log in and look the network service up in the catalogue.

    Raises:
        LoginFailed: for missing or wrong credentials.
        Unreachable: when the identity service does not answer, or lists no network service.
    """
    settings = openrc.plain_settings(options, os.environ)
    if settings is None:
        return _by_region(options)
    shown = options.debug or options.verbose_level > 1
    if not shown and http_session.possible(settings, os.environ):
        session = http_session.Session.login(settings, options.http_timeout)
        endpoint = session and session.endpoint()
        if session and endpoint:
            return Connection(session, versioned(endpoint), http_session.ERRORS, session.endpoint)
    return _by_openrc(settings, options.http_timeout)


def _by_openrc(settings: Mapping[str, str], timeout_s: float | None) -> Connection:
    from keystoneauth1.exceptions import ClientException

    where = settings["auth_url"]
    try:
        session = openrc.session(settings, timeout_s)
        endpoint = openrc.endpoint(session, settings)
    except ClientException as error:
        raise explain(error, where) from None
    return _connection(session, endpoint, where, lambda kind: openrc.endpoint(session, settings, kind))


def _connection(
    session: Any, endpoint: str | None, where: str, others: Callable[[str], str | None]
) -> Connection:
    from keystoneauth1.exceptions import ClientException

    if endpoint is None:
        raise Unreachable(f"The catalogue of {where} has no endpoint for the network service")
    return Connection(session, versioned(endpoint), (ClientException,), others)


def _by_region(options: argparse.Namespace) -> Connection:
    cloud = region(options)
    where = str(cloud.config.get("auth", {}).get("auth_url") or "the identity service")
    try:
        session = cloud.get_session()
        endpoint = cloud.get_endpoint("network") or session.get_endpoint(
            service_type=cloud.get_service_type("network") or "network",
            service_name=cloud.get_service_name("network"),
            interface=cloud.get_interface("network"),
            region_name=cloud.get_region_name("network"),
        )
    except _library_errors() as error:
        raise explain(error, where) from None

    def other(kind: str) -> str | None:
        found = session.get_endpoint(
            service_type=kind, interface=cloud.get_interface(kind), region_name=cloud.get_region_name(kind)
        )
        return None if found is None else str(found)

    return _connection(session, endpoint, where, other)
