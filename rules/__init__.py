"""Rules judge calls: readable YAML, compiled into a matcher that works on whole batches, each rule with its own examples.

    rules = load()                      # or load([Path("my-rules")]); RuleError names every fault with file and line
    for match in rules.observe(batch):  # a RecordBatch under parsers.schema.CALL_SCHEMA
        print(match.title, match.reasons)

`sigma` reads the language, `unfold` decodes what clients send, `readers` (SQL, script, shell) look at single values, `matcher` computes conditions
on columns, `correlation` counts over calls in packet time, and `builtin/` holds the rules that ship.
"""

from __future__ import annotations

from parsers.evidence import Evidence, Feature
from rules.faults import Fault, RuleError
from rules.match import Match
from rules.ruleset import BUILTIN, RuleSet, load
from rules.sigma.rule import Counting, Example, Rule

__all__ = ["BUILTIN", "Counting", "Evidence", "Example", "Fault", "Feature", "Match", "Rule", "RuleError", "RuleSet", "load"]
