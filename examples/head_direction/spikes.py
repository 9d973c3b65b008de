"""Level 3: four neurons that send spikes, from event to event, with exact times.

The spike of a neuron travels to its partner of the other hemisphere and makes it ramp up to its
threshold; conduction and ramp together take tau/2. One spike runs to and fro in each pair, and the
period is tau exactly, as long as they do. Unlike the paper's neurons these do not oscillate alone:
they relay. A velocity spike lifts the membrane by one step, which the neuron keeps until it fires:
the next spike comes earlier by the same time whenever the velocity spike came (a constant
phase-resetting curve), by one ramp for each spike at most: 4500 degrees/s at 10 ms. Firing takes
the threshold off the membrane, and what is beyond stays.

Times are in periods, halves and sixteenths of which are exact in floating point.
"""

import heapq
from dataclasses import dataclass, field

import numpy as np

from .phases import PERIOD

RAMP = 1 / 16  # periods from an arriving spike to the neuron's own
REFRACTORY = 1 / 4  # periods in which an arriving spike does nothing
PARTNER = (1, 0, 3, 2)
ARRIVES, FIRES, LIFTS = range(3)


@dataclass
class Circuit:
    """Neurons L+, R+, L-, R-, numbered 0 to 3.

    `delays` and `ramps` (4,) are those of the way *to* a neuron; `jitter` is the standard deviation
    of each firing time, all in periods.
    """

    delays: np.ndarray = field(default_factory=lambda: np.full(4, 0.5 - RAMP))
    ramps: np.ndarray = field(default_factory=lambda: np.full(4, RAMP))
    jitter: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def run(self, duration, lifts=(), held=0.0):
        """Spike times of the four neurons until `duration`.

        `lifts` are (time, neuron, by how much earlier its next spike comes); `held` is the heading
        (degrees) at the start, at which L- fires at 0 and L+ earlier by that share of a period.
        """
        spikes = [[], [], [], []]
        lift, begun, version = [0.0] * 4, [None] * 4, [0] * 4
        last = [-np.inf] * 4
        queue, number = [], 0

        def put(time, kind, neuron, value=0.0):
            nonlocal number
            heapq.heappush(queue, (time, number, kind, neuron, value))
            number += 1

        def plan(neuron, now):
            """When a ramp reaches the threshold, as the membrane is now."""
            version[neuron] += 1
            due = begun[neuron] + self.ramps[neuron] - lift[neuron]
            put(max(now, due), FIRES, neuron, version[neuron])

        for time, neuron, by in lifts:
            put(time, LIFTS, neuron, by)
        ahead = (held / 360) % 1
        for neuron, phase in ((0, ahead), (2, 0.0)):  # whose spike comes at -phase, mod 1
            put((-phase) % 1 - self.ramps[neuron], ARRIVES, neuron)
        while queue and queue[0][0] < duration:
            now, _, kind, neuron, value = heapq.heappop(queue)
            if kind == LIFTS:
                lift[neuron] += value
                if begun[neuron] is not None:
                    plan(neuron, now)
            elif kind == ARRIVES:
                if begun[neuron] is None and now - last[neuron] >= REFRACTORY:
                    begun[neuron] = now
                    plan(neuron, now)
            elif value == version[neuron] and begun[neuron] is not None:
                lift[neuron] -= self.ramps[neuron] - (now - begun[neuron])
                begun[neuron], last[neuron] = None, now
                spikes[neuron].append(now)
                noise = self.jitter * self.rng.standard_normal() if self.jitter else 0.0
                put(now + self.delays[PARTNER[neuron]] + noise, ARRIVES, PARTNER[neuron])
        return [np.array(times) for times in spikes]


def pushes(turning, step, period=PERIOD, times=None):
    """What velocity spikes do: (time in periods, neuron, periods earlier), half for each of a pair.

    `times` are those of both velocity cells (s); by default each fires after every `step` degrees.
    """
    found = []
    for pair, cell in enumerate(turning.spikes(step) if times is None else times):
        for neuron in (2 * pair, 2 * pair + 1):
            found += [(t / period, neuron, step / 720) for t in cell]
    return found


def phases(spikes, t):
    """(2, times): the pairs' phases at times t (periods), in periods, by the last spike before.

    Left neurons fire at phase 0, right ones half a period later. NaN before the first spike.
    """
    t = np.asarray(t, float)
    found = np.full((2, *t.shape), np.nan)
    for pair in range(2):
        left, right = spikes[2 * pair], spikes[2 * pair + 1]
        every = np.concatenate([left, right])
        start = np.concatenate([np.zeros(len(left)), np.full(len(right), 0.5)])
        order = np.argsort(every)
        place = np.searchsorted(every[order], t, side="right") - 1
        seen = place >= 0
        at = order[place[seen]]
        found[pair, seen] = (start[at] + t[seen] - every[at]) % 1
    return found
