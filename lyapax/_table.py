"""A result in words: the table that `print` shows, and plain values for JSON."""

from typing import TYPE_CHECKING, Any

import numpy as np

from . import _step as step
from ._status import Status

if TYPE_CHECKING:
    from ._result import LyapunovSpectrum


def summary(spec: "LyapunovSpectrum") -> dict[str, Any]:
    """Plain Python values, for JSON."""
    return {
        "system": spec.system,
        "duration": spec.duration,
        "dt": spec.dt,
        "unit": "per unit time" if spec.is_flow else "per step",
        "exponents": spec.exponents.tolist(),
        "stderr": spec.stderr.tolist(),
        "status": [[Status(s).name for s in row] for row in spec.status.reshape(-1, spec.k)],
        "n_positive": np.asarray(spec.n_positive).tolist(),
        "n_zero": np.asarray(spec.n_zero).tolist(),
        "diverged_at": spec.diverged_at.tolist(),
        "last_size": spec.last_size.tolist(),
        "attractor": np.asarray(spec.attractor).tolist(),
        "kaplan_yorke": np.asarray(spec.kaplan_yorke).tolist(),
        "kaplan_yorke_stderr": np.asarray(spec.kaplan_yorke_stderr).tolist(),
        "kaplan_yorke_is_bound": np.asarray(spec.kaplan_yorke_is_bound).tolist(),
        "entropy": np.asarray(spec.entropy).tolist(),
        "step": spec.step,
        "step_bias": spec.step_bias.tolist(),
        "step_bias_stderr": spec.step_bias_stderr.tolist(),
        "entropy_stderr": np.asarray(spec.entropy_stderr).tolist(),
    }


def divergence(spec: "LyapunovSpectrum") -> str:
    """A sentence on when states diverged and whether dt is to blame; empty if none did."""
    first = np.nanmin(spec.diverged_at, initial=np.inf)
    if not np.isfinite(first):
        return ""
    size = float(spec.last_size[spec.diverged_at == first].max())
    why = {
        True: f"; with half the step, {spec.dt / 2:g}, it stays finite: dt is too large",
        False: "; half the step does not help",
        None: "",
    }[spec.finer_step_survives]
    unit = "t" if spec.is_flow else "step"
    return f"at {unit} = {first:g}, from a state of size {size:.2g}{why}"


def _dimension(spec: "LyapunovSpectrum") -> str:
    if spec.kaplan_yorke_is_bound:
        return f">= {spec.kaplan_yorke:g}, not reached by {spec.k} exponents"
    return f"{spec.kaplan_yorke:.4f} +- {spec.kaplan_yorke_stderr:.2g}"


def _pooled_rows(spec: "LyapunovSpectrum") -> str:
    mean, stderr = spec.pooled()
    rows = [f"{j + 1:4d}  {mean[j]:10.5f}  {stderr[j]:9.2g}" for j in range(min(spec.k, 12))]
    return "\n".join(["", "", "   j   mean over       stderr", "          batch", *rows])


def _step(spec: "LyapunovSpectrum") -> list[str]:
    """Why this dt, where that was chosen, and what it does to exponents, where that shows."""
    chosen = [f"step          {spec.step}"] if spec.step else []
    at = step.worst(spec, 1 / 3, step.ENOUGH)
    return chosen + ([f"step          dt {step.described(spec, at)}"] if at else [])


def table(spec: "LyapunovSpectrum") -> str:
    unit = "per unit time" if spec.is_flow else "per step"
    head = f"{spec.system}: {spec.k} exponents {unit}, measured over {spec.duration:g}"
    if spec.shape:
        n_positive = np.asarray(spec.n_positive)
        leading = spec.exponents[..., 0]
        finite = leading[np.isfinite(leading)]
        span = f"{finite.min():.4g} to {finite.max():.4g}" if finite.size else "none finite"
        head = (
            f"{head}\nbatch {spec.shape}: leading exponent {span}; "
            f"{int((n_positive > 0).sum())} members chaotic, "
            f"{int(spec.diverged.sum())} diverged"
        )
        head += f", the first {divergence(spec)}" if divergence(spec) else ""
        head += "".join(f"\n{line}" for line in _step(spec))
        return head + _pooled_rows(spec) if spec.is_driven and len(spec.shape) == 1 else head
    if divergence(spec):
        return f"{head}\ndiverged {divergence(spec)}"
    rows = [head, "", "   j    exponent     stderr  sign"]
    signs = {1: "+", 0: "0", -1: "-", 2: "?"}
    for j in range(min(spec.k, 12)):
        status = Status(int(spec.status[j]))
        note = "" if status is Status.OK else f"  {status.name.lower()}"
        sign = signs[int(spec.sign[j])]
        rows.append(f"{j + 1:4d}  {spec.exponents[j]:10.5f}  {spec.stderr[j]:9.2g}   {sign}{note}")
    if spec.k > 12:
        rows.append(f" ... {spec.k - 12} more, down to {spec.exponents[-1]:.5f}")
    rows += [
        "",
        f"attractor     {spec.attractor}",
        f"              {spec.evidence}",
        f"dimension     {_dimension(spec)} (Kaplan-Yorke)",
        f"entropy       {spec.entropy:.5g} +- {spec.entropy_stderr:.2g} (Pesin)",
        f"zero below    {spec.resolution:.2g}",
        *_step(spec),
    ]
    return "\n".join(rows)
