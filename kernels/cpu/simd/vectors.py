"""SIMD registers as Numba values, for loops that LLVM does not vectorise by itself.

Short loops (8 to 64 elements, known only at run time) fall into the scalar remainder of LLVM's
vector loops, and a register tile as unrolled scalar code is not recognised at all (measured: a
tenth of the rate). Arrays are given by the `address` of their first element and offsets in
elements: handing arrays from function to function counts references, 90 ns a small product.
"""

from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

_host = {name for name, present in binding.get_host_cpu_features().items() if present}
_told = config.CPU_FEATURES  # type: ignore[attr-defined]  # NUMBA_CPU_FEATURES, as "+avx2,-avx512f", stands in for the host's
_features = _host if _told is None else {f[1:] for f in _told.split(",") if f[:1] == "+"}
BYTES = 64 if "avx512f" in _features else 32 if "avx" in _features else 16
REGISTERS = 32 if _features & {"avx512f", "neon"} else 16


class Vector(types.Type):
    """One register of float64 or float32."""

    def __init__(self, element):
        self.element = element
        self.lanes = 8 * BYTES // element.bitwidth
        super().__init__(name=f"Vector({element}, {self.lanes})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager, fe_type):
        super().__init__(manager, fe_type, register(fe_type))


def register(vector):
    element = ir.DoubleType() if vector.element == types.float64 else ir.FloatType()
    return ir.VectorType(element, vector.lanes)


def read(builder, start, offset, kind):
    """The register at start[offset], wherever it lies."""
    found = builder.load(builder.bitcast(builder.gep(start, [offset]), kind.as_pointer()))
    found.align = alignment(kind)
    return found


def write(builder, value, start, offset):
    place = builder.bitcast(builder.gep(start, [offset]), value.type.as_pointer())
    builder.store(value, place).align = alignment(value.type)


def alignment(kind):
    return 8 if isinstance(kind.element, ir.DoubleType) else 4


def splatted(builder, scalar, kind):
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), zeros)


@intrinsic
def address(typingctx, array):
    """Address of the first element. `keep` the array until after the last use of it."""

    def codegen(context, builder, signature, args):
        return context.make_array(array)(context, builder, args[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def boundary(typingctx, array):
    """Address of the first 64-byte boundary: registers across two cache lines cost double."""

    def codegen(context, builder, signature, args):
        data = context.make_array(array)(context, builder, args[0]).data
        number = builder.add(builder.ptrtoint(data, ir.IntType(64)), ir.IntType(64)(63))
        return builder.inttoptr(builder.and_(number, ir.IntType(64)(-64)), data.type)

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def keep(typingctx, array):
    """Numba frees an array after its last use, which an address is not."""

    def codegen(context, builder, signature, args):
        return context.get_dummy_value()

    return types.void(array), codegen


@intrinsic
def outlined(typingctx):
    """Keep the function that says so out of its callers.

    LLVM would copy the tiles into each of some twenty places: 44 s to compile against 15.
    """

    def codegen(context, builder, signature, args):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def shift(typingctx, start, offset):
    """The address `offset` elements further."""

    def codegen(context, builder, signature, args):
        return builder.gep(args[0], [args[1]])

    return start(start, types.intp), codegen


@intrinsic
def register_size(typingctx, start):
    """Elements of a register of what lies at an address."""

    def codegen(context, builder, signature, args):
        return ir.IntType(64)(Vector(start.dtype).lanes)

    return types.intp(start), codegen


@intrinsic
def on_stack(typingctx, value):
    """Address of a copy of a tuple of numbers and addresses: C functions take it as one argument.

    Arguments beyond the sixth go over the stack, and Numba's wrapper of a C function copies them
    faster than they were written: the processor waits for that, 20 ns a call.
    """

    def codegen(context, builder, signature, args):
        return cgutils.alloca_once_value(builder, args[0])

    return types.CPointer(value)(value), codegen


@intrinsic
def load(typingctx, start, offset):
    vector = Vector(start.dtype)

    def codegen(context, builder, signature, args):
        return read(builder, *args, register(vector))

    return vector(start, types.intp), codegen


@intrinsic
def store(typingctx, start, offset, value):
    def codegen(context, builder, signature, args):
        write(builder, args[2], args[0], args[1])
        return context.get_dummy_value()

    return types.void(start, types.intp, value), codegen


@intrinsic
def splat(typingctx, scalar):
    vector = Vector(scalar)

    def codegen(context, builder, signature, args):
        return splatted(builder, args[0], register(vector))

    return vector(scalar), codegen


@intrinsic
def splat_for(typingctx, start, scalar):
    """A float64 in each element of a register of what lies at `start`."""
    vector = Vector(start.dtype)

    def codegen(context, builder, signature, args):
        element = context.cast(builder, args[1], types.float64, vector.element)
        return splatted(builder, element, register(vector))

    return vector(start, types.float64), codegen


@intrinsic
def multiply(typingctx, a, b):
    def codegen(context, builder, signature, args):
        return builder.fmul(*args)

    return a(a, b), codegen


@intrinsic
def add(typingctx, a, b):
    def codegen(context, builder, signature, args):
        return builder.fadd(*args)

    return a(a, b), codegen


@intrinsic
def subtract(typingctx, a, b):
    def codegen(context, builder, signature, args):
        return builder.fsub(*args)

    return a(a, b), codegen


def of_llvm(builder, name, arguments):
    """LLVM's function of that name, register by register."""
    kind = arguments[0].type
    letter = "f64" if isinstance(kind.element, ir.DoubleType) else "f32"
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(kind, [kind] * len(arguments)),
        f"llvm.{name}.v{kind.count}{letter}",
    )
    return builder.call(function, arguments)


def fused(builder, a, b, c):
    """a * b + c with one rounding, register by register."""
    return of_llvm(builder, "fma", [a, b, c])


@intrinsic
def fma(typingctx, a, b, c):
    def codegen(context, builder, signature, args):
        return fused(builder, *args)

    return a(a, b, c), codegen


def summed(builder, sums, first, last, step):
    """The values of `sums` after step(index, sums in memory) for each index: a loop."""
    held = {cell: cgutils.alloca_once_value(builder, value) for cell, value in sums.items()}
    with cgutils.for_range(builder, last, start=first) as loop:
        step(loop.index, held)
    return {cell: builder.load(place) for cell, place in held.items()}


def products(builder, sums, a, a_at, y, stride, across, terms):
    """sums + a @ y, a packed; cells of sums are (row, register of columns).

    Rows of y are `stride` apart, their registers `across`.
    """
    height, breadth = (1 + max(cell[axis] for cell in sums) for axis in (0, 1))
    kind, number = sums[0, 0].type, stride.type
    registers = [builder.mul(across, number(w)) for w in range(breadth)]

    def step(index, held):
        term = builder.mul(index, stride)
        right = [read(builder, y, builder.add(term, place), kind) for place in registers]
        factors = builder.add(a_at, builder.mul(index, number(height)))
        for r in range(height):
            factor = builder.load(builder.gep(a, [builder.add(factors, number(r))]))
            left = splatted(builder, factor, kind)
            for w in range(breadth):
                total = fused(builder, left, right[w], builder.load(held[r, w]))
                builder.store(total, held[r, w])

    return summed(builder, sums, number(0), terms, step)


def gathered(builder, sums, data, indices, first, last, y, stride, across):
    """sums + one row of a sparse matrix times y; cells are (0, register of columns)."""
    kind, number = sums[0, 0].type, stride.type
    registers = [builder.mul(across, number(w)) for w in range(len(sums))]

    def step(index, held):
        left = splatted(builder, builder.load(builder.gep(data, [index])), kind)
        row = builder.mul(builder.load(builder.gep(indices, [index])), stride)
        for w, place in enumerate(registers):
            right = read(builder, y, builder.add(row, place), kind)
            builder.store(fused(builder, left, right, builder.load(held[0, w])), held[0, w])

    return summed(builder, sums, first, last, step)


@intrinsic(prefer_literal=True)
def tile(typingctx, rows, width, a, a_at, y, stride, terms, base, out, at):
    """`rows` x `width` registers, both written as numbers, of ``out = base + a @ y``.

    a is packed: the `rows` factors of a term side by side, term after term. y, base and out have
    rows `stride` apart, and `at` is the first element of the tile in base and out. Each element
    starts from its base and takes the terms in order, so its bits do not depend on the tile.
    """
    height, breadth = rows.literal_value, width.literal_value
    vector = Vector(y.dtype)

    def codegen(context, builder, signature, args):
        kind = register(vector)
        _, _, a_, a_at_, y_, stride_, terms_, base_, out_, at_ = args
        number = stride_.type
        row = [builder.add(at_, builder.mul(stride_, number(r))) for r in range(height)]
        where = {
            (r, w): builder.add(row[r], number(w * kind.count))
            for r in range(height)
            for w in range(breadth)
        }
        sums = {cell: read(builder, base_, place, kind) for cell, place in where.items()}
        sums = products(builder, sums, a_, a_at_, y_, stride_, number(kind.count), terms_)
        for cell, place in where.items():
            write(builder, sums[cell], out_, place)
        return context.get_dummy_value()

    i = types.intp
    return types.void(rows, width, a, i, y, i, i, base, out, i), codegen


@intrinsic(prefer_literal=True)
def reflect(typingctx, width, q, stride, v, first, last, scale):
    """``q += scale v (v . q)`` on rows `first` to `last` of `width` registers of columns."""
    breadth = width.literal_value
    vector = Vector(q.dtype)

    def codegen(context, builder, signature, args):
        kind = register(vector)
        _, q_, stride_, v_, first_, last_, scale_ = args
        number = stride_.type
        zero = ir.Constant(kind, None)

        def elements(row):
            """(offset, element) of each register of a row, and the row's factor."""
            start = builder.mul(row, stride_)
            places = [builder.add(start, number(w * kind.count)) for w in range(breadth)]
            factor = splatted(builder, builder.load(builder.gep(v_, [row])), kind)
            return factor, [(place, read(builder, q_, place, kind)) for place in places]

        def add(row, held, half):
            factor, found = elements(row)
            for w, (_, element) in enumerate(found):
                total = fused(builder, factor, element, builder.load(held[half, w]))
                builder.store(total, held[half, w])

        # Two sums for even and odd rows: a narrow strip would wait for each term.
        halves = {(half, w): zero for half in (0, 1) for w in range(breadth)}
        pairs = builder.ashr(builder.sub(last_, first_), number(1))

        def add_pair(index, held):
            row = builder.add(first_, builder.shl(index, number(1)))
            add(row, held, 0)
            add(builder.add(row, number(1)), held, 1)

        halves = summed(builder, halves, number(0), pairs, add_pair)
        rest = builder.add(first_, builder.shl(pairs, number(1)))
        halves = summed(builder, halves, rest, last_, lambda row, held: add(row, held, 0))
        scale = splatted(builder, scale_, kind)
        sums = [
            builder.fmul(builder.fadd(halves[0, w], halves[1, w]), scale) for w in range(breadth)
        ]
        with cgutils.for_range(builder, last_, start=first_) as loop:
            factor, found = elements(loop.index)
            for total, (place, element) in zip(sums, found, strict=True):
                write(builder, fused(builder, factor, total, element), q_, place)
        return context.get_dummy_value()

    i = types.intp
    return types.void(width, q, i, v, i, i, scale), codegen
