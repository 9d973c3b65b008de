"""Lines of text, and the cells of one."""

import csv
import gzip
from pathlib import Path
from typing import NamedTuple

from .. import _memory

COMMENTS = "#", "%"
GZIP = b"\x1f\x8b"
MATRIX_MARKET = "%%MatrixMarket"


class Text(NamedTuple):
    """Lines that are neither blank nor comments, and the comments above the first of them."""

    lines: list[str]
    above: list[str]


def bytes_of(path: Path) -> bytes:
    """Of a file that may be compressed, as long as there is memory for its text."""
    raw = path.read_bytes()
    if raw[:2] != GZIP:
        return raw
    most = int(_memory.available() / 8)  # lists of cells take some seven times the text
    with gzip.open(path) as file:
        text = file.read(most + 1)
    if len(text) > most:
        raise ValueError(f"it unpacks to more than {_memory.readable(most)}")
    return text


def text_of(path: Path) -> Text:
    try:
        lines = bytes_of(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    if lines and lines[0].startswith(MATRIX_MARKET):
        raise ValueError("it is a Matrix Market file: let its name end in .mtx")
    lines = [line for line in lines if line.strip()]
    data = [line for line in lines if not line.lstrip().startswith(COMMENTS)]
    first = next((i for i, line in enumerate(lines) if line in data[:1]), len(lines))
    return Text(data, lines[:first])


def delimiter_of(line: str, marks: str) -> str | None:
    """The first of some marks that a line has; None: white space."""
    return next((mark for mark in marks if mark in line), None)


def cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    row = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    return [cell.strip() for cell in row]


def number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # which Python allows between digits: 1_10 is a name


def pointed(cell: str, delimiter: str | None) -> str:
    """A number with a decimal point: where semicolons part the cells, a comma may stand for it."""
    return cell.replace(",", ".") if delimiter == ";" else cell
