"""What can go wrong for a user of the client, each with its message of one line; and the words for others' errors.

```
CliError
  NotFound        no object with that name or id
  NotUnique       several objects of that name
  Refused         the server answered with an error
  Unreachable     nobody answers
  LoginFailed     the identity service does not know the caller
  WaitFailed      the load balancer did not become what was waited for
```
"""

import re
from collections.abc import Iterable

from evener.cli.escaping import visible

CONNECTION_REASON = re.compile(
    r"Connection refused|No route to host|Network is unreachable|Connection reset by peer|timed out"
    r"|Name or service not known|Temporary failure in name resolution|nodename nor servname[^)']*"
    r"|No address associated with hostname|certificate verify failed: [^(]*\w|Remote end closed connection"
)


class CliError(Exception):
    """Base of all errors with a message for the user; line breaks in `message` become spaces."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class NotFound(CliError):
    """No object has that name or id."""


class NotUnique(CliError):
    """More than one object has that name."""


class Refused(CliError):
    """The server answered with an error; `status` is its HTTP status code."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(CliError):
    """No answer from the server."""


class LoginFailed(CliError):
    """The identity service refused the credentials, or there are none."""


class WaitFailed(CliError):
    """The load balancer went to ERROR, or stayed PENDING for too long."""


def one_line(text: str) -> str:
    """Return `text` with all white space runs, line breaks included, as single spaces, and nothing that acts."""
    return visible(" ".join(text.split()))


def unreachable(url: str, error: Exception) -> Unreachable:
    """Return the error for a server at `url` that did not answer, with the reason out of `error`'s words."""
    found = CONNECTION_REASON.search(str(error))
    reason = found.group(0) if found else one_line(str(error))
    return Unreachable(f"Unable to reach {url}: {reason}")


def together(failures: Iterable[CliError]) -> CliError:
    """Return one error that says what each of `failures` says."""
    return CliError(" ".join(f"{str(failure).rstrip('.')}." for failure in failures))
