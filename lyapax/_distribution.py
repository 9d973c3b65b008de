"""The distribution on PyPI: not named like the package, as another project has that name there."""

from pathlib import Path

NAME = "lyapunov-spectra"
FOREIGN = ("core.py", "dde.py", "integrators.py", "adaptive.py")  # only PyPI's lyapax has these


def hint(extra: str) -> str:
    """How to install what an extra of ours brings."""
    return f"pip install '{NAME}[{extra}]'"


def stand_alone(folder: Path) -> None:
    """Refuse to run between the files of PyPI's lyapax, which share our folder's name."""
    found = [name for name in FOREIGN if (folder / name).exists()]
    if found:
        raise ImportError(
            f"PyPI's lyapax, another project, is installed in the folder of {NAME} ({folder} holds "
            f"{', '.join(found)}): pip uninstall lyapax {NAME}, then install {NAME} again"
        )


stand_alone(Path(__file__).parent)  # at import, before a mixture of both fails in other words
