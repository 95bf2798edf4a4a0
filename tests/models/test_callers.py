from __future__ import annotations

import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

import models
from models import callers as compiled
from tests import forms

sys.path.insert(0, str(Path(__file__).parent))
from calls_by_hand import batch, call, shop


def reports(plan: list[tuple[str, int]], template: str | None = "/reports") -> pa.RecordBatch:
    """Calls of one endpoint: who asked, and how large the answer was."""
    rows = batch([call(number, path="/reports", response_bytes=size) for number, (_, size) in enumerate(plan)])
    who = pa.array([name for name, _ in plan], pa.string())
    return rows.append_column("template", pa.array([template] * len(plan), pa.string())).append_column("principal", who)


def usual(count: int, seed: int = 1) -> list[tuple[str, int]]:
    pick = random.Random(seed)
    return [(f"user-{pick.randint(1, 9)}", pick.randint(200, 900)) for _ in range(count)]


@pytest.fixture(params=forms.FORMS)
def callers(request: Any) -> ModuleType:
    return forms.module("models.callers", "python") if request.param == "python" else compiled


def test_a_caller_of_large_answers_alone_stands_out_once(callers: ModuleType) -> None:
    plan = usual(60)
    for at in (20, 30, 40, 50, 55):
        plan.insert(at, ("thief", 50_000))
    found = callers.Callers().observe(reports(plan))
    assert [(row, large) for row, large, *_ in found] == [(40, 3)]
    _, _, others, most, own = found[0]
    assert (others, own) == (38, 50_000)
    assert most <= 900


def test_it_does_not_matter_how_calls_are_cut_into_batches(callers: ModuleType) -> None:
    plan = usual(60)
    for at in (20, 30, 40, 50):
        plan.insert(at, ("thief", 50_000))
    one, rows = callers.Callers(), []
    for start in range(0, len(plan), 7):
        rows += [start + row for row, *_ in one.observe(reports(plan[start : start + 7]))]
    assert rows == [40]


@pytest.mark.parametrize(
    "plan",
    [
        [*usual(60), *[("pager", 6_000)] * 6],  # a page size, not another kind of answer
        [*usual(5), *[("early", 50_000)] * 6],  # too few others to tell
        [*usual(60), ("once", 50_000), ("again", 50_000), ("third", 50_000)],  # everybody may
        [*usual(40), *[("mixed", 500)] * 40, *[("mixed", 50_000)] * 3],  # who mostly takes usual ones
        [("only", 100_000)] * 50,  # nobody to be compared with
        [(f"user-{n}", n) for n in range(200)],  # below what is large at all
    ],
)
def test_what_callers_of_an_api_do_is_not_told(callers: ModuleType, plan: list[tuple[str, int]]) -> None:
    assert callers.Callers().observe(reports(plan)) == []


def test_what_is_no_endpoint_or_has_no_caller_is_not_compared(callers: ModuleType) -> None:
    plan = [*usual(60), *[("thief", 50_000)] * 6]
    assert callers.Callers().observe(reports(plan, template=None)) == []
    assert callers.Callers().observe(batch(shop(10))) == []


def test_memory_is_bounded_and_a_flood_of_callers_breaks_nothing() -> None:
    one = compiled.Callers()
    for part in range(9):
        assert one.observe(reports([(f"{part}-{n}", 300) for n in range(8_000)])) == []
    assert one.observe(reports([*usual(60), *[("thief", 50_000)] * 6])) != []


def test_the_model_tells_it_with_what_was_seen_and_usual() -> None:
    model = models.learn([batch(shop(200))], models.ModelConfig(network="off"))
    _, _, found = model.observe(reports([*usual(60), *[("thief", 50_000)] * 4]))
    told = [one for one in found if one.detector == "volume"]
    assert [(one.principal, one.endpoint, one.row) for one in told] == [("thief", "GET api.example/reports", 62)]
    assert told[0].features[0].seen == "50,000 octets"
    assert "60 calls of others" in told[0].features[0].usual
