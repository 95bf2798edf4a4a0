"""The call log: one row an API call, as Parquet or JSON lines, the same columns in both (parsers.schema.LOG_SCHEMA).

A call's template is what the map makes of it at the end, so batches wait here until the map is done: slim (no heads or bodies unless they are
asked for), as an Arrow stream in a temporary file without a name. Secrets are masked on the way out, not before: evidence kept in memory stays
what was seen.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa

from parsers.schema import LOG_SCHEMA
from sensor.errors import CannotWrite, SensorError, reason, writing
from sensor.identity import with_columns
from sensor.masking import Masker
from sensor.streams import close_output
from sensor.terminal import json_visible

GROUP_ROWS = 65_536
GROUP_OCTETS = 33_554_432
"""Rows and octets of one row group of a Parquet file: what begins a column chunk is paid once, a dictionary written once, and little of it is in memory."""
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
        self._waiting = _Waiting()
        self._schema: pa.Schema | None = None
        self._kept = [*LOG_SCHEMA.names, *(HEADS if self._headers else ()), *(BODIES if bodies else ())]
        self._file: IO[bytes] | None = None
        self.written = 0
        self.error = ""
        """Why it is not whole; empty where it is. A call log that cannot be written costs the run nothing else."""
        try:
            if target == "-":
                self._file = sys.stdout.buffer
            elif target.endswith((".jsonl", ".json", ".ndjson", ".parquet")):
                self._file = Path(target).open("wb")  # noqa: SIM115 (closed in finish)
            else:
                raise SensorError(f"--calls {target}: a call log ends in .parquet or .jsonl, or is - for JSON lines on standard output")
        except OSError as error:
            raise SensorError(f"--calls {target}: it cannot be written ({error.strerror})") from error

    def add(self, batch: pa.RecordBatch, marks: dict[str, pa.Array], generation: int = -1) -> None:
        """Take a batch labelled under this generation of the map, and the columns `marks` that judging it made; it is written when the map is done."""
        if self.error:
            return
        try:
            self._waiting.add(pa.RecordBatch.from_arrays([marks[name] if name in marks else batch.column(name) for name in self._kept], names=self._kept))
            self._generations.append(generation)
        except OSError as fault:
            self.error = f"--calls {self.target}: the calls cannot be kept on disk until the map is whole ({reason(fault)}): the last ones are left out; TMPDIR names another folder"

    def finish(self, label: Label, generation: int = 0) -> None:
        """Write every call with the templates and operations that `label` gives; what was labelled under `generation` has them."""
        try:
            with writing(f"--calls {self.target}"):
                self._write(label, generation)
        except CannotWrite as fault:
            self.error = self.error or str(fault)
        except BrokenPipeError:  # whoever reads it has seen enough
            if self.target == "-":
                close_output()

    def _write(self, label: Label, generation: int) -> None:
        if self._file is None:
            return
        parquet = _Parquet(self._file) if self.target.endswith(".parquet") else None
        try:
            for batch, under in zip(self._waiting.take(), self._generations, strict=True):
                whole = batch
                if under != generation:
                    template, operation = label(batch)
                    whole = with_columns(batch, {"template": template, "operation": operation})
                for name in ("path", "query", "user_agent", "host"):
                    column = whole.column(name)
                    masked = self._masker.column(column)
                    if masked is not column:
                        whole = with_columns(whole, {name: masked})
                if parquet is not None:
                    parquet.add(self._columns(whole))
                else:
                    self._lines(whole)
                self.written += batch.num_rows
        finally:
            file, self._file = self._file, None
            try:
                if parquet is not None:
                    parquet.close()
            finally:
                if self.target == "-":
                    file.flush()
                else:
                    file.close()

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
        if self._schema is None:
            more = [pa.field(name, column.type) for name, column in columns.items() if name not in LOG_SCHEMA.names]
            self._schema = pa.schema([*LOG_SCHEMA, *more], LOG_SCHEMA.metadata)
        return pa.RecordBatch.from_arrays(list(columns.values()), schema=self._schema)

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
        self._file.write(json_visible(b"".join(out)))

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


class _Waiting:
    """Batches on their way to the log, in the order they came, in a temporary file: memory that grows costs more to take than a file's pages."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._sink: Any = None
        self._file = -1
        self._batches = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch: written at once, not kept, since a column is a view of its whole batch, heads and bodies included."""
        if self._stream is None:
            self._file, name = tempfile.mkstemp(prefix="api-sensor-")
            try:
                self._sink = pa.OSFile(name, "wb")
            finally:
                Path(name).unlink()  # whatever ends this process, nothing is left
            self._stream = pa.ipc.new_stream(self._sink, batch.schema)
        self._stream.write_batch(batch)
        self._batches += 1

    def take(self) -> Iterator[pa.RecordBatch]:
        """All batches, once."""
        if self._stream is None:
            return
        with suppress(OSError):  # of a full disk, which has what was counted
            self._stream.close()
        with suppress(OSError):
            self._sink.close()
        with os.fdopen(self._file, "rb") as file:
            yield from islice(pa.ipc.open_stream(file), self._batches)


class _Parquet:
    """A Parquet file under way: batches gather into row groups."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._writer: Any = None
        self._group: list[pa.RecordBatch] = []
        self._rows = 0
        self._octets = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch."""
        self._group.append(batch)
        self._rows += batch.num_rows
        self._octets += batch.nbytes
        if self._rows >= GROUP_ROWS or self._octets >= GROUP_OCTETS:
            self._write()

    def _write(self) -> None:
        rows = pa.Table.from_batches(self._group).unify_dictionaries()
        if self._writer is None:
            from pyarrow import parquet

            dictionaries = [field.name for field in rows.schema if pa.types.is_dictionary(field.type)]
            # Numbers as differences: a sixth smaller and a tenth cheaper than as they are (mixed load, 972 717 calls).
            numbers = {field.name: "DELTA_BINARY_PACKED" for field in rows.schema if pa.types.is_integer(field.type)}
            self._writer = parquet.ParquetWriter(
                self._file, rows.schema, compression="snappy", use_dictionary=dictionaries, column_encoding=numbers, write_statistics=["ts"]
            )
        self._writer.write_table(rows, self._rows)
        self._group, self._rows, self._octets = [], 0, 0

    def close(self) -> None:
        """Write what is left, and the footer."""
        if self._group:
            self._write()
        if self._writer is not None:
            self._writer.close()
        else:
            from pyarrow import parquet

            parquet.write_table(LOG_SCHEMA.empty_table(), self._file)


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
