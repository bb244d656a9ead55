#!/usr/bin/env python3
"""Writes what scipy and statsmodels say of rates, for cli/tests/report/statistics.rs: figures.json, beside this file.

By hand, where a figure is added; the test itself needs no Python:

    python3 -m venv target/figures
    target/figures/bin/pip install scipy==1.16.3 statsmodels==0.14.5
    target/figures/bin/python cli/tests/report/figures.py
"""

import json
import math
import pathlib
import random

from scipy import optimize, stats
from statsmodels.stats import multitest, proportion

# Users and conversions of control and group. Published: Newcombe 1998 (56/70, 48/80), the Physicians' Health Study as in Agresti,
# "Categorical Data Analysis" (189/11034, 104/11037).
PAIRS = [[80, 48, 70, 56], [11034, 189, 11037, 104], [20, 0, 20, 5], [20, 0, 20, 0], [10, 10, 10, 10], [29, 1, 263, 81]]


def generated():
    draw = random.Random(7)
    for _ in range(60):
        users = [int(10 ** draw.uniform(1.2, 6)) for _ in range(2)]
        base = 10 ** draw.uniform(-2.5, -0.2)
        rates = [base, min(0.99, base * draw.uniform(0.8, 1.3))]
        yield [n for pair in zip(users, (round(n * r) for n, r in zip(users, rates))) for n in pair]


def detectable(users, conversions, others, alpha):
    """The lift that a z test finds with a power of 80 %."""
    base = conversions / users
    if not 0 < base < 1:
        return None

    def missing(rate):
        return 0.8 - proportion.power_proportions_2indep(
            rate - base, base, nobs1=others, ratio=users / others, alpha=alpha, return_results=False)

    if missing(1 - 1e-12) > 0:
        return None
    return optimize.brentq(missing, base * (1 + 1e-9), 1 - 1e-12, xtol=1e-15, rtol=1e-12) / base - 1


def compared(pair, alpha):
    users, conversions, others, reached = pair
    row = {"pair": pair, "alpha": alpha, "lift": None, "p": None}
    row["wilson"] = list(proportion.proportion_confint(reached, others, alpha=alpha, method="wilson"))
    row["newcombe"] = list(proportion.confint_proportions_2indep(
        reached, others, conversions, users, compare="diff", method="newcomb", alpha=alpha))
    if conversions and reached:
        low, high = proportion.confint_proportions_2indep(
            reached, others, conversions, users, compare="ratio", method="log", alpha=alpha, correction=False)
        row["lift"] = [reached / others / (conversions / users) - 1, low - 1, high - 1]
    if 0 < conversions + reached < users + others:
        row["p"] = proportion.proportions_ztest([reached, conversions], [others, users])[1]
    row["detectable"] = detectable(users, conversions, others, alpha)
    return row


def main():
    pairs = PAIRS + list(generated())
    draw = random.Random(8)
    shares = []
    for groups in (2, 2, 3, 5):
        weights = [draw.randint(1, 9) for _ in range(groups)]
        counts = [round(20000 * w / sum(weights) + draw.gauss(0, 80)) for w in weights]
        expected = [sum(counts) * w / sum(weights) for w in weights]
        test = stats.chisquare(counts, expected)
        shares.append({"weights": weights, "counts": counts, "statistic": test.statistic, "p": test.pvalue})
    families = [[draw.random() ** 4 for _ in range(size)] for size in (1, 2, 3, 6)]
    holm = [{"p": family, "holm": list(multitest.multipletests(family, method="holm")[1])} for family in families]
    figures = {
        "pairs": [compared(pair, alpha) for pair in pairs for alpha in (0.05, 0.01)],
        "shares": shares,
        "holm": holm,
    }
    text = json.dumps(figures, indent=None, separators=(",", ":"), default=float)
    text = text.replace('{"pair"', '\n{"pair"').replace('{"weights"', '\n{"weights"').replace('{"p":[', '\n{"p":[')
    assert "NaN" not in text and math.isfinite(1)
    pathlib.Path(__file__).with_name("figures.json").write_text(text + "\n")


main()
