"""What a QR of several members at once does with registers, besides sums and products."""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .vectors import Vector, of_llvm, read, register, write


@intrinsic
def divide(typingctx, a, b):
    def codegen(context, builder, signature, args):
        return builder.fdiv(*args)

    return a(a, b), codegen


@intrinsic
def root(typingctx, a):
    def codegen(context, builder, signature, args):
        return of_llvm(builder, "sqrt", args)

    return a(a), codegen


@intrinsic
def with_sign(typingctx, size, sign):
    """|size| with the sign of the other, lane by lane."""

    def codegen(context, builder, signature, args):
        return of_llvm(builder, "copysign", args)

    return size(size, sign), codegen


@intrinsic
def where_zero(typingctx, tested, yes, no):
    """`yes` in the lanes in which `tested` is zero, `no` in the others."""

    def codegen(context, builder, signature, args):
        test = builder.fcmp_ordered("==", args[0], ir.Constant(args[0].type, None))
        return builder.select(test, args[1], args[2])

    return tested(tested, yes, no), codegen


@intrinsic
def transpose(typingctx, source, step, last, out, out_step):
    """Registers source[r * step], those after `last` being it, to rows out[c * out_step].

    So element c of register r becomes element r of row c. Each round of shuffles interleaves the
    first half of the registers with the second.
    """
    vector = Vector(source.dtype)

    def codegen(context, builder, signature, args):
        start, step_, last_, out_, out_step_ = args
        kind = register(vector)
        lanes, number = kind.count, step_.type
        rows = []
        for r in range(lanes):
            beyond = builder.icmp_signed(">", number(r), last_)
            row = builder.select(beyond, last_, number(r))
            rows.append(read(builder, start, builder.mul(row, step_), kind))
        for _ in range(lanes.bit_length() - 1):
            pairs = zip(rows[: lanes // 2], rows[lanes // 2 :], strict=True)
            rows = [part for a, b in pairs for part in interleaved(builder, a, b)]
        for c, row in enumerate(rows):
            write(builder, row, out_, builder.mul(number(c), out_step_))
        return context.get_dummy_value()

    i = types.intp
    return types.void(source, i, i, out, i), codegen


def interleaved(builder, a, b):
    """(a0, b0, a1, b1, ...) as two registers."""
    lanes, integer = a.type.count, ir.IntType(32)
    order = [lane + which * lanes for lane in range(lanes) for which in (0, 1)]
    kind = ir.VectorType(integer, lanes)
    return [
        builder.shuffle_vector(a, b, ir.Constant(kind, half))
        for half in (order[:lanes], order[lanes:])
    ]
