"""Lines of text, and the cells of one."""

import csv
from pathlib import Path

COMMENTS = "#", "%"


def text_lines(path: Path) -> list[str]:
    """Those that are neither blank nor comments."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    return [line for line in lines if line.strip() and not line.lstrip().startswith(COMMENTS)]


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
    return True


def pointed(cell: str, delimiter: str | None) -> str:
    """A number with a decimal point: where semicolons part the cells, a comma may stand for it."""
    return cell.replace(",", ".") if delimiter == ";" else cell
