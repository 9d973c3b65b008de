"""Each regime of each propagator: time of a fixed number of member-steps, and rates."""

import time

import numpy as np

import lyapax as lx

from .running import Running, gemm_rate, known, network, step_flops


class Small:
    """Generated code with members as lanes."""

    params = (("pta_flow", "lorenz63", "henon"), (1, 4096, 65536))
    param_names = ("system", "members")

    def setup(self, name, members):
        self.running = Running(known(name), members=members, dt=0.01)
        self.steps = max(16, 2**21 // members if members > 1 else 2**18)

    def time_steps(self, name, members):
        self.running.propagate(self.steps)

    def track_member_steps_per_second(self, name, members):
        started = time.perf_counter()
        self.running.propagate(self.steps)
        return members * self.steps / (time.perf_counter() - started)

    track_member_steps_per_second.unit = "1/s"


class Dense:
    """Networks of n units, k tangents."""

    params = (
        ((8, 8), (16, 16), (32, 32), (64, 64), (128, 128), (256, 256), (1024, 32)),
        (1, 256),
        ("float64", "float32"),
    )
    param_names = ("n, k", "members", "dtype")

    def setup(self, shape, members, dtype):
        n, k = shape
        if n > 128 and members > 1:
            raise NotImplementedError("minutes")
        self.running = Running(network(n), k, members, dtype)
        self.flops = members * step_flops(n, k)
        self.steps = 16 * max(1, round(2e9 / (16 * self.flops)))

    def time_steps(self, shape, members, dtype):
        self.running.propagate(self.steps)

    def track_fraction_of_gemm(self, shape, members, dtype):
        started = time.perf_counter()
        self.running.propagate(self.steps)
        rate = self.steps * self.flops / (time.perf_counter() - started)
        return rate / gemm_rate()

    track_fraction_of_gemm.unit = "of the float64 GEMM rate, n = 1024"


class Sparse:
    params = (0.1, 0.01)
    param_names = ("density",)

    def setup(self, density):
        self.running = Running(network(4000, density), 32)

    def time_steps(self, density):
        self.running.propagate(16)


class Nodes:
    """Networks of nodes from a coupling: products of matrices, dense and sparse."""

    params = (
        "Kuramoto, n = 94, dense",
        "Kuramoto, n = 256, dense",
        "swing equation, 4941 nodes, 6594 lines",
        "FitzHugh-Nagumo, 1000 nodes, 1 % connected",
        "Hodgkin-Huxley, 200 nodes, dense",
    )
    param_names = ("network",)

    def setup(self, name):
        from .networks import CASES

        case = CASES[name]()
        self.running = Running(case.network, case.k, dt=case.dt)

    def time_steps(self, name):
        self.running.propagate(64)


class Columns:
    """Traced functions beyond the lanes: Lorenz-96."""

    params = (12, 40)
    param_names = ("n",)

    def setup(self, n):
        from lyapax.systems import lorenz96_of

        self.running = Running(lorenz96_of(n).system(), members=16, dt=0.01)

    def time_steps(self, n):
        self.running.propagate(1024)


class Delayed:
    """Mackey-Glass at tau = 17, dt = .1, k = 5; tanh networks at tau = 2, dt = .05, k = 20."""

    params = ("Mackey-Glass", "4096 of them", "n = 100", "n = 256", "n = 1000, 1 % connected")
    param_names = ("system",)

    def setup(self, name):
        import lyapax as lx

        if name in ("Mackey-Glass", "4096 of them"):
            members = 1 if name == "Mackey-Glass" else 4096
            system = lx.systems.delayed["mackey_glass"].system()
            self.running = Running(system, 5, members, dt=0.1, interval=170)
            self.steps = 170 * max(1, 1000 // members)
            return
        n = int(name.split("=")[1].split(",")[0])
        w = network(n, 0.01 if "connected" in name else None).W
        self.running = Running(lx.RateNetwork(w, delay=2.0), 20, dt=0.05, interval=160)
        self.steps = 160 * max(1, 400 // n)

    def time_steps(self, name):
        self.running.propagate(self.steps)


class Noisy:
    """Lorenz-63 with noise in each variable, and without."""

    params = ((0.0, 1.0), (1, 4096))
    param_names = ("noise", "members")

    def setup(self, noise, members):
        import lyapax as lx

        lorenz = lx.systems.library["lorenz63"]
        system = lx.Flow(lorenz.f, 3, lorenz.params, noise=noise or None, initial=lorenz.initial)
        self.running = Running(system, members=members, dt=0.01)
        self.steps = max(64, 2**21 // members if members > 1 else 2**18)

    def time_steps(self, noise, members):
        self.running.propagate(self.steps)


class DrivenMap:
    """A batch of sequences through a tanh network of 256 units."""

    def setup(self):
        rng = np.random.default_rng(0)
        w = rng.standard_normal((256, 256)) * 1.5 / 16
        inputs = rng.standard_normal((32, 512, 256))
        net = lx.RateNetwork(w, form="rate", kind="map", inputs=inputs)
        self.running = Running(net, members=32)

    def time_steps(self):
        self.running.propagate(16)


class Recurrent:
    """A batch of sequences through a GRU or an LSTM of 256 units, k = 32."""

    params = ("GRU", "LSTM")
    param_names = ("cell",)

    def setup(self, cell):
        rng, gates = np.random.default_rng(0), {"GRU": 3, "LSTM": 4}[cell]
        w = rng.standard_normal((gates * 256, 256)) / 16
        v = rng.standard_normal((gates * 256, 32)) / 6
        inputs = rng.standard_normal((32, 512, 32))
        system = getattr(lx, cell)(w, v, inputs=inputs)
        self.running = Running(system, 32, 32)

    def time_steps(self, cell):
        self.running.propagate(64)


class Adjoint:
    """One cotangent back through 1000 steps, states computed again."""

    params = ("network of 200", "GRU of 128", "Lorenz-63")
    param_names = ("system",)

    def setup(self, name):
        weights = np.random.default_rng(0).standard_normal((384, 128)) / 11
        self.system = {
            "network of 200": lambda: network(200),
            "GRU of 128": lambda: lx.GRU(weights),
            "Lorenz-63": lambda: known("lorenz63"),
        }[name]()
        self.run = {"save_every": 1000, "rng": 0, "progress": False}
        self.run |= {"dt": 0.01, "duration": 10} if self.system.is_flow else {"duration": 1000}
        self.time_adjoint(name)

    def time_adjoint(self, name):
        lx.adjoint(self.system, np.ones(self.system.dim), **self.run)


class ManyShortCalls:
    """What is kept after every step of four units: 3000 sets of covariant vectors, or states."""

    def setup(self):
        w = 2 * np.random.default_rng(0).standard_normal((4, 4))
        self.options = {"dt": 0.1, "duration": 300.0, "rng": 0, "progress": False}
        self.system = lx.RateNetwork(w)
        self.time_covariant_vectors()
        self.time_trajectory()

    def time_covariant_vectors(self):
        lx.covariant_vectors(self.system, **self.options)

    def time_trajectory(self):
        lx.trajectory(self.system, **self.options)
