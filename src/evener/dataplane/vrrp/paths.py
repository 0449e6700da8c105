"""Where what keepalived needs lies: fixed names in the load balancer's directory. Only names, no I/O."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The files of one keepalived."""

    directory: Path

    @property
    def conf(self) -> Path:
        """The configuration that runs."""
        return self.directory / "keepalived.conf"

    @property
    def changing(self) -> Path:
        """There while a configuration is on its way: what runs may be neither the old nor the new one."""
        return self.directory / "keepalived.changing"

    @property
    def weight(self) -> Path:
        """A number, which keepalived adds to its priority as soon as it is written."""
        return self.directory / "keepalived.weight"

    @property
    def pid_file(self) -> Path:
        """The process id of keepalived's parent."""
        return self.directory / "keepalived.pid"

    @property
    def vrrp_pid_file(self) -> Path:
        """The process id of its child, which does the work."""
        return self.directory / "keepalived-vrrp.pid"

    @property
    def log(self) -> Path:
        """What keepalived says: who had the VIP when."""
        return self.directory / "keepalived.log"
