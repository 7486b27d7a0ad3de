"""Commands that are imported when they are asked for, so that ``jobset --help`` is quick."""

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from pkgutil import resolve_name

import click

from jobset_protocol.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a command is, and what the list of commands says of it.

    Args:
        path: ``module:attribute``.
        summary: One line.
        extra: The extra of the distribution that it needs, if any.
    """

    path: str
    summary: str
    extra: str | None = None


class LazyCommands(MutableMapping[str, click.Command]):
    """A group's commands; each is imported at its first use.

    Args:
        entries: Command name → where it is.
    """

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._commands: dict[str, Entry | click.Command] = dict(entries)

    def __getitem__(self, name: str) -> click.Command:
        found = self._commands[name]
        if isinstance(found, Entry):
            found = self._commands[name] = _load(name, found)
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._commands[name] = command

    def __delitem__(self, name: str) -> None:
        del self._commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)


def _load(name: str, entry: Entry) -> click.Command:
    try:
        command: click.Command = resolve_name(entry.path)
    except ModuleNotFoundError as error:
        if entry.extra is None:
            raise
        raise ConfigurationError(
            f"`jobset {name}` needs {error.name!r}, which is not installed: "
            f"pip install 'jobset[{entry.extra}]'"
        ) from error
    return command
