"""Requests that wait for something else than the database have a part of the threads, and no more of them.

Which those are is known here and nowhere else; HAProxy in front lets them wait, and asks here which they are.
"""

from threading import BoundedSemaphore

import falcon

from evener.resources.errors import Busy

PASSWORDS, STATS = "passwords", "stats"
HASHING = "/identity/"  # what is written below it may hold a password, and that is slow to look at on purpose
HASHING_METHODS = ("POST", "PATCH")
ASKING = (
    *("/stats", "/stats/"),
    *("/configuration", "/configuration/"),
)  # ends of paths at which an agent is asked
RETRY_AFTER_S = 1


def lane_of(method: str, path: str) -> str | None:
    """Return what a request waits for, or None for most."""
    if method in HASHING_METHODS and path.startswith(HASHING):
        return PASSWORDS
    return STATS if path.endswith(ASKING) else None


class Lanes:
    """Falcon's middleware: refuses what would be one more than `at_once` in its lane."""

    def __init__(self, at_once: int) -> None:
        self._free = {lane: BoundedSemaphore(at_once) for lane in (PASSWORDS, STATS)}

    def process_request(self, request: falcon.Request, _response: falcon.Response) -> None:
        """Take a place.

        Raises:
            Busy: when there is none.
        """
        lane = lane_of(request.method, request.path)
        if lane is None:
            return
        if not self._free[lane].acquire(blocking=False):
            raise Busy("Too many such requests at once; try again", RETRY_AFTER_S)
        request.context.lane = lane

    def process_response(
        self,
        request: falcon.Request,
        _response: falcon.Response,
        _resource: object,
        _succeeded: bool,  # noqa: FBT001
    ) -> None:
        """Give the place back."""
        lane = getattr(request.context, "lane", None)
        if lane is not None:
            self._free[lane].release()
