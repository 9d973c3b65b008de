"""Register tiles of one Runge-Kutta stage, or map step, of the tangents.

Everything that a stage does to a row of tangents happens while the row is in registers: with
separate passes for scaling and adding, a network of 8 units spent half its time in them.

Networks of currents, own + W slope: ``out = base + own_i y_i + (W z)_i``, and as the next stage
starts from z = slope y, ``z_out = following_i out_i``.
Networks of rates, own + slope W: ``out = base + own_i y_i + slope_i (W z)_i`` with z = y.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import Vector, fused, gathered, products, read, register, splatted, write


def stage_type(vector):
    """(own, y, base, factor, apart, out, z_out, first row): of every stage intrinsic."""
    pointer = types.CPointer(vector.element)
    return (pointer,) * 4 + (types.intp,) + (pointer,) * 2 + (types.intp,)


class Rows:
    """The part of a stage that is not the product, for rows in registers."""

    def __init__(self, builder, kind, height, breadth, args):
        self.builder, self.kind = builder, kind
        self.own, self.y, self.base, self.factor, self.apart, self.out, self.z_out, self.i = args
        self.cells = [(r, w) for r in range(height) for w in range(breadth)]
        number = self.i.type
        self.stride = stride = number(breadth * kind.count)
        self.row = [builder.add(self.i, number(r)) for r in range(height)]
        start = [builder.mul(stride, row) for row in self.row]
        self.where = {(r, w): builder.add(start[r], number(w * kind.count)) for r, w in self.cells}

    def scalar(self, start, offset):
        builder = self.builder
        return splatted(builder, builder.load(builder.gep(start, [offset])), self.kind)

    def owned(self):
        """base + own y of each cell."""
        own = {r: self.scalar(self.own, row) for r, row in enumerate(self.row)}
        return {
            cell: fused(
                self.builder, own[cell[0]], read(self.builder, self.y, at, self.kind),
                read(self.builder, self.base, at, self.kind),
            )
            for cell, at in self.where.items()
        }  # fmt: skip

    def started(self, current):
        """What the sums of the product start from."""
        zero = ir.Constant(self.kind, None)
        return self.owned() if current else dict.fromkeys(self.cells, zero)

    def finish(self, current, sums):
        builder = self.builder
        factor = {
            r: self.scalar(self.factor, builder.mul(row, self.apart))
            for r, row in enumerate(self.row)
        }
        owned = {} if current else self.owned()
        for cell, at in self.where.items():
            if current:
                write(builder, sums[cell], self.out, at)
                write(builder, builder.fmul(factor[cell[0]], sums[cell]), self.z_out, at)
            else:
                write(builder, fused(builder, factor[cell[0]], sums[cell], owned[cell]),
                      self.out, at)  # fmt: skip


@intrinsic(prefer_literal=True)
def stage_tile(
    typingctx, current, rows, width, a, a_at, z, terms,
    own, y, base, factor, apart, out, z_out, first,
):  # fmt: skip
    """`rows` x `width` registers from row `first` on; a is packed, as for `tile`.

    factor: `following` for currents, `slope` for rates; its elements are `apart`.
    """
    height, breadth, vector = rows.literal_value, width.literal_value, Vector(z.dtype)

    def codegen(context, builder, signature, args):
        kind = register(vector)
        a, a_at, z, terms = args[3:7]
        rest = Rows(builder, kind, height, breadth, args[7:])
        sums = rest.started(current.literal_value)
        sums = products(builder, sums, a, a_at, z, rest.stride, terms)
        rest.finish(current.literal_value, sums)
        return context.get_dummy_value()

    i = types.intp
    return types.void(current, rows, width, a, i, z, i, *stage_type(vector)), codegen


@intrinsic(prefer_literal=True)
def stage_row(
    typingctx, current, width, data, indices, begin, end, z,
    own, y, base, factor, apart, out, z_out, first,
):  # fmt: skip
    """Row `first` of a sparse product: entries `begin` to `end` of data and indices."""
    breadth, vector = width.literal_value, Vector(z.dtype)

    def codegen(context, builder, signature, args):
        kind = register(vector)
        rest = Rows(builder, kind, 1, breadth, args[7:])
        sums = gathered(builder, rest.started(current.literal_value), *args[2:7], rest.stride)
        rest.finish(current.literal_value, sums)
        return context.get_dummy_value()

    i = types.intp
    return types.void(current, width, data, indices, i, i, z, *stage_type(vector)), codegen
