"""The rule language: what it means, and what it says to somebody who got it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import rules
from rules.examples import batch_of
from rules.faults import Fault
from rules.sigma import read_rules

HEAD = "title: A rule\nid: a-rule\ndetection:\n"


def matches(detection: str, request: str, response: str | int | None = None, **more: object) -> bool:
    faults: list[rules.Fault] = []
    found = read_rules(HEAD + detection, "rule.yaml", faults)
    assert not faults, faults
    return bool(rules.RuleSet(found).observe(batch_of([{"request": request, "response": response, **more}])))


GET = "GET /api/items/7?sort=Name&q=red%20shoes HTTP/1.1\nHost: shop.example\nUser-Agent: App/4.2\nX-Client: mobile\n\n"


@pytest.mark.parametrize(
    "selection, expected",
    [
        ("method: get", True),
        ("method: POST", False),
        ("path|startswith: /api", True),
        ("path|endswith: /7", True),
        ("path|endswith: /api", False),
        ("path: /api/items/7", True),
        ("path: /api/*/7", True),
        ("path: /api/items/?", True),
        ("path: /api/?", False),
        ("query|contains: red shoes", True),
        ("query|contains: red%20shoes", True),
        ("query|contains|all: [red, sort]", True),
        ("query|contains|all: [red, blue]", False),
        ("query|contains|cased: name", False),
        ("query|contains|cased: Name", True),
        ("target|contains: '7?sort'", True),
        ("url|startswith: http://shop.example/api", True),
        ("path|re: '^/api/[a-z]+/\\d$'", True),
        ("path|re: '^/API'", False),
        ("path|re|i: '^/API'", True),
        ("query|re: 'shoes$'", True),
        ("query|re: 'Name$'", False),
        ("header.x-client: mobile", True),
        ("header.x-client|exists: true", True),
        ("header.x-other|exists: true", False),
        ("header.x-other|exists: false", True),
        ("user_agent|startswith: app/", True),
        ("host: shop.example", True),
        ("input.name: sort", True),
        ("input.value|re: '^red shoes$'", True),
        ("input.value|re: '^shoes$'", False),
        ("status: 200", True),
        ("status|gte: 300", False),
        ("status: null", False),
        ("client_ip|cidr: 198.51.100.0/24", True),
        ("client_ip|cidr: 10.0.0.0/8", False),
        ("extension: jsp", False),
        ("cs-uri-query|contains: sort=", True),
        ("sc-status|lt: 201", True),
        ("query: null", False),
    ],
)
def test_a_comparison(selection: str, expected: bool) -> None:
    assert matches(f"  s: {{{selection}}}\n  condition: s\n", GET, 200) is expected or matches(
        f"  s:\n    {selection}\n  condition: s\n", GET, 200
    ) is expected


@pytest.mark.parametrize(
    "condition, expected",
    [
        ("a", True),
        ("a and b", False),
        ("a or b", True),
        ("not b", True),
        ("a and not b", True),
        ("not (a or b)", False),
        ("1 of filter_*", False),
        ("all of them", False),
        ("1 of them", True),
        ("a and not 1 of filter_*", True),
        ("not a and b or a", True),
    ],
)
def test_a_condition(condition: str, expected: bool) -> None:
    detection = f"  a: {{method: GET}}\n  b: {{path: /nothing}}\n  filter_x: {{status: 500}}\n  condition: {condition}\n"
    assert matches(detection, GET, 200) is expected


def test_keywords_are_looked_for_anywhere_in_the_request() -> None:
    request = "POST /x HTTP/1.1\nHost: a\n\nfoo bar%27 baz\n"
    assert matches("  k: [nothing, 'Bar%27']\n  condition: k\n", request)
    assert not matches("  k: [nothing]\n  condition: k\n", request)


def test_base64_finds_text_at_every_offset() -> None:
    for padding in ("", "x", "xy"):
        import base64

        body = base64.b64encode((padding + "secret-word and more").encode()).decode()
        request = f"POST /x HTTP/1.1\nHost: a\nContent-Type: text/plain\n\n{body}\n"
        assert matches("  s: {request_body|base64offset|contains: secret-word}\n  condition: s\n", request)


FAULTY = """\
title: Faulty
id: faulty
severity: hgih
category: API99:2023
techniques: [1190]
detektion: {}
detection:
  one:
    pth: /x
    path|contians: y
    status|contains|gt: 1
    status|gt: many
    client_ip|cidr: nowhere
    path|re: '(?=look)ahead'
    input|looks_like: sequel
    path|looks_like: sql
  two: {}
  condition: one and twoo
"""


def test_all_faults_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "faulty.yaml"
    file.write_text(FAULTY)
    with pytest.raises(rules.RuleError) as caught:
        rules.load([file])
    told = [f"{fault.line}: {fault.text}" for fault in caught.value.faults]
    for line in (
        "6: unknown key 'detektion'; did you mean 'detection'?",
        "3: severity 'hgih' is none of low, medium, high, critical; did you mean 'high'?",
        "4: category 'API99:2023' is no OWASP API id",
        "5: technique '1190' is no ATT&CK id",
        "9: unknown field 'pth'; did you mean 'path'?",
        "10: unknown modifier 'contians'; did you mean 'contains'?",
        "11: 'contains' and 'gt' cannot stand together",
        "12: 'many' is no number",
        "13: 'nowhere' is no network",
        "15: nothing here reads 'sequel'",
        "16: 'looks_like' reads decoded input",
        "17: the selection is empty",
        "18: no selection is called 'twoo'; did you mean 'two'?",
    ):
        assert any(text.startswith(line) for text in told), (line, told)
    assert all(fault.file == str(file) for fault in caught.value.faults)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("title: x\n  bad: [", "2: not YAML"),
        ("- a\n- b\n", "1: a rule is a mapping"),
        ("title: x\nid: x\n", "1: a rule needs a detection"),
        ("title: x\nid: x\ndetection: {s: {path: a}}\n", "3: a detection needs a condition"),
        ("title: x\nid: x\ndetection: {s: {path: a}, condition: s and}\n", "ends where a selection should stand"),
        ("title: x\nid: x\ndetection: {s: {path: a}, condition: (s}\n", "a '(' without its ')'"),
        ("title: x\nid: x\ntitle: y\ndetection: {s: {path: a}, condition: s}\n", "3: 'title' stands twice"),
        ("title: x\nid: x\ndetection: {s: {path|re: '(?=a)b'}, condition: s}\n", "cannot be matched in linear time"),
        ("title: x\nid: x\ndetection: {s: {path|re: 'a('}, condition: s}\n", "cannot be matched in linear time"),
        ("title: x\nid: x\ncorrelation: {type: event_cuont, rules: [y]}\n", "did you mean 'event_count'?"),
        ("title: x\nid: x\ncorrelation: {type: event_count, group-by: [clint_ip], timespan: 1m, condition: {gte: 2}, rules: [y]}\n", "did you mean 'client_ip'?"),
        ("title: x\nid: x\ncorrelation: {type: event_count, timespan: soon, condition: {gte: 2}, rules: [y]}\n", "a timespan is a number"),
        ("title: x\nid: x\ncorrelation: {type: event_count, timespan: 1m, condition: {gte: 2}, rules: [y]}\n", "counts a rule 'y' that is not loaded"),
    ],
)
def test_a_fault(text: str, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "rule.yaml"
    file.write_text(text)
    with pytest.raises(rules.RuleError) as caught:
        rules.load([file])
    assert expected in str(caught.value), str(caught.value)


def test_missing_files_empty_folders_and_ids_used_twice_are_faults(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    good = "title: x\nid: same\ndetection: {s: {path: a}, condition: s}\n"
    (tmp_path / "a.yaml").write_text(good)
    (tmp_path / "b.yaml").write_text(good)
    with pytest.raises(rules.RuleError) as caught:
        rules.load([tmp_path / "none.yaml", tmp_path / "empty", tmp_path / "a.yaml", tmp_path / "b.yaml"])
    told = str(caught.value)
    assert "none.yaml:1: cannot be read" in told and "empty:1: no .yaml or .yml file" in told and "the id 'same' is taken" in told


def test_aliases_of_aliases_are_read_once_each() -> None:
    """Nine lists of nine of the list before are what they are in the file, not 9 to the ninth."""
    lines = ["a0: &a0 [x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    for text in ("\n".join(lines), "title: &t\n" + "\n".join(f"  {line}" for line in lines), "\n".join([*lines, "title: *a11", "id: *a11", "detection: *a11"])):
        faults: list[Fault] = []
        assert read_rules(text, "bomb.yaml", faults) == []
        assert faults and all(len(str(fault)) < 2_000 for fault in faults)
