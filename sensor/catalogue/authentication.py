"""How the calls of an endpoint prove who they are from: schemes counted, weak credentials named, every example masked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

VERSION = 1

SCHEMES = (
    "none", "basic", "digest", "bearer_jwt", "bearer", "negotiate", "signature", "api_key_header", "api_key_query", "api_key_cookie", "session_cookie", "mtls", "other",
)
"""`bearer` is opaque; `signature` is an HMAC or public-key signature of the request (AWS SigV4, RFC 9421, cavage, webhooks); `mtls` is a client certificate
that a proxy in front told of: what a TLS handshake shows is not in decrypted traffic; `other` is an Authorization of a scheme we do not know."""

WEAKNESSES = {
    "jwt_alg_none": "JSON Web Tokens without a signature (alg none)",
    "jwt_guessable_secret": "JSON Web Tokens signed with a secret from a list of well-known ones",
    "jwt_key_in_header": "JSON Web Tokens that bring or name the key to check them by (jwk, jku, x5u)",
    "jwt_without_expiry": "JSON Web Tokens that never expire (no exp)",
    "jwt_long_lived": "JSON Web Tokens valid for more than 30 days",
    "jwt_expired_accepted": "JSON Web Tokens accepted after they had expired",
    "key_in_query": "credentials in the query, which logs and proxies keep",
    "basic_over_http": "passwords over unencrypted HTTP",
}
"""What can be wrong, in words."""


@dataclass(slots=True)
class Authentication:
    """The credentials of one endpoint's calls.

    `schemes` counts the calls by scheme that were *answered* (any status but 401 and 403), `refused` those that were not let in: an endpoint that answers
    only 401 to calls without a credential is not open. `weaknesses` counts calls by WEAKNESSES; `examples` has one masked credential of each. `names`
    are the headers, cookies and query parameters that carried a key or a session, by scheme, as OpenAPI's security schemes need them.
    """

    schemes: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    weaknesses: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`none`, the scheme where there is one, `mixed` where calls without a credential are answered beside calls with one, `several` for many
        schemes, `unknown` where nothing was answered."""
        used = [name for name, calls in self.schemes.items() if calls]
        if not used:
            return "unknown"
        if "none" in used:
            return "none" if len(used) == 1 else "mixed"
        return used[0] if len(used) == 1 else "several"

    def absorb(self, other: Authentication) -> None:
        """Add what another has seen."""
        for mine, theirs in ((self.schemes, other.schemes), (self.refused, other.refused), (self.weaknesses, other.weaknesses)):
            for name, calls in theirs.items():
                mine[name] = mine.get(name, 0) + calls
        for name, example in other.examples.items():
            self.examples[name] = min(self.examples.get(name, example), example)
        for name, words in other.names.items():
            self.names[name] = sorted({*self.names.get(name, ()), *words})[:16]

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return {
            "version": VERSION,
            "kind": self.kind,
            "schemes": dict(sorted(self.schemes.items())),
            "refused": dict(sorted(self.refused.items())),
            "weaknesses": dict(sorted(self.weaknesses.items())),
            "examples": dict(sorted(self.examples.items())),
            "names": dict(sorted(self.names.items())),
        }

    @classmethod
    def from_json(cls, data: Any) -> Authentication:
        """What `to_json` wrote. Raises ValueError for what it cannot have written, another version included."""
        if not isinstance(data, dict) or data.get("version") != VERSION:
            raise ValueError(f"no authentication of version {VERSION}")
        try:
            counts = [{str(name): int(calls) for name, calls in data.get(part, {}).items()} for part in ("schemes", "refused", "weaknesses")]
            examples = {str(name): str(example) for name, example in data.get("examples", {}).items()}
            return cls(counts[0], counts[1], counts[2], examples, {str(name): [str(word) for word in words] for name, words in data.get("names", {}).items()})
        except (AttributeError, TypeError) as error:
            raise ValueError(f"no authentication: {error}") from error
