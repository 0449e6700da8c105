"""`evener doctor`: what is wrong with agents, as the API tells it, and on this host, as `evener-doctor` does.

The client knows no host: what looks at one is a program of its own, which is started where it is installed.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evener.cli.catalogue import BY_KIND
from evener.cli.command import Command, client_of, say
from evener.cli.errors import CliError
from evener.cli.escaping import visible

PROGRAM = "evener-doctor"


class Doctor(Command):
    """Say what is wrong on this host and with all agents, and what to do about it.

    Of agents administrators are told. What looks at this host is evener-doctor, which root runs; without it, and
    on a host that reaches no API, the other half is told alone. Ends with 1 where something does not work.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--local", action="store_true", help="Look at this host alone; log in nowhere.")
        parser.add_argument(
            "--config-file", action="append", default=[], help="Settings of the daemons on this host."
        )

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        ended = self._host(parsed_args.config_file)
        if parsed_args.local:
            return ended
        try:
            client = client_of(self.app)
            listed = client.list_all(BY_KIND["agent"]) if client.is_admin() else None
        except CliError as error:
            say(self.app, f"bad  API                {visible(str(error))}")
            return 1
        lines = [*told(listed)]
        say(self.app, "\n".join(lines))
        return 1 if ended or any(line.startswith("bad") for line in lines) else 0

    def _host(self, files: Sequence[str]) -> int:
        program = _program()
        if program is None:
            say(self.app, f"note this host          is not looked at: {PROGRAM} is not installed here")
            return 0
        words = [word for file in files for word in ("--config-file", file)]
        run = subprocess.run([program, *words], stdout=subprocess.PIPE, text=True, check=False)
        say(self.app, run.stdout.rstrip("\n"))
        return run.returncode


class SupportBundle(Command):
    """Write all of this host that helps who helps from afar into a tar.gz, without secrets.

    Settings, versions, statuses, the ends of logs, what doctor finds. It is evener-doctor that does, as root.
    """

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="What to write, as evener-support.tar.gz.")
        parser.add_argument(
            "--config-file", action="append", default=[], help="Settings of the daemons on this host."
        )

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        program = _program()
        if program is None:
            raise CliError(f"{PROGRAM} is not installed on this host, and so is nothing to tell of")
        words = [word for file in parsed_args.config_file for word in ("--config-file", file)]
        command = [program, *words, "--bundle", parsed_args.file]
        return subprocess.run(command, check=False).returncode


def _program() -> str | None:
    """Return what looks at this host: beside the client, or wherever programs are."""
    beside = Path(sys.argv[0]).resolve().with_name(PROGRAM)
    return str(beside) if beside.exists() else shutil.which(PROGRAM)


def told(agents: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    """Yield a line for each agent, as administrators see them; None stands for who is none."""
    if agents is None:
        yield "note agents             are told to administrators"
        return
    if not agents:
        yield "bad  agents             none is known: no load balancer can be made"
    for agent in agents:
        what = f"agent {visible(str(agent['host']))}"
        yield f"{_agent(agent, what)}"


def _agent(agent: Mapping[str, Any], what: str) -> str:
    if not agent.get("alive"):
        return f"bad  {what:<18} has not been heard of since {agent.get('heartbeat_timestamp')} UTC"
    ahead_s = (agent.get("configurations") or {}).get("clock_ahead_s")
    if ahead_s:
        return f"warn {what:<18} has a clock that is {ahead_s} s ahead of the server's"
    if not agent.get("admin_state_up"):
        return f"warn {what:<18} gets no new load balancers"
    return f"good {what:<18} is heard of"
