"""CUDA sources as text: what a file includes is put in its place."""

import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
INCLUDE = re.compile(r'#include "([\w.]+)"')


def source(name: str, replaced: Mapping[str, str] | None = None) -> str:
    """The text of a .cu file; `replaced` has other texts for some of the included ones.

    One self-contained text, because CuPy's cache on disk does not see when an included file
    changes, and because a user's field is text that no file holds.
    """
    seen: set[str] = set()

    def inlined(file: str) -> list[str]:
        if file in seen:
            return []
        seen.add(file)
        text = (replaced or {}).get(file) or (FOLDER / file).read_text()
        lines = [f'#line 1 "{file}"']
        for number, line in enumerate(text.splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                lines += [*inlined(found[1]), f'#line {number + 1} "{file}"']
            elif line != "#pragma once":
                lines.append(line)
            else:
                lines.append("")
        return lines

    return "\n".join(inlined(name)) + "\n"


def indented(rows: list[str]) -> str:
    """Statements as the body of a function."""
    return "".join(f"    {row}\n" for row in rows)
