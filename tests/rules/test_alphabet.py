"""What patterns can be made of: held to what Hyperscan matches."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rules
from rules.alphabet import holds_inside, levels_needed, matches_within
from rules.matcher import Regex
from rules.unfold import LEVELS

WORD = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


@pytest.mark.parametrize(
    "pattern, may",
    [
        (b"abc", True), (b"a-c", False), (b"a[-c]d", True), (b"a[^a-zA-Z0-9]", False), (b"a.c", True), (b"(?:a|-)b", True), (b"(?:<|-)b", False), (b"a-?b", True), (b"a-+b", False),
        (b"\\ba\\b", True), (b"\\W", False), (b"\\w", True), (b"^a$", True), (b"a{0,3}", True), (b"-{0,3}a", True), (b"-{2}a", False), (b"\\x61", True), (b"\\x2d", False), (b"(?:a|b-)+c", True), (b"(?=-)a", True),
        (b"(unreadable", True),
    ],
)  # fmt: skip
def test_within_letters_and_digits(pattern: bytes, may: bool) -> None:
    assert matches_within(pattern, WORD) is may


@pytest.mark.parametrize(
    "pattern, may",
    [(b"a\\nb", True), (b"a\\n", False), (b"a\\W", False), (b"a\\Wb", True), (b"a[^x]+", True), (b"a.*b", True), (b"ab", False), (b"(?:a\\s|b)$", False), (b"(?:a\\s|b)c", True), (b"\\s", False), (b"\\s*a", True)],
)
def test_a_line_feed_before_the_end(pattern: bytes, may: bool) -> None:
    assert holds_inside(pattern, 10) is may


PATTERNS = sorted({(atom.text, atom.cased) for rule in rules.load().rules for atom in rule.atoms if atom.op == "regex"})


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PATTERNS), st.sampled_from(range(len(LEVELS) - 1)), st.data())
def test_no_rule_matches_where_it_is_said_not_to(pattern: tuple[bytes, bool], level: int, drawn: st.DataObject) -> None:
    text, cased = pattern
    if matches_within(text, LEVELS[level]):
        return
    pieces = [bytes([octet]) for octet in sorted(LEVELS[level])]
    # Words of the pattern itself make texts that nearly match.
    plain = "".join(chr(c) if c in LEVELS[level] else " " for c in text).split()
    words = [word.encode("latin-1") for word in plain] or [b"a"]
    made = b"".join(drawn.draw(st.lists(st.sampled_from(pieces + words * 4), max_size=40)))
    made = bytes(c for c in made if c in LEVELS[level])
    assert Regex(text, cased).search(made) is None


def test_the_level_a_pattern_needs_is_the_first_it_may_match_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    patterns = [text for text, _ in PATTERNS]
    for _ in range(2):  # worked out, and read back
        needed = levels_needed(patterns, LEVELS[:-1])
        for pattern, level in zip(patterns, needed, strict=True):
            assert [matches_within(pattern, alphabet) for alphabet in LEVELS[:-1]] == [k >= level for k in range(len(LEVELS) - 1)]
        assert set(needed) > {0, 4}
    assert len(list(tmp_path.rglob("*.kept"))) == 1
