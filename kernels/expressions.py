"""The functions of the expression graph that SymPy lacks or differentiates unsuitably."""

import numpy as np
import sympy


class Sech2(sympy.Function):
    """sech^2 u, computed from the exponential: 1 - tanh^2 is exactly 0 from u = 19 on."""

    nargs = 1

    def fdiff(self, argindex=1):
        return -2 * Tanh(self.args[0]) * self


class Tanh(sympy.Function):
    nargs = 1

    def fdiff(self, argindex=1):
        return Sech2(self.args[0])


class Sign(sympy.Function):
    nargs = 1

    def fdiff(self, argindex=1):
        return sympy.S.Zero


class Magnitude(sympy.Function):
    nargs = 1

    def fdiff(self, argindex=1):
        return Sign(self.args[0])


class Floor(sympy.Function):
    nargs = 1

    def fdiff(self, argindex=1):
        return sympy.S.Zero


class Wrap(sympy.Function):
    """x modulo a period: slope 1 in x wherever it has one."""

    nargs = 2

    def fdiff(self, argindex=1):
        return sympy.S.One if argindex == 1 else -Floor(self.args[0] / self.args[1])


# The same on arrays.
NUMPY = {
    "Tanh": np.tanh,
    "Sech2": lambda u: 1.0 / np.cosh(np.clip(u, -350, 350)) ** 2,
    "Sign": np.sign,
    "Magnitude": np.abs,
    "Floor": np.floor,
    "Wrap": np.mod,
}
