"""The program `evener`: global options, logging, and errors as one line on stderr.

Holds the command line together; what a command does is in `commands`.
"""

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from cliff.app import App
from cliff.commandmanager import CommandManager

from evener.cli import login, overview
from evener.cli.client import Client
from evener.cli.command_line import misspelt, normalise
from evener.cli.commands import Complete, all_commands, all_kinds, own_distribution
from evener.cli.errors import CliError, NotFound, one_line
from evener.cli.overview import Help

DESCRIPTION = (
    "Makes, changes and shows load balancers, and the networks, routers and certificates that they need, by the APIs"
    " LBaaS v2 and Octavia. Who calls, and where the server is, is said by variables OS_*, a cloud of clouds.yaml, or"
    " options. Objects are named by id or name. What goes wrong is one line on standard error."
)
INTERRUPTED = 130  # 128 + SIGINT, as shells say it
BROKEN_PIPE = 141  # 128 + SIGPIPE
QUIET_LOGGERS = ("stevedore", "urllib3", "openstack", "asyncio")


class Shell(App):
    """The application: knows the options before and after a command's name, and logs in when asked to."""

    NAME = "evener"
    CONSOLE_MESSAGE_FORMAT = "%(message)s"

    def __init__(self) -> None:
        manager = CommandManager(convert_underscores=False)
        for name, command in all_commands().items():
            manager.add_command(name, command)
        version = own_distribution().version
        super().__init__(
            description=DESCRIPTION, version=version, command_manager=manager, deferred_help=True
        )
        # In place of the library's, which know one shell, and no groups.
        manager.add_command("complete", Complete)
        manager.add_command("help", Help)
        self.kinds = all_kinds()
        self._client: Client | None = None

    def client(self) -> Client:
        """Return the client of the server, logging in at the first call."""
        if self._client is None:
            self._client = Client(login.connect(self.options), self.kinds)
        return self._client

    def build_option_parser(
        self, description: str | None, version: str | None, argparse_kwargs: dict[str, object] | None = None
    ) -> argparse.ArgumentParser:
        """Return the parser of the options before the command's name."""
        parser = super().build_option_parser(
            description, version, {**(argparse_kwargs or {}), "allow_abbrev": False, "prog": self.NAME}
        )
        login.add_options(parser)
        return parser

    def _trailing_parser(self) -> argparse.ArgumentParser:
        """Return the parser of those global options that may as well stand behind the command's name."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, prog=self.NAME)
        for flags in (("--debug",), ("-v", "--verbose"), ("-q", "--quiet")):
            dest = "verbose_level" if len(flags) > 1 else "debug"
            const = {"--verbose": 2, "--quiet": 0}.get(flags[-1], True)
            parser.add_argument(*flags, dest=dest, action="store_const", const=const)
        login.add_options(parser)
        return parser

    def _split(self, argv: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the words before the command's name, and those from it on."""
        names = dict(self.command_manager)
        for index, word in enumerate(argv):
            if word in names:
                return list(argv[:index]), list(argv[index:])
        return list(argv), []

    def run(self, argv: list[str]) -> int:
        """Run the command in `argv`; return the exit code."""
        before, rest = self._split(argv)
        self.options, unknown = self.parser.parse_known_args(before)
        if self.options.deferred_help or not (rest or unknown):
            overview.show(self)
            return 0
        if unknown and rest:
            self.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        rest = rest or unknown
        end = rest.index("--") if "--" in rest else len(rest)
        if not rest[0].startswith("-"):
            self.options, own = self._trailing_parser().parse_known_args(rest[1:end], self.options)
            rest = [rest[0], *own, *rest[end:]]
        self.configure_logging()
        return self._run(rest)

    def _run(self, words: list[str]) -> int:
        try:
            try:
                factory, name, words = self.command_manager.find_command(words)
            except ValueError:
                return self.run_subcommand(words)  # says which commands are near to it
            command = factory(self, self.options)
            parser = command.get_parser(f"{self.NAME} {name}")
            takes_unknown = getattr(command, "takes_unknown", False)
            return self._obey(command, parser, self._parse(parser, words, takes_unknown=takes_unknown))
        except CliError as error:
            return self._fail(str(error))
        except BrokenPipeError:
            raise
        except Exception as error:
            if self.options.debug:
                self.LOG.exception("unexpected error")
            return self._fail(f"{type(error).__name__}: {error}")

    @staticmethod
    def _obey(command: Any, parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> int:
        """Run `command`. A mistyped option may be an attribute that only the server knows, and its value a name."""
        try:
            return int(command.run(parsed))
        except NotFound as error:
            options = parser._option_string_actions  # noqa: SLF001 - argparse has no other list of them
            hint = misspelt(parsed.unknown, options)
            if hint:
                raise CliError(f"{error}. {hint}") from None
            raise

    def _parse(
        self, parser: argparse.ArgumentParser, words: list[str], *, takes_unknown: bool
    ) -> argparse.Namespace:
        options = parser._option_string_actions  # noqa: SLF001 - argparse has no other list of them
        words = normalise(words, options)
        end = words.index("--") if "--" in words else len(words)
        parsed, unknown = parser.parse_known_args(words[:end])
        # argparse before 3.13 gives up on an optional positional (subnet-create NET --name x CIDR) too early.
        for action in parser._actions:  # noqa: SLF001 - as above
            left_out = (
                action.nargs == "?" and not action.option_strings and not getattr(parsed, action.dest, None)
            )
            if left_out and unknown and not unknown[0].startswith("-"):
                setattr(parsed, action.dest, unknown.pop(0))
        parsed.unknown = [*unknown, *words[end:]]
        if parsed.unknown and not takes_unknown and parser.prog != f"{self.NAME} help":
            parser.error(f"unrecognized arguments: {' '.join(parsed.unknown)}")
        return parsed

    def _fail(self, message: str) -> int:
        print(one_line(message), file=self.stderr)
        return 1

    def configure_logging(self) -> None:
        """Log warnings to stderr; with --debug the exchange with the server, its secrets masked."""
        debug = self.options.debug or self.options.verbose_level > 1
        logging.basicConfig(
            stream=self.stderr,
            level=logging.DEBUG if debug else logging.WARNING,
            format="%(levelname)s: %(name)s %(message)s" if debug else "%(message)s",
        )
        for name in QUIET_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
        if not debug:  # a failed discovery warns before it fails, and one line is enough
            logging.getLogger("keystoneauth").setLevel(logging.CRITICAL)
        if self.options.log_file:
            logging.getLogger().addHandler(logging.FileHandler(self.options.log_file))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    try:
        with warnings.catch_warnings():
            if not sys.warnoptions:  # what libraries plan for their next release is not for the user
                warnings.simplefilter("ignore")
            code = Shell().run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # as in `evener … | head`; at its end the interpreter would try, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
