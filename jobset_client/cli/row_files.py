"""Write results as rows: CSV to a file or standard output, Parquet to a file."""

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from jobset_client.archive import replaced_file
from jobset_client.result_rows import COLUMNS, write_parquet
from jobset_protocol.errors import ConfigurationError

ROW_FORMATS = ("csv", "parquet")


def require_output(form: str, output: Path | None) -> None:
    """Refuse a file for what goes to standard output, and the other way round.

    Raises:
        ConfigurationError: They do not fit.
    """
    if form == "parquet" and output is None:
        raise ConfigurationError("--format parquet needs --output FILE")
    if form not in ROW_FORMATS and output is not None:
        raise ConfigurationError("--output is for --format csv and parquet")


def write_rows(rows: Iterator[dict[str, Any]], form: str, output: Path | None) -> None:
    """Write rows in one of :data:`ROW_FORMATS`.

    Raises:
        ConfigurationError: The file cannot be written, or a package is missing.
    """
    if output is None:
        for line in _csv_lines(rows):
            click.echo(line, nl=False)
    elif form == "parquet":
        write_parquet(rows, output)
    else:
        with replaced_file(output) as file:
            for line in _csv_lines(rows):
                file.write(line.encode())


def _csv_lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    heading = dict(zip(COLUMNS, COLUMNS, strict=True))
    for row in itertools.chain([heading], rows):
        writer.writerow(row)
        yield text.getvalue()
        text.seek(0)
        text.truncate()
