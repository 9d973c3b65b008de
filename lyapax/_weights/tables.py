"""Tables of numbers, by any delimiter, with or without names of the units above and beside them."""

from pathlib import Path

import numpy as np

from .._check import Array
from .cells import COMMAS, SHEET, Text, cells, delimiter_of, number, pointed, text_of
from .edges import BY_NAME, columns_of, edges_of_text, named_above, of_edges, unknown
from .found import Found, optional


def table(path: Path, labels: bool | None, key: str | None = None) -> Found:
    notes: list[str] = []
    try:
        if path.name.lower().endswith(".xlsx"):
            rows, notes = sheet(path, key)
            text = Text([SHEET.join(row) for row in rows], [])
        else:
            text = text_of(path)
        if not text.lines:
            raise ValueError("it is empty")
        found = of_text(text, path.name, labels)
    except ValueError as error:
        raise ValueError("; ".join([str(error), *notes])) from None
    found.notes[:0] = [f"{path.name}: {note}" for note in notes]
    return found


def of_text(text: Text, name: str, labels: bool | None) -> Found:
    """A matrix, or a list of edges.

    In this order: the same names above and beside make a matrix; names of columns such as source
    and target, in the first row or in a comment above it, edges; two or three columns, and more
    rows than a matrix with labels could have, edges. Everything else is a matrix.
    """
    lines = text.lines
    delimiter = delimiter_of(lines)
    top = cells(lines[0], delimiter)
    if len(top) == 1 < len(lines[0].split()) and delimiter and len(lines) > 1:
        top = lines[0].split()  # names by blanks, numbers by tabs
    if labels is None and not named_alike(lines, top, delimiter):
        if all("{" in line for line in lines[:2]):
            return edges_of_text(text, name)  # NetworkX's
        above = named_above(text.above, len(top), delimiter)
        row = cells(lines[1], delimiter) if len(lines) > 1 else None
        named = None if above else columns_of(top)
        if named and row and unknown(top, named) and is_square(lines[1:], delimiter):
            raise ValueError(
                f"its first row {', '.join(top)} may be names of units or of columns: say "
                "--labels, or let its name end in .edges"
            )
        columns = columns_of(top, row) if named else None
        # Three columns are a matrix of three units, or of two and their names: four lines at most.
        long = len(top) in (2, 3) and len(lines) > len(top) + 1 and row and len(row) == len(top)
        if above or columns or long:
            rows = [top, *(cells(line, delimiter) for line in lines[1:])]
            return of_edges(rows, name, delimiter, text.above)
    matrix, notes = matrix_of_lines(lines, labels, delimiter)
    return Found(matrix, [f"{name}: {note}" for note in notes])


def named_alike(lines: list[str], top: list[str], delimiter: str | None) -> bool:
    """Whether a square table has the same names in its first row and its first column."""
    if len(lines) not in (len(top), len(top) + 1) or len(lines) < 2:
        return False
    left = [cells(line, delimiter)[:1] for line in lines[1:]]
    above = top[1:] if len(lines) == len(top) else top
    return above == [cell for cell, *_ in left if cell] and not all(map(number, above))


def is_square(lines: list[str], delimiter: str | None) -> bool:
    """Whether these are n rows of n numbers."""
    rows = [cells(line, delimiter) for line in lines[: len(cells(lines[0], delimiter)) + 1]]
    return len(lines) == len(rows[0]) and all(
        len(row) == len(rows) and all(map(number, row)) for row in rows
    )


def sheet(path: Path, key: str | None) -> tuple[list[list[str]], list[str]]:
    """The cells of a sheet, the first if none is named, and what others there are."""
    pandas = optional("pandas", ".xlsx")
    optional("openpyxl", ".xlsx")
    try:
        book = pandas.ExcelFile(path, engine="openpyxl")
    except Exception as error:
        raise ValueError(f"it is no .xlsx file: {error!s:.80}") from None
    with book:
        names = [str(name) for name in book.sheet_names]
        if key is not None and key not in names:
            raise ValueError(f"it holds no {key!r}; sheets: {', '.join(names)}")
        frame = pandas.read_excel(book, sheet_name=key or names[0], header=None, dtype=object)
    others = ", ".join(names[1:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    several = len(names) > 1 and key is None
    notes = [f"first sheet, {names[0]}; others by FILE:SHEET: {others}"] if several else []
    frame = frame.dropna(how="all").dropna(how="all", axis=1)
    filled = frame.astype(object).where(frame.notna(), "")
    return [[" ".join(str(cell).split()) for cell in row] for row in filled.to_numpy()], notes


def matrix_of_lines(
    lines: list[str], labels: bool | None, delimiter: str | None
) -> tuple[Array, list[str]]:
    """A square matrix, with or without names of the units above and beside it.

    The table's shape says where labels can be: as many rows as columns, on both sides or nowhere.
    There, labels that are numbers cannot be told from weights, and `labels` must say which.
    """
    notes = []
    ends = bool(delimiter) and all(line.rstrip().endswith(str(delimiter)) for line in lines)
    if ends and len(lines) < len(cells(lines[-1], delimiter)):
        lines = [line.rstrip()[:-1] for line in lines]  # a delimiter after the last cell, too
    top, width = cells(lines[0], delimiter), len(cells(lines[-1], delimiter))
    if len(top) == width - 1:
        top = ["", *top]  # as R writes it: nothing in the corner
    left = [cells(line, delimiter)[0] if '"' in line else head(line, delimiter) for line in lines]
    above, beside = len(lines) >= width, len(lines) <= width
    if labels is None:
        labels = labelled(top, left, above, beside)
    if not labels or abs(len(lines) - width) > 1:
        above = beside = False
    elif above and beside and top[1:] != left[1:] and not any(map(counted, (top[1:], left[1:]))):
        raise ValueError("the labels of its rows and of its columns differ")
    if abs(len(lines) - width) > 1:
        rows = len(lines)
        raise ValueError(
            f"it is no square matrix: {rows:,} rows of {width:,} cells, the first "
            f"{', '.join(top[:4])!r:.60}; if they are edges, {BY_NAME}"
        )
    if above or beside:
        sides = ["first row"] * above + ["first column"] * beside
        notes.append(f"{' and '.join(sides)} read as labels")
    for i, line in enumerate(lines[above:], above + 1):
        plain = delimiter is not None and '"' not in line
        found = line.count(str(delimiter)) + 1 if plain else len(cells(line, delimiter))
        if found != width:
            raise ValueError(f"row {i} has {found} cells, others {width}")
    matrix, note = numbers(lines[above:], delimiter, int(beside), width, int(above))
    if len(matrix) == len(matrix.T) + 1:
        raise ValueError(
            f"it has {len(matrix):,} rows of {len(matrix.T):,} numbers: if the first row are names "
            "of the units, say --labels"
        )
    return matrix, notes + note


def head(line: str, delimiter: str | None) -> str:
    return (line.split(None, 1)[0] if delimiter is None else line.partition(delimiter)[0]).strip()


def numbers(
    lines: list[str], delimiter: str | None, first: int, width: int, above: int
) -> tuple[Array, list[str]]:
    """The cells from column `first` on: fast where all are numbers, else cell by cell."""
    try:
        return np.loadtxt(
            lines, delimiter=delimiter, ndmin=2, quotechar='"', usecols=range(first, width)
        ), []
    except ValueError:
        pass
    matrix, blank, commas = np.zeros((len(lines), width - first)), 0, False
    for i, line in enumerate(lines):
        for j, cell in enumerate(cells(line, delimiter)[first:]):
            value = pointed(cell, delimiter)
            commas = commas or value != cell
            if value == "":
                blank += 1
            elif number(value):
                matrix[i, j] = float(value)
            else:
                place = f"row {i + above + 1}, column {j + first + 1}"
                few = f" If edges, {BY_NAME}" if width < 10 else ""
                if value.lower() in ("na", "n/a", "null", "none"):
                    raise ValueError(f"{place} is {cell!r}: leave it blank for 0")
                raise ValueError(
                    f"{place} is {cell!r:.40}, no number: a label (--labels), a second header?{few}"
                )
    return matrix, [f"{blank} blank cells read as 0"] * (blank > 0) + [COMMAS] * commas


def labelled(top: list[str], left: list[str], above: bool, beside: bool) -> bool:
    """Whether the first row, the first column or both are labels, where the shape allows it."""
    if above != beside:
        return names_units(top if above else left)
    corner, first_row, first_column = top[0], top[1:], left[1:]
    if len(top) > 2 and counted(first_row) and counted(first_column):
        if not number(corner):
            return True
        raise ValueError(
            f"its first row and column count {top[1]}, {top[2]}, ...: say --labels if these are "
            "names of the units, --no-labels if they are weights"
        )
    if number(corner):
        return False  # among names there would be none
    alike = first_row == first_column and all(first_row)
    return alike or (names_units(first_row) and names_units(first_column))


def names_units(border: list[str]) -> bool:
    return counted(border) or not any(map(could_be_weight, border))


def could_be_weight(cell: str) -> bool:
    """A number, by a decimal comma too, or nothing."""
    return cell == "" or number(cell.replace(",", "."))


def counted(cells: list[str]) -> bool:
    """0, 1, 2, ... or 1, 2, 3, ..."""
    if not all(map(number, cells)):
        return False
    values = np.array(cells, float)
    return values[0] in (0.0, 1.0) and bool((np.diff(values) == 1).all())
