"""Structures of numbers and addresses that Python fills and C functions read.

A kernel hands them on by address without knowing what they hold, and so compiles once for all
systems; an array in their place would have its references counted at every call.
"""

import hashlib
import struct
from functools import cache

import numpy as np
from llvmlite import ir
from numba import float64, int64, types, void
from numba.core import cgutils
from numba.extending import intrinsic

from ...jit import c_function


class Record:
    """A named tuple, and which of its fields are addresses or float64; all others are int64.

    `vectors` are addresses of elements of the tangents' kind, `doubles` of float64 and `indices`
    of int64; `flags` of bytes.
    """

    def __init__(self, kind, *, vectors="", doubles="", indices="", flags="", floats=""):
        self.kind, self.floats = kind, floats.split()
        self.vectors, self.doubles = vectors.split(), doubles.split()
        self.indices, self.flags = indices.split(), flags.split()
        self.type = cache(self._type)

    def _type(self, element):
        """Numba's, for tangents of `element`."""
        pointed = ((self.vectors, element), (self.doubles, float64), (self.indices, int64))
        fields = dict.fromkeys(self.floats, float64)
        for names, target in (*pointed, (self.flags, types.uint8)):
            fields |= dict.fromkeys(names, types.CPointer(target))
        return types.NamedTuple([fields.get(name, int64) for name in self.kind._fields], self.kind)

    def reader(self):
        """``read(address, vector)`` for compiled code, where `vector` has the tangents' type."""

        @intrinsic
        def read(typingctx, address, vector):
            found = self.type(vector.dtype)

            def codegen(context, builder, signature, args):
                there = context.get_value_type(found).as_pointer()
                return builder.load(builder.bitcast(args[0], there))

            return found(address, vector), codegen

        return read

    def packed(self, **values):
        """A record as an array of int64. Arrays become addresses and must outlive it."""
        packed = [
            struct.pack("d" if name in self.floats else "q", word(values.pop(name)))
            for name in self.kind._fields
        ]
        assert not values, f"{self.kind.__name__} has no {', '.join(values)}"
        return np.frombuffer(b"".join(packed), np.int64).copy()

    def function(self, element, reads=()):
        """Decorator: a C function that takes the address of a record.

        `reads`: records that it reads besides, whose layout is in no signature. It goes into the
        function's name, by which Numba keeps compiled code: else code for another layout would be
        found there, after a change of a record alone.
        """

        def decorate(python):
            layout = repr([(r.kind._fields, r.type(element).types) for r in reads])
            mark = hashlib.sha256(layout.encode()).hexdigest()[:8]
            return c_function(void(types.CPointer(self.type(element))), mark)(python)

        return decorate


def word(value):
    """The 8 bytes that stand for an array, a C function or a number."""
    if isinstance(value, np.ndarray):
        return value.ctypes.data
    return getattr(value, "address", value)


def size_of(array):
    """Elements from member to member; 0 where all share the first."""
    return array[0].size if len(array) > 1 else 0


@intrinsic
def invoke(typingctx, address, args):
    """Call the C function at an address with a tuple of numbers and addresses."""

    def codegen(context, builder, signature, values):
        given = cgutils.unpack_tuple(builder, values[1])
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
        builder.call(builder.inttoptr(values[0], kind.as_pointer()), given)
        return context.get_dummy_value()

    return void(address, args), codegen
