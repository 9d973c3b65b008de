"""How the threads that run one kernel share its work.

All of them run the same function, with their number and an array that they have in common; Python
starts them (`interruptible`). Numba's own parallel loops compile everything below them three times
over, 10 s for the networks, and deal out jobs of unequal length in equal parts.
"""

import sys

from llvmlite import binding, ir
from numba import int64, types, void
from numba.core import cgutils
from numba.extending import intrinsic

from ...jit import kernel
from .interruptible import raised

ARRIVED, ROUND, NEXT = 0, 8, 16  # places in `team`, each in a cache line of its own
SPINS = 2000  # some 50 us, longer than any phase of a small network; then others may have the core

give_way = types.ExternalFunction(
    "SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32()
)


def place(context, builder, array, args):
    data = context.make_array(array)(context, builder, args[0]).data
    return builder.gep(data, [args[1]])


@intrinsic
def add_one(typingctx, team, at):
    """team[at], which goes up by one, whoever else asks at the same time."""

    def codegen(context, builder, signature, args):
        one = ir.IntType(64)(1)
        return builder.atomic_rmw("add", place(context, builder, team, args), one, "acq_rel")

    return int64(team, types.intp), codegen


@intrinsic
def read(typingctx, team, at):
    def codegen(context, builder, signature, args):
        return builder.load_atomic(place(context, builder, team, args), "acquire", 8)

    return int64(team, types.intp), codegen


@intrinsic
def write(typingctx, team, at, value):
    def codegen(context, builder, signature, args):
        builder.store_atomic(args[2], place(context, builder, team, args), "release", 8)
        return context.get_dummy_value()

    return void(team, types.intp, int64), codegen


@intrinsic
def rest(typingctx):
    """A moment's pause, for the sake of the other thread of this core."""

    def codegen(context, builder, signature, args):
        if binding.get_default_triple().startswith(("x86", "i386", "i686")):
            pause = ir.FunctionType(ir.VoidType(), [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, pause, name), [])
        return context.get_dummy_value()

    return void(), codegen


@kernel
def take(team):
    """The next job of this phase."""
    return add_one(team, NEXT)


@kernel
def barrier(stop, team, threads):
    """Wait until all threads are here; jobs are counted from 0 again.

    Whoever is stopped leaves at once, and what follows is of no use.
    """
    now = read(team, ROUND)
    if add_one(team, ARRIVED) == threads - 1:
        write(team, ARRIVED, 0)
        write(team, NEXT, 0)
        write(team, ROUND, now + 1)
        return
    spins = 0
    while read(team, ROUND) == now and not raised(stop):
        spins += 1
        if spins < SPINS:
            rest()
        else:
            give_way()
