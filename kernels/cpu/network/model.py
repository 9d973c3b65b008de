"""What the two C functions of a rate network know of it."""

from collections import namedtuple

import numpy as np

from ...jit import inlined
from ..simd.records import Record, size_of
from ..simd.strips import lanes_of
from .noise import noise_of_step
from .weights import factor, row_factor, state_product

# By address, with the elements from member to member (0: all have the same):
# - of the state: weights; bias and rate; inputs, of no effect when there is one step of them; if
#   it is noisy, amplitudes of white noise over the rate and sqrt(dt), and pairs of keys;
# - of the tangents: weights times rate (and dt/2), own (stages, n) with the factors f in it.
# Moreover those factors (1 for a map), the thirds of `combine`; C functions `phi`, `product` and,
# where it is noisy, `draw`;
# lanes of a float64 register; width: members that lie as lanes, or 0; whether weights are shared.
Model = namedtuple(
    "Model",
    "n dt stages current phi product lanes width indptr indices w w_size bias bias_size inputs "
    "inputs_size input_steps noisy draw noise noise_size keys rate rate_size scaled scaled_size "
    "own own_size factors thirds shared",
)
MODEL = Record(
    Model,
    doubles="w bias inputs rate noise",
    vectors="scaled own factors thirds",
    indices="indptr indices keys",
    floats="dt",
)
read_model = MODEL.reader()


@inlined
def padded(n, lanes):
    return (n + lanes - 1) // lanes * lanes


@inlined
def layout(net):
    """(elements from member to member, from unit to unit) of vectors side by side."""
    if net.width:
        return 1, net.width
    return padded(net.n, net.lanes), 1


@inlined
def row_size(net, count):
    """Elements of a vector of `count` members: whole registers."""
    return net.n * net.width if net.width else count * padded(net.n, net.lanes)


def network_model(weights, bias, inputs, rate, current, phi, dt, width, dtype, noise, keys):
    """The record, packed, and the arrays that must outlive it."""
    noisy = noise is not None
    # So that it can be added to what the rate multiplies.
    noise = noise / (rate * np.sqrt(dt or 1.0)) if noisy else np.zeros((1, 1))
    sparse = isinstance(weights, tuple)
    scaled, own, factors = rate, 1.0 - rate, np.ones(1)
    if dt:
        scaled, own = 0.5 * dt * rate, -0.5 * dt * rate
        factors = np.array([1.0, 1.0, 2.0, 1 / 3])
    w, indptr, indices = factor(weights, np.float64) if width else row_factor(weights)
    tangents, _, _ = factor(weights, dtype, scaled)
    own = (factors[:, None] * own[:, None]).astype(dtype)
    bias = bias if inputs.shape[1] > 1 else bias + inputs[:, 0]
    arrays = {"w": w, "bias": bias, "inputs": inputs, "rate": rate, "scaled": tangents, "own": own}
    arrays["noise"] = noise
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    sizes = {f"{name}_size": size_of(array) for name, array in arrays.items()}
    arrays |= {
        "indptr": indptr,
        "indices": indices,
        "keys": keys if noisy else np.zeros((1, 2), np.int64),
        "factors": factors.astype(dtype),
        "thirds": np.array([1 / 3, 2 / 3, -1 / 3], dtype),
    }
    record = MODEL.packed(
        **arrays,
        **sizes,
        n=bias.shape[-1],
        dt=float(dt),
        stages=len(factors),
        phi=phi,
        current=bool(current),
        product=state_product(sparse, width > 0),
        width=width,
        lanes=lanes_of(np.float64),
        input_steps=inputs.shape[1],
        noisy=noisy,
        draw=noise_of_step() if noisy else 0,
        shared=len(tangents) == len(own) == 1,
    )
    return record, arrays
