"""Jobs of unequal length: each thread takes the next when it has done one.

Numba deals out a parallel loop in equal parts beforehand.
"""

from llvmlite import ir
from numba import int64
from numba.extending import intrinsic


@intrinsic
def take(typingctx, counter):
    """counter[0], which goes up by one, whoever else asks at the same time."""

    def codegen(context, builder, signature, args):
        place = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.atomic_rmw("add", place, ir.IntType(64)(1), "monotonic")

    return int64(counter), codegen
