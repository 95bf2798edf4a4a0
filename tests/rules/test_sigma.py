"""SigmaHQ's web and proxy rules, where they are at hand: they load as they stand, and each fires on an event made for it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

import rules
from rules.examples import batch_of

_SPEC = importlib.util.spec_from_file_location("rules_tests_events", Path(__file__).parent / "events.py")
events = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = events
_SPEC.loader.exec_module(events)

CORPUS = Path(os.environ.get("API_SENSOR_EVAL", Path(__file__).parents[3] / "shared" / "eval")) / "rules" / "sigma_web"


@pytest.mark.evaldata
@pytest.mark.skipif(not CORPUS.is_dir(), reason="needs SigmaHQ's web rules beside the checkout")
def test_every_rule_loads_unchanged_and_fires_on_an_event_made_for_it() -> None:
    loaded = rules.load([CORPUS])
    assert len(loaded.rules) >= 100
    silent = []
    for rule in loaded.rules:
        event = events.event_for(rule)
        batch = batch_of([{"request": events.request_of(event), "response": event["status"], "client": event["client"]}])
        if not any(match.detector == rule.id for match in loaded.observe(batch)):
            silent.append(rule.file)
    assert silent == []
