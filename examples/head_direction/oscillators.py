r"""Level 2: four smooth neurons, two pairs, each coupled across by a conduction delay.

A neuron is an intrinsic oscillator z = x + i y (Stuart-Landau), in units of the period tau,

.. math:: \dot z_i = (\gamma (1 - |z_i|^2) + i \omega_i + i g\,v_i(t))\, z_i
          + \sum_j W_{ij}\, z_j(t - \tau/2)

With W_ij = K within a pair the two fire in antiphase: a delay of half a period, and half a turn
between them, put the partner's signal in phase. Where the neurons' own rhythm has the period tau,
too, this is the period whatever positive weights a pair has. Else the pair's frequency is between
both: of a relative change a of its own one, and b of the delay, (a - b K tau/2) / (1 + K tau/2)
remain.

Velocity v turns the state (a constant phase-resetting curve). What was sent before still travels
and holds the phase back, so that a push of one neuron moves its pair by 1 / (1 + K tau/2) of the
push of both; the gain g = 1 + K tau/2 undoes that.
"""

import numpy as np

import lyapax as lx

from .phases import PERIOD

GROWTH, COUPLING, DELAY = 10.0, 3.0, 0.5
STEP = 1 / 80  # periods; with 1/40 a way turned at 500 degrees/s is off by 1e-4 more
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
    velocity = p.velocity + np.sum(p.bends * np.maximum(0.0, t - p.knots))
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


def gain(within=COUPLING):
    """How much more a push of both neurons must be than the way that their pair then goes."""
    return 1 + within * DELAY


def circuit(*, held=0.0, ahead=0.0, turning=None, noise=None, within=COUPLING, **params):
    """A delayed `lyapax.Flow` of four neurons that hold `held` degrees, a number or an array.

    Time is in periods; the - pair starts `ahead` turns in its cycle. Velocities are those of
    `turning`, of at most 64 knots. `params` replace parameters of `right_hand_side`, and with
    leading axes are a batch.
    """
    held, ahead = np.broadcast_arrays(np.asarray(held, float), ahead)
    radii, turns = radius(within), np.stack([held / 360 + ahead, ahead], axis=-1)

    def history(t):
        pairs = radii * np.exp(2j * np.pi * (t + turns))
        z = np.repeat(pairs, 2, axis=-1) * SIGNS
        return np.stack([z.real, z.imag], axis=-1).reshape(*held.shape, 8)

    drive = bent(np.arange(2.0), np.zeros(2)) if turning is None else bent(*turning.knots)
    given = {
        "W": coupled(within), "delay": np.full(2, DELAY),
        "frequency": np.full(2, 2 * np.pi), "gain": gain(within), "hold": 0.0, "release": 0.0,
        "pulse": 0.0, "pulse_time": 0.0, "pulse_width": 0.02, **drive, **params,
    }  # fmt: skip
    more = {} if noise is None else {"noise": noise}
    shapes = {
        "W": (4, 4), "bends": (KNOTS,), "knots": (KNOTS,), "frequency": (2,), "delay": (2,)
    }  # fmt: skip
    return lx.Flow(right_hand_side, 8, given, shapes=shapes, history=history, **more)


def bent(times, velocity, period=PERIOD):
    """Parameters of a velocity (..., knots) in degrees/s, linear between `times` (s).

    It is a first value and a bend at each knot; knots that are not needed lie at the end.
    """
    if len(times) > KNOTS:
        raise ValueError(f"a velocity may have {KNOTS} knots here, got {len(times)}: resample it")
    velocity = np.radians(velocity) * period
    times = np.asarray(times) / period
    slopes = np.diff(velocity, axis=-1) / np.diff(times)
    still = np.zeros((*slopes.shape[:-1], 1))
    bends = np.diff(np.concatenate([still, slopes, still], axis=-1), axis=-1)
    room = KNOTS - len(times)
    return {
        "velocity": velocity[..., 0],
        "bends": np.concatenate([bends, np.zeros((*bends.shape[:-1], room))], axis=-1),
        "knots": np.concatenate([times, np.full(room, times[-1])]),
    }


def resampled(turning):
    """The same turning, or where it has more than 64 knots, with the velocities of 64 of them."""
    times, _ = turning.knots
    if len(times) <= KNOTS:
        return turning
    even = np.linspace(times[0], times[-1], KNOTS)
    return type(turning)(even, turning.velocity_at(even), turning.start)


def run(flow, duration, *, every=80, rng=0):
    """(times in periods, phases (2, ..., times) of the pairs, in periods)."""
    path = lx.trajectory(
        flow, duration=duration, dt=STEP, save_every=every, rng=rng, progress=False
    )
    z = path.states[..., ::2] + 1j * path.states[..., 1::2]
    # Both neurons of a pair are in antiphase: the left one less the right one is of both.
    pairs = np.angle(z[..., ::2] - z[..., 1::2]) / (2 * np.pi)
    return path.times, np.moveaxis(pairs, -1, 0)


def spectrum(W=None, *, periods=1000, k=4, rng=0):
    """Leading Lyapunov exponents, per period, of the circuit at rest; W (..., 4, 4)."""
    flow = circuit(held=40.0, **({} if W is None else {"W": W}))
    return lx.lyapunov_spectrum(
        flow, duration=periods, dt=STEP, transient=100, k=k, rng=rng, progress=False
    )
