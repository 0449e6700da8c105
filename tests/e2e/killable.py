"""Runs evener-standalone so that it can be made to kill itself at a chosen point: `killable.py POINT_FILE ARGS…`.

A test writes `MODULE:FUNCTION before|after N` into POINT_FILE; the N-th call of that function from then on ends
the process with SIGKILL, just before it or just after it has returned. The server's own code knows nothing of it.
"""

import functools
import gc
import importlib
import os
import signal
import sys
import threading
from pathlib import Path

FUNCTIONS = (
    "evener.agent.journal:Journal.note_loadbalancer",
    "evener.agent.journal:Journal.forget_loadbalancer",
    "evener.host.netns:ensure",
    "evener.host.netns:_unmount",
    "evener.host.netns:delete",
    "evener.host.links:create_veth",
    "evener.host.addresses:ensure_addresses",
    "evener.host.linuxbridge:LinuxBridgeDriver.plug",
    "evener.host.linuxbridge:LinuxBridgeDriver.unplug",
    "evener.dataplane.files:replace",
    "evener.dataplane.files:move",
    "evener.dataplane.haproxy.process:start",
    "evener.dataplane.haproxy.process:ready",
    "evener.dataplane.haproxy.process:reload",
    "evener.dataplane.haproxy.process:stop",
    "evener.dataplane.haproxy.runtime:tell",
    "evener.dataplane.haproxy.config_files:install",
    "evener.dataplane.haproxy.instance:Instance._remember",
    "evener.dataplane.haproxy.instance:Instance.remove",
    "evener.control.controller:BusController.report",
    "evener.control.reports:store_progress",
    "evener.control.scheduling:bind",
    "evener.control.departing:forget",
    "evener_cloud.network.builtin:BuiltinNetwork.reserve_vip_port",
    "evener_cloud.network.builtin:BuiltinNetwork.adopt_vip_port",
    "evener_cloud.network.builtin:BuiltinNetwork.set_vip_groups",
    "evener_cloud.network.builtin:BuiltinNetwork.release_vip_port",
)


ALSO = os.environ.get("ALSO_KILLABLE", "").split()  # those of a module that not every test has to load


class Trap:
    """Counts the calls that reach the point in the file."""

    def __init__(self) -> None:
        self.file, self.lock = Path(os.devnull), threading.Lock()
        self.point, self.count = "", 0

    def passed(self, point: str) -> None:
        with self.lock:
            try:
                wanted, _, number = self.file.read_text().rpartition(" ")
            except FileNotFoundError:
                return
            if wanted != self.point:
                self.point, self.count = wanted, 0
            if wanted == point:
                self.count += 1
                if self.count == int(number):
                    os.kill(os.getpid(), signal.SIGKILL)

    def set_on(self, name: str) -> None:
        module, _, path = name.partition(":")
        *owners, last = path.split(".")
        owner = functools.reduce(getattr, owners, importlib.import_module(module))
        function = getattr(owner, last)

        @functools.wraps(function)
        def trapped(*args: object, **kwargs: object) -> object:
            self.passed(f"{name} before")
            result = function(*args, **kwargs)
            self.passed(f"{name} after")
            return result

        setattr(owner, last, trapped)


trap = Trap()
gc.disable()  # until the server is loaded, which enables it
for each in (*FUNCTIONS, *ALSO):
    trap.set_on(each)
# What imports one of these by its name has to find it trapped.
server = importlib.import_module("evener_cloud.standalone.main")


def main() -> None:
    trap.file = Path(sys.argv.pop(1))
    server.main()


if __name__ == "__main__":
    main()
