"""How a path segment reads: as a word somebody named a resource with, or as a value.

`wordness` is a letter-pair model: how much likelier the pairs of a token are in names that programmers choose than among random letters, in bits a
pair. The table is counted over the words in the identifiers, strings and comments of Python's standard library (5438 words seen five times or more).
Half of all such words of five letters and more score above 1.1, one in a hundred below -0.2; random strings of ten letters score below
-1.4 in half of the cases, above 0.2 in one of a hundred.
"""

from __future__ import annotations

import re
from functools import lru_cache

_LETTERS = "abcdefghijklmnopqrstuvwxyz{"  # { stands for the edge of a word

# log2 odds of the second letter (column) after the first (row), in eighths of a bit, as chr(85 + eighths).
_PAIRS = (
    '$T]W3?R.T*Gb[_!V*d[gJIGDI$M',
    'aCTK_)@6_V6eJE[O)W[K`6))T6^',
    'a!MCa:6_R![ZM<iA3VNaT@6!B!\\',
    'XCAOiC4!e70N?DXA0QWJR=0;?!n',
    'V?Y_MNG1=(;UR`@O@ca\\8JDU@(h',
    'Y2GL\\a?8j%%ZFCbE<_SQX28%K%_',
    'P;FBi>JSY$$SJXP@$WYISB7$17o',
    'h5BJi;55a(5KJBe((QIUO(((D(g',
    'SN[TTRT$.$5\\Wl]Q.T]`$P!F!OF',
    '_ANAeAAATANNAA`NATTAiAAANAf',
    'Q/HPkFK<^//X<SKF<<`NM<V/</l',
    'a:GQi@2/e)8];EaD!5UUP>/)[8b',
    'gR>Pj:!-^!@IP@^c!<UPR-3!A!_',
    ']:Z_`Pc:V%KI:MXF+9\\dMM++>%c',
    'COX[?LN-G-IW\\hP\\!eWWYNU>30U',
    'd<DIeH5GZ!<_8D_X5bS\\Q5>!P!_',
    '???Q????K??K?U???QU?v?????a',
    'a;POjFM/_+GEUN]F!P[XL@</N!f',
    'M3Q>cCAS\\.BLF@QT.BZeW9<3I!n',
    '^9NEgE0Ze##NHAYM#^YQP9@2O4g',
    'TYVLXPL#U##`\\gL[#a_b//#///B',
    'j-:-qG-:c--:ODVG-D@---@:--_',
    'eA;Q`M;Zd..O.]^EAaZL;AJA..`',
    'QD\\H`R>M_22OK2Rd2DKh>>2HO2f',
    'EILGWL>>T++MTVJ`+EZY8BI+B8s',
    'U<<<u<<<a<<IXIZ<<II<<<<<I<U',
    'ZT`[YXTO[;DVXTS\\?[bXQHP=:9!',
)

_SCORE = {a + b: (ord(_PAIRS[i][j]) - 85) / 8 for i, a in enumerate(_LETTERS) for j, b in enumerate(_LETTERS)}

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NUMBERED = re.compile(r"(.*?[A-Za-z])([-_.]?)(\d{1,6})")
_VERSION = re.compile(r"(?i)v?\d{1,3}(\.\d{1,3}){1,2}|v\d{1,3}((alpha|beta|rc|p)\d{0,2})?|\d{4}-\d{2}(-\d{2})?(-preview)?|latest")
_LOCALE = re.compile(r"[a-z]{2}|[A-Z]{2}|[a-z]{2}[-_][A-Z]{2}|[a-z]{2}[-_][a-z]{2}")


COMMON = frozenset(
    ["me", "self", "mine", "own", "current", "active", "all", "any", "none", "new", "latest", "last", "first", "next", "previous", "recent", "today", "now", "default", "defaults", "search", "find", "query", "filter", "lookup", "suggest", "autocomplete", "list", "index", "count", "counts", "total", "totals", "stats", "statistics", "status", "summary", "overview", "metrics", "report", "reports", "analytics", "export", "import", "download", "upload", "bulk", "batch", "multi", "validate", "verify", "check", "test", "preview", "render", "copy", "clone", "move", "merge", "sync", "archive", "restore", "activate", "deactivate", "enable", "disable", "start", "stop", "pause", "resume", "cancel", "close", "open", "approve", "reject", "publish", "unpublish", "subscribe", "unsubscribe", "login", "logout", "register", "signup", "refresh", "revoke", "reset", "config", "configuration", "settings", "options", "preferences", "schema", "schemas", "metadata", "meta", "types", "fields", "health", "ping", "version", "versions", "info", "help", "docs", "about", "history", "events", "activity", "trending", "popular", "featured", "favorites", "favourites", "starred", "top", "random", "nearby", "public", "private", "shared", "create", "update", "delete", "edit", "add", "remove", "get", "set"]
)
"""What APIs call that which stands beside the items of a collection (``/users/me``, ``/orders/export``)."""


_VERBS = frozenset(
    ["get", "list", "create", "update", "delete", "add", "remove", "set", "unset", "put", "post", "patch", "find", "search", "fetch", "send", "start", "stop", "open", "close", "read", "write", "load", "save", "submit", "approve", "reject", "cancel", "verify", "check", "test", "export", "import", "sync", "upload", "download", "invite", "join", "leave", "enable", "disable", "archive", "unarchive", "lookup", "query", "count", "run", "execute", "invoke", "do", "make", "reset", "revoke", "register", "login", "logout"]
)


@lru_cache(maxsize=65_536)
def tokens(text: str) -> tuple[str, ...]:
    """The words and numbers a segment is made of: ``getHTTPUser_2`` is get, HTTP, User, 2."""
    return tuple(_TOKEN.findall(text))


@lru_cache(maxsize=65_536)
def wordness(text: str) -> float:
    """Mean letter-pair score of the tokens of three letters and more, weighted by their length; 0 when there are none."""
    total = 0.0
    pairs = 0
    for token in tokens(text):
        if len(token) < 3 or token[0].isdigit():
            continue
        edged = "{" + token.lower() + "{"
        total += sum(_SCORE[edged[i : i + 2]] for i in range(len(edged) - 1))
        pairs += len(edged) - 1
    return total / pairs if pairs else 0.0


def numbered(text: str) -> tuple[str, str] | None:
    """(stem, separator) of a word that ends in a number, such as ``gold-25``; None for any other."""
    found = _NUMBERED.fullmatch(text)
    return (found[1], found[2]) if found else None


def version(text: str) -> bool:
    """Whether a segment reads as the version of an API: ``v2``, ``2.0``, ``v1beta1``, ``2024-05-01``."""
    return _VERSION.fullmatch(text) is not None


def locale(text: str) -> bool:
    """Whether a segment may be a language, a country or both: ``de``, ``US``, ``pt-BR``."""
    return _LOCALE.fullmatch(text) is not None


def spoken(text: str) -> bool:
    """Whether a segment reads as what is to be done, as the procedures of an API are called: ``getUser``, ``chat.update``."""
    parts = [part.lower() for part in tokens(text)]
    return len(parts) > 1 and "-" not in text and (parts[0] in _VERBS or (parts[-1] in _VERBS and "." in text))


def jumbled(text: str) -> bool:
    """Whether case changes so often that a segment reads as random, digits or not: ``NIwLTR``, but not ``getURLs``."""
    return len(text) >= 6 and not text.islower() and not text.isupper() and len(tokens(text)) * 3 > len(text)


def coded(text: str) -> bool:
    """Whether a segment is a code: letters with digits among them that are no word with a number, in upper case or of changing case."""
    digits = sum(c.isdigit() for c in text)
    return (digits > 0 and not text.isdigit() and not text.islower() and numbered(text.lower()) is None) or (digits > 0 and text.isupper()) or jumbled(text)


@lru_cache(maxsize=65_536)
def cast(text: str) -> str:
    """The characters of a segment run by run, so that values of one make look alike: ``PX7Q2A`` is ``A`` (upper case and digits), length apart."""
    kinds = set()
    for c in text:
        kinds.add("a" if c.islower() else "A" if c.isupper() else "9" if c.isdigit() else c if c.isascii() else "?")
    return "".join(sorted(kinds - {"9"}) if kinds != {"9"} else ["9"])
