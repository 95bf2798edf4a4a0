"""Hostile conversations end as data, wherever calls are read: see `tests/app/hostile.py`, which also runs for longer."""

from __future__ import annotations

import pytest

from tests.app import hostile


@pytest.fixture(scope="module")
def known() -> list[hostile.Exchange]:
    return hostile.exchanges(["shop", "odd", "methods", "codings", "trailers"])


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> hostile.Reader:
    return hostile.Reader(tmp_path_factory.mktemp("hostile"))


@pytest.mark.parametrize("hundred", range(4))
def test_hostile_conversations_end_as_data(hundred: int, known: list[hostile.Exchange], reader: hostile.Reader) -> None:
    calls = 0
    for number in range(100 * hundred, 100 * hundred + 40):
        calls += reader.read(*hostile.conversations(number, known))
    assert calls > 1000
