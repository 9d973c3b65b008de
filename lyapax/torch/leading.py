"""Leading exponents of one recurrent part of a model, direction by direction."""

from typing import Any, NamedTuple

import numpy as np

from .._check import Array
from .read import states
from .spectra import spectrum


class Leading(NamedTuple):
    """The leading exponent; a mean over the sequences where there are several."""

    direction: str  # "", or "forward" and "reverse"
    exponents: Array
    stderr: Array
    zero: Array  # whether they count as zero


def leading(part: Any, inputs: Any, k: int, **run: Any) -> list[Leading]:
    spec = spectrum(part, inputs, k=min(k, states(part)), rng=0, **run)
    both = bool(getattr(part, "bidirectional", False))
    exponents, stderr, zero = spec.exponents, spec.stderr, spec.sign == 0
    if len(spec.shape) > both:
        exponents, stderr = spec.pooled()
        zero = np.abs(exponents) <= 3 * stderr
    if not both:
        return [Leading("", exponents, stderr, zero)]
    parts = zip(("forward", "reverse"), exponents, stderr, zero, strict=True)
    return [Leading(*own) for own in parts]
