"""What can be wrong with what a user asked for. The API maps each type to a status code in one table.

```
EvenerError
  InvalidInput            the request itself is wrong
  NotFound                there is no such object, or not for this caller
  Conflict                the request does not fit what exists
    InUse                 the object is used by another
  Forbidden               the caller may not do that
  Unauthorized            the caller is nobody we know
  TooManyAttempts         to log in has failed too often just before
  QuotaExceeded           the project has no room for one more
  Unavailable             a part that is needed does not answer
    Busy                  it has too much to do; the same may be asked later
```
"""


class EvenerError(Exception):
    """Base of all errors with a message for the user; `type_name` is what Neutron calls it on the wire, if `named`."""

    def __init__(self, message: str, type_name: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.type_name = type_name or type(self).__name__
        self.named = type_name is not None


class InvalidInput(EvenerError):
    """The request is malformed, or an attribute is unknown, missing, out of range or not allowed here."""


class NotFound(EvenerError):
    """No such object, or none that this caller may see."""


class Conflict(EvenerError):
    """The request contradicts an object that exists."""


class InUse(Conflict):
    """The object is used by another and cannot go."""


class Forbidden(EvenerError):
    """The caller's roles do not allow the operation."""


class Unauthorized(EvenerError):
    """No valid token."""


class TooManyAttempts(EvenerError):
    """To log in has failed too often; it may be tried again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Too many failed logins; try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class QuotaExceeded(EvenerError):
    """The project's quota has no room."""


class Unavailable(EvenerError):
    """A service or agent that is needed does not answer."""


class Busy(Unavailable):
    """A part that is needed has too much to do; asking again after `retry_after_s` seconds may help."""

    def __init__(self, message: str, retry_after_s: int, type_name: str | None = None) -> None:
        super().__init__(message, type_name)
        self.retry_after_s = retry_after_s


def not_found(kind: str, object_id: str) -> NotFound:
    """Return the error for a missing `kind`, in Neutron-LBaaS's words."""
    return NotFound(f"{kind} {object_id} could not be found", "EntityNotFound")
