"""A dashboard that somebody starts for themselves: logged in by a cloud of a `clouds.yaml`, it has no login page.

Whoever reaches it acts as its user, so it listens on loopback alone, and a session begins with a key that only who
started it has seen.
"""

import logging
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from keystoneauth1.exceptions import ClientException
from openstack.config import OpenStackConfig
from openstack.exceptions import SDKException

from evener import threads
from evener.dashboard.cloud import VERSIONS, Away, CloudError, Login, Reached, Refused
from evener.dashboard.sessions import Sessions

LOG = logging.getLogger(__name__)
LOOK_EVERY_S = 15.0
RENEWED_BEFORE = timedelta(minutes=5)  # its end


class Unusable(Exception):
    """What is asked for cannot be; the message says why."""


class Own:
    """The cloud that is named, and who its file says is calling."""

    def __init__(self, name: str) -> None:
        """Read the file.

        Raises:
            Unusable: when there is no such cloud in it, or it wants what is not done here.
        """
        try:
            self._region = OpenStackConfig(app_name="evener-dashboard").get_one(cloud=name)
            self._session: Any = self._region.get_session()
        except (SDKException, ClientException, TypeError) as error:
            raise Unusable(f"cloud {name}: {' '.join(str(error).split())}") from None
        verify, certificate = self._region.get_requests_verify_args()
        if verify is False or certificate:
            raise Unusable(f"cloud {name}: verify: false, insecure, cert and key are not for a dashboard")
        self._cafile = verify if isinstance(verify, str) else ""
        self.key = secrets.token_urlsafe(32)

    @property
    def reached(self) -> Reached:
        """How its services are reached; who asks them is logged in already."""
        return Reached(str(self._region.get_auth_args()["auth_url"]).rstrip("/"), self._cafile)

    def log_in(self) -> Login:
        """Return what the identity service says of the user now.

        Raises:
            Refused, Away: when it does not log in.
        """
        try:
            auth = self._session.auth
            auth.invalidate()
            access = auth.get_access(self._session)
        except (SDKException, ClientException) as error:
            status = getattr(error, "http_status", None)
            words = " ".join(str(error).split())
            raise (Refused(status, words) if status in (400, 401, 403, 404) else Away(words)) from None
        if access.project_id is None:
            raise Refused(400, "The cloud's file names no project")
        endpoints = {}
        for service in VERSIONS:
            with suppress(ClientException):
                found = self._region.get_endpoint(service) or access.service_catalog.url_for(
                    service_type=service,
                    interface=self._region.get_interface(service),
                    region_name=self._region.get_region_name(service),
                )
                endpoints[service] = str(found).rstrip("/")
        return Login(
            access.auth_token,
            access.username,
            access.project_name,
            access.project_id,
            frozenset(access.role_names),
            endpoints,
            access.expires,
            access.user_id,
        )

    def keep_logged_in(self, sessions: Sessions, login: Login) -> None:
        """Give all sessions another token before theirs ends, for as long as the program lives."""

        def renew() -> None:
            ends = login.expires
            while True:
                time.sleep(LOOK_EVERY_S)
                if ends - datetime.now(UTC) > RENEWED_BEFORE:
                    continue
                try:
                    found = self.log_in()
                except CloudError as error:
                    LOG.warning("The cloud gives no other token: %s", error)
                    continue
                sessions.renew(found)
                ends = found.expires

        threads.lasting("token", renew).start()


def check_address(host: str) -> None:
    """See that nobody on another machine reaches an address.

    Raises:
        Unusable: when somebody may.
    """
    with suppress(ValueError):
        if host == "localhost" or ip_address(host).is_loopback:
            return
    raise Unusable(
        f"[dashboard] bind_host = {host}: who reaches a dashboard of a clouds.yaml acts as its user; it listens on"
        " 127.0.0.1, ::1 or localhost alone"
    )
