"""What one pass gathers: the baseline as anybody would count it, and memory that does not grow with the capture."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parsers.engine import Engine
from parsers.frames import FrameBlock
from parsers.limits import Limits
from sensor.capture import open_captures
from sensor.catalogue import Catalogue
from sensor.evidence.gather import EvidenceLimits, gather
from sensor.masking import Masker
from tests.evidence.conftest import PCAPS, ROOT, calls_of, citing

MASKER = Masker(b"k" * 32)
SHOP = ROOT / "pcaps" / "shop.pcap"


@pytest.mark.parametrize("rows", [16_384, 37])
@pytest.mark.parametrize("capture", PCAPS, ids=lambda path: path.stem)
def test_the_baseline_is_what_counting_the_calls_gives(capture: Path, rows: int) -> None:
    """Whatever the batches, and with what the whole map calls the endpoints."""
    batches, catalogue = [], Catalogue()
    engine = Engine(Limits(batch_rows=rows))
    with open_captures([str(capture)]) as source:
        for block in source:
            batches += engine.feed(block)
    batches += engine.finish()
    for batch in batches:
        catalogue.observe(batch)
    catalogue.finish()
    client = Counter(call["client_ip"] for call in calls_of(capture)).most_common()[-1][0]
    seen: dict[tuple[str, bool], list[dict[str, object]]] = {}
    for batch in batches:
        for call, template in zip(batch.to_pylist(), catalogue.label(batch)[0].to_pylist(), strict=True):
            if call["method"] is not None and template is not None:
                seen.setdefault((f"{call['method']} {call['host'] or ''}{template}", call["client_ip"] == client), []).append(call)
    alert = citing([call for call in calls_of(capture) if call["client_ip"] == client][:1])
    with open_captures([str(capture)]) as source:
        found = gather(alert, source, MASKER, limits=Limits(batch_rows=rows))
    assert {one["endpoint"] for one in found.baseline} == {name for name, ours in seen if ours}
    for one in found.baseline:
        for part, ours in (("observed", True), ("usual", False)):
            calls = seen.get((one["endpoint"], ours), [])
            figures = one[part]
            assert figures["calls"] == len(calls) and figures["clients"] == len({call["client_ip"] for call in calls})
            assert figures["statuses"] == Counter(str(call["status"]) if call["status"] is not None else "none" for call in calls)
            for name in ("request_bytes", "response_bytes"):
                sizes = [call[name] for call in calls if call[name] is not None]
                assert figures[name] == ({"median": int(np.percentile(sizes, 50)), "p95": int(np.percentile(sizes, 95))} if sizes else None)


def again(times: int) -> list[FrameBlock]:
    """The shop's capture so many times, an hour apart: connections of their own."""
    with open_captures([str(SHOP)]) as source:
        blocks = [replace(block, data=np.array(block.data)) for block in source]
    return [replace(block, ts=block.ts + hour * 3_600_000_000_000) for hour in range(times) for block in blocks]


def test_what_a_call_costs_for_the_whole_run_is_some_tens_of_octets() -> None:
    alert = citing(calls_of(SHOP)[:1])
    peaks, calls = [], []
    blocks = again(60)
    for times in (20, 60):
        some = blocks[: len(blocks) * times // 60]
        tracemalloc.start()
        found = gather(alert, some, MASKER, limits=Limits(batch_rows=200), bounds=EvidenceLimits(calls=100))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        calls.append(found.seen)
    assert calls[1] > 2.5 * calls[0]
    assert (peaks[1] - peaks[0]) / (calls[1] - calls[0]) < 400


def test_the_paths_compared_are_bounded_and_said() -> None:
    alert = citing(calls_of(SHOP)[:1])
    with open_captures([str(SHOP)]) as source:
        found = gather(alert, source, MASKER, limits=Limits(batch_rows=50), bounds=EvidenceLimits(compared_octets=2_000))
    assert 0 < found.left_out["compared"] < found.seen
    assert found.baseline
