"""An animal that turns: its heading, the two phases, and the bump. A GIF, or an MP4 with ffmpeg."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FFMpegWriter, FuncAnimation, PillowWriter

from . import readout
from .figure6 import PLACES, bumps
from .phases import PERIOD, phases

FRAMES_PER_SECOND = 12.5  # a GIF counts in hundredths of a second


def animate(path, turning, *, slower=1.0):
    """Write the animation to `path`; time runs `slower` than it is.

    Phases are shown once a period, as a stroboscope does: what stands still holds its memory.
    """
    path = Path(path)
    if path.suffix.lower() not in (".gif", ".mp4"):
        raise ValueError(f"the animation must be a .gif or an .mp4, got {path.name}")
    if path.suffix.lower() == ".mp4" and not FFMpegWriter.isAvailable():
        raise ValueError("an .mp4 needs the program ffmpeg; a .gif does not")
    frames = max(2, int(turning.duration * slower * FRAMES_PER_SECOND))
    times, bump = bumps(turning, frames=frames, eye=readout.Readout())
    bump = bump / bump.max()
    heading = turning.heading(times * PERIOD)
    strobe = np.floor(times) * PERIOD
    pair = phases(turning, strobe) * 2 * np.pi
    figure = plt.figure(figsize=(8.4, 3.2), layout="constrained")
    arena, clocks, ring = (
        figure.add_subplot(1, 3, i + 1, projection=kind) for i, kind in enumerate(["polar"] * 3)
    )
    for axes, title in ((arena, "heading"), (clocks, "phases, once a period"), (ring, "bump")):
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(-1)
        axes.set(yticks=[], xticks=np.radians(np.arange(0, 360, 90)), ylim=(0, 1.1))
        axes.set_title(title, fontsize=10)
    (arrow,) = arena.plot([0, 0], [0, 1], color="C0", lw=4, solid_capstyle="round")
    (plus,) = clocks.plot([0], [0.9], "o", color="C3", ms=11)
    (minus,) = clocks.plot([0], [0.65], "o", color="0.3", ms=11)
    clocks.set_xlabel("red: $+$, grey: $-$", fontsize=8)
    bars = ring.bar(PLACES * 2 * np.pi, bump[0], width=2 * np.pi / len(PLACES), color="C1")
    (needle,) = ring.plot([0, 0], [0, 1], color="C0", lw=1.5)

    def show(frame):
        angle = np.radians(heading[frame])
        arrow.set_xdata([angle, angle])
        needle.set_xdata([angle, angle])
        plus.set_xdata([pair[0, frame]])
        minus.set_xdata([pair[1, frame]])
        for bar, height in zip(bars, bump[frame], strict=True):
            bar.set_height(height)
        return arrow, needle, plus, minus, *bars

    writer = PillowWriter if path.suffix.lower() == ".gif" else FFMpegWriter
    moving = FuncAnimation(figure, show, frames=frames, blit=False)
    moving.save(path, writer=writer(fps=FRAMES_PER_SECOND), dpi=60)
    plt.close(figure)
    return frames
