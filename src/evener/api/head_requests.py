"""HEAD, answered wherever GET is: the server leaves the body out (RFC 9110, section 9.3.2)."""

from collections.abc import Mapping
from typing import TypeVar

H = TypeVar("H")


def with_head(handlers: Mapping[str, H]) -> Mapping[str, H]:
    """Return the handlers by method, with one of HEAD where there is one of GET."""
    return {"HEAD": handlers["GET"], **handlers} if "GET" in handlers else handlers
