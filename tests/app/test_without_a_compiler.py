"""Who has no C compiler gets the same answers, slower. Nothing compiled is used here, and Cython is not there either: it is no dependency."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import forms

ROOT = Path(__file__).resolve().parents[2]
SCORES = ("anomaly_score", "anomaly_p")
PROGRAM = "import sys; from tests import forms; {first}; from sensor.cli import main; sys.exit(main(sys.argv[1:]))"


def told(words: list[str], tmp_path: Path, interpreted: bool) -> tuple[str, str]:
    program = PROGRAM.format(first="forms.interpret_everything()" if interpreted else "pass")
    run = subprocess.run([sys.executable, "-c", program, *words, "--state", str(tmp_path / "state")], capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr


def logged(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", ["shop", "odd"])
def test_a_replay_says_the_same_without_anything_compiled(case: str, tmp_path: Path) -> None:
    if not forms.is_compiled("parsers.engine"):
        pytest.skip("nothing is compiled here")
    words = ["replay", f"pcaps/{case}.pcap", "--json", "--calls", str(tmp_path / "calls.jsonl")]
    plain, remark = told(words, tmp_path, interpreted=True)
    calls = logged(tmp_path)
    usual, _ = told(words, tmp_path, interpreted=False)
    assert "interpreted" in remark and "no C compiler" in remark
    assert json.loads(plain) == json.loads(usual)
    for one, two in zip(calls, logged(tmp_path), strict=True):
        # Sums of the model's are added in another order.
        assert [one.pop(name) for name in SCORES] == pytest.approx([two.pop(name) for name in SCORES], rel=1e-4)
        assert one == two


def test_a_model_is_learned_and_judges_without_anything_compiled(tmp_path: Path) -> None:
    for interpreted in (True, False):
        model = tmp_path / f"{interpreted}.model"
        told(["learn", "pcaps/shop-normal.pcap", "-o", str(model)], tmp_path, interpreted)
    answers = [
        json.loads(told(["replay", "pcaps/shop.pcap", "--json", "--model", str(tmp_path / f"{learned}.model")], tmp_path, judged)[0])["alerts"]
        for learned, judged in ((True, True), (False, True), (False, False))
    ]
    assert answers[1] == answers[2] != []
    assert [(one["title"], one["clients"]) for one in answers[0]] == [(one["title"], one["clients"]) for one in answers[2]]
