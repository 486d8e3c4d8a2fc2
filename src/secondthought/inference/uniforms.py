"""Uniform numbers are hashed from sample key and token position: a counter, so batching cannot change them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53


def uniforms(keys: npt.NDArray[np.uint64], position: int) -> npt.NDArray[np.float64]:
    """Return a number in (0, 1) for each key at this position of its completion.

    SplitMix64's finalizer (Steele, Lea and Flood 2014), twice, over key and position.

    >>> a = uniforms(np.array([1, 2], dtype=np.uint64), 0)
    >>> bool((a > 0).all() and (a < 1).all()), bool(a[0] != a[1])
    (True, True)
    """
    with np.errstate(over="ignore"):
        counter = _mix(keys + _GAMMA) + np.uint64(position + 1) * _GAMMA
        bits = _mix(counter)
    return ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * _TO_UNIT


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    return x ^ (x >> np.uint64(31))
