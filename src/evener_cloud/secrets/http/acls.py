"""Barbican's access lists of secrets and containers: here a project's members read what it has, and nobody else does.

So a list can be shown, and be set to what it is; more is refused in words. Load balancers need none.
"""

from typing import Annotated, Any

from pydantic import Field, StrictBool

from evener.resources.errors import InvalidInput
from evener_cloud.http_replies import Reply
from evener_cloud.secrets.http.containers import Owner
from evener_cloud.secrets.http.forms import Call, Handler
from evener_cloud.secrets.models import Input, parse

WHOLE_PROJECT = {"read": {"project-access": True}}


class ReadInput(Input):
    """Who may read: users of other projects, and whether the project's own may."""

    users: tuple[str, ...] | None = None
    project_access: Annotated[StrictBool, Field(alias="project-access")] = True


class AclInput(Input):
    """An access list; reading is the only operation that it is about."""

    read: ReadInput = ReadInput()


def handlers(owner: Owner) -> dict[str, Handler]:
    """Return the handlers of OWNERs/ID/acl."""

    def found(call: Call, *, writes: bool) -> str:
        caller, owner_id = call.writer() if writes else call.reader(), owner.id(call)
        call.read(lambda tx: owner.show(tx, caller.scope, owner_id))
        return owner_id

    def show(call: Call) -> Reply:
        found(call, writes=False)
        return Reply(200, WHOLE_PROJECT)

    def change(call: Call) -> Reply:
        owner_id = found(call, writes=True)
        wanted: Any = parse(AclInput, call.json_body())
        if wanted.read.users or not wanted.read.project_access:
            raise InvalidInput(
                f"All members of the project read this {owner.kind}, and nobody else does: 'users' and a "
                "'project-access' of false are not supported. Load balancers read the certificates of their own "
                "project without an entry here."
            )
        return Reply(200, {"acl_ref": f"{call.href(owner.collection, owner_id)}/acl"})

    def reset(call: Call) -> Reply:
        found(call, writes=True)
        return Reply(200)

    return {"GET": show, "PUT": change, "PATCH": change, "DELETE": reset}
