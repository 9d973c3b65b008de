"""``python -m tests.catalogue [--share 10] [--family NAME] [--half tune|held] [--write]``."""

import argparse
import datetime
from pathlib import Path

from bench.machine import processor

from . import judge
from .everything import catalogue

RESULTS = Path(__file__).parents[2] / "bench" / "results" / "classes.md"


def main() -> None:
    parser = argparse.ArgumentParser(description="Judge the classes of the catalogue's cases.")
    parser.add_argument("--share", type=int, default=1, help="only about one case in so many")
    parser.add_argument("--family", help="only this one")
    parser.add_argument("--half", choices=("tune", "held"), help="only this half of each family")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name}")
    asked = parser.parse_args()
    batches = judge.chosen(
        catalogue(), share=asked.share, family=asked.family, half=asked.half
    )
    tallies = judge.run(batches, say=lambda line: print(line, flush=True))
    found = judge.table(tallies)
    print(found)
    if asked.write:
        today = datetime.date.today().isoformat()
        RESULTS.write_text(
            f"# Classes of the catalogue\n\n`python -m tests.catalogue --write`\n\n{today}, "
            f"{processor()}. Half of each family was used to choose rules.\n\n{found}\n"
        )


if __name__ == "__main__":
    main()
