"""`python -P -m sensor` is `api-sensor` (the -P keeps a folder called `models` or `rules` in the current directory out of it)."""

from sensor.cli import entry

entry()
