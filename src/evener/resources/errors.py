"""What can be wrong with what a user asked for. Each dialect has one table that says its status and its name.

Control adds its own (`control/errors.py`).

```
EvenerError
  InvalidInput            the request itself is wrong
  NotFound                there is no such object, or not for this caller
    ObjectNotFound        ... of a kind, by its id
      MarkerNotFound      ... that a page of a list is to begin behind
      OfAnotherProject    there is one, but it is not the caller's project's
  Conflict                the request does not fit what exists
    InUse                 the object is used by another
  Forbidden               the caller may not do that
  Unauthorized            the caller is nobody we know
  TooManyAttempts         to log in has failed too often just before
  QuotaExceeded           there is no room for one more
    OverQuota             ... in the project's quota
  Unexpected              a fault of ours
  Unsupported             nobody here can do that
  Unavailable             a part that is needed does not answer
    Busy                  it has too much to do; the same may be asked later
```
"""


class EvenerError(Exception):
    """Base of all errors with a message for the user. Which status it has and what it is called, a dialect says."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


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


class OverQuota(QuotaExceeded):
    """The project has as many of a kind as it may; `label` is what messages call that kind."""

    def __init__(self, kind: str, label: str) -> None:
        super().__init__(f"Quota exceeded for resources: ['{kind}'].")
        self.label = label


class Unexpected(EvenerError):
    """What should not happen: a fault of ours."""


class Unsupported(EvenerError):
    """What is asked for is known, and nobody here can do it; `option` says what."""

    def __init__(self, option: str) -> None:
        super().__init__(f"There is no support here for {option}")
        self.option = option


class Unavailable(EvenerError):
    """A service or agent that is needed does not answer."""


class CallUnknown(Unavailable):
    """What is needed answers, and is of a version that does not know what it is asked."""


class Busy(Unavailable):
    """A part that is needed has too much to do; asking again after `retry_after_s` seconds may help."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ObjectNotFound(NotFound):
    """No object of `kind` (as messages call it) has the id, or none that this caller may see."""

    def __init__(self, kind: str, object_id: str) -> None:
        super().__init__(f"{kind} {object_id} could not be found")
        self.kind, self.object_id = kind, object_id


class MarkerNotFound(ObjectNotFound):
    """A page of a list is to begin behind it."""


class OfAnotherProject(ObjectNotFound):
    """There is one, but it is not the caller's project's. Most dialects do not tell."""


class RuleForbids(Forbidden):
    """A rule of the policy keeps the caller from it."""

    def __init__(self, rule: str, more: str = "") -> None:
        super().__init__(f"rule:{rule} is disallowed by policy{more}")


class DefaultCertificateMissing(InvalidInput):
    """The listener terminates TLS and names no certificate."""


class InvalidServiceType(InvalidInput):
    """Flavors are for load balancers only."""


class L7RuleInvalidCookieValue(InvalidInput):
    """No cookie has such a value."""


class L7RuleInvalidKey(InvalidInput):
    """It is no name of a header or a cookie."""


class L7RuleInvalidRegex(InvalidInput):
    """It is no regular expression."""


class L7RuleInvalidValue(InvalidInput):
    """The type of L7 rule has no such value."""


class L7RuleKeyMissing(InvalidInput):
    """The type of L7 rule needs a key."""


class L7RuleUnsupportedCompareType(InvalidInput):
    """The type of L7 rule does not compare that way."""


class RedirectPoolMissing(Conflict):
    """An L7 policy redirects to a pool that it does not name."""


class RedirectUrlMissing(Conflict):
    """An L7 policy redirects to an address that it does not name."""


class ServiceProfileEmpty(InvalidInput):
    """The profile has neither driver nor metainfo."""


class SessionPersistenceInvalid(InvalidInput):
    """What is said of session persistence does not fit the pool, or itself."""
