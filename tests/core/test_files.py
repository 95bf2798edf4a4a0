"""Where a call's first packet is, when several captures are read as one stream."""

from __future__ import annotations

from pathlib import Path

import pytest

from parsers import Engine
from sensor.capture import open_captures

CASES = Path(__file__).parents[2] / "pcaps"


def test_a_call_names_the_capture_it_is_from_when_captures_overlap_in_time(tmp_path: Path) -> None:
    """shop and shop-normal cut in two by packet parity overlap frame by frame."""
    import dpkt

    if not (CASES / "shop.pcap").exists():
        pytest.skip("the shop capture is not here")
    with (CASES / "methods.pcap").open("rb") as file:
        frames = list(dpkt.pcap.Reader(file))
    names = [str(tmp_path / "even.pcap"), str(tmp_path / "odd.pcap")]
    for parity, name in enumerate(names):
        with Path(name).open("wb") as file:
            writer = dpkt.pcap.Writer(file)
            for ts, octets in frames[parity::2]:
                writer.writepkt(octets, ts)
    engine = Engine()
    calls = []
    with open_captures(names) as source:
        for block in source:
            calls += engine.feed(block)
    calls += engine.finish()
    rows = [row for batch in calls for row in batch.select(["ts", "pcap_file", "packet", "method"]).to_pylist()]
    assert rows and {row["pcap_file"] for row in rows} == set(names)
    for row in rows:
        parity = names.index(row["pcap_file"])
        ts, octets = frames[parity::2][row["packet"] - 1]
        assert abs(float(ts) * 1e9 - row["ts"]) < 2000
        assert row["method"].encode() in octets
