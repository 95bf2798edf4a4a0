"""Content codings of a body undone (RFC 9110 8.4), within a budget."""

from __future__ import annotations

import zlib


def decode(body: bytes, encodings: str, budget: int, ratio: int) -> tuple[bytes, str | None]:
    """The body without its content codings, up to `budget` octets, and the name of a weird when something was odd."""
    odd = None
    for coding in reversed([name.strip().lower() for name in encodings.split(",") if name.strip()]):
        if coding in {"gzip", "x-gzip", "deflate"}:
            wbits = 47 if coding != "deflate" or body[:1] == b"\x78" else -15
            inflater = zlib.decompressobj(wbits)
            try:
                body = inflater.decompress(body, min(budget, max(1, len(body)) * ratio))
            except zlib.error:
                return body, "content_coding_broken"
            if inflater.unconsumed_tail:
                odd = "decompression_bomb"
        elif coding != "identity":
            odd = "content_coding_unknown"
    return body, odd
