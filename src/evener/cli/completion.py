"""What completes commands, options and their values in bash, zsh and fish: scripts made from one table.

Pure: descriptions in, text out. Scripts make no request, and start no program of ours.
"""

import argparse
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FILE = re.compile(r"FILE")  # in the name of a value: files are offered


@dataclass(frozen=True, slots=True)
class Option:
    """An option as it may be typed: its `flags`, what it is for, and which `values` there are, or that it is a file."""

    flags: tuple[str, ...]
    says: str
    values: tuple[str, ...] = ()
    file: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """What may be typed: the global options, and of each command what it is for and its options."""

    options: tuple[Option, ...]
    commands: Mapping[str, tuple[str, tuple[Option, ...]]]


def options_of(parser: argparse.ArgumentParser) -> tuple[Option, ...]:
    """Return the options that a parser shows."""
    return tuple(
        Option(
            tuple(action.option_strings),
            _sentence((action.help or "").replace("%%", "%")),
            tuple(map(str, action.choices or ())),
            bool(FILE.search(str(action.metavar or action.dest).upper())) and action.nargs != 0,
        )
        for action in parser._actions  # noqa: SLF001 - argparse has no other list of them
        if action.option_strings and action.help is not argparse.SUPPRESS
    )


def _sentence(text: str) -> str:
    return re.split(r"[.;:](?:\s|$)", " ".join(text.split()))[0]


Case = tuple[Sequence[str], Any]  # patterns, and what to do where one of them is found


def _values(words: Words) -> list[Case]:
    """Return which values an option has: `command:option` each, "" for the global ones."""
    found: dict[tuple[str, ...], list[str]] = {}
    files = []
    every = {"": words.options, **{name: options for name, (_, options) in words.commands.items()}}
    for name, options in every.items():
        for option in options:
            if option.values:
                found.setdefault(option.values, []).extend(f"{name}:{flag}" for flag in option.flags)
            elif option.file:
                files += [f"{name}:{flag}" for flag in option.flags]
    return [*((patterns, values) for values, patterns in found.items()), *([(files, ())] if files else ())]


def _offers(words: Words) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield for each command, and for none, what may come next, and what that is for."""
    yield "", [*((name, says) for name, (says, _) in words.commands.items()), *_flags(words.options)]
    for name, (_, options) in words.commands.items():
        yield name, list(_flags(options))


def _flags(options: Iterable[Option]) -> Iterator[tuple[str, str]]:
    return ((flag, option.says) for option in options for flag in option.flags)


def _case(cases: Iterable[Case], line: Callable[[Any], str]) -> str:
    """Return the branches of a `case` of a POSIX shell."""
    return "\n".join(
        f"    {'|'.join(shlex.quote(each) for each in patterns)}) {line(given)} ;;"
        for patterns, given in cases
    )


BASH = """\
# What completes `evener` in bash; made by `evener complete --shell bash`.
_evener() {{
  local word command= options previous=${{COMP_WORDS[COMP_CWORD-1]}}
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in
    {names}) command=$word; break ;;
    esac
  done
  COMPREPLY=()
  case $command:$previous in
{values}
  esac
  if [ -z "$options" ]; then
    case $command in
{offers}
    esac
  fi
  COMPREPLY=($(compgen -W "$options" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _evener evener
"""


def bash(words: Words) -> str:
    """Return the script for bash. What is none of ours is completed as the name of a file."""

    def options(given: Sequence[str]) -> str:
        return f"options={shlex.quote(' '.join(given))}" if given else "return"

    offers = [([name], [word for word, _ in offered]) for name, offered in _offers(words)]
    return BASH.format(
        names="|".join(words.commands), values=_case(_values(words), options), offers=_case(offers, options)
    )


ZSH = """\
#compdef evener
# What completes `evener` in zsh; made by `evener complete --shell zsh`.
_evener() {{
  local word command previous=${{words[CURRENT-1]}}
  local -a options
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case $word in
    {names}) command=$word; break ;;
    esac
  done
  case $command:$previous in
{values}
  esac
  case $command in
{offers}
  esac
  if [[ -n $command && -n $PREFIX && $PREFIX != -* ]]; then
    _files
  else
    _describe -V evener options
  fi
}}
if [[ ${{funcstack[1]}} == _evener ]]; then _evener "$@"; else compdef _evener evener; fi
"""


def zsh(words: Words) -> str:
    """Return the script for zsh: for a directory of `fpath` as `_evener`, or to be sourced."""

    def values(given: Sequence[str]) -> str:
        return f"compadd -- {' '.join(map(shlex.quote, given))}; return" if given else "_files; return"

    def options(given: Sequence[tuple[str, str]]) -> str:
        described = (shlex.quote(f"{word.replace(':', chr(92) + ':')}:{says}") for word, says in given)
        return f"options=({' '.join(described)})"

    offers = [([name], offered) for name, offered in _offers(words)]
    return ZSH.format(
        names="|".join(words.commands), values=_case(_values(words), values), offers=_case(offers, options)
    )


FISH = """\
# What completes `evener` in fish; made by `evener complete --shell fish`.
function __evener
    set -l typed (commandline -opc)
    set -l command ''
    for word in $typed[2..-1]
        if contains -- $word {names}
            set command $word
            break
        end
    end
    switch "$command:$typed[-1]"
{values}
    end
    switch "$command"
{offers}
    end
end
complete -c evener -f -a '(__evener)'
"""


def fish(words: Words) -> str:
    """Return the script for fish."""

    def case(patterns: Sequence[str], line: str, end: str) -> str:
        return f"        case {' '.join(map(_fish_word, patterns))}\n            {line}{end}"

    def values(given: Sequence[str]) -> str:
        if not given:
            return "__fish_complete_path (commandline -ct)"
        return f"printf '%s\\n' {' '.join(map(_fish_word, given))}"

    def options(offered: Sequence[tuple[str, str]]) -> str:
        pairs = " ".join(f"{_fish_word(word)} {_fish_word(says)}" for word, says in offered)
        return f"printf '%s\\t%s\\n' {pairs}"

    return FISH.format(
        names=" ".join(words.commands),
        values="\n".join(
            case(patterns, values(given), "\n            return") for patterns, given in _values(words)
        ),
        offers="\n".join(case([name], options(offered), "") for name, offered in _offers(words)),
    )


def _fish_word(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


SHELLS: Mapping[str, Callable[[Words], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
