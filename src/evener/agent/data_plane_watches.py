"""What is watched for the data planes of one load balancer: what they say, and no longer than they do."""

from collections.abc import Callable, Iterable

from evener.dataplane.base import Watched, WatchedDirectory, WatchedProcess, WatchedSocket
from evener.host.watch import Cancel, Watcher


class Watches:
    """One thread at a time calls; `drifted`, with what has happened, and the others in the watcher's thread.

    `lost` is called first, at the end of a process that is vital.
    """

    def __init__(
        self,
        watcher: Watcher,
        drifted: Callable[[str], None],
        health_changed: Callable[[], None],
        lost: Callable[[WatchedProcess], None],
    ) -> None:
        self._watcher, self._drifted, self._health_changed, self._lost = (
            watcher,
            drifted,
            health_changed,
            lost,
        )
        self._cancels: dict[Watched, Cancel] = {}

    def keep(self, wanted: Iterable[Watched]) -> None:
        """Watch what is `wanted`, and nothing else.

        Raises:
            HostError: when the kernel refuses.
        """
        known = dict.fromkeys(wanted)
        for each in self._cancels.keys() - known.keys():
            self._cancels.pop(each)()
        for each in known:
            if each not in self._cancels:
                self._cancels[each] = (
                    _nothing  # first: what has ended already tells so at once, in another thread
                )
                try:
                    self._cancels[each] = self._watch(each)
                except BaseException:
                    del self._cancels[each]
                    raise

    def close(self) -> None:
        """Watch nothing."""
        self.keep(())

    def _watch(self, watched: Watched) -> Cancel:
        match watched:
            case WatchedProcess(process):
                return self._watcher.process(process.pid, lambda _: self._on_exit(watched))
            case WatchedDirectory(directory):
                return self._watcher.path(directory, lambda name: self._on_file(watched, name))
            case WatchedSocket(socket):
                return self._watcher.reader(socket, lambda _: self._on_socket(watched))

    def _on_exit(self, watched: WatchedProcess) -> None:
        if watched in self._cancels:
            try:
                if watched.vital:
                    self._lost(watched)
            finally:
                self._drifted(f"{watched.name} (process {watched.process.pid}) has ended")

    def _on_file(self, watched: WatchedDirectory, name: str) -> None:
        drift = watched.drift(name)
        if drift is not None:
            self._drifted(drift)

    def _on_socket(self, watched: WatchedSocket) -> None:
        if watched.read():
            self._health_changed()


def _nothing() -> None:
    """Cancel what is not watched yet."""
