"""Lyapunov spectra of PyTorch modules."""

from __future__ import annotations  # help says ArrayLike, and not all that it may be

from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from .. import _check
from .._device import home_of
from .._result import LyapunovSpectrum
from .._spectrum import lyapunov_spectrum
from .foreign import step_of
from .read import does_as, is_recurrent, system_of, to_array, up_to_date
from .replica import unwrapped


def spectrum(
    module: Any,
    inputs: Any = None,
    *,
    readout: Any = None,
    initial: ArrayLike | None = None,
    dtype: str = "float64",
    **options: Any,
) -> LyapunovSpectrum:
    r"""Lyapunov exponents, per step, of a recurrent module or of any step.

    The exponents of the states' dynamics, :math:`\lim \frac1T \ln \|\prod_t J_t v\|` with
    :math:`J_t = \partial h_{t+1} / \partial h_t`: how fast learning signals vanish or explode on
    their way through time. Weights are only read: mode, gradients and random state stay as they
    are. Weight norm, spectral norm, pruning and parametrizations count as they would in a forward
    call in eval mode; the module's own attributes are left as they are.

    Parameters
    ----------
    module : torch.nn.Module or callable
        `nn.RNN`, `nn.GRU`, `nn.LSTM` or one of their cells: read into `lyapax.RNN`, `lyapax.GRU` or
        `lyapax.LSTM`, whose kernels do the work, on a GPU if the weights are on one (with CuPy). Of
        a bidirectional module (of one layer) the two directions are the first axis of the result.
        Any other module or callable is taken as a
        step: ``module(x)`` or ``module(x, u)`` returns the next state, of one state (n,) and one
        input (d,), and goes through `torch.func.jvp`. A module is taken in eval mode, without
        dropout. What `torch.compile`, DataParallel or DistributedDataParallel wrapped is taken out.
    inputs : tensor or array, optional
        As the module takes them: (T, d), or (T, batch, d) and with ``batch_first=True``
        (batch, T, d); of cells and steps (batch, T, d). Transient, alignment and measurement share
        the T steps, and each sequence has its own exponents: `LyapunovSpectrum.pooled` is their
        mean with an error. Without inputs the module runs by itself, on zeros.
    readout : nn.Linear, optional
        Instead of inputs: the module is fed ``readout`` of its last layer's state, as when it
        generates.
    initial : tensor, array (..., n) or tuple, optional
        First states; several layers one after the other, and an LSTM's cells after all of its h.
        Also h or (h, c) as PyTorch has them, (layers, batch, n).
        By default zeros with inputs, as in PyTorch, and random without or with `members`. A step
        needs it.
    dtype : {"float64", "float32"}
        Of tangents, and of everything in a module taken as a step; any other callable computes in
        the dtype of `initial`.
    **options
        Of `lyapax.lyapunov_spectrum`: duration (needed without inputs), transient, alignment, k,
        tol, max_duration, qr_every, initial_basis, rng, members, ensemble, errors, progress.

    Returns
    -------
    LyapunovSpectrum

    Raises
    ------
    ValueError, TypeError
        Naming the argument, what was expected and what came; bidirectional modules of several
        layers are refused, as their second layer sees the future, and modules with a weight that
        is neither a parameter nor a buffer and that no forward pre-hook computes.

    References
    ----------
    Engelken, Wolf & Abbott, Phys. Rev. Research 5 (2023); Vogt et al., Front. Appl. Math. Stat. 8
    (2022).

    Examples
    --------
    >>> import torch
    >>> from lyapax.torch import spectrum
    >>> _ = torch.manual_seed(0)
    >>> gru = torch.nn.GRU(4, 16, batch_first=True)
    >>> spec = spectrum(gru, torch.randn(8, 100, 4), k=3, rng=0, progress=False)
    >>> mean, stderr = spec.pooled()
    >>> spec.shape, bool((mean < 0).all())
    ((8,), True)
    """
    dtype = _check.dtype(dtype, "dtype", ("float64", "float32")).name
    module = unwrapped(module)
    if not callable(module):
        raise TypeError(
            f"module must be a torch.nn.Module or a callable, got {type(module).__name__}"
        )
    if is_recurrent(module):
        system = system_of(module, inputs, **_loop(readout))
        initial = _flat(initial)
        if initial is None and inputs is not None and options.get("members") is None:
            initial = np.zeros(system.dim)
        # Without CuPy the weights have come to the CPU, and are analysed there.
        system.home = home_of(*module.parameters()) if find_spec("cupy") else None
        return lyapunov_spectrum(system, initial=initial, dtype=dtype, **options)
    if readout is not None:
        raise ValueError("readout is for recurrent modules; a step can close its own loop")
    inside = _inside(module)
    if initial is None and inside:
        raise TypeError(
            f"module must be the recurrent part itself: this {type(module).__name__} has "
            f"{inside} inside"
        )
    if initial is None:
        raise ValueError(
            "initial must be given for a step: it says how many variables there are. (module is "
            f"a {type(module).__name__}, not an nn.RNN, nn.GRU, nn.LSTM or one of their cells.)"
        )
    start = _check.real_array(to_array(initial, "initial"), "initial", ndim_min=1)
    step = step_of(module, initial, inputs, dtype)
    step.probe(start)
    return lyapunov_spectrum(step, initial=start, dtype=dtype, **options)


def _inside(module: Any) -> str:
    """Recurrent parts of a module, for people."""
    parts = module.named_modules() if isinstance(module, nn.Module) else ()
    return ", ".join(
        f"{name} ({type(part).__name__})" for name, part in parts if is_recurrent(part)
    )


def _flat(initial: Any) -> Any:
    """PyTorch's h, or (h, c), of shape (layers, batch, n), as (batch, states)."""
    parts = [
        _flat(part) if torch.is_tensor(part) else _check.real_array(part, "initial")
        for part in (initial if isinstance(initial, tuple) else ())
    ]
    if parts and all(part.ndim for part in parts):
        try:
            return np.concatenate(parts, axis=-1)
        except ValueError:
            shapes = " and ".join(str(part.shape) for part in parts)
            raise ValueError(f"initial must be h and c of one shape, got {shapes}") from None
    array = to_array(initial, "initial")
    if torch.is_tensor(initial) and array.ndim == 3:
        return np.moveaxis(array, 0, 1).reshape(array.shape[1], -1)
    return array


def _loop(readout: Any) -> dict[str, Any]:
    if readout is None:
        return {}
    readout = unwrapped(readout)
    if not does_as(readout, nn.Linear):
        own = " with a forward of its own" if isinstance(readout, nn.Linear) else ""
        raise TypeError(f"readout must be an nn.Linear, got {type(readout).__name__}{own}")
    with torch.no_grad():
        readout = up_to_date(readout)
        bias = 0.0 if readout.bias is None else to_array(readout.bias, "readout")
        return {"readout": to_array(readout.weight, "readout"), "readout_bias": bias}
