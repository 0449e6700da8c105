"""Who is calling, as Keystone says: by keystonemiddleware, whose settings are those of every service, in a cloud.

It keeps an answer for a few seconds, and decides nothing about what a caller may do.
"""

import io
import logging
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from keystoneauth1.exceptions import HttpError
from keystonemiddleware.auth_token import AuthProtocol
from keystonemiddleware.opts import list_auth_token_opts
from oslo_config import cfg

from evener.resources.caller import Caller
from evener.resources.errors import Forbidden, Unauthorized, Unavailable
from evener.services.sessions import Service, open_session

GROUP = "keystone"  # of the settings where it is found
LOG = logging.getLogger(__name__)
REMEMBERED_S = 5.0  # that a token serves on after it was revoked, at most
MOST = 10_000  # tokens remembered
FOUND = "evener.found"  # where the middleware's answer is put, in the environment it is asked with

Asked = tuple[str, str | None]


class KeystoneIdentity:
    """Implements `evener.services.identity.Identity`."""

    def __init__(self, conf: cfg.ConfigOpts, remembered_s: float = REMEMBERED_S) -> None:
        """Ask the Keystone of `[keystone_authtoken]`, and remember for `remembered_s` seconds what it has said."""
        settings = {"oslo_config_config": conf, "include_service_catalog": False}
        self._filter = AuthProtocol(_note, settings | _caching(conf))
        self._keystone = Service(conf, open_session(conf), "identity", GROUP, "Keystone")
        self._remembered_s = remembered_s
        self._remembered: OrderedDict[Asked, tuple[float, Caller]] = OrderedDict()
        self._guard = threading.Lock()

    def validate(self, token: str, service_token: str | None = None) -> Caller:
        """Return whose `token` this is; see `Identity.validate`."""
        asked, moment = (token, service_token), time.monotonic()
        with self._guard:
            until, caller = self._remembered.get(asked, (moment, None))
        if caller is not None and moment < until:
            return caller
        caller = _caller(token, self._ask(token, service_token))
        with self._guard:
            self._remembered[asked] = (moment + self._remembered_s, caller)
            self._remembered.move_to_end(asked)
            while len(self._remembered) > MOST:
                self._remembered.popitem(last=False)
        return caller

    def has_project(self, project_id: str) -> bool:
        """Return whether there is a project with that id, enabled or not.

        Raises:
            Unavailable: when Keystone does not answer, or does not tell us.
        """
        try:
            self._keystone.call("GET", f"/v3/projects/{project_id}")
        except HttpError as error:
            if error.http_status == HTTPStatus.NOT_FOUND:
                return False
            raise Unavailable(f"Keystone does not say whether there is a project {project_id}") from error
        return True

    def _ask(self, token: str, service_token: str | None) -> dict[str, Any]:
        """Return the token as Keystone shows it.

        Raises:
            Unauthorized: when it is none that holds.
            Unavailable: when Keystone does not say.
        """
        found: dict[str, Any] = {}
        said: list[str] = []
        environment = _environment(token, service_token) | {FOUND: found}

        def ask() -> None:
            for _ in self._filter(environment, lambda status, *_: said.append(status)):
                pass

        try:
            self._keystone.wait_for(ask)
        except Unavailable:
            raise
        except Exception as error:
            LOG.exception("Keystone was asked about a token in vain")
            raise Unavailable("Keystone does not answer; see [keystone_authtoken]") from error
        if found:
            return dict(found["token"])
        if said and said[0].startswith("401"):
            raise Unauthorized("The request you have made requires authentication.")
        LOG.error("Keystone does not say whose a token is: %s", *said)
        raise Unavailable("Keystone does not answer; see [keystone_authtoken]")


def _caching(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Return settings without the middleware's own cache, but where that is memcached, which all processes share."""
    for group, options in list_auth_token_opts():  # which the middleware itself declares later
        conf.register_opts(options, group)
    return {} if conf.keystone_authtoken.memcached_servers else {"token_cache_time": -1}


def _environment(token: str, service_token: str | None) -> dict[str, Any]:
    """Return the WSGI environment of a request with these tokens."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "evener",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_X_AUTH_TOKEN": token,
        **({"HTTP_X_SERVICE_TOKEN": service_token} if service_token else {}),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _note(environment: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Be the application behind the middleware: note what it has found."""
    environment[FOUND]["token"] = environment["keystone.token_info"]["token"]
    start("204 No Content", [])
    return []


def _caller(token: str, shown: dict[str, Any]) -> Caller:
    """Return who calls with a token that Keystone shows so.

    Raises:
        Forbidden: when it is for the system.
        Unauthorized: when it is for no project.
    """
    if shown.get("system"):
        raise Forbidden("A token for the system is no good here: log in to a project")
    if not shown.get("project"):
        raise Unauthorized("The token is for no project")
    return Caller(
        user_id=shown["user"]["id"],
        project_id=shown["project"]["id"],
        roles=frozenset(role["name"] for role in shown.get("roles", ())),
        token=token,
    )
