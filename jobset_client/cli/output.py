"""Where output goes: tables and JSON to standard output, all other words to standard error."""

import json
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
    return _console(Console(highlight=False, markup=False, emoji=False))


def stderr() -> Console:
    """Return the console of progress bars."""
    return _console(Console(stderr=True, highlight=False, markup=False, emoji=False))


def _console(console: Console) -> Console:
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    return console


def say(message: str) -> None:
    """Write a line for people to standard error."""
    click.echo(message, err=True)


def print_json(document: Any) -> None:
    """Write a JSON document to standard output; what is not ASCII is escaped."""
    click.echo(json.dumps(document, indent=2))


class Rows:
    """A table whose cells are plain text, whatever they hold.

    Args:
        columns: The headings; one that begins with ``>`` is set flush right, one with ``~`` may
            be broken over lines.  Others are cut where a terminal is too narrow.
    """

    def __init__(self, *columns: str) -> None:
        self._table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in columns:
            self._table.add_column(
                Text(column.lstrip(">~")),
                justify="right" if column.startswith(">") else "left",
                no_wrap=not column.startswith("~"),
                overflow="fold" if column.startswith("~") else "ellipsis",
            )

    def add(self, *cells: object, style: str = "") -> None:
        """Add a row.

        Args:
            cells: Their text is made safe; a ``Text`` is taken as it is.
            style: Of the row.
        """
        texts = (cell if isinstance(cell, Text) else Text(safe(cell)) for cell in cells)
        self._table.add_row(*texts, style=style)

    def print(self) -> None:
        """Write the table to standard output."""
        stdout().print(self._table)
