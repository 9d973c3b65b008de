"""Runge-Kutta steps of rate networks whose couplings look back: state and tangents side by side.

What a delayed coupling sees is known as long as the shortest delay ahead. So the currents of many
steps are one product, W times the past at all their half steps, and the current at the end of a
step serves as that at the beginning of the next: two products a step where there would be four.

A unit is a row of `width` elements: its state and then its tangents. Rows of several times lie in
strips of registers, as `strip_product` takes them.
"""

from collections import namedtuple

from ...jit import exact_inlined as inlined
from ...jit import exact_kernel as kernel
from ..simd.strips import WIDEST, strip_product
from ..simd.vectors import (
    add,
    address,
    fma,
    load,
    multiply,
    outlined,
    shift,
    splat,
    store,
    subtract,
)
from .past import interpolate
from .stages import end_stage

# n units of `width` elements, lanes of a register; `seen` past rows, of unit `units` and delay
# `which`; where W (n, seen) has its entries if it is `sparse`, else it is packed; whether units are
# `coupled` without delay, too, and where those couplings are; whether the form is `current`,
# W phi(x). `late`: phi acts on currents that a stage completes. Steps take the arrays by address.
Net = namedtuple(
    "Net",
    "n width lanes seen which units sparse indptr indices coupled now_sparse now_indptr "
    "now_indices current late phi",
)


@kernel
def by_address(net):
    return Net(
        net.n, net.width, net.lanes, net.seen, address(net.which), address(net.units), net.sparse,
        address(net.indptr), address(net.indices), net.coupled, net.now_sparse,
        address(net.now_indptr), address(net.now_indices), net.current, net.late, net.phi,
    )  # fmt: skip


@inlined
def spot(rows, row, register, registers, lanes):
    """Where a register of a row is, of so many registers of all times in strips."""
    strip = register // WIDEST
    breadth = min(WIDEST, registers - strip * WIDEST)
    start = (strip * WIDEST * rows + row * breadth) * lanes
    return start + (register - strip * WIDEST) * lanes


@kernel
def activate(net, row, values, width):
    """phi of the first element of a row; the others are multiplied by its slope there.

    values: room for three registers.
    """
    lanes = net.lanes
    for l in range(lanes):
        values[l] = row[0]
    value, slope = shift(values, lanes), shift(values, 2 * lanes)
    net.phi(lanes, values, value, slope)
    factor = splat(slope[0])
    for o in range(0, width, lanes):
        store(row, o, multiply(factor, load(row, o)))
    row[0] = value[0]


@kernel
def past_row(net, places, weights, u, half, point, tape, out):
    """What past row u is, `half` half steps after a grid point."""
    look = 3 * net.which[u] + half % 2
    interpolate(
        tape, point + half // 2 + places[look], net.units[u], net.n, net.width, net.lanes,
        shift(weights, 4 * look), out,
    )  # fmt: skip


@kernel
def activate_all(net, rows, times, values):
    """`activate` of the rows of several times, in one call of phi.

    values: room for three vectors of `times`, in whole registers.
    """
    width, lanes = net.width, net.lanes
    size = (times + lanes - 1) // lanes * lanes
    for time in range(size):
        values[time] = rows[time * width] if time < times else 0.0
    value, slope = shift(values, size), shift(values, 2 * size)
    net.phi(size, values, value, slope)
    for time in range(times):
        row, factor = shift(rows, time * width), splat(slope[time])
        for o in range(0, width, lanes):
            store(row, o, multiply(factor, load(row, o)))
        row[0] = value[time]


@kernel
def scatter(net, count, i, times, rows, out):
    """The rows of unit i at several times to their strips, of `count` units."""
    width, lanes = net.width, net.lanes
    across = width // lanes
    registers = times * across
    for register in range(registers):
        store(out, spot(count, i, register, registers, lanes), load(rows, register * lanes))


@kernel
def see(net, places, weights, first, last, half, times, point, tape, out, own):
    """Past rows `first` to `last` at `times` half steps from number `half` on."""
    outlined()
    width = net.width
    rows, values = own, shift(own, times * width)
    for u in range(first, last):
        for time in range(times):
            row = shift(rows, time * width)
            past_row(net, places, weights, u, half + time, point, tape, row)
        if net.current:
            activate_all(net, rows, times, values)
        scatter(net, net.seen, u, times, rows, out)


@kernel
def rows_product(sparse, w, indptr, indices, first, last, terms, rows, registers, lanes, y, out):
    """Rows `first` to `last` of out (rows, ...) = W y (terms, ...), strip by strip; out is 0."""
    outlined()
    s = 0
    while s < registers:
        breadth = min(WIDEST, registers - s)
        source, stride = shift(y, s * terms * lanes), breadth * lanes
        target = shift(out, s * rows * lanes + first * stride)
        if sparse:
            for i in range(first, last):
                for o in range(0, stride, lanes):
                    total = splat(0.0)
                    for e in range(indptr[i], indptr[i + 1]):
                        total = fma(splat(w[e]), load(source, indices[e] * stride + o), total)
                    store(target, (i - first) * stride + o, total)
        else:
            for o in range(0, (last - first) * stride, lanes):
                store(target, o, splat(0.0))
            a = shift(w, first * terms)
            strip_product(breadth, a, source, last - first, terms, target, target)
        s += WIDEST


@kernel
def gathered(net, i, time, registers, currents, out):
    """A unit's currents at a time, out of their strips."""
    lanes = net.lanes
    across = net.width // lanes
    for r in range(across):
        at = spot(net.n, i, time * across + r, registers, lanes)
        store(out, r * lanes, load(currents, at))


@kernel
def slope_row(net, rate, bias, x, current, out, values):
    """out = rate (current - x), the current being completed first where that is `late`."""
    width, lanes = net.width, net.lanes
    if net.late:
        current[0] += bias
        activate(net, current, values, width)
    factor = splat(rate)
    for o in range(0, width, lanes):
        store(out, o, multiply(factor, subtract(load(current, o), load(x, o))))


@kernel
def begin_slopes(net, rate, bias, first, last, point, tape, last_currents, own):
    """Slopes at a grid point, which the past of later steps is interpolated with."""
    outlined()
    width, lanes, n = net.width, net.lanes, net.n
    current, values = own, shift(own, width)
    for i in range(first, last):
        here = (point * 2 * n + i) * width
        for o in range(0, width, lanes):
            store(current, o, load(last_currents, i * width + o))
        slope = shift(tape, here + n * width)
        slope_row(net, rate[i], bias[i], shift(tape, here), current, slope, values)


@kernel
def settle(
    net, rate, bias, dt, first, last, times, point, steps, tape, currents, last_currents, own
):
    """Currents of rows with their bias, and phi of them unless that waits for a stage.

    The last ones are kept. Rows that wait for no others then take their steps from a grid point on,
    where slopes are known; currents are those of the half steps after it.
    """
    outlined()
    width, lanes = net.width, net.lanes
    across = width // lanes
    rows, values = own, shift(own, times * width)
    for i in range(first, last):
        for register in range(times * across):
            at = spot(net.n, i, register, times * across, lanes)
            store(rows, register * lanes, load(currents, at))
        if not net.late:
            for time in range(times):
                rows[time * width] += bias[i]
            if not net.current:
                activate_all(net, rows, times, values)
        for o in range(0, width, lanes):
            store(last_currents, i * width + o, load(rows, (times - 1) * width + o))
        if net.coupled:
            scatter(net, net.n, i, times, rows, currents)
        elif steps:
            row_steps(net, i, rate[i], dt, point, steps, tape, rows, values)


@inlined
def leaning(rate, current, x, o):
    """rate (current - x)."""
    return multiply(rate, subtract(load(current, o), load(x, o)))


@kernel
def row_steps(net, i, rate, dt, point, steps, tape, currents, own):
    """Steps of one unit by its currents at half steps 1, 2, ...; own: two rows."""
    width, lanes, n = net.width, net.lanes, net.n
    factor, half, whole = splat(rate), splat(0.5 * dt), splat(dt)
    sixth, twice = splat(dt / 6.0), splat(2.0)
    for s in range(steps):
        at = ((point + s) * 2 * n + i) * width
        here, slope = shift(tape, at), shift(tape, at + n * width)
        after = shift(tape, at + 2 * n * width)
        middle, end = shift(currents, 2 * s * width), shift(currents, (2 * s + 1) * width)
        for o in range(0, width, lanes):
            x = load(here, o)
            if s:  # the first slope is on the tape already
                store(slope, o, leaning(factor, shift(middle, -width), here, o))
            a = load(slope, o)
            current = load(middle, o)
            b = multiply(factor, subtract(current, fma(half, a, x)))
            c = multiply(factor, subtract(current, fma(half, b, x)))
            d = multiply(factor, subtract(load(end, o), fma(whole, c, x)))
            total = add(fma(twice, c, fma(twice, b, a)), d)
            store(after, o, fma(sixth, total, x))


@kernel
def stage_inputs(net, first, last, stage, out, own):
    """What couplings without delay see of rows of a stage."""
    outlined()
    width, lanes = net.width, net.lanes
    row, values = own, shift(own, width)
    for i in range(first, last):
        for o in range(0, width, lanes):
            store(row, o, load(stage, i * width + o))
        if net.current:
            activate(net, row, values, width)
        for o in range(0, width, lanes):
            at = spot(net.n, i, o // lanes, width // lanes, lanes)
            store(out, at, load(row, o))


@kernel
def stage_rows(
    net, now, rate, bias, dt, s, r, first, last, point, steps, known, tape, currents, last_currents,
    inputs, products, stages, totals, own,
):  # fmt: skip
    """Stage r of step s of rows, by what couplings without delay see now.

    known: whether the slope of the first stage is on the tape already; steps 0: this is all that
    is wanted.
    """
    outlined()
    width, lanes, n = net.width, net.lanes, net.n
    registers = width // lanes
    current, slope, values = own, shift(own, width), shift(own, 2 * width)
    if not known:
        rows_product(
            net.now_sparse, now, net.now_indptr, net.now_indices, first, last, n, n, registers,
            lanes, inputs, products,
        )  # fmt: skip
    for i in range(first, last):
        at = ((point + s) * 2 * n + i) * width
        here, first_slope = shift(tape, at), shift(tape, at + n * width)
        stage = shift(stages, i * width)
        found = slope if r else first_slope
        if not known:
            if r or s:
                half = 2 * s + (r + 1) // 2
                gathered(net, i, half - 1, 2 * steps * registers, currents, current)
            else:
                for o in range(0, width, lanes):
                    store(current, o, load(last_currents, i * width + o))
            for o in range(0, width, lanes):
                product = load(products, spot(n, i, o // lanes, registers, lanes))
                store(current, o, add(load(current, o), product))
            x = stage if r else here
            slope_row(net, rate[i], bias[i], x, current, found, values)
        if steps:
            after = shift(tape, at + 2 * n * width)
            total = shift(totals, i * width)
            end_stage(r, dt, width, lanes, found, here, stage, total, after)
