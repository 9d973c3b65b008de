"""Source of the field function that `columns` takes, for a function as loops."""

import base64

import numpy as np

from ...loops import Array, Loops
from ..simd.straight_line import IMPORTS

HEADER = (
    IMPORTS
    + """from base64 import b85decode

from lyapax.kernels.cpu.traced.steps import SIGNATURE

NUMBERS = np.frombuffer(b85decode("{numbers}"))
PLACES = np.frombuffer(b85decode("{places}"), np.int32)


@c_function(SIGNATURE)
def field(t, x, p, f, jacobian):
    v = np.empty({size})
    for i in range({count}):
        v[i] = NUMBERS[i]
    for i in range({columns}):
        v[{count} + i] = p[i]
    for i in range({n}):
        v[{state} + i] = x[i]
    v[{time}] = t
"""
)
LOOP = """    for i in range({count}):
{operands}
        v[{first} + i] = {code}
"""
RESULT = """    for i in range({count}):
        {target}[i] = v[PLACES[{place} + i]]
"""


def loops_source(function: Loops) -> str:
    """A module with `field(t, x, p, f, jacobian)`."""
    places: list[Array] = []

    def placed(some: Array) -> int:
        """Where these lie in PLACES."""
        before = sum(a.size for a in places)
        places.append(some.ravel())
        return before

    body = []
    for loop in function.loops:
        # One operand after the other, so that neighbours in the loop are neighbours there.
        first = placed(loop.operands.T)
        count, width = loop.operands.shape
        operands = [f"        a{k} = v[PLACES[{first + k * count} + i]]" for k in range(width)]
        body.append(
            LOOP.format(
                count=count, operands="\n".join(operands), first=loop.first, code=loop.python
            )
        )
    for target, some in (("f", function.outputs), ("jacobian", function.slopes)):
        body.append(RESULT.format(count=some.size, target=target, place=placed(some)))
    count, columns, n = len(function.numbers), len(function.table), len(function.state)
    every = np.concatenate(places).astype(np.int32)
    return HEADER.format(
        numbers=base64.b85encode(function.numbers.tobytes()).decode(),
        places=base64.b85encode(every.tobytes()).decode(),
        size=function.size,
        count=count,
        columns=columns,
        n=n,
        state=count + columns,
        time=count + columns + n,
    ) + "".join(body)
