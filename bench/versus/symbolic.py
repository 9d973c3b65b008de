"""Right-hand sides for the packages that take symbols."""


def equations(work, w, y, tanh):
    if work.kind == "lorenz":
        return [10 * (y(1) - y(0)), y(0) * (28 - y(2)) - y(1), y(0) * y(1) - 8.0 / 3 * y(2)]
    n = range(work.n)
    if work.kind == "block":
        return [tanh(sum(float(w[i, j]) * y(j) for j in n)) - y(i) for i in n]
    return [sum(float(w[i, j]) * tanh(y(j)) for j in n) - y(i) for i in n]
