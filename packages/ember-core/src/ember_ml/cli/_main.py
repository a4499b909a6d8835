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


def _commands() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


def _parser(commands: dict[str, EntryPoint]) -> argparse.ArgumentParser:
    listed = "\n".join(
        f"  {name:<12} from {point.dist.name if point.dist else '?'}"
        for name, point in commands.items()
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
    point = commands[parsed.command]
    try:
        register: Register = point.load()
    except Exception as error:
        source = point.dist.name if point.dist else "?"
        sys.stderr.write(f"ember: the command {point.name!r} of {source} fails to load: {error}\n")
        return 1
    command = argparse.ArgumentParser(prog=f"ember {point.name}")
    run = register(command)
    try:
        return run(command.parse_args(parsed.arguments))
    except EmberError as error:
        sys.stderr.write(f"ember {point.name}: {error}\n")
        return 1
