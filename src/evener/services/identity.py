"""What the other rooms ask of an identity service: whose token is this? How it knows is its own affair."""

from typing import Protocol

from evener.resources.caller import Caller


class Identity(Protocol):
    """A service that issued tokens."""

    def validate(self, token: str, service_token: str | None = None) -> Caller:
        """Return whose `token` this is: user, project, and the names of the roles there with those implied.

        With the `service_token` of another service that passes a request on, one that has expired may do.

        Raises:
            Unauthorized: when the token is malformed, forged, expired or revoked, when its user or project is
                disabled or gone, or when it is for no project.
            Forbidden: when it is for the system, of which no object is.
            Unavailable: when the service does not answer.
        """

    def has_project(self, project_id: str) -> bool:
        """Return whether there is a project with that id, enabled or not.

        Raises:
            Unavailable: when the service does not answer.
        """
