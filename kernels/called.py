"""Kernels as other kernels call them: typed and lowered once, optimised where they are called.

Numba compiles a function that a kernel calls as if Python might call it, too: with two wrappers, a
full optimisation and machine code of its own, kept on disk. Of the first call of a network of 100
units that was a third (18 s, 12 without, on a Zen 4 at 2.6 GHz).
"""

from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher

WITHOUT_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Intermediate(JITCodeLibrary):
    """Code that is linked into that of its callers and never becomes machine code itself."""

    def _optimize_final_module(self) -> None:
        """Left to those who link it."""

    def _finalize_final_module(self) -> None:
        self._finalized = True


class CompilerOfCalled(Compiler):
    def compile_extra(self, func: Any) -> Any:
        self.state.flags.no_compile = True
        self.state.library = Intermediate(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


class Called(CPUDispatcher):
    """A kernel that only kernels can call."""

    def add_overload(self, cres: Any) -> None:
        self.overloads[tuple(cres.signature.args)] = cres
        self.targetctx.insert_user_function(cres.fndesc, cres.fndesc, [cres.library])

    def get_overload(self, sig: Any) -> Any:
        compiled: Any = self.overloads[tuple(sig)]
        return compiled.fndesc


class Kernel(CPUDispatcher):
    """A kernel that Python calls; to kernels that call it, it is another, its `called`."""

    called: Any  # a `Called`

    def get_call_template(self, args: Any, kws: Any) -> Any:
        return self.called.get_call_template(args, kws)

    def get_overload(self, sig: Any) -> Any:
        return self.called.get_overload(sig)


def for_kernels(dispatcher: Any) -> Any:
    """The same kernel, and for those that kernels call a light one beside it."""
    options = {**dispatcher.targetoptions, **WITHOUT_WRAPPERS}
    function, local_types = dispatcher.py_func, dispatcher.locals
    dispatcher.__class__ = Kernel
    dispatcher.called = Called(function, local_types, options, CompilerOfCalled)
    return dispatcher
