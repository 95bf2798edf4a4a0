"""Odd traffic as data: the name of every oddity a call can carry, in the call log's `weird` column.

A message keeps its weirds as a bit mask while it is read; `WEIRDS[bit]` is the name. What is marked (smuggling) makes two readers of the same
octets disagree about where a message ends: the material of request smuggling.
"""

from __future__ import annotations

WEIRDS: tuple[str, ...] = (
    "head_gap",  # octets of the head were not in the capture
    "body_gap",  # octets of the body were not in the capture
    "retransmission_differs",  # a second copy of octets did not equal the first (the first was kept)
    "bare_lf",  # a line ended with LF alone (smuggling)
    "bare_cr",  # a CR without LF inside the head (smuggling)
    "obs_fold",  # a header continued on the next line (smuggling)
    "space_before_colon",  # white space between a header's name and its colon (smuggling)
    "header_without_colon",
    "header_name_invalid",  # empty, or with octets that no token may have
    "nul_in_head",
    "control_in_head",
    "head_too_long",  # longer than limits.head: the rest was not read
    "too_many_headers",
    "content_length_repeated",  # the same value more than once
    "content_length_conflict",  # two values (smuggling)
    "content_length_invalid",  # not a plain decimal number (smuggling)
    "content_length_and_transfer_encoding",  # RFC 9112 6.3 rule 3 (smuggling)
    "transfer_encoding_unknown",
    "transfer_encoding_obfuscated",  # chunked, but not spelled `chunked` (smuggling)
    "transfer_encoding_not_final",  # chunked, and another coding after it (smuggling)
    "transfer_encoding_in_http10",  # (smuggling)
    "transfer_encoding_repeated",
    "chunk_size_invalid",  # (smuggling)
    "chunk_size_whitespace",
    "chunk_extension",
    "chunk_bare_lf",  # (smuggling)
    "chunk_end_missing",  # no CRLF after a chunk's data (smuggling)
    "chunk_trailer",
    "host_missing",
    "host_repeated",
    "host_differs_from_target",
    "method_unknown",
    "request_line_whitespace",
    "request_line_malformed",
    "target_control",
    "version_unknown",
    "http_0_9",
    "blank_line_before_message",
    "body_on_get",
    "status_line_malformed",
    "response_not_http",
    "response_unsolicited",  # no request was waiting
    "response_before_request_end",
    "requests_pipelined",
    "junk_between_messages",
    "connection_closed_early",
    "upgraded",
    "tunnel",
    "content_coding_broken",
    "content_coding_absent",
    "content_coding_unknown",
    "decompression_bomb",
    "too_many_waiting",
    "body_on_bodiless_response",
    "header_repeated_with_other_value",
)

CODE: dict[str, int] = {name: code for code, name in enumerate(WEIRDS)}

SMUGGLING = frozenset(
    {
        "bare_lf",
        "bare_cr",
        "obs_fold",
        "space_before_colon",
        "content_length_conflict",
        "content_length_invalid",
        "content_length_and_transfer_encoding",
        "transfer_encoding_obfuscated",
        "transfer_encoding_not_final",
        "transfer_encoding_in_http10",
        "chunk_size_invalid",
        "chunk_bare_lf",
        "chunk_end_missing",
    }
)
"""Weirds on which two honest implementations are known to disagree about a message's end."""


def bit(name: str) -> int:
    """The mask of one weird; KeyError for a name that is not in WEIRDS."""
    return 1 << CODE[name]


def names(mask: int) -> list[str]:
    """The names of the weirds in a mask, in the order of WEIRDS."""
    return [name for code, name in enumerate(WEIRDS) if mask >> code & 1]
