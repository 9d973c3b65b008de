"""Pictures of the predictions M1 to M5, and of oscillators beside ring attractors."""

import matplotlib.pyplot as plt
import numpy as np

from . import comparison, predictions, rings


def _curve(axes, curve, label="measured", **style):
    axes.plot(curve.x, curve.measured, "o", ms=4, label=label, **style)
    axes.plot(curve.x, curve.predicted, "-", color="0.4", lw=1)


def draw_predictions(path):
    """Six panels; returns what they show by name."""
    found = {
        "M1": predictions.decoding(),
        "M2": predictions.resetting(),
        "M3": predictions.pulse_response(0.05),
        "M3 strong": predictions.pulse_response(0.5),
        "M3 spike": predictions.spike_response(),
        "M4": predictions.desynchronisation(),
        "M5": predictions.lesions(),
    }
    figure, axes = plt.subplots(2, 3, figsize=(12, 7), layout="constrained")
    one, two, three, strong, four, five = axes.flat
    _curve(one, found["M1"])
    one.set(xscale="log", yscale="log", xlabel="window (periods)", ylabel="error (degrees)")
    one.set_title("M1  one trial is decoded")
    reset, spread = found["M2"]
    _curve(two, reset, "from the old heading")
    two.plot(reset.x, spread, "s", ms=4, color="C2", label="from one another")
    two.legend(fontsize=8)
    two.axvline(0.5, color="0.8", lw=1)
    two.set(xlabel=r"reset lasts ($\tau$)", ylabel="distance (degrees)", ylim=(0, 110))
    two.set_title("M2  a reset erases, from the longest delay on")
    _curve(three, found["M3"], "oscillators, 0.05 of radius")
    three.set_title("M3  a pulse moves the memory")
    _curve(strong, found["M3 strong"], "oscillators, 0.5 of radius")
    _curve(strong, found["M3 spike"], "velocity spike (level 3)", color="C1")
    strong.set_title("M3  strong pulses, and velocity spikes")
    for panel in (three, strong):
        panel.set(xlabel="phase of the pulse (turns)", ylabel="memory moves (degrees)")
        panel.legend(fontsize=8)
    locking, after = found["M4"]
    _curve(four, locking, "while turning")
    four.plot(locking.x, after, "s", ms=4, color="C2", label="afterwards")
    four.set(xlabel="velocity (degrees/s)", ylabel="locking of both pairs", ylim=(0.75, 1.02))
    four.set_title("M4  velocity desynchronises")
    four.legend(fontsize=8)
    lost = found["M5"]
    five.plot(lost.removed, lost.matched, "o-", ms=4, label="best match")
    five.plot(lost.removed, lost.bound, "-", color="0.4", lw=1, label="Cramér-Rao bound")
    five.plot(lost.removed, lost.vector, "s-", ms=4, label="population vector")
    for (name, errors), mark in zip(lost.ring.items(), "^v", strict=True):
        five.plot(lost.removed, np.maximum(errors, 0.1), mark + "--", ms=5, label=name)
    five.axhline(predictions.CHANCE, color="0.8", lw=1)
    five.set(xlabel="eighths removed", ylabel="rms error (degrees; 0.1: less)")
    five.set(yscale="log", ylim=(0.08, 1500))
    five.set_title("M5  lesions of readout, and of rings")
    five.legend(fontsize=7, ncols=2, loc="upper left")
    figure.savefig(path, dpi=100)
    plt.close(figure)
    return found


def draw_comparison(path):
    """Error against time under both kinds of noise; returns (diffusions, drifts, wells).

    Errors below 1e-4 degrees are drawn as 1e-4.
    """
    both = rings.cosine_ring(), rings.local_ring()
    diffusions = [comparison.diffusion_of_ring(ring) for ring in both]
    diffusions += [comparison.diffusion_of_oscillators(), comparison.diffusion_of_spikes()]
    drifts = [comparison.drift_of_ring(ring) for ring in both]
    drifts += [comparison.drift_of_oscillators(kind) for kind in comparison.KINDS]
    wells = {ring.name: (*comparison.wells(ring), comparison.well_counts(ring)) for ring in both}
    figure, (state, weights) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
    for number, one in enumerate(diffusions):
        label = {"spikes": "spikes, jitter 0.001 τ"}.get(one.name, one.name)
        state.plot(one.times, predictions.rms(one.errors, axis=0), color=f"C{number}", label=label)
        state.plot(one.times, np.sqrt(one.slope * one.times), "--", color=f"C{number}", lw=1)
    state.set(xlabel="time (time constants, periods)", ylabel="rms error (degrees)", ylim=(0, None))
    state.set_title("S-type: noise of 2 % in the state; dashed: predicted")
    state.legend(fontsize=8)
    for number, one in enumerate(drifts):
        colour = number if number < 2 else number + 1
        shown = np.maximum(one.rms[1:], 1e-4)
        weights.plot(one.times[1:], shown, color=f"C{colour}", label=one.name)
    weights.set(xlabel="time (time constants, periods)", yscale="log", ylim=(5e-5, 300))
    weights.set_ylabel("rms error (degrees; 1e-4: less)")
    weights.set_title("D-type: 3 % in weights, delays or frequencies")
    weights.legend(fontsize=7, loc="center right")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return diffusions, drifts, wells
