"""What a wheel and an sdist hold: the kernels once, no symlink, no caches."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from lyapax import _distribution as distribution

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
    (facts,) = packages - {"lyapax"}
    assert facts.startswith(distribution.NAME.replace("-", "_"))


def test_sdist_holds_the_kernels_once(archives):
    _, source = archives
    assert "kernels/cpu/network/propagator.py" in source
    assert not any(name.startswith("lyapax/kernels") for name in source)


def test_every_hint_names_our_distribution_and_an_extra_of_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == distribution.NAME != "lyapax"
    assert distribution.hint("plot") == "pip install 'lyapunov-spectra[plot]'"
    sources = [path.read_text() for path in (ROOT / "lyapax").rglob("*.py")]
    hinted = {name for text in sources for name in re.findall(r"hint\([\"'](\w+)", text)}
    assert {"plot", "torch", "cuda12", "cuda13", "files", "sweep"} == hinted
    assert hinted <= set(project["optional-dependencies"])
    assert not any(re.search(r"lyapax\[\w|\binstall '?lyapax\b", text) for text in sources)


def test_the_other_lyapax_in_our_folder_is_one_clear_error(tmp_path):
    folder = tmp_path / "lyapax"
    folder.mkdir()
    for name in ("__init__.py", "_distribution.py"):
        shutil.copy(ROOT / "lyapax" / name, folder)
    distribution.stand_alone(folder)
    (folder / "core.py").write_text("import jax")  # what PyPI's lyapax has there
    done = subprocess.run(
        [sys.executable, "-c", "import lyapax"],
        env={"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr.splitlines()[-1]
    assert said.startswith(
        "ImportError: PyPI's lyapax, another project, is installed in the folder"
    )
    assert "core.py" in said
    assert f"then install {distribution.NAME} again" in said


def test_the_lowest_versions_are_those_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    promised = {*project["dependencies"], *extras["plot"], *extras["test"]}
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    tried = {line.replace("==", ">=") for line in lines if not line.startswith("#")}
    assert tried == promised
