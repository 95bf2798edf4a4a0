"""The rule language: Sigma's detections and conditions, our field names, YAML with every fault at its line.

A file holds one or more YAML documents, one rule each. SigmaHQ's web and proxy rules load as they stand; a rule of ours adds `severity`,
`category`, `response` and `examples`. See `rule.read_rules`.
"""

from rules.sigma.rule import Counting, Example, Rule, read_rules

__all__ = ["Counting", "Example", "Rule", "read_rules"]
