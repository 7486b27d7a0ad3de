"""Where output goes: tables and JSON to standard output, all other words to standard error."""

import json
import math
from collections.abc import Mapping
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobset_client.cli.text import safe

_WIDTH_WITHOUT_TERMINAL = 400
"""A pipe has no width: nothing must be cut there."""


def stdout() -> Console:
    """Return the console of tables."""
    return _console(stderr=False)


def stderr() -> Console:
    """Return the console of progress bars."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


def say(message: str) -> None:
    """Write a line for people to standard error."""
    click.echo(message, err=True)


def print_json(document: Any) -> None:
    """Write a JSON document to standard output; what is not ASCII is escaped.

    JSON has no NaN and no infinity: both are ``null``.
    """
    click.echo(json.dumps(_finite(document), indent=2, default=str, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class Rows:
    """A table whose cells are plain text, whatever they hold; empty columns are left out.

    Args:
        columns: The headings; one that begins with ``>`` is set flush right, one with ``~`` may
            be broken over lines.  Others are cut where a terminal is too narrow.
    """

    def __init__(self, *columns: str) -> None:
        self._columns = columns
        self._rows: list[tuple[list[Text], str]] = []

    def add(self, *cells: object, style: str = "") -> None:
        """Add a row.

        Args:
            cells: Their text is made safe; a ``Text`` is taken as it is.
            style: Of the row.
        """
        texts = [cell if isinstance(cell, Text) else Text(safe(cell)) for cell in cells]
        self._rows.append((texts, style))

    def print(self) -> None:
        """Write the table to standard output."""
        used = [
            position
            for position in range(len(self._columns))
            if any(cells[position] for cells, _ in self._rows)
        ]
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for position in used:
            _add_column(table, self._columns[position])
        for cells, style in self._rows:
            table.add_row(*(cells[position] for position in used), style=style)
        console = stdout()
        with console.capture() as capture:
            console.print(table)
        for line in capture.get().splitlines():
            click.echo(line.rstrip())


def _add_column(table: Table, column: str) -> None:
    table.add_column(
        Text(column.lstrip(">~")),
        justify="right" if column.startswith(">") else "left",
        no_wrap=not column.startswith("~"),
        overflow="fold" if column.startswith("~") else "ellipsis",
    )
