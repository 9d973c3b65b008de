"""Recurrent cells, each from the equations of its paper, for several networks side by side.

All weights have a leading axis of networks (S): x (S, B, T, features) gives states (S, B, T, n).
Small networks leave a processor idle, and five of them at a time take little longer than one.
"""

import copy
import math

import torch
from torch import nn

from lyapax.torch import pta_init_


class Cell(nn.Module):
    """States that follow each other; `drive` is all that does not wait for the state."""

    states = 1  # numbers of a unit

    def __init__(self, networks, features, units):
        super().__init__()
        self.networks, self.features, self.units = networks, features, units

    def matrix(self, rows, columns):
        return nn.Parameter(torch.empty(self.networks, rows, columns))

    def vector(self, rows):
        return nn.Parameter(torch.zeros(self.networks, 1, rows))

    def drive(self, inputs):
        """What inputs (S, B, T, features) add, of each step (S, B, T, rows)."""
        return torch.einsum("sbtf,srf->sbtr", inputs, self.V) + self.b[:, :, None]

    def step(self, state, drive):
        """The next state (S, B, states * n) of one step."""
        raise NotImplementedError

    def seen(self, state):
        """What is read out of a state."""
        return state

    def forward(self, inputs, state=None):
        """States that are read out, (S, B, T, n), from rest if there is no state."""
        drive = self.drive(inputs)
        if state is None:
            shape = (*inputs.shape[:2], self.states * self.units)
            state = inputs.new_zeros(shape)
        found = []
        for given in drive.unbind(2):
            state = self.step(state, given)
            found.append(self.seen(state))
        return torch.stack(found, 2)

    def part(self, network):
        """One of the networks, as a cell of its own."""
        found = copy.deepcopy(self)
        found.networks = 1
        with torch.no_grad():
            for name, weights in self.named_parameters():
                own = weights[network : network + 1].clone()
                setattr(found, name, nn.Parameter(own))
        return found

    def module(self, network):
        """One network as `lyapax.torch.spectrum` takes it: (x, u) -> the next x, (states * n,)."""
        own = self.part(network).double()

        def step(x, u=None):
            inputs = x.new_zeros(1, 1, 1, self.features) if u is None else u.reshape(1, 1, 1, -1)
            return own.step(x.reshape(1, 1, -1), own.drive(inputs)[:, :, 0])[0, 0]

        return step


def together(cells):
    """Cells of one kind and size as one cell of all their networks."""
    found = copy.deepcopy(cells[0])
    found.networks = sum(cell.networks for cell in cells)
    weights = [dict(cell.named_parameters()) for cell in cells]
    for name in weights[0]:
        setattr(found, name, nn.Parameter(torch.cat([own[name].detach() for own in weights])))
    return found


def _uniform(tensor, units):
    """PyTorch's default weights of recurrent layers."""
    with torch.no_grad():
        tensor.uniform_(-1 / math.sqrt(units), 1 / math.sqrt(units))


class Gated(Cell):
    """Weights of `torch.nn`'s layers, in their layout, one layer for each network."""

    layer = gates = None

    def __init__(self, networks, features, units, init="default"):
        super().__init__(networks, features, units)
        layers = []
        for _ in range(networks):
            layer = self.layer(features, units)
            initialize(layer, init)
            layers.append(layer)
        stacked = lambda name: torch.stack([getattr(p, name).detach() for p in layers])  # noqa: E731
        self.V = nn.Parameter(stacked("weight_ih_l0"))
        self.W = nn.Parameter(stacked("weight_hh_l0"))
        self.b = nn.Parameter(stacked("bias_ih_l0")[:, None])
        self.c = nn.Parameter(stacked("bias_hh_l0")[:, None])

    def inner(self, state):
        """What all gates get from the state."""
        return torch.baddbmm(self.c, state, self.W.mT)

    def module(self, network):
        """The layer of one network."""
        layer = self.layer(self.features, self.units)
        own = self.V[network], self.W[network], self.b[network, 0], self.c[network, 0]
        with torch.no_grad():
            for weights, value in zip(layer.parameters(), own, strict=True):
                weights.copy_(value)
        return layer


def initialize(layer, init):
    """The recurrent weights of one layer."""
    if init == "pta":
        pta_init_(layer)
    elif init != "default":
        fill = {"orthogonal": nn.init.orthogonal_, "identity": nn.init.eye_}[init]
        for block in layer.weight_hh_l0.data.split(layer.hidden_size):
            fill(block)


class Tanh(Gated):
    """h+ = tanh(V x + b + W h + c)."""

    layer = nn.RNN

    def step(self, state, drive):
        """The next state."""
        return torch.tanh(drive + self.inner(state))


class GRU(Gated):
    """Cho and others (2014), as `torch.nn.GRU`."""

    layer = nn.GRU

    def step(self, state, drive):
        """The next state."""
        (a, b, c), (d, e, f) = drive.chunk(3, -1), self.inner(state).chunk(3, -1)
        r, z = torch.sigmoid(a + d), torch.sigmoid(b + e)
        n = torch.tanh(c + r * f)
        return n + z * (state - n)


class LSTM(Gated):
    """Hochreiter and Schmidhuber (1997) with a forget gate, as `torch.nn.LSTM`: (h, c)."""

    layer, states = nn.LSTM, 2

    def step(self, state, drive):
        """The next state."""
        h, c = state.chunk(2, -1)
        i, f, g, o = (drive + self.inner(h)).chunk(4, -1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.cat([torch.sigmoid(o) * torch.tanh(c), c], -1)

    def seen(self, state):
        """h."""
        return state[..., : self.units]


class Antisymmetric(Cell):
    """h+ = h + eps tanh((W - W' - gamma I) h + V x + b): Chang and others (2019), Eq. 10."""

    def __init__(self, networks, features, units, eps=0.1, gamma=0.01, std=1.0):
        super().__init__(networks, features, units)
        self.eps, self.gamma = eps, gamma
        self.W, self.V = self.matrix(units, units), self.matrix(units, features)
        self.b = self.vector(units)
        with torch.no_grad():
            self.W.normal_(0, std / math.sqrt(units))
            self.V.normal_(0, 1 / math.sqrt(features))

    def step(self, state, drive):
        """The next state."""
        inner = state @ (self.W.mT - self.W) - self.gamma * state
        return state + self.eps * torch.tanh(inner + drive)


class CoRNN(Cell):
    """Rusch and Mishra (2021), Eq. 3: (y, z), z first and then y with the new z.

    z+ = z + dt (tanh(W y + U z + V x + b) - gamma y - eps z), y+ = y + dt z+.
    """

    states = 2

    def __init__(self, networks, features, units, dt=0.042, gamma=2.7, eps=4.7):
        super().__init__(networks, features, units)
        self.dt, self.gamma, self.eps = dt, gamma, eps
        self.W, self.U = self.matrix(units, units), self.matrix(units, units)
        self.V, self.b = self.matrix(units, features), self.vector(units)
        for tensor in (self.W, self.U, self.V, self.b):
            _uniform(tensor, 2 * units + features)

    def step(self, state, drive):
        """The next state."""
        y, z = state.chunk(2, -1)
        force = torch.tanh(y @ self.W.mT + z @ self.U.mT + drive)
        z = z + self.dt * (force - self.gamma * y - self.eps * z)
        return torch.cat([y + self.dt * z, z], -1)

    def seen(self, state):
        """y."""
        return state[..., : self.units]


class Lipschitz(Cell):
    """h+ = h + eps A h + eps tanh(W h + U x + b): Erichson and others (2021), Eq. 3, by Euler.

    A and W are each beta (B - B') + (1 - beta) (B + B') - gamma I of a matrix B of its own.
    """

    def __init__(
        self, networks, features, units, eps=0.1, beta=(0.75, 0.75), gamma=(0.001, 0.001), std=1.0
    ):
        super().__init__(networks, features, units)
        self.eps, self.beta, self.gamma = eps, beta, gamma
        self.A, self.W = self.matrix(units, units), self.matrix(units, units)
        self.V, self.b = self.matrix(units, features), self.vector(units)
        with torch.no_grad():
            self.A.normal_(0, std / math.sqrt(units))
            self.W.normal_(0, std / math.sqrt(units))
        for tensor in (self.V, self.b):
            _uniform(tensor, features)

    def step(self, state, drive):
        """The next state."""
        a, w = (
            self._product(state, matrix, beta, gamma)
            for matrix, beta, gamma in zip((self.A, self.W), self.beta, self.gamma, strict=True)
        )
        return state + self.eps * (a + torch.tanh(w + drive))

    @staticmethod
    def _product(state, matrix, beta, gamma):
        # beta (B - B') + (1 - beta) (B + B') = B + (1 - 2 beta) B'.
        return state @ (matrix.mT + (1 - 2 * beta) * matrix) - gamma * state


CELLS = {
    "tanh": lambda *size, **more: Tanh(*size, **more),
    "tanh orthogonal": lambda *size, **more: Tanh(*size, init="orthogonal", **more),
    "tanh identity": lambda *size, **more: Tanh(*size, init="identity", **more),
    "tanh PTA": lambda *size, **more: Tanh(*size, init="pta", **more),
    "GRU": lambda *size, **more: GRU(*size, **more),
    "GRU PTA": lambda *size, **more: GRU(*size, init="pta", **more),
    "LSTM": LSTM,
    "AntisymmetricRNN": Antisymmetric,
    "coRNN": CoRNN,
    "LipschitzRNN": Lipschitz,
}
