"""A load balancer's port: plugged by the interface driver, and known again at a glance by the next agent."""

from pathlib import Path

from evener.host.driver import InterfaceDriver
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
