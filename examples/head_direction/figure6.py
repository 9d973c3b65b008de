"""Figure 6 B to E: from the neurons' periodic activity to a bump on a ring."""

import matplotlib.pyplot as plt
import numpy as np

import lyapax as lx

from . import oscillators, readout, spikes
from .phases import PERIOD, apart
from .turning import walk

MEMORIES = 60.0, 150.0  # degrees: two memories, red lines and red dashed lines
NAMES = "$P_L^+$", "$P_R^+$", "$P_L^-$", "$P_R^-$"
PLACES = np.arange(64) / 64


def activity(held, periods=3.0, points=300):
    """(times, four traces): x of the smooth neurons at level 2, one heading held."""
    flow = oscillators.circuit(held=held)
    every = max(1, round(periods / points / oscillators.STEP))
    path = lx.trajectory(
        flow, duration=periods, dt=oscillators.STEP, save_every=every, rng=0, progress=False
    )
    return path.times, path.states[:, ::2].T


def bumps(turning, frames=400, eye=None):
    """(times, bumps (times, places)) while an animal turns, by the spikes of level 3."""
    eye = eye or readout.Readout()
    periods = np.floor(turning.duration / PERIOD)
    trains = spikes.Circuit().run(periods, spikes.pushes(turning, 1.0), turning.start)
    times = np.linspace(8, periods - 2, frames)
    return times, eye.of_spikes(trains, times, PLACES)


def panel_b(axes):
    """Traces of the four neurons, and below them the trains that meet at the memory's place."""
    for held, line in zip(MEMORIES, ("-", "--"), strict=True):
        times, traces = activity(held)
        for row, (name, trace) in enumerate(zip(NAMES, traces, strict=True)):
            colour = "C3" if row < 2 else ("0.3" if line == "-" else "none")
            axes.plot(times, 0.42 * trace - row, line, color=colour, lw=1)
            axes.text(-0.08, -row, name, ha="right", va="center")
    held = MEMORIES[0]
    trains = spikes.Circuit().run(6.0, held=held)
    place = held / 360
    for train, late, colour, y in (
        (trains[0], place / 2, "C3", -4.1),
        (trains[3], (1 - place) / 2, "0.3", -4.5),
    ):
        seen = (train[train < 5.5] + late) % 1
        for at in np.unique(np.round(seen, 9)):
            axes.vlines(at + np.arange(3), y - 0.17, y + 0.17, color=colour, lw=2)
    axes.text(-0.08, -4.3, "delayed", ha="right", va="center", fontsize=8)
    axes.set(
        xlabel=r"time / $\tau$", xlim=(0, 3), ylim=(-4.8, 0.6), yticks=[],
        title=f"B  two memories: {MEMORIES[0]:g}° (line), {MEMORIES[1]:g}° (dashed)",
    )  # fmt: skip


def panel_c(axes, eye):
    """The ring of segments, the axons around it in both directions, and a bump on it."""
    values = eye.segments(MEMORIES[0])
    edges = 2 * np.pi / 8
    axes.bar(
        np.arange(8) * edges, 0.5, width=edges, bottom=0.75, edgecolor="white",
        color=plt.cm.magma_r(0.1 + 0.8 * values / values.max()),
    )  # fmt: skip
    way = np.linspace(0.15, 2 * np.pi - 0.15, 200)
    for radius, colour, sense in ((1.42, "C3", 1), (0.58, "0.3", -1)):
        around = way if sense > 0 else way[::-1]
        axes.plot(around, np.full(200, radius), color=colour, lw=1.5)
        axes.annotate(
            "", (around[-1], radius), (around[-12], radius),
            arrowprops={"arrowstyle": "-|>", "color": colour},
        )  # fmt: skip
    axes.text(0.32, 1.62, "$+$", color="C3", ha="center", va="center", fontsize=13)
    axes.text(0, 0.0, "$-$", color="0.3", ha="center", va="center", fontsize=13)
    axes.grid(False)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    axes.set(ylim=(0, 1.75), yticks=[], xticks=np.radians(np.arange(0, 360, 45)))
    axes.spines["polar"].set_visible(False)
    axes.set_title(f"C  8 segments hold {MEMORIES[0]:g}°")


def panel_d(axes, eye):
    """What one place answers to all memories: within the cycle, and averaged over it."""
    held = np.linspace(-180, 180, 181)
    place = MEMORIES[0] / 360
    within = eye.coincidences(held + MEMORIES[0], [place])[:, 0]
    axes.plot(held, within[:, ::32] / within.max(), color="0.8", lw=0.6)
    averages = {
        "product": (eye, "C3", "-"),
        "sum above one alone": (readout.Readout(eye.h, readout.above_one_alone), "C0", "--"),
    }
    for name, (one, colour, line) in averages.items():
        curve = one.coincidences(held + MEMORIES[0], [place])[:, 0].mean(axis=-1)
        axes.plot(held, curve / curve.max(), line, color=colour, label=name)
    axes.set(
        xlabel=r"$\Delta\phi - \varphi$ (degrees)", ylabel="activity / its peak",
        xlim=(-180, 180), ylim=(0, 1.35), xticks=np.arange(-180, 181, 90),
        title="D  one place, all memories",
    )  # fmt: skip
    axes.plot([], [], color="0.8", label="at one time of the cycle")
    axes.legend(fontsize=8, frameon=False)


def panel_e(axes, turning, eye):
    """The bump over the ring while the animal turns, its heading, and the eight segments."""
    times, found = bumps(turning, eye=eye)
    seconds = times * PERIOD
    axes.imshow(
        found.T / found.max(), aspect="auto", origin="lower", cmap="magma_r",
        extent=(seconds[0], seconds[-1], 0, 360), interpolation="nearest",
    )  # fmt: skip
    heading = turning.heading(seconds) % 360
    broken = np.where(np.abs(np.diff(heading, prepend=heading[0])) > 180, np.nan, heading)
    axes.plot(seconds, broken, color="C0", lw=1, label="heading")
    axes.set(
        xlabel="time (s)", ylabel="place (degrees)", yticks=np.arange(0, 361, 90),
        title="E  the bump follows the heading",
    )  # fmt: skip
    axes.legend(fontsize=8, loc="upper right")
    decoded = readout.population_vector(found)
    return apart(decoded, turning.heading(seconds))


def draw(path, turning=None):
    """Draw panels B to E; returns how far the bump is from the heading (degrees)."""
    turning = walk(6.0, 3) if turning is None else turning
    eye = readout.Readout()
    figure = plt.figure(figsize=(11, 7.6), layout="constrained")
    grid = figure.add_gridspec(2, 6)
    panel_b(figure.add_subplot(grid[0, :4]))
    panel_c(figure.add_subplot(grid[0, 4:], projection="polar"), eye)
    panel_d(figure.add_subplot(grid[1, :2]), eye)
    errors = panel_e(figure.add_subplot(grid[1, 2:]), turning, eye)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return errors
