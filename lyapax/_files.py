"""Results in files."""

import io
import json
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _check

if TYPE_CHECKING:
    from ._result import LyapunovSpectrum

FORMAT = 1
ARRAYS = ("exponents", "stderr", "status", "sign", "cancellation", "blocks", "speed", "period",
          "diverged_at", "last_size", "motion", "preserving", "changed_at", "changed",
          "step_bias", "step_bias_stderr")  # fmt: skip
FACTS = ("dim", "is_flow", "is_driven", "system", "duration", "dt", "qr_every", "block_duration",
         "finer_step_survives", "is_noisy", "circles", "step")  # fmt: skip


def save(spec: "LyapunovSpectrum", path: str | os.PathLike[str]) -> None:
    """Write an .npz, whole or not at all."""
    target = _check.file(path, "path")
    buffer = io.BytesIO()
    facts = {"format": FORMAT, **{name: getattr(spec, name) for name in FACTS}}
    facts["axes"] = [(name, np.asarray(values).tolist()) for name, values in spec.axes]
    arrays = {name: getattr(spec, name) for name in ARRAYS}
    np.savez_compressed(buffer, facts=np.array(json.dumps(facts)), **arrays)
    write_whole(target, buffer.getvalue())


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The attributes of a result that `save` wrote."""
    path = _check.file(path, "path")
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            facts = json.loads(str(file["facts"]))
            arrays = {name: file[name] for name in (*ARRAYS, "growth") if name in file}
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"path {path} is not a lyapax result: {error}") from error
    if facts.get("format") != FORMAT:
        raise ValueError(
            f"path {path} has result format {facts.get('format')}, this lyapax reads {FORMAT}"
        )
    if "growth" in arrays:  # its name in older files
        arrays["cancellation"] = arrays.pop("growth")
    of_each = arrays.get("exponents", np.zeros(0)).shape
    shape = of_each[:-1]
    for name in ("diverged_at", "last_size", "changed_at"):  # which older files lack
        arrays.setdefault(name, np.full(shape, np.nan))
    for name in ("motion", "preserving", "changed"):
        arrays.setdefault(name, np.zeros(shape, np.int64))
    for name in ("step_bias", "step_bias_stderr"):
        arrays.setdefault(name, np.full(of_each, np.nan))
    facts.setdefault("finer_step_survives", None)
    facts.setdefault("is_noisy", False)
    facts.setdefault("circles", False)
    facts.setdefault("step", "")
    lacking = [name for name in ARRAYS if name not in arrays]
    lacking += [name for name in (*FACTS, "axes") if name not in facts]
    if lacking:
        raise ValueError(f"path {path} is not a lyapax result: it has no {', '.join(lacking)}")
    axes = [(name, np.array(values)) for name, values in facts["axes"]]
    return {**{name: facts[name] for name in FACTS}, **arrays, "axes": axes}


def write_whole(path: Path, content: bytes) -> None:
    """Write a file or leave none: a temporary one beside it, then a rename."""
    # Not by `tempfile`, whose files only their owner may read.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
