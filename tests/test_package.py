"""What a wheel and an sdist hold: the kernels once, no symlink, no caches."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = (".py", ".cu", ".cuh")


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    pytest.importorskip("build", reason="the dev extra has it")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        source = {name.split("/", 1)[1] for name in file.getnames() if "/" in name}
    return set(zipfile.ZipFile(wheel).namelist()), source


def test_wheel_from_sdist_holds_every_kernel(archives):
    wheel, _ = archives
    expected = {
        f"lyapax/{p.relative_to(ROOT)}" for p in (ROOT / "kernels").rglob("*.*") if p.suffix in CODE
    } | {str(p.relative_to(ROOT)) for p in (ROOT / "lyapax").glob("*.py")}
    assert expected <= wheel
    packages = {name.split("/")[0] for name in wheel}
    assert {p for p in packages if not p.endswith(".dist-info")} == {"lyapax"}
    assert not any("__pycache__" in name for name in wheel)


def test_sdist_holds_the_kernels_once(archives):
    _, source = archives
    assert "kernels/cpu/network.py" in source
    assert not any(name.startswith("lyapax/kernels") for name in source)
