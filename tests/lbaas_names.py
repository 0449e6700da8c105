"""What clients of LBaaS v2 call what went wrong."""

from evener.api.dialects.lbaas import ERRORS
from evener.resources.errors import EvenerError


def type_name(error: EvenerError) -> str:
    """Return the type that a client reads."""
    found: str = ERRORS.answer(error)[1]["NeutronError"]["type"]
    return found
