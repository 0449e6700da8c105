"""Tokens, sealed by Fernet (https://github.com/fernet/spec): only holders of the key read or make them.

A token carries whose it is and for what. Whether that still holds is the database's to say.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.fernet import InvalidToken

from evener.resources.errors import Unauthorized
from evener_cloud.keys import open_key_file

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_TOKEN = 4096


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says; moments are UTC without a zone.

    `audit_ids` are the token's own and, for one made from another token, all of that one's: it goes when any of
    those is given back. `generation` is the user's at the time of issue.
    """

    user_id: str
    project_id: str | None
    domain_id: str | None
    methods: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    audit_ids: tuple[str, ...]
    generation: int


def new_audit_id() -> str:
    """Return a name for a token that logs may hold: 22 characters."""
    return secrets.token_urlsafe(16)


class TokenSealer:
    """Seals and opens tokens with the keys of a file, one a line: the first seals, all open."""

    def __init__(self, key_file: Path) -> None:
        """Read `key_file`; make it, for its owner only, when there is none."""
        self._fernet = open_key_file(key_file)

    def seal(self, token: Token) -> str:
        """Return `token` as clients hold it."""
        content = [
            token.user_id,
            token.project_id,
            token.domain_id,
            token.methods,
            _to_number(token.issued_at),
            _to_number(token.expires_at),
            token.audit_ids,
            token.generation,
        ]
        return self._fernet.encrypt(json.dumps(content, separators=(",", ":")).encode()).decode("ascii")

    def open(self, sealed: str, now: datetime) -> Token:
        """Return what `sealed` says.

        Raises:
            Unauthorized: when it was not sealed by one of the keys, or has expired at `now`.
        """
        try:
            if len(sealed) > _LONGEST_TOKEN:
                raise InvalidToken
            user, project, domain, methods, issued, expires, audit_ids, generation = json.loads(
                self._fernet.decrypt(sealed.encode("ascii"))
            )
        except (InvalidToken, ValueError):
            raise Unauthorized("The token is not valid") from None
        token = Token(
            user_id=user,
            project_id=project,
            domain_id=domain,
            methods=tuple(methods),
            issued_at=_to_moment(issued),
            expires_at=_to_moment(expires),
            audit_ids=tuple(audit_ids),
            generation=generation,
        )
        if token.expires_at <= now:
            raise Unauthorized("The token has expired")
        return token


def _to_number(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _to_moment(number: int) -> datetime:
    return _EPOCH + number * _MICROSECOND
