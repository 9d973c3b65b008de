r"""Two-unit blocks :math:`\alpha R(\theta)` and the region in which they oscillate.

A bank of independent blocks whose weights lie in that region is a periodic toroidal attractor: one
zero exponent for each block, so a learning signal neither vanishes nor explodes along it. [1]_

Between two borders a block has no resting state and no short cycle to fall into. Where it has one,
the point where it appears is a saddle-node bifurcation, and all of these lie on one curve. With
:math:`x = \tanh u` and :math:`d = 1 - x^2`, a point that each step turns and stretches by a complex
number B (1 at rest, -1 in a cycle of two steps, i in one of four) obeys
:math:`\alpha e^{i\theta} = B (u_1 + i u_2)/(x_1 + i x_2)`, and as B commutes with rotations the
condition :math:`\det(\mathrm{diag}(d)\,\alpha R - [B]) = 0` does not contain it:

.. math:: 1 - \frac{u\cdot x}{|x|^2}(d_1 + d_2) + \frac{|u|^2}{|x|^2} d_1 d_2 = 0 .

So every border is :math:`\theta = \arg B \pm LL(\alpha/|B|)` with the one function `saddle_node`.

.. [1] Park, Sagodi and Sokol, Persistent learning signals and working memory without continuous
   attractors (2023), sections 3 and S2.
"""

from ._blocks import bank as bank
from ._blocks import block_system as block_system
from ._blocks import blocks as blocks
from ._drawing import draw as draw
from ._drawing import leading_exponents as leading_exponents
from ._region import Region as Region
from ._region import gru_offset as gru_offset
from ._region import region as region
from ._region import saddle_node as saddle_node

__all__ = [
    "Region",
    "bank",
    "block_system",
    "blocks",
    "draw",
    "gru_offset",
    "leading_exponents",
    "region",
    "saddle_node",
]
