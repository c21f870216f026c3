"""Percentiles of measured seconds, in milliseconds."""

import math


def ms(seconds, percent):
    """Give a percentile by nearest rank: a value that was measured, never one beyond.

    >>> ms([0.001, 0.002, 0.003, 0.004], 50), ms([0.001, 0.002], 99)
    (2.0, 2.0)
    """
    rank = max(1, math.ceil(len(seconds) * percent / 100))
    return round(sorted(seconds)[rank - 1] * 1e3, 2)
