"""Source of what `lane_blocks` runs: steps and QR of a block of members as SIMD lanes, unrolled.

One flat workspace holds every value of a block of members, row r of lane l at w[r * LANES + l].
`straight_line` makes registers of the loops over lanes. Fused products are spelled with fma and
nothing else is fused, so one lane and sixty-four give the same bits.
"""

from ...codegen import Statements
from ..simd.straight_line import IMPORTS

STAGES = """
@straight_line
def state_{name}(w, t, x, out, reach):
    for l in range(LANES):
{state_stage}

@straight_line
def {name}(w, t, x, q, out, q_out, reach):
    for l in range(LANES):
{stage}
"""

HEADER = (
    IMPORTS
    + """from lyapax.kernels.cpu.simd.elementwise import as_bits, from_bits
from lyapax.kernels.cpu.simd.normal_numbers import box_muller, threefry
from lyapax.kernels.cpu.traced.lane_blocks import RUN, STATE_RUN

LANES = {lanes}
N = {n}
K = {k}
THIRD = 1.0 / 3.0
X, STATES, Q, BASES, NORM, DIAGONAL, PARAMS = {offsets}
LAYOUT = LANES, {rows}, X, Q, NORM, DIAGONAL, PARAMS


{stages}
{draw}
@straight_line
def orthonormalise(w):
    for l in range(LANES):
{orthonormalise}
"""
)

# In two loops, of which the second one's chains are short enough to overlap: a fifth faster. An odd
# number of them is drawn for two steps at once, since numbers come in pairs: the second step's lie
# behind the first one's until it is their turn.
DRAW = """
@straight_line
def draw_words(w, step):
    for l in range(LANES):
{words}

@straight_line
def draw_numbers(w, scale):
    for l in range(LANES):
{numbers}
"""

NEXT = """
@straight_line
def next_numbers(w):
    for l in range(LANES):
{moves}
"""

DRAW_EACH = """        draw_words((w, t0 + s))
        draw_numbers((w, {scale}))
"""
DRAW_TWO = """        if s == 0 or (t0 + s) % 2 == 0:
            draw_words((w, (t0 + s) // 2))
            draw_numbers((w, {scale}))
        if (t0 + s) % 2:
            next_numbers((w,))
"""

FLOW = """
X2, X3, X4 = STATES, STATES + N, STATES + 2 * N
Q2, Q3, Q4 = BASES, BASES + N * K, BASES + 2 * N * K


@c_function(RUN)
def run(w, t0, dt, steps, closing):
    for s in range(steps):
        t = (t0 + s) * dt
{draw}        stage((w, t, X, Q, X2, Q2, 0.5 * dt))
        stage((w, t + 0.5 * dt, X2, Q2, X3, Q3, 0.5 * dt))
        stage((w, t + 0.5 * dt, X3, Q3, X4, Q4, dt))
        last_stage((w, t + dt, X4, Q4, X, Q, dt / 6.0))
    if closing:
        orthonormalise((w,))


@c_function(STATE_RUN)
def state_run(w, t0, dt, steps):
    for s in range(steps):
        t = (t0 + s) * dt
{draw}        state_stage((w, t, X, X2, 0.5 * dt))
        state_stage((w, t + 0.5 * dt, X2, X3, 0.5 * dt))
        state_stage((w, t + 0.5 * dt, X3, X4, dt))
        state_last_stage((w, t + dt, X4, X, dt / 6.0))
"""

MAP = """

@c_function(RUN)
def run(w, t0, dt, steps, closing):
    for s in range(steps):
{draw}        last_stage((w, float(t0 + s), X, Q, X, Q, 0.0))
    if closing:
        orthonormalise((w,))


@c_function(STATE_RUN)
def state_run(w, t0, dt, steps):
    for s in range(steps):
{draw}        state_last_stage((w, float(t0 + s), X, X, 0.0))
"""


def lanes_source(found: Statements, k: int, lanes: int, flow: bool) -> str:
    n, p = len(found.outputs), len(found.params)
    later = 3 if flow else 0  # stages after the first, which keep a state and a basis each
    sizes = [n, later * n, n * k, later * n * k, k, k, p + found.drawn % 2 * found.drawn]
    offsets = [sum(sizes[:i]) for i in range(len(sizes))]
    _, _, q, _, norm, diagonal, params = offsets

    def at(row: int | str, first: str = "") -> str:
        return f"w[({first} + {row}) * LANES + l]" if first else f"w[{int(row) * lanes} + l]"

    def indent(rows: list[str]) -> str:
        return "".join(f"        {row}\n" for row in rows)

    tangent: list[str] = []
    entries = dict(found.entries)
    body = [f"{name} = {at(i, 'x')}" for i, name in enumerate(found.state)]
    body += [f"{name} = {at(params + i)}" for i, name in enumerate(found.params)]
    body += [f"{found.time} = t", *found.lines]
    body += [f"f{i} = {text}" for i, text in enumerate(found.outputs)]
    for (i, j), text in entries.items():
        tangent.append(f"j{i}_{j} = {text}")
    for c in range(k):
        for i in range(n):
            total = ""
            for j in range(n):
                if (i, j) in entries:
                    factors = f"j{i}_{j}, {at(j * k + c, 'q')}"
                    total = f"fma({factors}, {total})" if total else factors.replace(", ", " * ")
            tangent.append(f"d{i}_{c} = {total or '0.0'}")

    def stages(name: str, final: bool) -> str:
        ends, basis_ends = [], []
        for i in range(n):
            here = [at(i, name) for name in ("X", "x", "X2", "X3")]
            ends += [f"{at(i, 'out')} = {state_step(f'f{i}', here, final) if flow else f'f{i}'}"]
        for c in range(k):
            for i in range(n):
                row, slope = i * k + c, f"d{i}_{c}"
                here = [at(row, name) for name in ("Q", "q", "Q2", "Q3")]
                basis_ends += [
                    f"{at(row, 'q_out')} = {basis_step(slope, here, final) if flow else slope}"
                ]
        return STAGES.format(
            name=name,
            state_stage=indent(body + ends),
            stage=indent(body + tangent + ends + basis_ends),
        )

    reflect = householder(
        n, k, lambda i, c: at(q + i * k + c), lambda c: at(norm + c), lambda c: at(diagonal + c)
    )
    head = HEADER.format(
        lanes=lanes,
        rows=sum(sizes),
        n=n,
        k=k,
        offsets=tuple(offsets),
        stages=(stages("stage", False) if flow else "") + stages("last_stage", True),
        orthonormalise=indent(reflect),
        draw=drawing(at, indent, params + p, found.drawn) if found.drawn else "",
    )
    draw = (DRAW_TWO if found.drawn % 2 else DRAW_EACH) if found.drawn else ""
    draw = draw.format(scale="1.0 / math.sqrt(dt)" if flow else "1.0")
    return head + (FLOW if flow else MAP).format(draw=draw)


# The end of a stage: base + reach * slope and in the last one, with reach = dt/6, the step
# (x2 + 2 x3 + x4 - x)/3 + reach * slope. No sum of stages is carried along: stores are what limits
# a small system.


def basis_step(slope: str, here: list[str], final: bool) -> str:
    base, stage, second, third = here
    last = f"THIRD * (fma(2.0, {third}, {second} + {stage}) - {base})"
    return f"fma(reach, {slope}, {last if final else base})"


def state_step(slope: str, here: list[str], final: bool) -> str:
    """A step of the state, as a sum of differences that leave a state at rest where it is."""
    base, stage, second, third = here
    moved = f"fma(2.0, {third} - {base}, ({second} - {base}) + ({stage} - {base}))"
    return f"fma(reach, {slope}, {f'fma(THIRD, {moved}, {base})' if final else base})"


def drawing(at, indent, end, drawn):
    """Draw the numbers of a step, the last rows before `end`, by the keys before them.

    Of an odd number of them those of the next step follow.
    """
    first, odd = end - drawn, drawn % 2
    words = [f"key0 = as_bits({at(first - 2)})", f"key1 = as_bits({at(first - 1)})"]
    numbers = []
    for pair in range(drawn if odd else drawn // 2):
        one, two = at(first + 2 * pair), at(first + 2 * pair + 1)
        words += [
            f"a, b = threefry(key0, key1, step, {pair})",
            f"{one} = from_bits(a)",
            f"{two} = from_bits(b)",
        ]
        numbers += [
            f"a, b = box_muller(as_bits({one}), as_bits({two}))",
            f"{one} = scale * a",
            f"{two} = scale * b",
        ]
    source = DRAW.format(words=indent(words), numbers=indent(numbers))
    if odd:
        moves = [f"{at(first + j)} = {at(first + drawn + j)}" for j in range(drawn)]
        source += NEXT.format(moves=indent(moves))
    return source


def householder(n, k, a, norm, diagonal):
    """Unrolled Householder QR of a (n, k); Q replaces a, R_jj > 0 goes to diagonal."""
    rows = [f"a{i}_{c} = {a(i, c)}" for c in range(k) for i in range(n)]
    for c in range(k):
        rows.append(f"{norm(c)} = math.sqrt({square_sum([f'a{i}_{c}' for i in range(n)])})")
    for j in range(k):
        if j == n - 1:
            rows.append(f"r{j} = a{j}_{j}")
            continue
        rows += [
            f"s_ = math.sqrt({square_sum([f'a{i}_{j}' for i in range(j, n)])})",
            f"r{j} = -s_ if a{j}_{j} >= 0.0 else s_",
            f"v{j}_{j} = a{j}_{j} - r{j}",
            f"b_ = -r{j} * v{j}_{j}",
            f"b{j} = 0.0 if b_ == 0.0 else 1.0 / b_",
        ]
        rows += [f"v{i}_{j} = a{i}_{j}" for i in range(j + 1, n)]
        for c in range(j + 1, k):
            rows += reflection(j, c, n, "a")
    for j in range(k):
        rows += [f"q{i}_{j} = {float(i == j)}" for i in range(n)]
    for j in reversed(range(min(k, n - 1))):
        for c in range(j, k):
            rows += reflection(j, c, n, "q")
    for c in range(k):
        rows += [f"sign_ = 1.0 if r{c} >= 0.0 else -1.0", f"{diagonal(c)} = abs(r{c})"]
        rows += [f"{a(i, c)} = sign_ * q{i}_{c}" for i in range(n)]
    return rows


def reflection(j, c, n, name):
    """name[:, c] -= b_j v_j (v_j . name[:, c]) on rows j to n."""
    dot = ""
    for i in range(j, n):
        factors = f"v{i}_{j}, {name}{i}_{c}"
        dot = f"fma({factors}, {dot})" if dot else factors.replace(", ", " * ")
    rows = [f"g_ = -b{j} * ({dot})"]
    rows += [f"{name}{i}_{c} = fma(g_, v{i}_{j}, {name}{i}_{c})" for i in range(j, n)]
    return rows


def square_sum(names):
    text = f"{names[0]} * {names[0]}"
    for name in names[1:]:
        text = f"fma({name}, {name}, {text})"
    return text
