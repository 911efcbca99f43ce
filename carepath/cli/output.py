"""How the command line speaks: tables for people, JSON for programs, and one line for what went wrong."""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

OUT: Final = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
ERR: Final = Console(stderr=True, highlight=False, soft_wrap=True)


class Trouble(Exception):
    """Something the user can mend; shown without a traceback. ``hint`` says how."""

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint


def complain(trouble: Trouble) -> None:
    """What went wrong and how to mend it, on stderr."""
    ERR.print(Text.assemble(("Error: ", "bold red"), str(trouble)))
    if trouble.hint:
        ERR.print(Text(trouble.hint))


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, empty: str) -> None:
    """Rows under their headings; ``empty`` when there are none."""
    shown = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    if shown.row_count:
        OUT.print(shown)
    else:
        OUT.print(empty)


def say(text: str | Text = "") -> None:
    """A line of text, as it is."""
    OUT.print(Text(text) if isinstance(text, str) else text, soft_wrap=True)


def json(value: Any) -> None:
    """A value as JSON on one line or, for a terminal, indented."""
    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else None
    written = orjson.dumps(value, option=option)
    sys.stdout.buffer.write(written + b"\n")
    sys.stdout.flush()


def broken_pipe() -> None:
    """Whoever read our output has gone: leave quietly, as other tools do."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
