"""Lines of text, and the cells of one."""

import codecs
import csv
import gzip
import re
from pathlib import Path
from typing import NamedTuple

from .. import _memory

COMMENTS = "#", "%"
SHEET = "\x1f"  # between the cells of a spreadsheet
MARKS = SHEET, "\t", ";", ",", "|"
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
COMMAS = "commas are decimal points"
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
    raw = bytes_of(path)
    encoding = "utf-16" if raw[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    try:
        lines = raw.decode(encoding).splitlines()
    except UnicodeDecodeError:
        raise ValueError("it is no text in UTF-8") from None
    if lines and lines[0].lower().startswith(MATRIX_MARKET.lower()):
        raise ValueError("it is a Matrix Market file: let its name end in .mtx")
    if lines and lines[0].lower().startswith("sep="):  # as Excel writes it
        lines = lines[1:]
    lines = [line for line in lines if line.strip()]
    if encoding == "utf-16" and not any(line.isprintable() for line in lines):
        raise ValueError("it is no text in UTF-16")
    comment = [line.lstrip().startswith(COMMENTS) for line in lines]
    first = comment.index(False) if False in comment else len(lines)
    data = lines[first:]
    # Among the data a row whose first name begins with # is no comment.
    mark = delimiter_of(data)
    width = data[0].count(mark) if data and mark else -1
    kept = [
        line
        for line, is_comment in zip(data, comment[first:], strict=True)
        if not is_comment or (mark and line.count(mark) == width)
    ]
    return Text(kept, lines[:first])


def delimiter_of(lines: list[str], marks: tuple[str, ...] = MARKS) -> str | None:
    """The mark that all lines below the first have, as often each if one is; None: white space."""
    some = lines[1:21] or lines
    for mark in marks:
        counts = {line.count(mark) for line in some}
        if len(counts) == 1 and 0 not in counts:
            return mark
    return next((mark for mark in marks if some and all(mark in line for line in some)), None)


def cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    quoted = '"' in line and delimiter != SHEET
    row = (
        next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        if quoted
        else line.split(delimiter)
    )
    return [cell.strip() for cell in row]


def number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # which Python allows between digits: 1_10 is a name


def pointed(cell: str, delimiter: str | None) -> str:
    """A number with a decimal point, for which a comma may stand where another mark parts cells."""
    if delimiter == "," or "," not in cell or not DECIMAL_COMMA.fullmatch(cell):
        return cell
    return cell.replace(",", ".")
