"""CUDA sources through the compilers: registers and spills are what the table says."""

import json
import shutil
import subprocess

import pytest

from lyapax.kernels.cuda.sources import FOLDER, source

from . import nvrtc
from .cuda_instances import ARCHITECTURES, INSTANCES, TABLE, measured

needs_nvrtc = pytest.mark.skipif(not nvrtc.available()[0], reason=nvrtc.available()[1])
UNSPILLED = [
    *(f"threads fp32 n = k = {n}" for n in (2, 4, 8)),
    *(f"threads fp64 n = k = {n}" for n in (2, 3, 4)),
    *(f"blocks fp32 {rows}" for rows in (16, 32, 64, 128)),
    *(f"blocks fp64 {rows}" for rows in (16, 32, 64)),
]


def table():
    return json.loads(TABLE.read_text())


def test_the_table_promises_what_it_must():
    """No instance of these spills, on any architecture."""
    assert set(table()) == set(INSTANCES)
    for name in UNSPILLED:
        assert [spilled for _, spilled in table()[name].values()] == [0] * len(ARCHITECTURES), name


@needs_nvrtc
@pytest.mark.parametrize("name", INSTANCES)
def test_registers(name):
    """Two architectures in the ordinary run, the others nightly."""
    for architecture in (75, 90):
        assert measured(name, architecture) == table()[name][f"sm_{architecture}"]


@needs_nvrtc
@pytest.mark.slow
@pytest.mark.parametrize("name", INSTANCES)
def test_registers_on_all(name):
    for architecture in ARCHITECTURES:
        assert measured(name, architecture) == table()[name][f"sm_{architecture}"]


@needs_nvrtc
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kernel_compiles(architecture):
    for file in ("stages.cu", "cells.cu", "nodes.cu"):
        for real in ("float", "double"):
            assert nvrtc.compiled(source(file), (f"-DREAL={real}", "-std=c++17"), architecture)


@needs_nvrtc
def test_float_kernels_compute_in_float():
    """A double that slips into a float kernel is 2 to 64 times slower: only the log sums are."""
    text = nvrtc.assembly(*INSTANCES["threads fp32 n = k = 4"](), 90)
    step = text.split(".entry advance")[1].split(".entry")[0]
    assert "fma.rn.ftz.f32" in step
    # Times, steps and the state on its way in and out.
    assert "fma.rn.f64" not in step


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")
@pytest.mark.parametrize("file", sorted(path.name for path in FOLDER.glob("*.cu")))
def test_each_file_compiles_by_itself(file, tmp_path):
    """As it lies there, with the right-hand side that lies beside it."""
    command = ["nvcc", "-std=c++17", "-arch=sm_90", "-cubin", "-o", tmp_path / "out.cubin"]
    done = subprocess.run([*command, FOLDER / file], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_sources_need_nothing_else():
    """NVRTC has no headers: whatever a file includes lies beside it, and is put in its place."""
    for path in FOLDER.glob("*.cu"):
        text = source(path.name)
        assert "#include" not in text
        assert "#pragma once" not in text
        assert '#line 1 "common.cuh"' in text
