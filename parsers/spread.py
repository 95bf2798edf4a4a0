"""A bijection of 64-bit words that moves every bit: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014)."""

from __future__ import annotations

_LOW = 0xFFFFFFFFFFFFFFFF


def spread(x: int) -> int:
    """The word that stands for x."""
    x = int(x) & _LOW
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _LOW
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _LOW
    return x ^ (x >> 31)
