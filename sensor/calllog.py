"""The call log: one row an API call, as Parquet or JSON lines, the same columns in both (parsers.schema.LOG_SCHEMA).

A call's template is what the map makes of it at the end, so batches wait here until the map is done: slim (no heads or bodies unless they are
asked for), in memory up to KEPT octets and in a temporary Arrow file past that. Secrets are masked on the way out, not before: evidence kept in
memory stays what was seen.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa

from parsers.schema import LOG_SCHEMA
from sensor.errors import SensorError
from sensor.identity import with_columns
from sensor.masking import Masker

KEPT = 67_108_864
HEADS = ("request_head", "response_head")
BODIES = ("request_body", "response_body")

Label = Callable[[pa.RecordBatch], tuple[pa.Array, pa.Array]]


class CallLog:
    """Where calls are written. `target` is a path ending in .parquet or .jsonl, or `-` for JSON lines on standard output.

    Raises SensorError for another ending, or when the file cannot be made.
    """

    def __init__(self, target: str, masker: Masker, headers: bool = False, bodies: bool = False, mask_bodies: bool = False) -> None:
        self.target = target
        self._masker = masker
        self._headers = headers or bodies
        self._bodies = bodies
        self._mask_bodies = mask_bodies
        self._generations: list[int] = []
        self._spool = tempfile.SpooledTemporaryFile(KEPT, prefix="api-sensor-")  # noqa: SIM115 (it lives as long as the log)
        self._stream: Any = None
        self._kept = [*LOG_SCHEMA.names, *(HEADS if self._headers else ()), *(BODIES if bodies else ())]
        self._file: IO[bytes] | None = None
        self.written = 0
        try:
            if target == "-":
                self._file = sys.stdout.buffer
            elif target.endswith((".jsonl", ".json", ".ndjson", ".parquet")):
                self._file = Path(target).open("wb")  # noqa: SIM115 (closed in finish)
            else:
                raise SensorError(f"--calls {target}: a call log ends in .parquet or .jsonl, or is - for JSON lines on standard output")
        except OSError as error:
            raise SensorError(f"--calls {target}: it cannot be written ({error.strerror})") from error

    def add(self, batch: pa.RecordBatch, generation: int = -1) -> None:
        """Take a judged batch, labelled under this generation of the map; it is written when the map is done."""
        self._generations.append(generation)
        slim = batch.select([name for name in self._kept if name in batch.schema.names])
        if self._stream is None:
            # Written at once, not kept: a column is a view of its whole batch, heads and bodies included.
            self._stream = pa.ipc.new_stream(self._spool, slim.schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=False))
        self._stream.write_batch(slim)

    def _all(self) -> Iterator[pa.RecordBatch]:
        if self._stream is not None:
            self._stream.close()
            self._spool.seek(0)
            yield from pa.ipc.open_stream(self._spool)
        self._spool.close()

    def finish(self, label: Label, generation: int = 0) -> None:
        """Write every call with the templates and operations that `label` gives; what was labelled under `generation` has them."""
        writer: Any = None
        if self._file is None:
            return
        try:
            for batch, under in zip(self._all(), self._generations, strict=True):
                whole = batch
                if under != generation:
                    template, operation = label(batch)
                    whole = with_columns(batch, {"template": template, "operation": operation})
                for name in ("path", "query", "user_agent", "host"):
                    masked = self._masker.column(whole.column(name))
                    if masked is not whole.column(name):
                        whole = with_columns(whole, {name: masked})
                if self.target.endswith(".parquet"):
                    rows = self._columns(whole)
                    if writer is None:
                        from pyarrow import parquet

                        dictionaries = [field.name for field in rows.schema if pa.types.is_dictionary(field.type)]
                        # Numbers as differences: a sixth smaller and a tenth cheaper than as they are (mixed load, 972 717 calls).
                        numbers = {field.name: "DELTA_BINARY_PACKED" for field in rows.schema if pa.types.is_integer(field.type)}
                        writer = parquet.ParquetWriter(
                            self._file, rows.schema, compression="snappy", use_dictionary=dictionaries, column_encoding=numbers, write_statistics=["ts"]
                        )
                    writer.write_batch(rows)
                else:
                    self._lines(whole)
                self.written += batch.num_rows
        finally:
            if writer is not None:
                writer.close()
            elif self.target.endswith(".parquet") and self.written == 0:
                from pyarrow import parquet

                parquet.write_table(LOG_SCHEMA.empty_table(), self._file)
            if self._file is sys.stdout.buffer:
                self._file.flush()
            else:
                self._file.close()
            self._file = None

    def _columns(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The columns of the Parquet file, in the log's order; headers and bodies last, where asked for, as in the JSON lines."""
        columns = {name: batch.column(name) for name in LOG_SCHEMA.names}
        for side in ("request", "response"):
            if self._headers:
                heads = batch.column(f"{side}_head").to_pylist()
                columns[f"{side}_headers"] = pa.array([self._fields(head) for head in heads], pa.list_(pa.list_(pa.string())))
            if self._bodies:
                parts = batch.column("complete").to_pylist()
                bodies = [
                    self._text_of(body, f"{side}_body" in (seen or "")) for body, seen in zip(batch.column(f"{side}_body").to_pylist(), parts, strict=True)
                ]
                columns[f"{side}_body"] = pa.array([text for text, _ in bodies], pa.string())
                columns[f"{side}_body_encoding"] = pa.array([encoding for _, encoding in bodies], pa.string())
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    def _lines(self, batch: pa.RecordBatch) -> None:
        assert self._file is not None
        columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
        names = [name for name in LOG_SCHEMA.names if name in columns]
        out = []
        for row in range(batch.num_rows):
            call: dict[str, Any] = {name: columns[name][row] for name in names}
            for side in ("request", "response"):
                if self._headers:
                    call[f"{side}_headers"] = self._fields(columns[f"{side}_head"][row])
                if self._bodies:
                    text, encoding = self._text_of(columns[f"{side}_body"][row], f"{side}_body" in (call["complete"] or ""))
                    call[f"{side}_body"] = text
                    if encoding is not None:
                        call[f"{side}_body_encoding"] = encoding
            out.append(orjson.dumps(call, option=orjson.OPT_APPEND_NEWLINE))
        self._file.write(b"".join(out))

    def _fields(self, head: bytes | None) -> list[list[str]] | None:
        """Header fields as the log shows them: [[name, value], ...], credentials masked."""
        return None if head is None else [[name, self._masker.header(name, value)] for name, value in header_list(head)]

    def _text_of(self, body: bytes | None, whole: bool) -> tuple[str | None, str | None]:
        """A body as text, and "base64" when it is no UTF-8. Where bodies are masked, what cannot be looked through is left out: no text, or a text
        with a gap in it, which may have taken the name of a secret."""
        if body is None or (self._mask_bodies and self._masker.on and not whole):
            return None, None
        try:
            text = body.decode()
        except UnicodeDecodeError:
            if self._mask_bodies and self._masker.on:
                return None, None
            return base64.b64encode(body).decode(), "base64"
        return (self._masker.text(text) if self._mask_bodies else text), None


def header_list(head: bytes) -> list[tuple[str, str]]:
    """The header fields of a head as sent, folded lines joined (RFC 9112 5.2); lines without a colon are left out."""
    fields: list[tuple[str, str]] = []
    for line in head.split(b"\n")[1:]:
        if line[:1] in (b" ", b"\t") and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {_text(line.strip())}")
            continue
        name_octets, colon, octets = line.partition(b":")
        if colon:
            fields.append((_text(name_octets.strip()), _text(octets.strip())))
    return fields


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")
