"""`/COLLECTION/ID/tags`: the tags of an object of the Networking API, in Neutron's form."""

from collections.abc import Iterable
from typing import Any, Protocol

import falcon

from evener.api.collections import Operations, read_json
from evener.api.documented import STRING, Documented, documented, exactly, many
from evener.api.policy import Policy
from evener.resources.caller import Caller
from evener.resources.describe import Resource
from evener.resources.errors import InvalidInput
from evener.resources.wire import validate_attribute
from evener_cloud.network.errors import no_tag
from evener_cloud.network.tags import Change, without

TAGS = exactly(tags=many(STRING))


class TagOperations(Operations, Protocol):
    """What a network service with tags does for the Networking API."""

    def change_tags(
        self, caller: Caller, cls: type[Resource], object_id: str, new: Change
    ) -> tuple[str, ...]:
        """Give an object the tags that `new` makes of those it has, and return them."""


class TagViews:
    """Which kind it is, the address says: `kinds` are by their collections' names there."""

    def __init__(
        self, operations: TagOperations, policy: Policy, kinds: Iterable[type[Resource]], largest_body: int
    ) -> None:
        self._operations = operations
        self._policy = policy
        self._kinds = {cls.path(): cls for cls in kinds}
        self._largest = largest_body

    def _asked(self, request: falcon.Request, verb: str) -> tuple[Caller, type[Resource]]:
        caller: Caller = request.context.caller
        cls = self._kinds[str(request.uri_template).split("/")[3]]
        self._policy.check(caller, verb, cls)
        return caller, cls

    def _has(self, request: falcon.Request, object_id: str) -> tuple[str, ...]:
        caller, cls = self._asked(request, "get")
        found: tuple[str, ...] = self._operations.show(caller, cls, object_id).tags
        return found

    def _change(self, request: falcon.Request, object_id: str, new: Change) -> tuple[str, ...]:
        caller, cls = self._asked(request, "update")
        return self._operations.change_tags(caller, cls, object_id, new)

    @documented(Documented(TAGS))
    def on_get(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """List an object's tags."""
        response.media = {"tags": list(self._has(request, object_id))}

    @documented(Documented(TAGS, body=TAGS))
    def on_put(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Give an object these tags, and no others."""
        _, cls = self._asked(request, "update")
        body = read_json(request, self._largest)
        if not isinstance(body, dict) or body.keys() != {"tags"}:
            raise InvalidInput("Resource body required: an object with 'tags', and nothing else")
        wanted = _valid(cls, body["tags"])
        response.media = {"tags": list(self._change(request, object_id, lambda _: wanted))}

    @documented(Documented({}, status=204))
    def on_delete(self, request: falcon.Request, response: falcon.Response, object_id: str) -> None:
        """Take all tags away."""
        self._change(request, object_id, lambda _: ())
        response.status = falcon.HTTP_204

    @documented(Documented({}, status=204))
    def on_get_one(
        self, request: falcon.Request, response: falcon.Response, object_id: str, tag: str
    ) -> None:
        """Say whether an object has a tag."""
        if tag not in self._has(request, object_id):
            raise no_tag(tag)
        response.status = falcon.HTTP_204

    @documented(Documented({}, status=201))
    def on_put_one(
        self, request: falcon.Request, response: falcon.Response, object_id: str, tag: str
    ) -> None:
        """Give an object one tag more."""
        _, cls = self._asked(request, "update")
        (wanted,) = _valid(cls, [tag])
        self._change(request, object_id, lambda tags: (*tags, wanted))
        response.status = falcon.HTTP_201

    @documented(Documented({}, status=204))
    def on_delete_one(
        self, request: falcon.Request, response: falcon.Response, object_id: str, tag: str
    ) -> None:
        """Take one tag away."""
        self._change(request, object_id, without(tag))
        response.status = falcon.HTTP_204


def _valid(cls: type[Resource], value: Any) -> tuple[str, ...]:
    found: tuple[str, ...] = validate_attribute(cls, "tags", value)
    return found
