"""Every built-in rule on its own examples: as rows made from text, and as real traffic read by the engine."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import rules
from rules.matcher import check_regexes

_HERE = Path(__file__).parent


def _beside(name: str):
    spec = importlib.util.spec_from_file_location(f"rules_tests_{name}", _HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


frames = _beside("frames")
RULES = rules.load()


def test_at_least_forty_threats_are_built_in() -> None:
    assert len(RULES.rules) >= 40


def test_every_pattern_is_matched_in_linear_time() -> None:
    assert check_regexes(RULES.rules) == []


def test_every_example_is_judged_as_it_says() -> None:
    assert RULES.test_examples() == []


def test_every_example_is_judged_as_it_says_when_read_by_the_engine() -> None:
    def batches(example):
        if any("weird" in call for call in example.calls):
            return [rules.examples.batch_of(example.calls)]
        return frames.batches_of(example.calls)

    assert RULES.test_examples(batches) == []


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_a_rule_explains_itself(rule) -> None:
    assert any(not example.matches for example in rule.examples), "a rule shows what it must pass"
    assert rule.description and rule.reason.endswith(".") and rule.response.endswith(".")
    assert rule.techniques and rule.severity in ("low", "medium", "high", "critical")


def test_a_match_tells_what_was_seen_and_where() -> None:
    rule = next(rule for rule in RULES.rules if rule.id == "sql-injection")
    found = RULES.observe(rules.examples.batch_of(rule.examples[0].calls))
    match = next(match for match in found if match.detector == "sql-injection")
    assert match.category == "API8:2023" and match.client == "198.51.100.7"
    assert match.features[0].name == "query parameter" and "' or 'a'='a" in match.features[0].seen
    assert match.endpoint == "GET shop.example/api/items"
    assert match.action["address"] == "198.51.100.7"
    assert match.evidence[0].packet == 1
