"""Register tiles of one Runge-Kutta stage, or map step, of the tangents.

Everything that a stage does to a row of tangents happens while the row is in registers: with
separate passes for scaling and adding, a network of 8 units spent half its time in them.

Networks of currents, own + W slope: ``out = base + own_i y_i + (W z)_i``, and as the next stage
starts from z = slope y, ``z_out = following_i out_i``.
Networks of rates, own + slope W: ``out = base + own_i y_i + slope_i (W z)_i`` with z = y.
"""

from collections import namedtuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .vectors import Vector, fused, gathered, products, read, register, splatted, write

# Where the operands of a stage lie, all by address.
Ends = namedtuple("Ends", "z own y base factor out z_out")

# Elements from row to row and from register to register of columns: in one strip, or in strips of
# one register of several members; of `factor` from row to row and from register to register.
Layout = namedtuple("Layout", "stride step apart across")


class Rows:
    """The part of a stage that is not the product, for rows in registers."""

    def __init__(self, builder, kind, height, breadth, layout, ends, first):
        self.builder, self.kind, self.first = builder, kind, first
        self.height, self.breadth = height, breadth
        self.layout = Layout(*cgutils.unpack_tuple(builder, layout))
        self.ends = Ends(*cgutils.unpack_tuple(builder, ends))

    def cells(self, first):
        """(row, register), the row's number, offsets of the cell and of its factor, one by one."""
        add, multiply = self.builder.add, self.builder.mul
        across = [
            [multiply(step, step.type(w)) for w in range(self.breadth)]
            for step in (self.layout.step, self.layout.across)
        ]
        for r in range(self.height):
            row = add(first, first.type(r))
            at, factor_at = multiply(row, self.layout.stride), multiply(row, self.layout.apart)
            for w in range(self.breadth):
                yield (r, w), row, add(at, across[0][w]), add(factor_at, across[1][w])

    def scalar(self, start, offset):
        builder = self.builder
        return splatted(builder, builder.load(builder.gep(start, [offset])), self.kind)

    def owned(self, row, at):
        """base + own y of one cell."""
        ends = self.ends
        y, base = (read(self.builder, start, at, self.kind) for start in (ends.y, ends.base))
        return fused(self.builder, self.scalar(ends.own, row), y, base)

    def started(self, current):
        """What the sums of the product start from."""
        zero = ir.Constant(self.kind, None)
        return {
            cell: self.owned(row, at) if current else zero
            for cell, row, at, _ in self.cells(self.first)
        }

    def finish(self, current, sums):
        # Offsets anew and factors when their turn comes: left to itself, LLVM computes both before
        # the loop and spills them, 40 registers a tile.
        builder, ends = self.builder, self.ends
        for cell, row, at, factor_at in self.cells(hidden(builder, self.first)):
            if current:
                write(builder, sums[cell], ends.out, at)
                scaled = builder.fmul(self.scalar(ends.factor, factor_at), sums[cell])
                write(builder, scaled, ends.z_out, at)
            else:
                factor, owned = self.scalar(ends.factor, factor_at), self.owned(row, at)
                write(builder, fused(builder, factor, sums[cell], owned), ends.out, at)


def hidden(builder, number):
    """Hide a number from LLVM, which then cannot fold it."""
    return builder.asm(ir.FunctionType(number.type, [number.type]), "", "=r,0", [number], False)


@intrinsic(prefer_literal=True)
def stage_tile(typingctx, current, rows, width, a, a_at, terms, layout, ends, first):
    """`rows` x `width` registers from row `first` on; a is packed, as for `tile`.

    ends.factor: `following` for currents, `slope` for rates.
    """
    height, breadth, vector = rows.literal_value, width.literal_value, Vector(a.dtype)

    def codegen(context, builder, signature, args):
        a_, a_at_, terms_, *where = args[3:]
        rest = Rows(builder, register(vector), height, breadth, *where)
        sums, layout_ = rest.started(current.literal_value), rest.layout
        sums = products(builder, sums, a_, a_at_, rest.ends.z, layout_.stride, layout_.step, terms_)
        rest.finish(current.literal_value, sums)
        return context.get_dummy_value()

    i = types.intp
    return types.void(current, rows, width, a, i, i, layout, ends, i), codegen


@intrinsic(prefer_literal=True)
def stage_row(typingctx, current, width, data, indices, begin, end, layout, ends, row):
    """One row of a sparse product: entries `begin` to `end` of data and indices."""
    breadth, vector = width.literal_value, Vector(data.dtype)

    def codegen(context, builder, signature, args):
        data_, indices_, begin_, end_, *where = args[2:]
        rest = Rows(builder, register(vector), 1, breadth, *where)
        sums, layout_ = rest.started(current.literal_value), rest.layout
        sums = gathered(
            builder, sums, data_, indices_, begin_, end_, rest.ends.z, layout_.stride, layout_.step
        )
        rest.finish(current.literal_value, sums)
        return context.get_dummy_value()

    i = types.intp
    return types.void(current, width, data, indices, i, i, layout, ends, i), codegen
