"""Requests to the cloud's other services, with our own credentials or with a caller's token; connections are kept.

What an answer means is the affair of who asks. Nothing here knows one service from another.
"""

import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from keystoneauth1 import exceptions, loading
from keystoneauth1.adapter import Adapter
from oslo_config import cfg
from requests import ConnectionError as NotConnected
from requests import Response
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential
from urllib3.exceptions import MaxRetryError, NewConnectionError

from evener.resources.errors import Unauthorized, Unavailable
from evener.services.presence import Presence

LOG = logging.getLogger(__name__)
GROUP = "service_auth"
CONNECT_TIMEOUT_S = 3.0
ANSWER_TIMEOUT_S = 30.0  # of a service that lives
# What little a service is asked for that it has to look up.
QUESTIONS = {
    "identity": "/v3/auth/projects",
    "network": "/v2.0/networks?limit=1&fields=id",
    "key-manager": "/v1/secrets?limit=1",
}
ATTEMPTS = 3
_VERSION = re.compile(r"/v[0-9.]+/?$")
# What files that were written for Neutron-LBaaS call keystoneauth's settings.
OTHER_NAMES = {
    "username": "admin_user",
    "password": "admin_password",
    "project_name": "admin_tenant_name",
    "user_domain_name": "admin_user_domain",
    "project_domain_name": "admin_project_domain",
}


def _auth_opts() -> list[cfg.Opt]:
    """Return keystoneauth's settings of a password or an application credential, and of how it is sent."""
    found: dict[str, cfg.Opt] = {}
    plugins = ("password", "v3applicationcredential")
    for option in (each for plugin in plugins for each in loading.get_auth_plugin_conf_options(plugin)):
        found.setdefault(option.dest, option).required = False
    for name, other in OTHER_NAMES.items():
        found[name].deprecated_opts.append(cfg.DeprecatedOpt(other, group=GROUP))
    session = {option.dest: option for option in loading.get_session_conf_options()}
    session["timeout"].default = ANSWER_TIMEOUT_S
    session["timeout"].help = "Seconds that another service may take to answer."
    session["insecure"].help = "Whether to take any certificate that another service shows."
    kind = cfg.StrOpt("auth_type", default="password", help="How keystoneauth proves who we are.")
    return [kind, *found.values(), *session.values()]


OPTS = _auth_opts()


def service_opts(group: str) -> list[cfg.Opt]:
    """Return the settings of where a service is found; Octavia's names are others for them."""
    octavias = {"endpoint_override": "endpoint", "valid_interfaces": "endpoint_type"}
    others = {name: [cfg.DeprecatedOpt(other, group=group)] for name, other in octavias.items()}
    options = {each.dest: each for each in loading.get_adapter_conf_options(deprecated_opts=others)}
    options["valid_interfaces"].default = ["internal", "public"]
    return [options[name] for name in ("endpoint_override", "region_name", "valid_interfaces")]


def open_session(conf: cfg.ConfigOpts) -> Any:
    """Return a session of keystoneauth with the credentials of `[service_auth]`; nothing is asked yet.

    Raises:
        SystemExit: when the settings do not suffice.
    """
    ours = conf[GROUP]
    try:
        loader: Any = loading.get_plugin_loader(ours.auth_type)
        for option in loading.get_auth_plugin_conf_options(loader):
            with suppress(cfg.DuplicateOptError):
                conf.register_opt(option, group=GROUP)
        given = {option.dest: ours[option.dest] for option in loader.get_options()}
        if not given.get("auth_url"):
            raise SystemExit(f"[{GROUP}] auth_url: it is missing")
        given["auth_url"] = given["auth_url"].rstrip("/").removesuffix("/v2.0")
        if "default_domain_id" in given and not given["default_domain_name"]:
            given["default_domain_id"] = given["default_domain_id"] or "default"
        auth = loader.load_from_options_getter(lambda option: given[option.dest])
    except exceptions.AuthPluginException as error:
        raise SystemExit(f"[{GROUP}] {error}") from None
    return loading.load_session_from_conf_options(conf, GROUP, auth=auth, user_agent="evener")


class Service:
    """A service of the cloud, found in Keystone's catalog, or where the settings of `group` say."""

    def __init__(self, conf: cfg.ConfigOpts, session: Any, service_type: str, group: str, name: str) -> None:
        where = conf[group]
        self.name = name
        self._timeout_s = (CONNECT_TIMEOUT_S, conf[GROUP].timeout)
        self._adapter = Adapter(
            session,
            service_type=service_type,
            interface=where.valid_interfaces,
            region_name=where.region_name,
            endpoint_override=where.endpoint_override,
        )
        self._found: str | None = None  # where the service is, once that was asked
        self.wait_for = Presence(name, self._ask).wait_for

    def _ask(self, closely: bool) -> None:  # noqa: FBT001
        """Ask Keystone, which all others ask, and the service for their versions, or closely for what is kept there.

        Raises:
            keystoneauth1.exceptions.ClientException: when one does not answer, or closely, cannot at present.
        """
        session: Any = self._adapter.session
        versions = partial(
            session.get, authenticated=False, timeout=ANSWER_TIMEOUT_S, raise_exc=False, log=False
        )
        if not closely:
            versions(session.auth.auth_url)
            if self._found is not None:
                versions(self._found)
            return
        try:
            self._adapter.get(
                QUESTIONS[str(self._adapter.service_type)],
                endpoint_override=self._without_version(self._adapter.get_endpoint()),
            )
        except exceptions.HttpError as error:
            if error.http_status >= 500:
                raise

    def endpoint(self) -> str:
        """Return the URL that the service is reached at, without a version at its end.

        Raises:
            Unavailable: when Keystone does not answer, or knows of no such service.
        """
        self._found = self._without_version(self._prepared(self._adapter.get_endpoint))
        return self._found

    def _without_version(self, url: str | None) -> str:
        if not url:
            raise Unavailable(f"{self.name} is not in Keystone's catalog")
        return _VERSION.sub("", url)

    def project_id(self) -> str:
        """Return the project that our credentials are for.

        Raises:
            Unavailable: when Keystone does not answer.
        """
        return str(self._prepared(self._adapter.get_project_id))

    def user_id(self) -> str:
        """Return who our credentials are of.

        Raises:
            Unavailable: when Keystone does not answer.
        """
        return str(self._prepared(self._adapter.get_user_id))

    def call(
        self, method: str, path: str, *, token: str | None = None, again: bool = False, **more: Any
    ) -> Response:
        """Return the answer to one request, as the caller whose `token` is given, else as ourselves.

        `path` begins with the version. What cannot have been done, or may be done again, is tried again: all but a
        POST, unless that may be done `again` too. `more` is keystoneauth's: `json`, `params`, `headers`, and
        `log=False` where a secret would be logged.

        Raises:
            keystoneauth1.exceptions.HttpError: with the service's answer, when it refuses.
            Unauthorized: when it does not know the caller's token.
            Unavailable: when it does not answer, cannot at present, or does not know us.
        """
        more["endpoint_override"] = self.endpoint()
        if token is None:
            self._prepared(self._adapter.get_token)  # which may be asked for again, whatever `method` is
        else:
            headers = {**more.get("headers", {}), "X-Auth-Token": token}
            more |= {"headers": headers, "authenticated": False}
        try:
            ask = partial(self._adapter.request, path, method, timeout=self._timeout_s, **more)
            answer: Response = _tries(again=again or method != "POST")(self.wait_for, ask)
            return answer
        except exceptions.HttpError as error:
            if error.http_status == 401 and token is not None:
                raise Unauthorized(f"{self.name} does not know the token") from error
            if error.http_status >= 500 or error.http_status in (401, 429):
                raise self._unavailable(error) from error
            raise
        except exceptions.ClientException as error:
            raise self._unavailable(error) from error

    def _prepared(self, ask: Callable[[], Any]) -> Any:
        try:
            return _tries(again=True)(self.wait_for, ask)
        except exceptions.ClientException as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> Unavailable:
        LOG.warning("%s has given no answer: %s", self.name, error)
        if isinstance(error, exceptions.Unauthorized):
            return Unavailable(f"{self.name} cannot be asked: Keystone refuses our credentials")
        return Unavailable(f"{self.name} does not answer")


def _tries(*, again: bool) -> Retrying:
    return Retrying(
        retry=retry_if_exception(partial(_may_again, again=again)),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(0.1),
        reraise=True,
    )


def _may_again(error: BaseException, *, again: bool) -> bool:
    """Say whether a request is sent again: one that was never sent, or may be done `again` and was not too slow."""
    if isinstance(error, exceptions.ConnectTimeout):
        return False
    if isinstance(error, exceptions.ConnectFailure):
        return again or _never_sent(error)
    return isinstance(error, exceptions.HttpServerError) and again


def _never_sent(error: BaseException) -> bool:
    cause = error.__context__
    why = cause.args[0] if isinstance(cause, NotConnected) and cause.args else None
    return isinstance(why, MaxRetryError) and isinstance(why.reason, NewConnectionError)


def groups(**services: Sequence[cfg.Opt]) -> dict[str, Sequence[cfg.Opt]]:
    """Return the settings by group of who speaks to these services (see `evener.config.load`, `others`)."""
    return {GROUP: OPTS, **{name: [*service_opts(name), *options] for name, options in services.items()}}
