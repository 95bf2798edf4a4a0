"""Secrets and personal data become keyed tokens wherever they leave memory: the call log, alerts, the map's examples, evidence.

A token such as `masked-jwt-k3q6vd2mzc5a` is BLAKE2 of the value under a key of this installation: equal values stay recognisable (the same
stolen token in two alerts is seen to be the same), nobody without the key can test a guess, and another installation's tokens differ. The key is
32 random octets in a file of mode 0600 in the state directory.

What is masked: credentials in headers and cookies; the values of parameters, JSON members, form parts and XML elements with secret names (and with
the names that the operator adds); userinfo in URLs; JWTs, vendors' keys (`sensor.keys`) and private keys anywhere; payment card numbers (issuer range and
Luhn); international bank account and telephone numbers; e-mail addresses.

Columns are masked without touching clean rows: one hyperscan pass over the whole text buffer, and one for card numbers (`sensor.cards`), name the few
rows that need a closer look (24 MB of paths in 0.01 s, measured on 972 717 rows).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sensor import ibans, keys, phones
from sensor.cards import PATTERN, card_number, may_hold
from sensor.errors import SensorError, reason, refusal

KEY_FILE = "masking.key"
KEY_BYTES = 32
PREFIX = "masked"
_REMEMBERED = 65_536
"""Texts whose masked form is remembered (dictionary values such as user agents come back in every batch)."""

_SECRET_WORD = (
    r"passw(?:or)?d|passphrase|passcode|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|credential|"
    r"(?<!page[_-])(?<!next[_-])(?<!sync[_-])(?<!page)(?<!next)token(?!s\b|ize)"
)
_SECRET_EXACT = (
    r"pass|pw|sig|signature|session|sid|session[_-]?id|jsessionid|phpsessid|auth|authorization|jwt|otp|pin|cvv|cvc|cvv2|csc|"
    r"card[_-]?number|pan|assertion|samlresponse|samlrequest|code[_-]verifier|key[_-]?id|x-(?:amz|goog)-signature"
)
_INITIALS = "pscatjokx"
"""What those names begin with."""
_ALWAYS_WORD = r"passw|passphrase|passcode|pwd|secret|cvv|cvc|csc|pin$|otp$"
"""Names whose value is masked whatever it looks like; other secret names hold a machine's value: eight characters or more, and no blank."""
_SHORTEST = 8
_KNOWN, _KNOWN_MOST = 6, 100_000
"""Characters from which on a secret is looked for under other names too (a PIN of four would be found everywhere), and how many of them."""
_WORD = re.compile(r"""[^\s"'&=<>,;{}\[\]()\\]{6,256}""")
_AROUND = 4_096
"""Octets before and behind a quoted place that are looked through with it."""
_LONG = 256
"""Characters from which on a text is first asked whether there may be anything in it."""
_CARD = re.compile(rf"(?P<card>{PATTERN})", re.ASCII)
_SELDOM_HINTS = tuple(hint.encode() for hint in (*keys.HINTS, ibans.HINT, phones.HINT))
"""What a text must hold for `_numbers` or `_keys` to find anything."""


@lru_cache(maxsize=1)
def _numbers() -> re.Pattern[str]:
    """Account and telephone numbers. They are looked for first, since a card number may stand inside one by chance."""
    return re.compile(rf"(?P<iban>{ibans.PATTERN})|(?P<phone>{phones.PATTERN})", re.ASCII)


@lru_cache(maxsize=1)
def _keys() -> re.Pattern[str]:
    """Vendors' keys: with fifty makes in it `search` would be ten times as slow, and few texts hold one."""
    return re.compile(rf"(?P<key>{keys.PATTERN})", re.ASCII)


@lru_cache(maxsize=1)
def _seldom_hinted() -> Any:
    from rules.databases import database

    return database([(hint, 0) for hint in _SELDOM_HINTS])


def _any_hit(_id: int, _start: int, _end: int, _flags: int, found: list[int]) -> bool:
    found.append(1)
    return True  # one is enough



_CREDENTIAL_HEADERS = (
    r"authorization|proxy-authorization|x-api-key|api-key|apikey|x-auth-token|x-access-token|x-amz-security-token|x-csrf-token|"
    r"x-xsrf-token|x-vault-token|private-token|x-goog-api-key|ocp-apim-subscription-key|x-session-token|x-functions-key"
)
_COOKIE_HEADER = re.compile(r"(?:set-)?cookie2?\Z", re.IGNORECASE)
_COOKIE_ATTRIBUTES = frozenset({"path", "domain", "expires", "max-age", "samesite", "secure", "httponly", "partitioned", "priority", "version"})

def _seldom_in(text: str) -> bool:
    """Whether `_numbers` or `_keys` may find anything in a text."""
    import hyperscan

    found: list[int] = []
    with contextlib.suppress(hyperscan.ScanTerminated):
        _seldom_hinted().scan(text.encode("utf-8", "surrogatepass"), match_event_handler=_any_hit, context=found)
    return bool(found)


class _Patterns:
    """What one installation looks for: the built-in secret names and `names`. Each pattern is compiled when it is first needed."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._more = "|".join(re.escape(name) for name in names)
        self._words = f"{_SECRET_WORD}|{self._more}" if names else _SECRET_WORD
        self._headers = f"{_CREDENTIAL_HEADERS}|{self._more}" if names else _CREDENTIAL_HEADERS

    @cached_property
    def always(self) -> re.Pattern[str]:
        """Names whose value is masked whatever it looks like."""
        return re.compile(f"{_ALWAYS_WORD}|{self._more}" if self._more else _ALWAYS_WORD, re.IGNORECASE)

    @cached_property
    def header(self) -> re.Pattern[str]:
        """Headers whose value is a credential."""
        return re.compile(rf"(?:{self._headers})\Z", re.IGNORECASE)

    @cached_property
    def named(self) -> re.Pattern[str]:
        """Names whose value is secret, as `field` is given them."""
        return re.compile(rf"(?:.*(?:{self._words})[A-Za-z0-9_.%\[\]\-]{{0,40}}|(?:.*[.\[])?(?:{_SECRET_EXACT})\]?)\Z", re.IGNORECASE | re.DOTALL)

    @cached_property
    def search(self) -> re.Pattern[str]:
        """Everything that is masked in a text."""
        headers, words = self._headers, self._words
        # What stands before a secret word in a name is not read: `x` words of prefix would be tried at every one of its letters.
        name = rf"(?:(?:{self._words})[A-Za-z0-9_.%\[\]\-]{{0,40}}+|(?<![A-Za-z0-9_.-])(?:{_SECRET_EXACT})(?:\[\])?)"
        # No secret name begins otherwise: most characters are passed at one look, and the names are tried once a place, not once an alternative.
        initials = _INITIALS + "".join(one[:1] for one in self._names)
        first = rf"(?=[{re.escape(initials)}])" if initials.isascii() and all(self._names) else ""
        # One alternation, so that a text is read once. Possessive and bounded quantifiers: no input makes it slower than linear (times 64).
        return re.compile(
            rf"""
    (?P<pem>-----BEGIN[ ][A-Z0-9 ]{{0,40}}PRIVATE[ ]KEY-----(?:.{{0,20000}}?-----END[ ][A-Z0-9 ]{{0,40}}PRIVATE[ ]KEY-----|.{{0,20000}}))
  | (?P<jwt>\beyJ[A-Za-z0-9_=-]{{6,}}+\.[A-Za-z0-9_=-]{{2,}}+(?:\.[A-Za-z0-9_=-]*+){{0,3}})
  | (?m:^)(?:
        (?P<header>(?:{headers})[ \t]*:[ \t]*)(?P<header_value>[^\r\n]+)
      | (?P<cookie>(?:set-)?cookie2?[ \t]*:[ \t]*)(?P<cookie_value>[^\r\n]+)
      | (?P<line>[ \t]{{0,40}}+(?:-[ \t]{{1,8}}+)?[A-Za-z0-9_.-]{{0,40}}?(?:{words})[A-Za-z0-9_.-]{{0,40}}+[ \t]{{0,8}}+:[ \t]{{1,8}}+)(?P<line_value>[^\s"'{{\[\\][^\r\n]{{0,4096}}))
  | (?P<scheme>\b(?:bearer|basic|digest|token|apikey|negotiate)[ ]+)(?P<scheme_value>(?=[A-Za-z0-9._~+/=-]{{1,40}}(?-i:[A-Z0-9=+/_-]))[A-Za-z0-9._~+/=-]{{8,}}+)
  | (?P<part>\bname="?[A-Za-z0-9_.\[\]-]{{0,40}}?{name}"?[^\r\n]{{0,200}}\r?\n(?:[!-9;-~]{{1,64}}:[^\r\n]{{0,200}}\r?\n){{0,4}}\r?\n)(?P<part_value>[^\r\n]{{1,4096}})
  | (?P<element><(?:[A-Za-z0-9_.-]{{1,40}}:)?[A-Za-z0-9_.-]{{0,40}}?{name}(?:\s[^<>]{{0,200}})?>)(?P<element_value>[^<]{{1,4096}})
  | {first}(?={name})(?:
        (?P<member>{name}["']\s{{0,16}}+:\s{{0,16}}+["'])(?P<member_value>(?:[^"'\\]|\\.)*+)
      | (?P<quoted>{name}\\{{1,7}}+["']\s{{0,16}}+:\s{{0,16}}+\\{{1,7}}+["'])(?P<quoted_value>[^"'\\]*+)
      | (?P<bare>{name}\s{{0,4}}+:\s{{0,4}}+\\{{0,7}}+["'])(?P<bare_value>[^"'\\]*+)
      | (?P<attribute>{name}\s{{0,4}}+=\s{{0,4}}+\\{{0,7}}+(?P<mark>["']))(?P<attribute_value>[^"'\\<>]{{1,4096}}+)(?=\\{{0,7}}+(?P=mark)[\s/>,;)]|\\{{0,7}}+(?P=mark)\Z)
      | (?P<figure>{name}\\{{0,7}}+["']\s{{0,16}}+:\s{{0,16}}+)(?P<figure_value>-?[0-9][0-9.eE+-]{{0,40}}+)
      | (?P<parameter>{name}=)(?P<parameter_value>[^&\s"'\\]*+))
  | (?P<userinfo>://)(?P<userinfo_value>[^/@\s"'?\#]{{1,256}})(?=@)
  | (?P<email>(?<![A-Za-z0-9._+-])(?:[A-Za-z0-9._+-]|%2[Bb]){{1,64}}+(?:@|%40)[A-Za-z0-9-]{{1,63}}+(?:\.[A-Za-z0-9-]{{1,63}}+){{1,8}})
  | (?P<card>{PATTERN})
    """,
            re.VERBOSE | re.IGNORECASE | re.DOTALL | re.ASCII,
        )

    @cached_property
    def hints(self) -> tuple[bytes, ...]:
        """What a text must hold for `search` to find anything but a card number: cheap literals for hyperscan, a superset by design (a test holds it to that)."""
        named = rb"(\[?\]?\s{0,4}=|[\\]{0,7}[\"']\s{0,16}:|\s{0,8}:|[\"'\r\n>; \t])"
        return (
            rb"PRIVATE KEY",
            rb"eyJ[A-Za-z0-9_=-]{6}",
            rb"(key|token|authorization|cookie2?)[ \t]*:",
            rb"(bearer|basic|digest|token|apikey|negotiate) ",
            rb"(passw(or)?d|passphrase|passcode|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|credential|token)[A-Za-z0-9_.%\[\]\-]{0,40}" + named,
            rb"\b(pass|pw|sig|signature|session|sid|session[_-]?id|jsessionid|phpsessid|auth|authorization|jwt|otp|pin|cvv|cvc|cvv2|csc"
            rb"|card[_-]?number|pan|assertion|samlresponse|samlrequest|code[_-]verifier|key[_-]?id|x-(amz|goog)-signature)" + named,
            rb"(@|%40)[A-Za-z0-9-]{1,63}\.",
            rb"://[^/@\s\"'?#]{1,256}@",
            *((f"({self._more})".encode(),) if self._more else ()),
        )


@lru_cache(maxsize=16)
def _patterns(names: tuple[str, ...]) -> _Patterns:
    """The patterns for these names beside the built-in ones."""
    return _Patterns(names)


def state_directory() -> Path:
    """Where this installation keeps what it must remember: `$XDG_STATE_HOME/api-sensor`, by default `~/.local/state/api-sensor`."""
    base = os.environ.get("XDG_STATE_HOME", "")
    if Path(base).is_absolute():  # the specification has no others
        return Path(base) / "api-sensor"
    try:
        home = Path.home()
    except RuntimeError:  # a user that the machine does not know
        home = Path()
    if not home.is_absolute():
        raise SensorError("there is no home directory to keep the masking key and other state in; give a directory with --state, or by XDG_STATE_HOME")
    return home / ".local" / "state" / "api-sensor"


def installation_key(state: Path) -> bytes:
    """The masking key in the directory `state`, made (mode 0600) the first time. Raises SensorError when it can be neither read nor made."""
    path = state / KEY_FILE
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        raise refusal(error)(f"{path}: the masking key can be neither read nor made ({reason(error)}); give a directory of yours with --state") from error
    if len(key) != KEY_BYTES:
        raise SensorError(f"{path}: a masking key has {KEY_BYTES} octets, this has {len(key)}; remove it to have a new one made")
    return key


def _make_key(path: Path) -> None:
    """Written whole under another name first: two sensors that start together end with one key, never with half of one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{KEY_FILE}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        try:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
        finally:
            fresh.unlink()


class Masker:
    """Masks text under one key; `Masker(None)` lets everything through as it is (`--unmasked`).

    `names` are further names (of parameters, members, headers ...) whose values are masked wherever they stand; `known` are values that are masked under
    any name, as `learn` finds them: what an injection brings out as a title is still a password.
    """

    def __init__(self, key: bytes | None, names: Iterable[str] = (), known: Iterable[str] = ()) -> None:
        self.key = key
        self.names = tuple(names)
        self.known = frozenset(known)
        self._learned: set[str] | None = None
        self._patterns = _patterns(self.names)
        self._hasher = blake2b(key=key, digest_size=8) if key is not None else None
        self._remembered: dict[str, str] = {}
        self._database: Any = None

    @property
    def on(self) -> bool:
        """Whether anything is masked at all."""
        return self._hasher is not None

    def token(self, kind: str, value: str) -> str:
        """The keyed token that stands for `value`: `masked-KIND-` and twelve characters."""
        if self._hasher is None:
            return value
        if self._learned is not None and kind == "secret" and len(value) >= _KNOWN and len(self._learned) < _KNOWN_MOST:
            self._learned.add(value)
        hasher = self._hasher.copy()
        hasher.update(value.encode("utf-8", "surrogatepass"))
        number = int.from_bytes(hasher.digest(), "big")
        letters = "".join("abcdefghijklmnopqrstuvwxyz234567"[number >> shift & 31] for shift in range(0, 60, 5))
        return f"{PREFIX}-{kind}-{letters}"

    def text(self, text: str) -> str:
        """`text` with every secret and personal datum in it masked; clean text comes back as it is."""
        if self._hasher is None or not text:
            return text
        known = self._remembered.get(text)
        if known is None:
            search = self._patterns.search if len(text) < _LONG else self._needed(text)
            seldom = len(text) >= _SHORTEST and _seldom_in(text)
            known = _numbers().sub(self._replace, text) if seldom else text
            known = search.sub(self._replace, known) if search is not None else known
            known = _keys().sub(self._replace, known) if seldom else known
            if self.known:
                known = _WORD.sub(lambda word: self.token("secret", word[0]) if word[0] in self.known else word[0], known)
            if len(text) <= 1024:
                if len(self._remembered) >= _REMEMBERED:
                    self._remembered.clear()
                self._remembered[text] = known
        return known

    def header(self, name: str, value: str) -> str:
        """The value of header `name` as it may be shown: credentials keep their scheme, cookies their names."""
        if self._hasher is None:
            return value
        if self._patterns.header.match(name):
            return self._credential(value)
        if _COOKIE_HEADER.match(name):
            return self._cookies(value)
        return self.text(value)

    def field(self, name: str, value: str) -> str:
        """The value of what a judge calls `name`, as it may be shown: `cookie session`, `header.authorization`, `JSON field user.password` and the like
        stand without their names beside them, by which `text` would know them."""
        kind, _, own = name.rpartition(" ")
        if self._hasher is None or not value:
            return value
        if not kind and name.lower().startswith("header."):
            kind, own = "header", name[7:]
        if kind == "header" and own:
            return self.header(own, value)
        if kind.endswith("cookie") or (not kind and own.endswith("cookie")):
            return self._cookies(value) if "=" in value or len(value) < _SHORTEST else self._opaque(value)
        return self._named(own, value) if self._patterns.named.match(own) else self.text(value)

    def around(self, octets: bytes, start: int, end: int) -> tuple[bytes, int, int]:
        """A place in a text with what stands around it, masked, and where the place is now: what is quoted is masked before it is cut out, since a cut takes
        away the name by which a secret is told."""
        first = max(0, start - _AROUND)
        text = octets[first : end + _AROUND].decode("latin-1")  # a character an octet, so that places stay
        places = [start - first, end - first]
        search = self._needed(text) if self._hasher is not None else None
        if search is None:
            return text.encode("latin-1"), *places  # type: ignore[return-value]
        out: list[str] = []
        at = size = 0
        moved = list(places)
        for match in search.finditer(text):
            after = self._replace(match)
            if after != match[0]:
                out += (text[at : match.start()], after)
                size += match.start() - at + len(after)
                at = match.end()
                for number, place in enumerate(places):
                    if place > match.start():
                        moved[number] = size - len(after) if place < at else size + place - at
        out.append(text[at:])
        return "".join(out).encode("latin-1"), moved[0], moved[1]

    def column(self, column: Any) -> Any:
        """A pyarrow string array, plain or dictionary-encoded, masked; the very same object when nothing in it needs masking."""
        if self._hasher is None or len(column) == 0:
            return column
        import pyarrow as pa

        if pa.types.is_dictionary(column.type):
            values = self.column(column.dictionary)
            if values is column.dictionary:
                return column
            # Two values may have one masked form (a cookie in two spellings never does, but nothing rests on it): indices stay as they are.
            return pa.DictionaryArray.from_arrays(column.indices, values)
        suspects, numbers = self._suspects(column)
        changed: dict[int, str] = {}
        for row in sorted({*suspects, *numbers}):
            value = column[row].as_py()
            if value is None:
                continue
            masked = self.text(value) if self.known or row in suspects else _CARD.sub(self._replace, value)
            if masked != value:
                changed[row] = masked
        if not changed:
            return column
        import numpy as np
        import pyarrow.compute as pc

        where = np.zeros(len(column), dtype=bool)
        where[list(changed)] = True
        return pc.replace_with_mask(column, pa.array(where), pa.array(list(changed.values()), column.type))

    def learn(self, column: Any, found: set[str]) -> None:
        """Add the secrets that stand under their names in a binary column (request bodies) to `found`, up to _KNOWN_MOST of them."""
        if self._hasher is None or len(found) >= _KNOWN_MOST:
            return
        self._learned = found
        try:
            for row in sorted(self._suspects(column)[0]):
                self._patterns.search.sub(self._replace, (column[row].as_py() or b"").decode("utf-8", "replace"))
        finally:
            self._learned = None

    def _needed(self, text: str) -> re.Pattern[str] | None:
        """What a text must be searched for: hyperscan reads 1000 times as fast as `search`, and most bodies hold nothing."""
        octets = text.encode("utf-8", "surrogatepass")
        found: list[int] = []

        def hit(_id: int, _start: int, end: int, _flags: int, _context: Any) -> bool:
            found.append(end)
            return True  # one is enough

        import hyperscan
        import numpy as np

        with contextlib.suppress(hyperscan.ScanTerminated):
            self._hinted().scan(octets, match_event_handler=hit)
        if found:
            return self._patterns.search
        return _CARD if may_hold(np.array([0, len(octets)], np.int32), np.frombuffer(octets, np.uint8)) else None

    def _suspects(self, column: Any) -> tuple[set[int], list[int]]:
        """Rows of a string array that may hold something to mask, and rows that may hold a card number."""
        import numpy as np

        _, offsets, data = column.buffers()
        if data is None or len(column) == 0:
            return set(), []
        starts = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
        first, last = int(starts[0]), int(starts[-1])
        if first == last:
            return set(), []
        ends: list[int] = []

        def hit(_id: int, _start: int, end: int, _flags: int, _context: Any) -> None:
            ends.append(end)

        self._hinted().scan(memoryview(data)[first:last], match_event_handler=hit)
        # A match ends in the row whose start is the last one before its final octet.
        suspects = set((np.searchsorted(starts, np.array(ends) + (first - 1), side="right") - 1).tolist()) if ends else set()
        return suspects, may_hold(starts, np.frombuffer(data, np.uint8))

    def _hinted(self) -> Any:
        """The database of the hints."""
        if self._database is None:
            from hyperscan import HS_FLAG_CASELESS

            from rules.databases import database

            self._database = database([*((hint, HS_FLAG_CASELESS) for hint in self._patterns.hints), *((hint, 0) for hint in _SELDOM_HINTS)])
        return self._database

    def _replace(self, match: re.Match[str]) -> str:
        kind = match.lastgroup or ""
        if kind == "card":
            digits = re.sub(r"[^0-9]", "", match["card"].replace("%20", ""))
            return self.token("card", digits) if 12 <= len(digits) <= 19 and card_number(digits) else match[0]
        if kind == "email":
            return self.token("email", match[0].replace("%40", "@").lower())
        if kind in ("jwt", "key", "pem"):
            return self.token(kind, match[0])
        if kind == "iban":
            number = ibans.bare(match[0])
            return self.token("iban", number) if ibans.account_number(number) else match[0]
        if kind == "phone":
            digits = phones.bare(match[0])
            return self.token("phone", digits) if phones.international(digits) else match[0]
        if kind == "parameter_value":
            return match["parameter"] + self._named(match["parameter"], match["parameter_value"])
        for named in ("member", "quoted", "bare", "attribute", "part", "element", "line"):
            if kind == f"{named}_value":
                return match[named] + self._named(_last_name(match[named]) if named == "part" else match[named], match[f"{named}_value"])
        if kind == "figure_value":
            return match["figure"] + self._figure(match["figure"], match["figure_value"])
        if kind == "header_value":
            return match["header"] + self._credential(match["header_value"])
        if kind == "cookie_value":
            return match["cookie"] + self._cookies(match["cookie_value"])
        if kind == "scheme_value":
            return match["scheme"] + self._opaque(match["scheme_value"])
        if kind == "userinfo_value":
            return match["userinfo"] + self.token("userinfo", match["userinfo_value"])
        return match[0]

    def _named(self, name: str, value: str) -> str:
        """The value of a parameter or member with a secret name."""
        if not value or value.startswith(PREFIX + "-"):
            return value
        if self._patterns.always.search(name.rstrip("=\"'\\:> \t\r\n[]")):
            return self.token("secret", value)
        if len(value) < _SHORTEST or "%20" in value or " " in value:
            return self._patterns.search.sub(self._replace, value)
        return self._opaque(value)

    def _figure(self, name: str, value: str) -> str:
        """A number under a secret name: a token in quotes, so that JSON stays JSON."""
        if len(value) < _SHORTEST and not self._patterns.always.search(name.rstrip("\"'\\: \t\r\n")):
            return value
        return f'"{self.token("secret", value)}"'

    def _opaque(self, value: str) -> str:
        if value.startswith(PREFIX + "-"):
            return value  # what was masked already keeps its token
        return self.token("jwt" if value.startswith("eyJ") and "." in value else "secret", value)

    def _credential(self, value: str) -> str:
        scheme, blank, rest = value.strip().partition(" ")
        if blank and rest.strip() and scheme.isalnum():
            return f"{scheme} {self._opaque(rest.strip())}"
        return self._opaque(value.strip()) if value.strip() else value

    def _cookies(self, value: str) -> str:
        parts = []
        for part in value.split(";"):
            name, equals, content = part.partition("=")
            if not equals:
                parts.append(part if name.strip().lower() in _COOKIE_ATTRIBUTES or len(part.strip()) < _SHORTEST else self._opaque(part))
            elif name.strip().lower() in _COOKIE_ATTRIBUTES or not content:
                parts.append(part)
            else:
                parts.append(f"{name}={self._opaque(content.strip())}")
        return ";".join(parts)


def _last_name(part: str) -> str:
    """The name that the head of a form part gives."""
    return re.sub(r'(?s).*?\bname="?([^"\r\n;]*).*', r"\1", part)


Mask = Callable[[str], str]
"""What alerts, examples and evidence are given to mask their text with: `Masker.text`."""
