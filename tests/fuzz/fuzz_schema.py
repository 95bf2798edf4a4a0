"""Coverage-guided fuzzing of what reads bodies for the endpoint map. Run: python tests/fuzz/fuzz_schema.py [corpus folder] [-runs=N]  (needs atheris)

For every body of every kind: nothing raises, what was learned is saved and read back, joined with itself it counts twice, it is valid JSON Schema in both
dialects, JSON that was learned passes it, and no more nodes are made than there was room for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import atheris
import jsonschema
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.forms import interpret_everything

interpret_everything()  # before atheris puts its own finder in front, which instruments what ours finds

with atheris.instrument_imports(include=["sensor.catalogue.schema", "sensor.catalogue.structure", "sensor.catalogue.learning", "sensor.catalogue.data_classes"]):
    from sensor.catalogue.data_classes import below
    from sensor.catalogue.learning import read_body
    from sensor.catalogue.schema import Room, Schema
    from sensor.catalogue.structure import JSON, Structure

ROOM = 200


def read(data: bytes) -> None:
    """Any octets as any kind of body."""
    given = atheris.FuzzedDataProvider(data)
    kind = given.ConsumeIntInRange(0, 4)
    octets = given.ConsumeBytes(4_000)
    structure = Structure(1, 2)
    assert structure.of(octets, 0, len(octets), kind) == structure.of(octets, 0, len(octets), kind)
    schema, room = Schema(), Room(ROOM)
    understood = read_body(schema, octets, kind, given.ConsumeUnicodeNoSurrogates(20), room)
    assert 0 <= room.nodes <= ROOM
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    assert schema.merge(schema).seen == 2 * schema.seen
    below(schema, "request")
    schema.to_json_schema("3.0")
    written = schema.to_json_schema(closed=True)
    jsonschema.Draft202012Validator.check_schema(written)
    if understood and kind == JSON and not room.counters:
        jsonschema.Draft202012Validator(written).validate(orjson.loads(octets.removeprefix(b"\xef\xbb\xbf")))


if __name__ == "__main__":
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()
