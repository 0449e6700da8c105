"""`pools/ID/members`: a collection whose members one request can set (Octavia calls it a batch)."""

from typing import Any, Protocol, cast

import falcon

from evener.api.collections import Collection, is_true, read_json
from evener.control.batches import Given
from evener.resources.caller import Caller
from evener.resources.errors import InvalidInput
from evener.resources.member import Member
from evener.resources.wire import attribute_name


class MemberOperations(Protocol):
    """What it needs of the room behind it."""

    def set_members(
        self, caller: Caller, pool_id: str, wanted: list[Given], *, additive: bool = False
    ) -> None:
        """Let a pool have these members, and no others where it is not `additive`."""


class Members(Collection):
    """The members of a pool, one by one and all at once."""

    def on_put(self, request: falcon.Request, response: falcon.Response, parent_id: str) -> None:
        """Set all."""
        additive = is_true(request, "additive_only")
        for verb in ("create", "update") if additive else ("create", "update", "delete"):
            caller = self._policy.check(request.context.caller, verb, Member)
        body = read_json(request, self._largest)
        wanted = [self._given(caller, each) for each in self._entries(body)]
        cast("MemberOperations", self._operations).set_members(caller, parent_id, wanted, additive=additive)
        response.status = falcon.HTTP_202

    def _entries(self, body: Any) -> list[Any]:
        given = body.get(Member.PLURAL) if isinstance(body, dict) else None
        if not isinstance(given, list) or len(body) > 1:
            raise InvalidInput(f"Missing argument: the body is an object with a list '{Member.PLURAL}'")
        self._bounds.check("objects_per_request", len(given))
        return given

    def _given(self, caller: Caller, entry: Any) -> Given:
        values = self._parse(caller, {Member.KIND: entry})
        return Given(values, frozenset(attribute_name(Member, name, self._form) for name in entry))
