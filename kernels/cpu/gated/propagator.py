"""Gated networks: maps of RNN, GRU and LSTM layers, and the flow of GRUs."""

from dataclasses import dataclass, replace
from typing import Any

from ...cells import CELLS
from ...propagator import Array, chosen
from ..taped.propagator import GROUP, Taped
from ..team.interruptible import threads_allowed
from .cotangents import cotangent_model, gated_cotangents
from .cotangents import work_size as cotangent_work
from .model import gated_model
from .state import gated_state, state_units
from .tangents import gated_strips, work_size


@dataclass(kw_only=True)
class Gated(Taped):
    """Layers of n units; gates in PyTorch's order."""

    cell: str  # of `cells.CELLS`
    hidden: Array  # (B or 1, layers, gates, n, n): recurrent weights
    below: Array  # the same, for the layer below or, in a closed loop, the last one
    entry: Array  # (B or 1, gates, n, entries)
    bias: Array  # (B or 1, layers, gates + 1, n): in the last row a GRU's of what it resets
    inputs: Array  # (B or 1, T, entries); entries may be 0
    closed: bool
    dt: float

    def _prepare(self) -> None:
        _, self._layers, self._gates, self._n, _ = self.hidden.shape
        kind = CELLS[self.cell]
        self.dim, self.stages = kind.states * self._layers * self._n, 4 if self.dt else 1
        self._factors = kind.factors
        weights = self.hidden, self.below, self.entry
        shared = all(len(array) == 1 for array in weights)
        # Half a group at least: lanes without members cost as much as others.
        most = min(GROUP, self.batch // (2 * threads_allowed())) if shared else 1
        self._group = most if most >= GROUP // 2 else 1
        self.width = GROUP if self._group > 1 else 1
        self.state_run, self.strip_run = gated_state(self.dtype), gated_strips(self.dtype)
        self.model, self._held = gated_model(
            self.cell,
            *weights,
            self.bias,
            self.inputs,
            self.closed,
            self.dt,
            self.width,
            self.dtype,
        )

    def backwards(self) -> tuple[Any, Any, int]:
        record, self._turned = cotangent_model(self.model, self.hidden, self.below)
        return gated_cotangents(), record, cotangent_work(self._n, self.dim)

    def select(self, members: Any, dtype: Any) -> "Gated":
        names = ("hidden", "below", "entry", "bias", "inputs")
        arrays: dict[str, Any] = {name: chosen(getattr(self, name), members) for name in names}
        return replace(self, **arrays, batch=len(members), dtype=dtype)

    def group(self) -> int:
        return self._group

    def row(self, count: int) -> int:
        return self._layers * self._factors * self._n * self.width

    def state_work(self, count: int, stages: int) -> int:
        units = state_units(
            self._n, self.dim, self._layers, self._gates, self.inputs.shape[-1], self.dt != 0.0
        )
        return units * self.width

    def strip_work(self, count: int, edges: Any) -> int:
        return work_size(self._n, self.dim, int(edges[-1]), self.dt != 0.0)
