r"""Level 2: four smooth neurons, two pairs, each coupled across by a conduction delay.

A neuron is an intrinsic oscillator z = x + i y (Stuart-Landau), in units of the period tau,

.. math:: \dot z_i = (\gamma (1 - |z_i|^2) + i \omega_i + i g\,v_i(t))\, z_i
          + \sum_j W_{ij}\, z_j(t - \tau/2)

With W_ij = K within a pair the two fire in antiphase: a delay of half a period, and half a turn
between them, put the partner's signal in phase. The period is then exactly tau whatever the
weights are, as long as they are positive.

Velocity v turns the state (a constant phase-resetting curve). What was sent before still travels
and holds the phase back, so that a push of one neuron moves its pair by 1 / (1 + K tau/2) of the
push of both; the gain g = 1 + K tau/2 undoes that.
"""

import numpy as np

import lyapax as lx

from .phases import PERIOD

LEFT_PLUS, RIGHT_PLUS, LEFT_MINUS, RIGHT_MINUS = range(4)
GROWTH, COUPLING, DELAY = 10.0, 3.0, 0.5
STEP = 1 / 80  # periods; at 1/40 the turned way is short by 1e-4, half as much again as by sin
KNOTS = 64  # of a velocity: each is an operation of the right-hand side
SIGNS = np.array([1.0, -1.0, 1.0, -1.0])


def coupled(within=COUPLING, across=0.0):
    """W (4, 4): pairs coupled by `within`; each neuron to both of the other pair by `across`."""
    pair = np.array([[0.0, 1.0], [1.0, 0.0]])
    other = np.kron(pair, np.array([[-1.0, 1.0], [1.0, -1.0]]))
    return within * np.kron(np.eye(2), pair) + across * other


def right_hand_side(x, p, past, t):
    """The equation above; `hold` pulls all neurons to one rhythm, `pulse` is a current into z_0."""
    late = past(p.delay[0]), past(p.delay[1])
    between = np.maximum(0.0, 1 - np.abs(t * p.knots_per_time - np.arange(KNOTS)))
    velocity = np.sum(p.velocity * between)
    pushed = p.gain * np.maximum(velocity, 0.0), p.gain * np.maximum(-velocity, 0.0)
    hold = p.hold * np.where(t < p.release, 1.0, 0.0)
    rhythm = np.cos(2 * np.pi * t), np.sin(2 * np.pi * t)
    pulse = p.pulse * np.exp(-0.5 * ((t - p.pulse_time) / p.pulse_width) ** 2)
    slopes = []
    for i, sign in enumerate(SIGNS):
        a, b = x[2 * i], x[2 * i + 1]
        grow = GROWTH * (1 - a * a - b * b) - hold
        turn = p.frequency[i // 2] + pushed[i // 2]
        ahead = grow * a - turn * b + hold * sign * rhythm[0] + (pulse if i == 0 else 0.0)
        up = grow * b + turn * a + hold * sign * rhythm[1]
        j = i ^ 1  # the partner, and then both of the other pair
        sent = [sum(p.W[i, n] * late[i // 2][2 * n + c] for n in (j, i ^ 2, j ^ 2)) for c in (0, 1)]
        slopes += [ahead + sent[0], up + sent[1]]
    return slopes


def radius(within=COUPLING):
    """|z| of a locked pair."""
    return np.sqrt(1 + within / GROWTH)


def gain(within=COUPLING, delay=DELAY):
    return 1 + within * delay


def circuit(*, held=0.0, turning=None, period=PERIOD, noise=None, within=COUPLING, **params):
    """A delayed `lyapax.Flow` of four neurons that hold `held` degrees, a number or a vector.

    Time is in periods. Velocities come from `turning`, resampled at 64 knots over all of it;
    `params` replace parameters of `right_hand_side`, and with leading axes are a batch.
    """
    held = np.asarray(held, float)
    radii, turns = radius(within), np.stack([held, 0 * held], axis=-1) / 360

    def history(t):
        pairs = radii * np.exp(2j * np.pi * (t + turns))
        z = np.repeat(pairs, 2, axis=-1) * SIGNS
        return np.stack([z.real, z.imag], axis=-1).reshape(*held.shape, 8)

    velocity, rate = np.zeros(KNOTS), 1.0
    if turning is not None:
        velocity = resampled(turning).velocity_at(knots(turning)) * 2 * np.pi / 360 * period
        rate = (KNOTS - 1) / (turning.duration / period)
    given = {
        "W": coupled(within), "delay": np.full(2, DELAY),
        "velocity": velocity, "knots_per_time": rate,
        "frequency": np.full(2, 2 * np.pi), "gain": gain(within), "hold": 0.0, "release": 0.0,
        "pulse": 0.0, "pulse_time": 0.0, "pulse_width": 0.02, **params,
    }  # fmt: skip
    more = {} if noise is None else {"noise": noise}
    shapes = {"W": (4, 4), "velocity": (KNOTS,), "frequency": (2,), "delay": (2,)}
    return lx.Flow(right_hand_side, 8, given, shapes=shapes, history=history, **more)


def knots(turning):
    return np.linspace(turning.times[0], turning.times[-1], KNOTS)


def resampled(turning):
    """The same turning with the velocities of 64 knots only; its own heading is exact, too."""
    times = knots(turning)
    return type(turning)(times, turning.velocity_at(times))


def run(flow, duration, *, every=80, rng=0, **more):
    """(times in periods, phases (..., times, 2) of the pairs in periods, not wrapped)."""
    path = lx.trajectory(
        flow, duration=duration, dt=STEP, save_every=every, rng=rng, progress=False, **more
    )
    return path.times, phases_of(path.states)


def phases_of(states):
    """Of a pair: that of its left neuron less its right one, which are in antiphase."""
    z = states[..., ::2] + 1j * states[..., 1::2]
    return np.angle(z[..., ::2] - z[..., 1::2]) / (2 * np.pi)


def held(phases):
    """Degrees (...) that the phases (..., 2) of two pairs hold, between 0 and 360."""
    return 360 * ((phases[..., 0] - phases[..., 1]) % 1)


def spectrum(W=None, *, periods=1000, k=4, rng=0):
    """Leading Lyapunov exponents, per period, of the circuit at rest; W (..., 4, 4)."""
    flow = circuit(held=40.0, **({} if W is None else {"W": W}))
    return lx.lyapunov_spectrum(
        flow, duration=periods, dt=STEP, transient=100, k=k, rng=rng, progress=False
    )
