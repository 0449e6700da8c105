"""A load balancer's port: plugged by the interface driver, and known again at a glance by the next agent."""

import json
from contextlib import suppress
from pathlib import Path

from evener.host.driver import InterfaceDriver
from evener.resources.wiring import WiredPort


class Plug:
    """The port in `namespace`; the file `note` says how it was found to be right. One thread at a time calls."""

    def __init__(self, driver: InterfaceDriver, namespace: str, note: Path) -> None:
        self._driver, self._namespace, self._note = driver, namespace, note
        self.port: WiredPort | None = None  # as it was plugged last
        self.sure = False  # a look has found it right, and the note says so

    def ensure(self, port: WiredPort) -> bool:
        """Make the port what `port` says; return whether it was not.

        Raises:
            HostError: when the kernel refuses.
        """
        shown = self._driver.shown(self._namespace, port)
        if self.port is None and shown is not None and self._noted(port) == shown:
            self.port, self.sure = port, True
            return False
        changed = self._driver.plug(self._namespace, port)
        # What somebody did while we looked must not be noted as right: it was the same before and after.
        self.sure = not changed and shown == self._driver.shown(self._namespace, port)
        if self.sure and shown is not None:
            self._note.write_text(json.dumps({"port": port.model_dump(mode="json"), "shown": shown}))
        self.port = port
        return changed

    def _noted(self, port: WiredPort) -> str | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            noted = json.loads(self._note.read_text())
            return str(noted["shown"]) if noted["port"] == port.model_dump(mode="json") else None
        return None
