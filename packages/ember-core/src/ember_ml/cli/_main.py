"""Finding and running subcommands.

A subcommand is an entry point of the group ``ember_ml.commands``: a function that takes an
`argparse.ArgumentParser`, adds its arguments, and returns what runs the command, a function from
the parsed arguments to an exit code. Only the command that is asked for is imported.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points, version
from typing import TypeAlias

from ember_ml.backend.errors import EmberError

__all__ = ["GROUP", "Register", "main"]

GROUP = "ember_ml.commands"

#: What an entry point of `GROUP` names.
Register: TypeAlias = Callable[[argparse.ArgumentParser], Callable[[argparse.Namespace], int]]


def _commands() -> dict[str, list[EntryPoint]]:
    """The entry points by name; there should be one of each."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda p: p.name):
        # One distribution can be seen twice (an editable install beside its source tree).
        found.setdefault(point.name, {})[point.value, _source(point)] = point
    return {name: list(points.values()) for name, points in found.items()}


def _source(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "?"


def _parser(commands: dict[str, list[EntryPoint]]) -> argparse.ArgumentParser:
    listed = "\n".join(
        f"  {name:<12} from {' and '.join(map(_source, points))}"
        for name, points in commands.items()
    )
    parser = argparse.ArgumentParser(
        prog="ember",
        description="Ember: models written once, run on any array engine.",
        epilog=f"commands:\n{listed}\n\n'ember COMMAND --help' describes one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ember {version('ember-core')}")
    parser.add_argument("command", choices=list(commands), metavar="COMMAND", help="see below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 if all is well, 1 if the command found a fault, 2 for wrong usage.
    """
    commands = _commands()
    given = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(commands)
    if not given:
        parser.print_help()
        return 2
    parsed = parser.parse_args(given)
    point, *rivals = commands[parsed.command]
    if rivals:
        sys.stderr.write(
            f"ember: the command {point.name!r} is claimed by "
            f"{' and '.join(map(_source, (point, *rivals)))}; uninstall one of them\n"
        )
        return 1
    command = argparse.ArgumentParser(prog=f"ember {point.name}")
    try:
        register: Register = point.load()
        run = register(command)
    except Exception as error:  # another distribution's code: it may fail in any way
        sys.stderr.write(
            f"ember: the command {point.name!r} of {_source(point)} fails to load: "
            f"{type(error).__name__}: {error}\n"
        )
        return 1
    try:
        return run(command.parse_args(parsed.arguments))
    except EmberError as error:
        sys.stderr.write(f"ember {point.name}: {error}\n")
        return 1
