"""Endpoint templates from joint evidence: which segments of a site's paths are names, and which are values of a parameter.

The decision is made place by place from the root down. A place is a position in the site: all tree nodes that the decisions above it made one.
So what is seen below one user id is evidence for every user id. At a place, the segments seen next are split into literals and parameters on

* their shape (numbers, UUIDs, hex, tokens, dates, addresses are values; a version number is not),
* how they read (`shapes.wordness`), alone and as a set: values of one parameter share length and characters,
* numbered stems (``gold-25``, ``gold-7``): the stems are a vocabulary of values that holds at every other place of the same host,
* whether siblings share what follows them, and whether the bodies of their requests and answers have the same fields (`agreement`),
* how many there are, how often each was called, and so whether their number still grows.

Every decision carries its evidence as sentences and a confidence. Nothing depends on the order of the calls: the tree does not, and the
items of a place are sorted before they are judged.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from sensor.catalogue import agreement
from sensor.catalogue.data_classes import secret
from sensor.catalogue.paths import KINDS, PathTable, sample_hash, shape
from sensor.catalogue.pins import Decisions
from sensor.catalogue.shapes import COMMON, cast, coded, jumbled, locale, numbered, spoken, tokens, version, wordness

WORD, INTEGER, UUID, HEX, TOKEN, DATE, MIXED, EMAIL, NUMBER = range(len(KINDS))
CERTAIN = frozenset({INTEGER, UUID, HEX, TOKEN, DATE, EMAIL, NUMBER})
"""Kinds that are values by their shape alone."""

CALLED = frozenset({"id", "name", "slug", "key", "code", "login", "username", "user_name", "handle", "alias", "symbol", "identifier"})
"""Fields that say what a thing is called in paths."""

IDENTIFIERS = frozenset({"slug", "id", "name", "username", "alias", "handle", "nickname", "sku", "email", "hostname", "uuid", "guid", "isbn", "ean"})
"""What a thing is known by; a name that ends in one of these leads to values."""

SAMPLE = 64
"""Values that a fold keeps, those of the smallest hashes."""

RELEASE = re.compile(r"v?\d{1,5}(?:\.\d{1,9}){2,3}(?:[-+.][0-9A-Za-z.-]{1,40})?").fullmatch
"""The version of a thing, in three parts or more: no API is called by such a one."""
_PARTED = re.compile(r"(.{2,}[_:.~-])([A-Za-z0-9]{4,})").fullmatch
_ENDED = re.compile(r"(.{3,}?[^0-9])[0-9]{1,18}").fullmatch
_FILE = re.compile(r"([A-Za-z]{2}(?:[-_][A-Za-z]{2})?)\.[a-z]{2,5}")
_PICTURE = re.compile(r"(?i)(.+\.)(png|jpe?g|gif|svg|webp|tiff?|bmp|avif|ico)")
_DOCUMENT = re.compile(r"(?i)[^.]\.(pdf|docx?|xlsx?|pptx?|od[tsp]|png|jpe?g|gif|svg|webp|tiff?|bmp|mp[34]|wav|mov|zip|gz|tgz|7z|txt|md|csv|log)$")


@dataclass(slots=True, eq=False)
class Item:
    """One segment, or one fold of segments, seen below a place."""

    text: str
    kind: int
    prefix: str
    suffix: str
    nodes: list[int] = field(default_factory=list)
    folded: bool = False
    calls: int = 0
    values: list[str] = field(default_factory=list)
    distinct: int = 1
    names: set[str] = field(default_factory=set)
    """What follows: words, `*` for anything that is a value by its shape, and the methods answered right here."""
    methods: set[str] = field(default_factory=set)
    end_kept: bool = False
    """A value on the way to other paths, whose own path stays a literal."""

    view: bool = False
    """One of few words that choose a view of the values below them: no word of the site's vocabulary of values."""

    @property
    def stem(self) -> str:
        return self.text[len(self.prefix) : len(self.text) - len(self.suffix)] if self.suffix else self.text[len(self.prefix) :]

    @property
    def leaf(self) -> bool:
        return not self.names


@dataclass(slots=True)
class Param:
    """A parameter at a place."""

    name: str
    prefix: str
    suffix: str
    kinds: int
    place: Place
    distinct: int
    examples: list[str]
    confidence: float
    evidence: list[str]
    anything: bool = False
    """It takes any segment: an operator said so."""


@dataclass(slots=True)
class Place:
    """A position of the site: literals and parameters that follow, and the cells of the calls that end here."""

    nodes: list[int]
    literals: dict[str, Place] = field(default_factory=dict)
    params: list[Param] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    evidence: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Of each literal that stands beside a parameter or could be one: confidence and why it was kept."""

    matrix: tuple[tuple[int, str], ...] = ()
    """Matrix parameters that all paths which end here have: number of their segment, name."""

    known_as: tuple[str, ...] = ()
    """The last segments that this place is known by together with others, where they are not those that lead here."""

    known_params: dict[str, Param] = field(default_factory=dict)
    """The parameters among them that stand for words which lead here."""


@dataclass(slots=True)
class Vocabulary:
    """Words that were seen as values somewhere on a host."""

    words: set[str] = field(default_factory=set)
    tokens: Counter[str] = field(default_factory=Counter)

    def has(self, text: str) -> bool:
        low = text.lower()
        if low in self.words:
            return True
        parts = [part.lower() for part in tokens(text) if not part.isdigit()]
        return bool(parts) and all(part in self.tokens for part in parts)

    def add(self, text: str) -> None:
        found = numbered(text)
        stem = (found[0] if found else text).lower().rstrip("-_.")
        self.words.add(stem)
        for part in tokens(stem):
            if not part.isdigit():
                self.tokens[part] += 1


@dataclass(slots=True)
class Slugs:
    """The numbered slugs (``gold-25``) below one name, at all places of a host that it leads to."""

    calls: dict[str, int] = field(default_factory=dict)
    methods: set[str] = field(default_factory=set)
    places: set[tuple[str, ...]] = field(default_factory=set)


class Templates:
    """The decided map of one host."""

    def __init__(self, table: PathTable, root: int, pins: dict[tuple[str, ...], Decisions] | None = None, known: agreement.Known | None = None) -> None:
        self.table = table
        self.known = known
        table.count_passed()
        self.pins = pins or {}
        self.vocabulary = Vocabulary()
        self.views: set[frozenset[str]] = set()
        self.slugs: dict[str, Slugs] = {}
        self.leading: set[str] = set()
        """Names that lead to values somewhere."""
        self.makes: dict[str, set[tuple[int, str]]] = {}
        """Of a name that leads to codes somewhere: their lengths and characters."""
        self.followed: tuple[list[Item], int, set[str]] = ([], 0, set())
        """Of the place being split: its values, how many of them are counted, and all that follows those."""
        self.learning = True
        # First to learn which words are values anywhere, then, knowing them, to decide; a pass that learns nothing has decided.
        for _ in range(2):
            before = len(self.vocabulary.words), len(self.views), len(self.slugs), len(self.makes), len(self.leading)
            self.top = self.place([root], ())
            if (len(self.vocabulary.words), len(self.views), len(self.slugs), len(self.makes), len(self.leading)) == before:
                break
        else:
            self.learning = False
            self.top = self.place([root], ())
        self.join_relations(self.top, ())
        self.known = None  # it has told what it could, and holds the fields of every path asked for

    def place(self, nodes: list[int], where: tuple[str, ...], before: str = "") -> Place:
        """Decide the place that these nodes make up, and all below it. `where`: the segments that lead here, ``{}`` for a parameter."""
        here = Place(nodes, matrix=self.table.matrix_of([node for node in nodes if self.table.cells_of[node]]))
        pinned = self.pins.get(where)
        for node in nodes:
            here.cells.extend(self.table.cells_of[node])
        items = self.items(nodes)
        if not items:
            return here
        if len(items) == 1 and pinned is None and self.plain(items[0]):
            here.literals[items[0].text] = self.place(items[0].nodes, (*where, items[0].text), items[0].text)
            self.join_pictures(here)
            return here
        values, words, why = self.split(items, where, before, bool(here.cells))
        if pinned is not None:
            values, words = self.obey(pinned, values, words, why)
        frames: dict[tuple[str, str], list[Item]] = {}
        for item in values:
            frames.setdefault((item.prefix, item.suffix), []).append(item)
        if pinned is None or pinned.merge is None:
            self.join_frames(frames)
        for item in words:
            here.literals[item.text] = self.place(item.nodes, (*where, item.text), item.text)
            if item.text in why:
                here.evidence[item.text] = why[item.text]
        for (prefix, suffix), group in sorted(frames.items()):
            param = self.param(group, prefix, suffix, where, before)
            if pinned is not None and pinned.merge is not None:
                param.name, param.confidence, param.anything = pinned.merge, 1.0, True
                param.evidence.insert(0, "an operator merged what stands here")
            for item in group:
                if item.end_kept:
                    own = set(item.nodes)
                    ends = [cell for cell in param.place.cells if self.table.cell_node[cell] in own]
                    param.place.cells = [cell for cell in param.place.cells if self.table.cell_node[cell] not in own]
                    here.literals[item.text] = Place(list(item.nodes), cells=ends)
            here.params.append(param)
            if pinned is None or pinned.merge is None:
                self.keep_routes(here, group, param)
        self.join_pictures(here)
        return here

    def plain(self, item: Item) -> bool:
        """Whether an item that stands alone is a name, without a closer look: most are, where paths are long."""
        text = item.text
        return item.kind == WORD and not item.folded and text.isalpha() and text.isascii() and len(text) < 12 and not self.vocabulary.has(text)

    def obey(
        self, pinned: Decisions, values: list[Item], words: list[Item], why: dict[str, tuple[float, str]]
    ) -> tuple[list[Item], list[Item]]:
        """(values, words) as an operator's pins want them."""
        kept, merged = [], []
        for item in [*values, *words]:
            was_value = item in values
            if not item.folded and item.text in pinned.keep:
                why[item.text] = (1.0, "an operator keeps this name")
                kept.append(item)
            elif pinned.merge is not None:
                item.prefix = item.suffix = ""
                merged.append(item)
            elif pinned.split and not item.folded:
                why[item.text] = (1.0, "an operator split what stands here")
                kept.append(item)
            else:
                (merged if was_value else kept).append(item)
        for item in kept:
            item.end_kept = False
        return merged, sorted(kept, key=lambda item: item.text)

    def keep_routes(self, here: Place, group: list[Item], param: Param) -> None:
        """Where a few words became one parameter, a name that only one of them leads to keeps the whole route literal."""
        plain = [item for item in group if item.kind == WORD and not item.folded and not self.opaque(item.text) and not coded(item.text) and wordness(item.text) > -0.35]
        if (len(plain) < len(group) and not any(item.end_kept for item in plain)) or len(plain) > 6:
            plain = [item for item in plain if item.end_kept]
        for item in plain:
            mine = set(item.nodes)
            for text, below in list(param.place.literals.items()):
                if all(self.table.parents[node] in mine for node in below.nodes) and len(below.nodes) > 0:
                    route = here.literals.setdefault(item.text, Place(list(item.nodes)))
                    route.literals[text] = below
                    here.evidence.setdefault(item.text, (0.7, f"of the values of {{{param.name}}} only this one leads to {text}"))
                    del param.place.literals[text]

    def join_relations(self, place: Place, where: tuple[str, ...]) -> None:
        """Find relations that hold for any kind of thing, here and below: ``/{type}/{id}/tags`` beside ``/tags/{id}/{type}``.

        They show when everything that is kept below one collection's items is again a collection that stands beside it, three or more of
        them, and the items of exactly these lead back to it: one handler answers for all of them. What their items share with it by name
        (``change_tags``) and no other collection has belongs to it too.
        """
        split = self.pins.get(where)
        for name, hub in sorted(place.literals.items()) if split is None or not split.split else ():
            items = self.below_items(hub)
            kinds = items.literals if items is not None else {}
            if len(kinds) < 3 or not all(kind in place.literals and kind != name for kind in kinds):
                continue
            members = {kind: items for kind in sorted(kinds) if (items := self.below_items(place.literals[kind])) is not None and name in items.literals}
            if len(members) < len(kinds):
                continue
            if not self.alike(list(kinds.values())):
                continue
            stem = set(map(singular, tokens(name.lower())))
            routes = sorted(set.intersection(*(set(member.literals) for member in members.values())))
            shared = [
                route
                for route in routes
                if route == name or (len(tokens(route)) > 1 and stem & set(map(singular, tokens(route.lower()))))
                if {other for other, beside in place.literals.items() if route in getattr(self.below_items(beside), "literals", ())} == set(members)
            ]
            shared = [route for route in shared if self.alike([member.literals[route] for member in members.values()])]
            if name not in shared:
                continue
            why = f"{', '.join(members)} all lead to {name} and {name} leads to all of them and to nothing else: one relation for any of them"
            same = self.same_bodies([member.literals[name] for member in members.values()])
            if same:
                why += "; their bodies have the same fields"
            kind = Param("type", "", "", 1 << WORD, Place([]), len(members), list(members)[:8], 0.85 if same else 0.75, [why])
            for kept in kinds.values():
                kept.known_as = (name, "{id}", "{type}")
                kept.known_params = {"type": kind}
            for member in members.values():
                for route in shared:
                    member.literals[route].known_as = ("{type}", "{id}", route)
                    member.literals[route].known_params = {"type": kind}
        for text, below in place.literals.items():
            self.join_relations(below, (*where, text))
        for param in place.params:
            self.join_relations(param.place, (*where, "{}"))

    def below_items(self, place: Place) -> Place | None:
        """The place of a collection's items, where there is one kind of them."""
        return place.params[0].place if len(place.params) == 1 and not place.params[0].prefix else None

    def alike(self, places: list[Place]) -> bool:
        """Whether paths end at all these places, with the same methods and with bodies that nothing tells apart, and none goes on."""
        methods = [{self.table.cell_method[cell] for cell in place.cells} for place in places]
        if not all(methods) or any(one != methods[0] for one in methods) or any(place.literals or place.params for place in places):
            return False
        return self.same_bodies(places) is not False

    def same_bodies(self, places: list[Place]) -> bool | None:
        """Whether requests and answers at these places have the same fields, method by method; None where too little is known."""
        said = None
        parts = [self.bodies(sorted({int(self.table.cell_node[cell]) for cell in place.cells})) for place in places]
        for one, part in enumerate(parts):
            for other in parts[:one]:
                for method in part.keys() & other.keys():
                    found = agreement.agree(part[method], other[method])
                    if found is False:
                        return False
                    said = found or said
        return said

    def bodies(self, nodes: list[int]) -> dict[str, agreement.Fields]:
        """The fields of bodies at nodes, by method."""
        if self.known is None:
            return {}
        paths: dict[str, set[str]] = {}
        for node in nodes[:64]:
            for cell in self.table.cells_of[node]:
                paths.setdefault(self.table.method_names[self.table.cell_method[cell]], set()).add(self.path_of(node))
        return {method: self.known.of(sorted(found), method) for method, found in paths.items()}

    def path_of(self, node: int) -> str:
        """The path of a node, its values by shape folded."""
        table = self.table
        parts: list[str] = []
        while table.parents[node] >= 0:
            text = table.texts[node] if table.frames[node] is None else min(table.value_texts[node].values(), default=b"")
            parts.append(text.decode("utf-8", "backslashreplace") if table.kinds[node] in (WORD, MIXED) else "{}")
            node = table.parents[node]
        return "/" + "/".join(reversed(parts))

    def join_pictures(self, here: Place) -> None:
        """One picture in several formats (``thumbnail.png``, ``thumbnail.jpg``) is one endpoint with the format as parameter."""
        stems: dict[str, list[str]] = {}
        for text in here.literals:
            found = _PICTURE.fullmatch(text)
            if found is not None:
                stems.setdefault(found[1], []).append(text)
        for stem, texts in stems.items():
            if len(texts) >= 2 and self.alike([here.literals[text] for text in texts]):
                formats = sorted(text[len(stem) :] for text in texts)
                why = f"the same picture as {', '.join(formats)}"
                for text in texts:
                    here.literals[text].known_as = (f"{stem}{{format}}",)
                    here.literals[text].known_params = {"format": Param("format", stem, "", 1 << WORD, Place([]), len(formats), formats, 0.8, [why])}

    def join_frames(self, frames: dict[tuple[str, str], list[Item]]) -> None:
        """Files of several types (``a-1.pdf``, ``b-2.png``) are one parameter; ``{id}.json`` beside ``{id}`` is two."""
        dotted = [key for key in frames if not key[0] and key[1].startswith(".")]
        if len(dotted) >= 2 and all(item.kind in (MIXED, WORD) for key in dotted for item in frames[key]):
            for key in dotted:
                for item in frames.pop(key):
                    frames.setdefault(("", ""), []).append(item)

    def items(self, nodes: list[int]) -> list[Item]:
        """What follows a place, one item a segment or fold, sorted."""
        table = self.table
        found: dict[tuple[str, str, str, int], Item] = {}
        for node in nodes:
            for child in table.children[node]:
                frame = table.frames[child]
                kind = table.kinds[child]
                if frame is not None:
                    prefix, suffix = frame[0].decode("utf-8", "replace"), frame[1].decode("utf-8", "replace")
                    key = ("", prefix, suffix, kind)
                else:
                    text = table.texts[child].decode("utf-8", "backslashreplace")
                    prefix = suffix = ""
                    key = (text, "", "", -1)
                item = found.get(key)
                if item is None:
                    if frame is None:
                        _, pre, _, post = shape(table.texts[child])
                        prefix, suffix = pre.decode("utf-8", "replace"), post.decode("utf-8", "replace")
                    item = found[key] = Item(key[0], kind, prefix, suffix, folded=frame is not None)
                item.nodes.append(child)
                item.calls += table.passed[child]
                if frame is not None:
                    item.values.extend(text.decode("utf-8", "backslashreplace") for text in table.value_texts[child].values())
                    item.distinct = max(item.distinct, table.distinct(child)[0])
        for item in found.values():
            if item.folded:
                item.values = sorted(set(item.values))
                item.distinct = max(item.distinct, len(item.values))
            else:
                item.values = [item.text]
            for node in item.nodes:
                for cell in table.cells_of[node]:
                    item.methods.add(table.method_names[table.cell_method[cell]])
                for child in table.children[node]:
                    kind = table.kinds[child]
                    text = table.texts[child].decode("utf-8", "backslashreplace") if kind == WORD and table.frames[child] is None else "*"
                    item.names.add("*" if RELEASE(text) else text)
        return [found[key] for key in sorted(found)]

    # The decision ---------------------------------------------------------------------------------------------------------------------

    def split(self, items: list[Item], where: tuple[str, ...], before: str, ends: bool) -> tuple[list[Item], list[Item], dict[str, tuple[float, str]]]:
        """(values, literals, why) of a place's items. `before`: the name that leads to the place; `ends`: whether paths end there."""
        values: list[Item] = []
        words: list[Item] = []
        why: dict[str, tuple[float, str]] = {}
        for item in items:
            if item.folded or item.kind in CERTAIN or (len(item.text) >= 16 and secret(item.text)):
                values.append(item)
            else:
                words.append(item)
        self.keep_versions(values, words, why, len(where), before)
        if self.learning and before:
            self.note_slugs(words, before, where)
        if singular(before) != before and (ends or before in self.leading):
            self.take_keys(values, words, before)
        self.take_releases(values, words)
        self.take_opaque(values, words)
        self.take_framed(values, words)
        self.take_made(values, words, before)
        self.take_handed(values, words, before)
        self.take_named(values, words, before)
        self.take_numbered(values, words)
        self.take_pooled(values, words, before)
        self.take_enumeration(values, words)
        self.take_codes(values, words)
        self.take_constants(values, words)
        self.take_files(values, words)
        self.take_known(values, words)
        self.take_alike(values, words)
        self.take_items(values, words, before)
        self.take_kin(values, words)
        self.take_growing(values, words, before)
        self.give_back_outliers(values, words, why)
        self.give_back_unlike(values, words, why)
        if values:
            for item in words:
                why.setdefault(item.text, (0.9, "reads as a name and stands beside values of another make"))
        if self.learning:
            if before and values:
                self.note_makes(values, before)
                self.leading.add(before)
            for item in values:
                if item.kind in (WORD, MIXED) and not item.view:
                    for text in item.values:
                        stem = text[len(item.prefix) : len(text) - len(item.suffix)]
                        tail = numbered(stem)
                        if self.slug(stem):
                            self.vocabulary.add(stem)
                        elif tail is not None and tail[1] and tail[0].replace("-", "").isalnum() and wordness(tail[0]) > -0.5:
                            self.vocabulary.words.add(tail[0].lower())
        words.sort(key=lambda item: item.text)
        return values, words, why

    def slug(self, text: str) -> bool:
        """Whether a value is made of readable words, so that its words are worth remembering."""
        parts = [part for part in tokens(text) if not part.isdigit()]
        if not parts or any(len(part) < 2 for part in parts):
            return False
        return wordness(text) > -0.5 and (numbered(text) is not None or text.isalpha() or "-" in text or "_" in text)

    def keep_versions(self, values: list[Item], words: list[Item], why: dict[str, tuple[float, str]], depth: int, before: str) -> None:
        """A version near the root, or the only number of a place with a whole API below it, is a literal; so is one that never varies."""
        beside_versions = any(version(item.text) and not item.leaf for item in words)
        plain = [item for item in values if not item.folded]
        if len(plain) == len(values) == 1 and plain[0].kind == INTEGER and len(plain[0].text) <= 2 and plain[0].leaf:
            above = {self.table.parents[node] for node in plain[0].nodes}
            beside = max(len(above), sum(self.table.distinct(self.table.parents[one])[0] for one in above if self.table.parents[one] >= 0))
            if beside >= 3 and plain[0].calls >= 3:
                item = values.pop()
                words.append(item)
                why[item.text] = (0.8, f"the same number in all {item.calls} calls, below {beside} values of what stands before it")
                return
        for item in plain:
            small = item.kind == INTEGER and len(item.text) <= 2 and depth <= 2
            if ((item.kind == DATE and version(item.text)) or small) and len(values) <= 3 and not item.leaf:
                few = not item.methods and depth <= 2 and singular(before) == before and all(other.calls >= 8 for other in plain) and sum(other.calls for other in plain) >= 16 * len(plain)
                if sum(name != "*" for name in item.names) >= 2 or (depth <= 1 and not item.methods and (len(values) == 1 or beside_versions)) or few:
                    values.remove(item)
                    words.append(item)
                    why[item.text] = (0.9, f"one of few such values among {item.calls} calls, with an API below it: a version")

    def opaque(self, text: str) -> bool:
        """Whether a segment alone reads as random: letters that make no word, or digits in the middle of letters. Of a URN its last part."""
        if text.count(":") > 1:
            text = text.rpartition(":")[2]
        if version(text) or len(text) < 5:
            return False
        if sum(c.isdigit() for c in text) * 2 >= len(text) >= 8:
            return True
        if any(sign in text for sign in ".~!$&'()*+,;=:@%") or text.count("_") + text.count("-") > 1:
            return False
        reads = wordness(text)
        digits = sum(c.isdigit() for c in text)
        if digits == 0 and len(text) >= 10 and jumbled(text):
            return True
        if digits == 0:
            return reads < (-0.35 if len(text) >= 8 else -0.75)
        tail = numbered(text)
        if tail is not None and tail[0].isalpha() and reads > -0.35:
            return False
        return reads < 0.1 or max((len(part) for part in tokens(text)), default=0) < 4

    def take_opaque(self, values: list[Item], words: list[Item]) -> None:
        """Random-looking segments, and those of the same length and characters as several of them."""
        suffixes = self.suffixes(values)
        strange = sum(self.opaque(item.text) for item in words) if not values else 0
        for item in list(words):
            stem = item.stem if item.kind == MIXED else self.unframed(item, suffixes)
            if item.kind == MIXED and version(item.text):
                continue
            if item.kind == MIXED:
                found = numbered(stem)
                if found and found[0][-1:].isalpha() and wordness(found[0]) > -0.35 and not self.opaque(stem):
                    continue
                if len(values) == 0 and len(words) <= 2 and len(stem) <= 6 and found and not found[1]:
                    continue
                words.remove(item)
                values.append(item)
                suffixes = self.suffixes([item]) + suffixes if item.suffix not in suffixes else suffixes
            elif self.opaque(stem) and self.fits(item, values, strange):
                self.reframe(item, stem)
                words.remove(item)
                values.append(item)
        # As a set: values of one make.
        makes: Counter[tuple[int, str]] = Counter()
        signs: dict[int, Counter[str]] = {}
        for item in values:
            if item.kind in (WORD, MIXED, TOKEN, HEX):
                for text in item.values:
                    stem = text[len(item.prefix) : len(text) - len(item.suffix)]
                    makes[len(stem), cast(stem)] += 1
                    signs.setdefault(len(stem), Counter()).update(cast(stem))
        if not makes:
            return
        suffixes = self.suffixes(values)
        for item in list(words):
            stem = self.unframed(item, suffixes)
            if len(stem) < 4 or version(stem):
                continue
            kin = sum(n for (length, chars), n in makes.items() if length == len(stem) and set(cast(stem)) <= set(chars) and chars != "a-")
            usual = signs.get(len(stem), Counter())
            if sum(n for (length, _), n in makes.items() if length == len(stem)) >= 8 and all(usual[c] >= 3 for c in cast(stem)):
                kin = max(kin, min(usual[c] for c in cast(stem)))
            odd = stem.isupper() or (any(c.isdigit() for c in stem) and not stem.islower()) or jumbled(stem)
            code = odd and stem.isupper() and any(c.isdigit() for c in stem)
            common = kin * 3 >= sum(makes.values()) or (kin >= 8 and len(stem) >= 12)  # one place may take ids of several makes
            if kin >= (2 if code else 3) and (odd or common) and wordness(stem) < (9.0 if odd and kin >= 5 else 0.9 if odd else 0.35):
                if (code and kin >= 8) or self.compatible(item, values):
                    self.reframe(item, stem)
                    words.remove(item)
                    values.append(item)

    def fits(self, item: Item, values: list[Item], strange: int) -> bool:
        """An unreadable word alone is an abbreviation as often as a value: it needs company, or no structure that says name. `strange`: unreadable words
        of the place."""
        if values:
            return self.compatible(item, values)
        return strange >= 2 or any(c.isdigit() for c in item.text) or len(item.text) >= 12

    def suffixes(self, values: list[Item]) -> tuple[str, ...]:
        """What stands behind values of a place (``.json``)."""
        return tuple(dict.fromkeys(item.suffix for item in values if item.suffix and not item.prefix))

    def unframed(self, item: Item, suffixes: tuple[str, ...]) -> str:
        """A word's stem when values beside it stand in a frame that the word has too (``abcd.json`` beside ``1234.json``)."""
        for suffix in suffixes:
            if item.text.endswith(suffix) and len(item.text) > len(suffix):
                return item.text[: -len(suffix)]
        return item.text

    def reframe(self, item: Item, stem: str) -> None:
        item.suffix = item.text[len(stem) :]

    def compatible(self, item: Item, values: list[Item]) -> bool:
        """Whether what follows an item could follow the values: nothing, or mostly the same."""
        names = {name for name in item.names if name != "*"}
        if not names:
            return True
        if self.followed[0] is not values or self.followed[1] > len(values):
            self.followed = values, 0, set()
        _, counted, known = self.followed
        for other in values[counted:]:  # values of a place are only ever added to while it is being split
            known |= other.names
        self.followed = values, len(values), known
        return len(names & known) * 2 >= len(names)

    def take_numbered(self, values: list[Item], words: list[Item]) -> None:
        """``gold-25``, ``lotus42``: several numbered stems beside each other are values."""
        suffixes = self.suffixes(values)
        slugs = [item for item in values if item.kind == MIXED and any(numbered(text) for text in item.values)]
        found = [(item, numbered(self.unframed(item, suffixes))) for item in words]
        tailed = [(item, tail) for item, tail in found if tail is not None and not version(item.text)]
        dashed = [(item, tail) for item, tail in tailed if tail[1] in ("-", "_")]
        stems = {tail[0].lower() for _, tail in tailed}
        for item, tail in tailed:
            known = self.vocabulary.has(tail[0])
            beside = any(other.text == tail[0] for other in words)
            if known or slugs or (len(dashed) >= 2 and tail[1]) or len(stems) >= 3 or (beside and tail[1]) or (values and tail[1] and self.compatible(item, values)):
                stem = self.unframed(item, suffixes)
                if self.compatible(item, values) or len(tailed) >= 3:
                    self.reframe(item, stem)
                    words.remove(item)
                    values.append(item)
        # Where slugs are the rule, a word that is not called more than they are and leads where they lead is one of them.
        made = [item for item in values if item.kind in (WORD, MIXED) and any(numbered(text) for text in item.values)]
        slugs_n = sum(len(item.values) for item in made)
        if slugs_n >= 5 and slugs_n * 2 >= len(values) and all(text.islower() for item in made for text in item.values):
            mean = sum(item.calls for item in made) / slugs_n
            methods = set().union(*(item.methods for item in made))
            for item in list(words):
                if item.text.islower() and item.text.isalpha() and item.calls <= 1.5 * mean + 1 and item.methods <= methods and self.compatible(item, values):
                    words.remove(item)
                    values.append(item)
        # Beside numbered slugs, other words of several parts, written the same way, are slugs too.
        made = [item for item in values if item.kind in (WORD, MIXED) and not item.prefix and any(numbered(text) for text in item.values)]
        lower = all(text.islower() for item in made for text in item.values)
        if made and lower and len({text for item in made for text in item.values}) >= 3:
            for item in list(words):
                if len(tokens(item.text)) >= 2 and item.text.islower() and ("-" in item.text or "_" in item.text) and self.compatible(item, values):
                    words.remove(item)
                    values.append(item)

    def note_slugs(self, words: list[Item], before: str, where: tuple[str, ...]) -> None:
        """Remember the numbered slugs that end paths here, by the name before them."""
        for item in words:
            tail = numbered(item.text)
            if tail is not None and tail[1] in ("-", "_") and item.leaf and item.text.islower():
                known = self.slugs.setdefault(before, Slugs())
                known.calls[item.text] = item.calls
                known.methods |= item.methods
                known.places.add(where)

    def take_keys(self, values: list[Item], words: list[Item], before: str) -> None:
        """Below a collection that is answered itself (``/Contacts``), or that leads to values elsewhere, a code in upper case is the key of one of its items
        (``/Contacts/LP6``)."""
        for item in list(words):
            text = item.text
            if not (text.isupper() and text.isalnum() and text.isascii()) or version(text):
                continue
            if any(c.isdigit() for c in text) or (len(text) >= 5 and wordness(text) < 0 and before in self.leading):
                if values and not self.compatible(item, values):
                    continue
                words.remove(item)
                values.append(item)

    def take_framed(self, values: list[Item], words: list[Item]) -> None:
        """Where many values begin alike and go on as long (``cus_NfJt8rWn``, ``urn:li:person:YFp2``), or with digits, so does one whose rest chance made read."""
        frames: Counter[tuple[str, int]] = Counter()
        for item in values:
            for text in item.values if item.kind in (WORD, MIXED, TOKEN, HEX) and not item.view else ():
                frames.update(beginnings(text))
        for item in list(words) if frames else ():
            if any(frames[one] >= 8 for one in beginnings(item.text)) and self.compatible(item, values):
                words.remove(item)
                values.append(item)

    def note_makes(self, values: list[Item], before: str) -> None:
        """Remember the length and characters of codes that stand below a name."""
        found: Counter[tuple[int, str]] = Counter()
        for item in values:
            for text in item.values if item.kind in (WORD, MIXED, TOKEN, HEX) and not item.view else ():
                stem = text[len(item.prefix) : len(text) - len(item.suffix)]
                if len(stem) >= 4 and coded(stem):
                    found[len(stem), cast(stem)] += 1
        made = {make for make, n in found.items() if n >= 3}
        if made:
            self.makes.setdefault(before, set()).update(made)

    def take_made(self, values: list[Item], words: list[Item], before: str) -> None:
        """A code of the very make that the same name leads to elsewhere (``/services/PX7Q2A9``, ``/incidents/{}/services/P10MPPT``)."""
        made = self.makes.get(before, ())
        for item in list(words) if made else ():
            if (len(item.text), cast(item.text)) in made and coded(item.text) and (not values or self.compatible(item, values)):
                words.remove(item)
                values.append(item)

    def take_releases(self, values: list[Item], words: list[Item]) -> None:
        """Versions of things: those in three parts (``1.22.4``), when several stand beside each other, and so many of any kind that no API has them."""
        found = [item for item in words if version(item.text) or RELEASE(item.text)]
        if sum(RELEASE(item.text) is not None for item in found) >= 3 or len(found) >= 12:
            for item in found:
                words.remove(item)
                values.append(item)

    def take_handed(self, values: list[Item], words: list[Item], before: str) -> None:
        """Below a collection, words that responses handed out as what its items are called (``{"slug": "berlin"}``): two by one field, and half of what may be one."""
        one = singular(before).lower()
        if self.known is None or not before or version(before):
            return
        own = {one, f"{one}_id", f"{one}_name", f"{one}_key", f"{one}_code", f"{one}_slug"}
        may = CALLED | own if one != before.lower() else own
        open_words = [item for item in words if item.text.lower() not in COMMON and not version(item.text)]
        by_field: dict[str, list[Item]] = {}
        for item in open_words:
            for name in self.known.handed(item.text) & may:
                by_field.setdefault(name, []).append(item)
        for _, handed in sorted(by_field.items(), key=lambda one: (-len(one[1]), one[0])):
            found = [item for item in handed if item in words]
            follow = Counter(name for item in found for name in item.names)
            alike = [item for item in found if all(follow[name] > 1 for name in item.names) or self.compatible(item, values)]
            if len(alike) >= 2 and len(alike) * 2 >= len([item for item in open_words if item in words]):
                for item in alike:
                    words.remove(item)
                    values.append(item)

    def take_named(self, values: list[Item], words: list[Item], before: str) -> None:
        """Below a name that says values follow (``/url_slugs/…``, ``/users/by-email/…``), several words that lead to the same are values."""
        parts = [singular(part).lower() for part in tokens(before)]
        if not parts or not (parts[-1] in IDENTIFIERS or (len(parts) > 1 and parts[0] == "by")):
            return
        found = [item for item in words if item.text.lower() not in COMMON and not version(item.text)]
        follow = Counter(name for item in found for name in item.names)
        alike = [item for item in found if all(follow[name] > 1 for name in item.names) or self.compatible(item, values)]
        if len(alike) >= 2:
            for item in alike:
                words.remove(item)
                values.append(item)

    def take_pooled(self, values: list[Item], words: list[Item], before: str) -> None:
        """Where one name leads to several places (``/voice/countries``, ``/messaging/countries``), what is too little at each of them counts together: below it
        slugs are the rule, so words that end paths as they do, and are not called more than they are, are slugs too."""
        known = self.slugs.get(before)
        if known is None or len(known.calls) < 4 or len(known.places) < 2:
            return
        most = 1.5 * sum(known.calls.values()) / len(known.calls) + 1
        for item in list(words):
            if item.leaf and item.text.islower() and not version(item.text) and item.calls <= most and item.methods <= known.methods and self.compatible(item, values):
                words.remove(item)
                values.append(item)

    def take_codes(self, values: list[Item], words: list[Item]) -> None:
        """Countries and languages: segments of two letters, or ``pt-BR``, when no other word stands with them."""
        stems = {item.text: _FILE.fullmatch(item.text) for item in words}
        bare = {text: (found[1] if found else text) for text, found in stems.items()}
        codes = [item for item in words if locale(bare[item.text])]
        full = [item for item in codes if len(bare[item.text]) == 5]
        upper = [item for item in codes if bare[item.text].isupper()]
        chosen: list[Item] = []
        if len(full) >= 2 or (full and len(codes) >= 2):
            chosen = codes
        elif (len(upper) >= 2 and (len(upper) * 2 > len(words) or len(upper) >= 4)) or (upper and len(upper) == len(words) == 2):
            chosen = upper
        elif len(codes) >= 3 and len(codes) * 4 >= len(words) * 3:
            chosen = codes
        for item in chosen:
            self.reframe(item, bare[item.text])
            words.remove(item)
            values.append(item)

    def take_constants(self, values: list[Item], words: list[Item]) -> None:
        """Several constants (``PORT_IN``, ``PORT_OUT``) that end paths with the same methods are values of an enumeration, and so are those that lead to
        constants (``/rates/EUR/USD``)."""
        leading = [item for item in words if item.names and not item.methods and all(text.isupper() and text.isalpha() for text in (item.text, *item.names))]
        if len(leading) >= 4 and len(leading) * 2 >= len(words):
            for item in leading:
                words.remove(item)
                values.append(item)
        found = [item for item in words if item.leaf and item.methods and item.text.isupper() and item.text.replace("_", "").isalpha()]
        if len(found) >= (2 if any("_" in item.text for item in found) else 4) and len(found) * 2 >= len(words):
            if all(item.methods == found[0].methods for item in found):
                for item in found:
                    words.remove(item)
                    values.append(item)

    def take_known(self, values: list[Item], words: list[Item]) -> None:
        """Words that were values elsewhere on this host, unless what follows them says name."""
        if not self.vocabulary.words:
            return
        suffixes = self.suffixes(values)
        for item in list(words):
            stem = self.unframed(item, suffixes)
            if self.vocabulary.has(stem) and not version(stem):
                slugs = any(other.kind in (WORD, MIXED) for other in values)
                others = [other for other in words if other is not item]
                if (slugs and self.compatible(item, values)) or ((not values or self.compatible(item, values)) and all(
                    self.vocabulary.has(self.unframed(other, suffixes)) for other in others
                )):
                    self.reframe(item, stem)
                    words.remove(item)
                    values.append(item)

    def take_alike(self, values: list[Item], words: list[Item]) -> None:
        """Words that share what follows them, when there are enough of them and they are not collections."""
        inner = [item for item in words if any(name != "*" for name in item.names) and not version(item.text)]
        if len(inner) < 3:
            return
        freq = Counter(name for item in inner for name in item.names if name != "*")
        shared = {name for name, n in freq.items() if n * 2 >= len(inner) and n >= 3}
        alike = [item for item in inner if shared and len({n for n in item.names if n != "*"} & shared) * 3 >= 2 * sum(n != "*" for n in item.names)]
        plural = sum(item.text.endswith("s") for item in alike)
        collections = sum("*" in item.names for item in alike)
        need = 4 if len(shared) >= 2 else 6
        if collections * 2 > len(alike):
            need = 8
        if len(alike) >= need and plural * 2 < len(alike) and len(alike) * 3 >= len(inner) * 2:
            for item in alike:
                words.remove(item)
                values.append(item)

    def take_items(self, values: list[Item], words: list[Item], before: str) -> None:
        """Below a collection, many words that lead to values, and by these to the same names, are its items (``/packages/chalk/5.3.0/files``)."""
        if singular(before) == before:
            return
        inner = [item for item in words if "*" in item.names and item.text.lower() not in COMMON and not version(item.text)]
        if len(inner) < 8:
            return
        follow = {id(item): self.followed_by(item) for item in inner}
        freq = Counter(name for names in follow.values() for name in names)
        shared = {name for name, n in freq.items() if n * 4 >= len(inner)}
        alike = [item for item in inner if len(follow[id(item)] & shared) * 3 >= 2 * len(follow[id(item)])]
        if len(alike) >= 8 and len(alike) * 3 >= 2 * len(inner) and sum(singular(item.text) != item.text for item in alike) * 4 < len(alike):
            for item in alike:
                words.remove(item)
                values.append(item)

    def followed_by(self, item: Item) -> set[str]:
        """What follows an item: names; and of values the methods that end there, and the names that follow those."""
        table = self.table
        found = item.names - {"*"}
        for node in item.nodes:
            for child in table.children[node]:
                if table.kinds[child] != WORD or table.frames[child] is not None or RELEASE(table.texts[child].decode("utf-8", "replace")):
                    found.update(f"*:{table.method_names[table.cell_method[cell]]}" for cell in table.cells_of[child])
                    found.update(f"*/{table.texts[below].decode('utf-8', 'replace')}" for below in table.children[child] if table.kinds[below] == WORD)
        return found

    def take_kin(self, values: list[Item], words: list[Item]) -> None:
        """Where readable words are values already, a word that leads where they lead, and is not called more than they are, is one too."""
        kin = [item for item in values if item.kind in (WORD, MIXED) and not item.folded and not item.view and self.readable(item.text)]
        if len(kin) < 3:
            return
        known = set().union(*(item.names for item in kin)) - {"*"}
        methods = set().union(*(item.methods for item in kin))
        mean = sum(item.calls for item in kin) / len(kin)
        rule = len(kin) >= 8 and len(kin) >= 3 * len(words)  # values are what stands here
        for item in list(words):
            names = item.names - {"*"}
            if version(item.text) or item.text.lower() in COMMON or (item.calls > 3 * mean and not (len(names) >= 2 and names <= known)):
                continue
            if len(names & known) * 3 >= 2 * len(names) and (len(names) >= 2 or (rule and item.methods <= methods and self.readable(item.text))):
                words.remove(item)
                values.append(item)

    def readable(self, text: str) -> bool:
        """Whether a segment is made of words."""
        return not self.opaque(text) and all(len(part) > 1 for part in tokens(text) if not part.isdigit()) and wordness(text) > -0.5

    def take_files(self, values: list[Item], words: list[Item]) -> None:
        """Several documents or pictures beside each other are values; ``.json`` and its like are formats of an API and tell nothing."""
        files = [item for item in words if item.leaf and _DOCUMENT.search(item.text)]
        if len({item.text.rpartition(".")[0] for item in files}) >= 4:
            for item in files:
                words.remove(item)
                values.append(item)

    def take_growing(self, values: list[Item], words: list[Item], before: str) -> None:
        """Many words that end paths, or go on as most of them do, and were mostly called once: their number still grows, as that of names does not. A few that
        everybody calls (``/posts/trending``) say nothing about the others."""
        inner = Counter(name for item in words for name in item.names)
        shared = {name for name, n in inner.items() if n >= 8} if singular(before) != before else set()
        ends = [item for item in words if item.names <= shared and not version(item.text)]
        if len(ends) < 8 or sum(spoken(item.text) for item in ends) * 2 >= len(ends):
            return
        usual = sorted(item.calls for item in ends)[len(ends) // 2]
        cold = [item for item in ends if item.calls <= 4 * usual]
        once = sum(item.calls == 1 for item in cold)
        calls = sum(item.calls for item in cold)
        if shared and any(item.names for item in cold):
            grows = len(cold) >= 16 and once * 4 >= len(cold) and calls < 4 * len(cold) and sum(item.text.endswith("s") for item in cold) * 2 < len(cold)
        else:
            grows = once * 2 >= len(cold) and calls < 2.5 * len(cold)
        if len(cold) >= 8 and (grows or len(ends) >= 512):
            spelled = sum(len(tokens(item.text)) > 1 for item in cold)
            for item in ends:
                named = item.text.lower() in COMMON or (item.calls > 4 * usual and len(tokens(item.text)) == 1 and spelled * 5 >= 4 * len(cold))
                if not named:
                    words.remove(item)
                    values.append(item)

    def take_enumeration(self, values: list[Item], words: list[Item]) -> None:
        """Words with the very same opaque values below them choose a view of those values: they are one parameter."""
        if values:
            known = Stock.of(self.values_below(item) for item in values)
            for item in list(words):
                if "*" in item.names and self.values_below(item).shares(known):
                    self.take_view(item, values, words)
        elif 2 <= len(words) <= 6 and not any(item.methods for item in words) and sum(item.text.endswith("s") for item in words) <= 1:
            below = [self.values_below(item) for item in words]
            if all(part.shares(below[0]) for part in below):
                for item in list(words):
                    self.take_view(item, values, words)
        # The words of a view that another place of the host gave away, where they lead to the same things here too.
        for view in self.views:
            chosen = [item for item in words if item.text in view and "*" in item.names and len(item.names) <= 3]
            taken = sum(item.view and item.text in view for item in values)
            if len(chosen) + taken >= 2:
                for item in chosen:
                    self.take_view(item, values, words)
        if self.learning:
            texts = frozenset(item.text for item in values if item.view)
            if len(texts) >= 2 and not any(texts <= view for view in self.views):
                self.views = {view for view in self.views if not view < texts} | {texts}

    def take_view(self, item: Item, values: list[Item], words: list[Item]) -> None:
        item.end_kept = bool(item.methods)
        item.view = True
        words.remove(item)
        values.append(item)

    def values_below(self, item: Item) -> Stock:
        """Opaque values right below an item."""
        found = Stock()
        for node in item.nodes:
            for child in self.table.children[node]:
                kind = self.table.kinds[child]
                if kind in (UUID, HEX, TOKEN) or (kind == WORD and self.table.frames[child] is None and self.opaque(self.table.texts[child].decode("utf-8", "replace"))):
                    if self.table.frames[child] is None:
                        found.hashes.add(sample_hash(self.table.texts[child]))
                    else:
                        found.add_sample(self.table.value_texts[child])
        return found

    def give_back_outliers(self, values: list[Item], words: list[Item], why: dict[str, tuple[float, str]]) -> None:
        """A readable word that was taken for a value, though it leads to what no other value leads to, is a literal after all."""
        counts = Counter(name for item in values for name in item.names)
        for item in list(values):
            if item.folded or item.kind != WORD or len(values) < 3:
                continue
            own = {name for name in item.names if name != "*"}
            if len(own) >= 2 and all(counts[name] == 1 for name in own) and wordness(item.text) > 0:
                values.remove(item)
                counts.subtract(item.names)
                words.append(item)
                why[item.text] = (0.8, "leads to " + ", ".join(sorted(own)[:3]) + ", as no value beside it does")

    def give_back_unlike(self, values: list[Item], words: list[Item], why: dict[str, tuple[float, str]]) -> None:
        """A readable word that was taken for a value, though the bodies of its requests or answers have other fields than those of all other values, is a
        name after all (``/orders/summary``)."""
        suspects = [item for item in values if item.kind == WORD and not item.folded and not item.view and not self.opaque(item.text)]
        if not suspects or len(values) < 2 or self.known is None:
            return
        made = {id(item): self.bodies_of(item) for item in suspects}
        suspects = [item for item in suspects if any(any(fields) for fields in made[id(item)].values())]
        if not suspects:
            return
        made |= {id(item): self.bodies_of(item) for item in values if id(item) not in made}
        counts: dict[tuple[str, str], tuple[Counter[str], Counter[str]]] = {}
        for mine in made.values():
            for key, fields in mine.items():
                for count, names in zip(counts.setdefault(key, (Counter(), Counter())), fields, strict=True):
                    count.update(names)
        for item in suspects:
            found = []
            for key, (request, response) in made[id(item)].items():
                requests, responses = counts[key]
                rest = frozenset(name for name in requests if requests[name] > (name in request)), frozenset(name for name in responses if responses[name] > (name in response))
                found.append(agreement.agree((request, response), rest))
            if False in found and True not in found:
                values.remove(item)
                words.append(item)
                why[item.text] = (0.85, "its bodies have other fields than those of the values beside it")

    def bodies_of(self, item: Item) -> dict[tuple[str, str], agreement.Fields]:
        """The fields of bodies at an item and right below it, by name of what follows and method."""
        found = {("", method): fields for method, fields in self.bodies(item.nodes).items()}
        below: dict[str, list[int]] = {}
        for node in item.nodes[:64]:
            for child in self.table.children[node]:
                if self.table.kinds[child] == WORD and self.table.frames[child] is None:
                    below.setdefault(self.table.texts[child].decode("utf-8", "backslashreplace"), []).append(child)
        for name, nodes in below.items():
            found.update({(name, method): fields for method, fields in self.bodies(nodes).items()})
        return found

    # Parameters -----------------------------------------------------------------------------------------------------------------------

    def param(self, group: list[Item], prefix: str, suffix: str, where: tuple[str, ...], before: str) -> Param:
        kinds = 0
        nodes: list[int] = []
        examples: list[str] = []
        distinct = 0
        for item in group:
            kinds |= 1 << item.kind
            nodes.extend(item.nodes)
            examples.extend(item.values)
            distinct += item.distinct if item.folded else 1
        place = self.place(nodes, (*where, "{}"))
        certain = [item for item in group if item.folded or item.kind in CERTAIN]
        share = sum(item.calls for item in certain) / max(1, sum(item.calls for item in group))
        confidence = float(min(0.99, 0.6 + 0.3 * share + 0.1 * min(1.0, distinct / 20)))
        names = sorted({KINDS[item.kind] for item in group})
        evidence = [f"{distinct} values of shape {', '.join(names)} in {sum(item.calls for item in group)} calls"]
        evidence.append(f"{round(100 * share)} % of the calls carry a value that its shape alone gives away")
        name = name_of(group, prefix.partition("(")[0] if "(" in prefix else before)
        return Param(name, prefix, suffix, kinds, place, distinct, sorted(examples)[:8], confidence, evidence)


def beginnings(text: str) -> list[tuple[str, int]]:
    """How a segment of several parts begins: up to its last separator, with the length of the rest; and up to its last digits, with 0."""
    found = []
    parted = _PARTED(text)
    if parted is not None:
        found.append((parted[1], len(parted[2])))
    ended = _ENDED(text)
    if ended is not None:
        found.append((ended[1], 0))
    return found


@dataclass(slots=True)
class Stock:
    """Values of one place as hashes: all of them, or those below a bound (the smallest hashes are a fair sample of a set)."""

    hashes: set[int] = field(default_factory=set)
    bound: int = 2**64

    @classmethod
    def of(cls, parts: Iterable[Stock]) -> Stock:
        """All the values of several places."""
        found = cls()
        for part in parts:
            found.hashes |= part.hashes
            found.bound = min(found.bound, part.bound)
        return found

    def add_sample(self, texts: dict[int, bytes]) -> None:
        """The kept values of a fold."""
        self.hashes.update(texts)
        if len(texts) >= SAMPLE:
            self.bound = min(self.bound, max(texts))

    def shares(self, other: Stock) -> bool:
        """Whether both hold values of one stock: two or more in common, and an eighth of the smaller one's or as many as no chance makes."""
        bound = min(self.bound, other.bound)
        mine = {value for value in self.hashes if value <= bound}
        theirs = {value for value in other.hashes if value <= bound}
        common = len(mine & theirs)
        return common >= 2 and (common * 8 >= min(len(mine), len(theirs)) or common >= 8)


def singular(word: str) -> str:
    """A collection's name for one of its members."""
    low = word.lower()
    if low.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if low.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if low.endswith("s") and not low.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def name_of(group: list[Item], before: str) -> str:
    """A parameter's name from the segment before it and the make of its values."""
    kinds = {item.kind for item in group}
    base = singular("".join(c if c.isalnum() or c == "_" else "_" for c in before).strip("_"))
    if kinds <= {DATE}:
        return "date"
    if kinds <= {EMAIL}:
        return "email"
    if not base or version(before):
        base = ""
    if all(locale(text) for item in group for text in item.values):
        return "locale"
    if kinds <= {WORD, MIXED} and not any(item.folded and item.kind == WORD for item in group) and base:
        first = next((text for item in group for text in item.values), "")
        return base if wordness(first) > 0 and "(" not in group[0].prefix else base + "_id"
    return f"{base}_id" if base else "id"
