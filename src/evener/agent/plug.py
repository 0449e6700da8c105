"""A load balancer's port: plugged by the interface driver, and known again at a glance by the next agent.

Where another host may have its addresses, it asks the network first.
"""

import socket
import time
from contextlib import suppress
from pathlib import Path

from evener.agent.address_asker import AddressAsker
from evener.host import netns
from evener.host.driver import InterfaceDriver
from evener.host.errors import AddressAnswers
from evener.host.notes import Note
from evener.resources.wiring import WiredPort


class Plug:
    """The port in `namespace`; the file `note` says how it was left, and whether it was looked at since.

    One thread at a time calls.
    """

    def __init__(self, driver: InterfaceDriver, namespace: str, note: Path) -> None:
        self._driver, self._namespace, self._note = driver, namespace, Note(note, "port")
        self.port: WiredPort | None = None  # as it was plugged last
        self.sure = False  # a close look has found it right
        self._answers_since: float | None = None  # on the monotonic clock

    def ask_the_network(self, port: WiredPort, asker: AddressAsker) -> None:
        """See that no other host has an address of a port that is not here, before it is.

        Of a port that is wired elsewhere nobody can ask so.

        Raises:
            AddressAnswers: when one has.
            HostError: when the kernel refuses.
        """
        if port.wired_elsewhere or self.port is not None or self._is_here(port):
            return
        found = asker.in_use(self._namespace, port)
        if not found:
            self._answers_since = None
            return
        address, mac = next(iter(found.items()))
        self._answers_since = self._answers_since or time.monotonic()
        raise AddressAnswers(str(address), mac, time.monotonic() - self._answers_since)

    def _is_here(self, port: WiredPort) -> bool:
        with suppress(OSError), netns.inside(self._namespace):
            return bool(socket.if_nametoindex(self._driver.interface(port)))
        return False

    def ensure(self, port: WiredPort, *, closely: bool = True) -> bool:
        """Make the port what `port` says; return whether it was not.

        Where that is not asked for, and at first, one that looks as it was noted gets no closer look.

        Raises:
            HostError: when the kernel refuses.
        """
        shown = self._driver.shown(self._namespace, port)
        if shown is not None and (self.port is None or not closely):
            noted = self._note.left(port.model_dump(mode="json"))
            if noted.get("shown") == shown:
                self.port, self.sure = port, bool(noted.get("sure"))
                return False
        changed = self._driver.plug(self._namespace, port)
        left = self._driver.shown(self._namespace, port)
        # Somebody may have changed it while we worked: right is for sure what was the same before and after.
        self.sure = not changed and shown == left
        if left is not None:
            self._note.write(port.model_dump(mode="json"), shown=left, sure=self.sure)
        self.port = port
        return changed
