"""Straight-line Python functions as LLVM code on registers, without Numba's front end.

Generated code is long and simple: names that are assigned once, arithmetic and calls. Numba infers
types and rewrites it for three quarters of the time that it takes to compile (measured, four
variables and all tangents: 3.6 of 4.9 s); reading the same lines straight into LLVM takes a tenth.
And they are vectors by construction, whatever LLVM's own vectoriser thinks of a loop.
"""

import ast
import builtins
import inspect
import math
import operator
import textwrap
from collections import namedtuple
from functools import cache, reduce

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .elementwise import as_bits, fma, from_bits, logical_shift_right
from .vectors import BYTES, read, splatted, write

# At the head of generated modules: what `codegen.PYTHON` calls by these names.
IMPORTS = """import math

import numpy as np

from lyapax.kernels.cpu.simd.elementwise import erf, exp, fma, sech2, sign, tanh, wrap
from lyapax.kernels.cpu.simd.straight_line import straight_line
from lyapax.kernels.jit import c_function
"""

DOUBLE, INTEGER = ir.DoubleType(), ir.IntType(64)
POINTER = DOUBLE.as_pointer()
WIDTH = BYTES // 8  # members of a register
# Registers without a loop around them: the processor works on both chains of products at once
# (8 members of Lorenz's flow, AVX2: 45 M steps/s in a loop, 67 so).
UNROLLED = 2

# LLVM's own functions exist for registers too; those of the C library are called lane by lane.
LLVM = {
    math.sqrt: "sqrt", math.exp: "exp", math.log: "log", math.sin: "sin", math.cos: "cos",
    math.pow: "pow", abs: "fabs", np.floor: "floor", math.floor: "floor", math.copysign: "copysign",
}  # fmt: skip
C_LIBRARY = {
    function: function.__name__
    for function in (
        math.tan, math.asin, math.acos, math.atan, math.sinh, math.cosh, math.asinh, math.acosh,
        math.atanh, math.atan2, math.erf, math.log1p,
    )
}  # fmt: skip
COMPARISONS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}

ARITHMETIC = {
    ast.Add: ("add", operator.add), ast.Sub: ("sub", operator.sub),
    ast.Mult: ("mul", operator.mul), ast.Div: ("div", operator.truediv),
    ast.LShift: ("shl", operator.lshift), ast.BitXor: ("xor", operator.xor),
    ast.BitOr: ("or_", operator.or_), ast.BitAnd: ("and_", operator.and_),
}  # fmt: skip

Place = namedtuple("Place", "start offset")  # an element of the workspace


@cache
def parsed(function):
    """The arguments and statements of a Python function."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    statements = [s for s in tree.body if not _is_docstring(s)]
    return [argument.arg for argument in tree.args.args], statements


def _is_docstring(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


class Emitter:
    """Emits statements for one register of lanes, or for single numbers if `lanes` is 1.

    Numbers that are the same for all lanes, and integers that say where things lie, stay scalars
    until they meet a register.
    """

    def __init__(self, builder, lanes):
        self.builder, self.lanes = builder, lanes
        self.kind = ir.VectorType(DOUBLE, lanes) if lanes > 1 else DOUBLE

    def call(self, function, arguments):
        """A call of a function of the lines: of LLVM, of the C library, or written in Python."""
        if function is fma:
            return self.intrinsic("fma", arguments)
        if function is as_bits:
            return self.builder.bitcast(self.full(arguments[0]), self.integers())
        if function is from_bits:
            (bits,) = arguments
            return self.builder.bitcast(bits, DOUBLE if bits.type == INTEGER else self.kind)
        if function is logical_shift_right:
            return self.builder.lshr(*self.integers_alike(*arguments))
        if function in LLVM:
            return self.intrinsic(LLVM[function], arguments)
        if function in C_LIBRARY:
            return self.each_lane(C_LIBRARY[function], arguments)
        python = getattr(function, "py_func", function)
        names, statements = parsed(python)
        scope = {**python.__globals__, **dict(zip(names, arguments, strict=True))}
        return self.run(statements, scope)

    def run(self, statements, scope):
        for statement in statements:
            if isinstance(statement, ast.Return):
                return self.value(statement.value, scope)
            assert isinstance(statement, ast.Assign), ast.dump(statement)
            (target,) = statement.targets
            self.assign(target, self.value(statement.value, scope), scope)
        return None

    def assign(self, target, value, scope):
        if isinstance(target, ast.Name):
            scope[target.id] = value
        elif isinstance(target, ast.Tuple):
            for part, element in zip(target.elts, value, strict=True):
                self.assign(part, element, scope)
        else:
            place = self.place(target, scope)
            self.store(self.full(value), place)

    def value(self, node, scope):
        def of(inner):
            return self.value(inner, scope)

        match node:
            case ast.Constant(value):
                return value
            case ast.Name(name):
                return scope[name] if name in scope else getattr(builtins, name)
            case ast.Attribute(owner, name):
                return getattr(of(owner), name)
            case ast.Tuple(elements):
                return tuple(of(element) for element in elements)
            case ast.Subscript():
                return self.element(node, scope)
            case ast.Call(function, arguments):
                return self.call(of(function), [of(argument) for argument in arguments])
            case ast.BinOp(left, operation, right):
                return self.arithmetic(type(operation), of(left), of(right))
            case ast.UnaryOp(ast.USub(), operand):
                value = of(operand)
                return -value if is_python(value) else self.builder.fneg(value)
            case ast.UnaryOp(ast.Not(), operand):
                return self.builder.not_(self.truth(of(operand)))
            case ast.Compare(left, [operation], [right]):
                return self.comparison(COMPARISONS[type(operation)], of(left), of(right))
            case ast.BoolOp(operation, operands):
                join = self.builder.and_ if isinstance(operation, ast.And) else self.builder.or_
                return reduce(join, [self.truth(of(operand)) for operand in operands])
            case ast.IfExp(test, yes, no):
                found = self.full(of(yes)), self.full(of(no))
                return self.builder.select(self.truth(of(test)), *found)
        raise NotImplementedError(ast.dump(node))

    def element(self, node, scope):
        """What a subscript means: an element of a tuple of numbers, or of the workspace."""
        owner = self.value(node.value, scope)
        if isinstance(owner, tuple):
            return owner[self.value(node.slice, scope)]
        return self.load(self.place(node, scope))

    def place(self, node, scope):
        offset = self.value(node.slice, scope)
        return Place(
            self.value(node.value, scope), INTEGER(offset) if is_python(offset) else offset
        )

    def load(self, place):
        if self.lanes == 1:
            return self.builder.load(self.builder.gep(place.start, [place.offset]))
        return read(self.builder, place.start, place.offset, self.kind)

    def store(self, value, place):
        if self.lanes == 1:
            self.builder.store(value, self.builder.gep(place.start, [place.offset]))
        else:
            write(self.builder, value, place.start, place.offset)

    def arithmetic(self, operation, left, right):
        name, python = ARITHMETIC[operation]
        if is_python(left) and is_python(right):
            return python(left, right)
        if is_integer(left) or is_integer(right):
            return getattr(self.builder, name)(*self.integers_alike(left, right))
        return getattr(self.builder, f"f{name}")(*self.alike(left, right))

    def comparison(self, operation, left, right):
        if is_integer(left) or is_integer(right):
            return self.builder.icmp_signed(operation, *self.integers_alike(left, right))
        if is_python(left) and is_python(right):
            left = self.full(left)
        left, right = self.alike(left, right)
        # In Python a comparison with NaN is false, but != is true.
        compare = self.builder.fcmp_unordered if operation == "!=" else self.builder.fcmp_ordered
        return compare(operation, left, right)

    def truth(self, value):
        if not isinstance(value, bool):
            return value
        bits = ir.VectorType(ir.IntType(1), self.lanes) if self.lanes > 1 else ir.IntType(1)
        return ir.Constant(bits, [int(value)] * self.lanes if self.lanes > 1 else int(value))

    def alike(self, left, right):
        """Two numbers as what both can be: single ones stay so."""
        if any(getattr(value, "type", None) == self.kind for value in (left, right)):
            return self.full(left), self.full(right)
        return self.single(left), self.single(right)

    def single(self, value):
        return ir.Constant(DOUBLE, float(value)) if is_python(value) else value

    def full(self, value):
        """A number as a register."""
        value = self.single(value)
        if self.lanes == 1 or value.type == self.kind:
            return value
        return splatted(self.builder, value, self.kind)

    def integers(self):
        return ir.VectorType(INTEGER, self.lanes) if self.lanes > 1 else INTEGER

    def integers_alike(self, left, right):
        """Two integers as what both can be; Python's have 64 bits here, whatever their sign."""
        kinds = [value.type for value in (left, right) if not is_python(value)]
        kind = self.integers() if self.integers() in kinds else INTEGER
        return self.integer(left, kind), self.integer(right, kind)

    def integer(self, value, kind):
        if is_python(value):
            value = INTEGER((value + 2**63) % 2**64 - 2**63)
        return value if value.type == kind else splatted(self.builder, value, kind)

    def intrinsic(self, name, arguments):
        values = [self.full(argument) for argument in arguments]
        suffix = f"v{self.lanes}f64" if self.lanes > 1 else "f64"
        kind = ir.FunctionType(self.kind, [self.kind] * len(values))
        found = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.{name}.{suffix}")
        return self.builder.call(found, values)

    def each_lane(self, name, arguments):
        kind = ir.FunctionType(DOUBLE, [DOUBLE] * len(arguments))
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        values = [self.full(argument) for argument in arguments]
        if self.lanes == 1:
            return self.builder.call(function, values)
        out = ir.Constant(self.kind, ir.Undefined)
        for lane in range(self.lanes):
            at = ir.IntType(32)(lane)
            single = [self.builder.extract_element(value, at) for value in values]
            out = self.builder.insert_element(out, self.builder.call(function, single), at)
        return out


def is_python(value):
    return isinstance(value, int | float)


def is_integer(value):
    """Whether it is an integer, or a register of them, of the code that is emitted."""
    kind = getattr(value, "type", None)
    return isinstance(getattr(kind, "element", kind), ir.IntType)


def straight_line(function):
    """Decorator: ``function((w, ...))`` for compiled code, which returns nothing.

    It takes addresses, integers and numbers. Its body are straight-line statements, or a loop
    ``for l in range(LANES):`` over them, in which w[i * LANES + l] is row i of lane l.
    """

    def emit(builder, args):
        # Read here, not before: of code that is on disk the source takes 0.3 s for 900 sines.
        names, statements = parsed(function)
        given = dict(zip(names, args, strict=True))
        loop = statements[0] if isinstance(statements[0], ast.For) else None
        lanes = function.__globals__[loop.iter.args[0].id] if loop else 1
        width = min(lanes, WIDTH)

        def once(lane):
            scope = {**function.__globals__, **given}
            if loop:
                scope[loop.target.id] = lane
            Emitter(builder, width).run(loop.body if loop else statements, scope)

        if lanes <= UNROLLED * width:
            for lane in range(0, lanes, width):
                once(lane)
        else:
            ends = INTEGER(0), INTEGER(lanes), INTEGER(width)
            with cgutils.for_range_slice(builder, *ends) as (lane, _):
                once(lane)

    @intrinsic
    def emitted(typingctx, arguments):
        def codegen(context, builder, signature, args):
            name = f"straight_line_{function.__name__}"
            made = builder.module.globals.get(name)
            if made is None:
                kinds = [context.get_value_type(kind) for kind in arguments.types]
                made = ir.Function(builder.module, ir.FunctionType(ir.VoidType(), kinds), name)
                made.linkage = "internal"
                made.attributes.add("alwaysinline")
                inner = ir.IRBuilder(made.append_basic_block())
                emit(inner, made.args)
                inner.ret_void()
            builder.call(made, cgutils.unpack_tuple(builder, args[0]))
            return context.get_dummy_value()

        return types.void(arguments), codegen

    return emitted
