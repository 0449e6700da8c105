"""design/joining.md tells the truth about what HAProxy takes of a member that joins at run time."""

import re

import pytest

import haproxy_graphs as g
from evener.dataplane.haproxy import runtime
from evener.dataplane.haproxy.settings import Version
from haproxy_changes import DOCUMENT as CHANGES
from haproxy_rig import Rig, Shop

pytestmark = [pytest.mark.root, pytest.mark.each_haproxy]
DOCUMENT = CHANGES.with_name("joining.md")
TAKEN = "New server registered."


def rows(version: Version) -> list[tuple[str, bool]]:
    """Return the words of each row, and whether a HAProxy of that version is to take them."""
    found = re.findall(r"^\| `(.+?)` \| .+? \| (yes|no) \| (yes|no) \|$", DOCUMENT.read_text(), re.MULTILINE)
    column = 2 if version >= (3, 0, 0) else 1
    return [(row[0], row[column] == "yes") for row in found]


def test_a_new_server_may_have_the_words_that_the_document_says_and_no_others(rig: Rig) -> None:
    shop = Shop(rig)
    shop.monitor = g.monitor()
    shop.apply()
    pool, member = shop.pool.id, shop.members[0].id
    told = rows(rig.settings.version)
    assert len(told) > 20
    for number, (words, taken) in enumerate(told):
        command = f"add server {pool}/{g.nth(500 + number)} 127.0.0.1:{1000 + number} {words}"
        said = runtime.ask(rig.instance.paths.socket, command.replace("POOL/MEMBER", f"{pool}/{member}"))
        assert (said.strip() == TAKEN) is taken, (words, said)
