"""An operator's mistake: a configuration, rule, specification, model or capture that cannot be used as it is.

It carries sentences that say where it is and what would be right; the command line prints them and ends with status 2. Odd traffic is never
one of these (it is data), and a mistake of ours is an ordinary exception.
"""

from __future__ import annotations


class SensorError(Exception):
    """What the operator can put right; `str()` of it is one or more sentences, a line each."""
