"""SciPy's answers to the questions that the tests of Statistics ask, one a line on stdin, with one line for each.

Samples are written as triples `champion:challenger:cluster` of nano-units; an empty cluster is a cluster of its own. What
SciPy does not have (the sandwich, the bootstrap's draws, walks of wins and losses) is computed here from its formula, sums
of scores as exact integers and fractions.
"""
import hashlib
import math
import sys
from fractions import Fraction

try:
    import numpy as np
    from scipy import special, stats
except ImportError as missing:
    sys.exit(f"{missing}: SciPy is the reference of these tests; run scripts/install-scipy and then the tests again")

UNIT = 10**9


def pairs(text):
    rows = [part.split(":") for part in text.split(",")]
    return [(int(c), int(x), cluster or f" {i}") for i, (c, x, cluster) in enumerate(rows)]


def clusters(rows):
    groups = {}
    for c, x, key in rows:
        groups.setdefault(key, []).append(x - c)
    return list(groups.values())


def sample(level, text):
    rows, level = pairs(text), float(level)
    d = [x - c for c, x, _ in rows]
    n, mean = len(d), Fraction(sum(d), len(d))
    sd = math.sqrt(sum((v - mean) ** 2 for v in d) / (n - 1))
    mean, error = float(mean / UNIT), sd / math.sqrt(n) / UNIT
    yield from (mean, sd / UNIT, *interval(level, n - 1, mean, error), mean - stats.t.ppf(level, n - 1) * error)
    groups = clusters(rows)
    g, exact = len(groups), Fraction(sum(d), n)
    robust = math.sqrt(Fraction(g, g - 1) * sum((sum(v) - len(v) * exact) ** 2 for v in groups)) / n / UNIT
    yield from (g, robust, *interval(level, g - 1, mean, robust))


def interval(level, degrees, mean, error):
    """SciPy's own is not a number without a spread."""
    return stats.t.interval(level, degrees, mean, error) if error > 0 else (mean, mean)


def mcnemar(wins, losses):
    wins, losses = int(wins), int(losses)
    p = stats.binomtest(wins, wins + losses, 0.5).pvalue if wins + losses else 1.0
    fewer = min(wins, losses)
    yield p
    yield 1.0 if wins == losses else 2 * stats.binom.cdf(fewer, wins + losses, 0.5) - stats.binom.pmf(
        fewer, wins + losses, 0.5)


def splitmix(state):
    while True:
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        yield z ^ z >> 31


def below(bound, words):
    while True:
        high, low = divmod(next(words) * bound, 2**64)
        if low >= 2**64 % bound:
            return high


def bootstrap(level, resamples, label, text):
    words = splitmix(int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big"))
    groups = [(sum(v), len(v)) for v in clusters(pairs(text))]
    means = []
    for _ in range(int(resamples)):
        drawn = [groups[below(len(groups), words)] for _ in groups]
        means.append(float(sum(s for s, _ in drawn)) / (float(sum(k for _, k in drawn)) * UNIT))
    rank = math.floor((int(resamples) + 1) * (1 - float(level)) / 2 + 1e-9)
    return sorted(means)[rank - 1], sorted(means)[-rank]


def rerun(text):
    both = [(x, y) for x, y, _ in pairs(text)]
    m = Fraction(sum(x + y for x, y in both), 2 * len(both))
    s2 = sum((x - m) ** 2 + (y - m) ** 2 for x, y in both) / (2 * len(both))
    rho = sum((x - m) * (y - m) for x, y in both) / (len(both) * s2)
    apart = Fraction(sum((x - y) ** 2 for x, y in both), len(both))
    return math.sqrt(s2) / UNIT, float(1 - rho), math.sqrt(apart) / UNIT


def walk(tasks, margin, mean, gain, rho):
    """P(wins - losses > tasks * margin), by convolving one task's distribution with itself."""
    tasks, p, rho = int(tasks), float(mean), float(rho)
    q = p + float(gain)
    both = p * q + rho * math.sqrt(p * (1 - p) * q * (1 - q))
    both = max(0, p + q - 1, min(p, q, both))
    one, total = np.array([p - both, 1 - p - q + 2 * both, q - both]).clip(0), np.ones(1)
    for _ in range(tasks):
        total = np.convolve(total, one)
    first = max(-tasks, int(Fraction(int(margin) * tasks, UNIT).__floor__()) + 1)
    return (math.fsum(total[first + tasks:]),)


def copies(tasks, margin, deviation, step):
    tasks, margin = int(tasks), Fraction(int(margin), UNIT)
    scale = float(deviation) * math.sqrt(tasks)
    steps = Fraction(int(step), UNIT)
    corrected = (tasks * margin // steps + Fraction(1, 2)) * steps
    return stats.norm.sf(float(tasks * margin) / scale), stats.norm.sf(float(corrected) / scale)


def gain(tasks, margin, deviation, power, alpha, environments):
    error = float(deviation) / math.sqrt(int(tasks))
    each = float(power) ** (1 / int(environments))
    least = int(margin) / UNIT + (stats.norm.isf(float(alpha)) + stats.norm.ppf(each)) * error
    return least, stats.norm.cdf((least - int(margin) / UNIT) / error)


def numbers(function):
    return lambda *words: (function(*map(float, words)),)


ANSWERS = {
    "lgamma": numbers(special.gammaln), "betainc": numbers(special.betainc),
    "normal_cdf": numbers(stats.norm.cdf), "normal_ppf": numbers(stats.norm.ppf),
    "t_cdf": numbers(lambda df, t: stats.t.cdf(t, df)), "t_sf": numbers(lambda df, t: stats.t.sf(t, df)),
    "t_ppf": numbers(lambda df, p: stats.t.ppf(p, df)),
    "binomial": lambda n, p, k: tuple(
        f(int(k) - i, int(n), float(p)) for f, i in [(stats.binom.pmf, 0), (stats.binom.cdf, 0), (stats.binom.sf, 1)]),
    "sample": sample, "mcnemar": mcnemar, "bootstrap": bootstrap, "rerun": rerun, "walk": walk, "copies": copies,
    "gain": gain,
}

for line in sys.stdin:
    name, *words = line.split()
    print(*(repr(float(value)) for value in ANSWERS[name](*words)))
