"""How the calls of an endpoint prove who they are from: schemes counted, weak credentials named, every example masked."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from parsers.columns import codes
from sensor.catalogue.structure import IN_THE_OPEN, NEEDS_PROOF
from sensor.identity import SESSION_COOKIES
from sensor.remembered import Remembered, hashes

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
}
"""What can be wrong, in words."""

NONE, BASIC, DIGEST, BEARER_JWT, BEARER, NEGOTIATE, SIGNATURE, KEY_HEADER, KEY_QUERY, KEY_COOKIE, SESSION, MTLS, ANOTHER = range(len(SCHEMES))

LONG_LIVED = 30 * 86_400
"""Seconds: an access token lives minutes or hours, a refresh token weeks."""
KEPT = 131_072
"""Credentials whose scheme and faults are remembered: the active users of a large API."""
GUESSED = 512
"""Tokens whose signature is tried with the known secrets, 40 of them at a microsecond each; an issuer signs all of its tokens with one."""

GUESSES = (
    "secret", "secretkey", "secret-key", "secret_key", "your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret", "your_secret_key", "your-secret-key", "your_jwt_secret",
    "my-secret", "mysecret", "my_secret_key", "mysecretkey", "supersecret", "super-secret", "super_secret_key", "supersecretkey", "topsecret", "shhhhh", "shhhhhhared-secret", "changeme",
    "change-me", "password", "passw0rd", "admin", "test", "testing", "key", "jwt", "jwt-secret", "jwt_secret", "jwtsecret", "jwt_secret_key", "development", "dev", "default", "example", "token",
    "random", "123456", "12345678", "qwerty", "", "0", "1234567890", "a-string-secret-at-least-256-bits-long", "gE9wXmBrDtzT5hG4", "SECRET_KEY", "JWT_SECRET",
)
"""Secrets that documentation, examples and frameworks ship, and that their users forget to change."""

_QUERY_KEYS = ("api_key", "apikey", "api-key", "x-api-key", "access_token", "auth_token", "authtoken", "client_secret", "subscription-key", "jwt", "id_token", "password", "passwd", "session_token", "app_key", "private_key", "x-auth-token", "bearer", "authorization", "sessionid", "session_id", "jsessionid", "phpsessid")
_QUERY_KEYS_IN_DOUBT = ("key", "token", "sid", "session", "auth", "appid", "app_id", "secret", "credential", "credentials")
_QUERY_SIGNATURES = ("x-amz-signature", "x-goog-signature", "sig", "signature", "hmac")
_HEADER_KEYS = (
    "x-access-token", "x-goog-api-key", "ocp-apim-subscription-key", "private-token", "x-vault-token", "x-functions-key", "x-rapidapi-key", "x-session-token", "x-auth-key", "x-token", "auth-token",
    "access-token", "x-app-token", "x-user-token", "dd-api-key", "circle-token", "x-shopify-access-token", "x-figma-token", "x-gitlab-token", "token", "x-api-token", "x-apikey", "x-authorization",
    "x-amz-security-token", "x-api-key", "api-key", "apikey", "x-auth-token", "authentication", "x-jwt-token", "x-jwt-assertion", "cf-access-token", "x-client-secret", "x-parse-session-token",
)
_HEADER_SIGNATURES = ("signature", "signature-input", "x-signature", "x-hub-signature", "x-hub-signature-256", "stripe-signature", "x-slack-signature", "x-shopify-hmac-sha256", "x-twilio-signature", "x-hmac-signature", "x-content-signature", "x-request-signature", "x-payload-signature", "x-line-signature")
_HEADER_CERTIFICATES = ("client-cert", "x-client-cert", "x-forwarded-client-cert", "ssl-client-cert", "x-ssl-client-cert", "x-ssl-client-verify", "x-ssl-client-dn", "x-client-dn", "x-client-certificate", "x-arr-clientcert", "x-amzn-mtls-clientcert")

NAMES = {
    **{f"?{name}": KEY_QUERY | IN_THE_OPEN for name in _QUERY_KEYS},
    **{f"?{name}": KEY_QUERY | IN_THE_OPEN | NEEDS_PROOF for name in _QUERY_KEYS_IN_DOUBT},
    **{f"?{name}": SIGNATURE for name in _QUERY_SIGNATURES},
    **dict.fromkeys(_HEADER_KEYS, KEY_HEADER),
    **dict.fromkeys(_HEADER_SIGNATURES, SIGNATURE),
    **dict.fromkeys(_HEADER_CERTIFICATES, MTLS),
}
"""What credentials are called in queries (with a ? in front) and in heads, for `structure.Sampler`."""

_JWT = re.compile(r"(eyJ[\w-]+={0,2})\.([\w-]*={0,2})\.([\w-]*={0,2})").fullmatch
_PUBLIC = re.compile(r"-----BEGIN (?:RSA )?PUBLIC KEY|-----BEGIN CERTIFICATE")
_SCHEME_OF = {
    "basic": BASIC, "digest": DIGEST, "negotiate": NEGOTIATE, "ntlm": NEGOTIATE, "kerberos": NEGOTIATE, "signature": SIGNATURE, "hmac": SIGNATURE, "aws": SIGNATURE, "sharedkey": SIGNATURE, "sharedkeylite": SIGNATURE,
    "hawk": SIGNATURE, "eg1-hmac-sha256": SIGNATURE, "acs3-hmac-sha256": SIGNATURE, "hmac-sha256": SIGNATURE, "goog4-rsa-sha256": SIGNATURE, "oauth": SIGNATURE, "apikey": KEY_HEADER, "api-key": KEY_HEADER, "key": KEY_HEADER, "genie-key": KEY_HEADER,
}


@dataclass(frozen=True, slots=True)
class Credential:
    """What one credential says of itself. `expires`: ns since the epoch, 0 for never."""

    scheme: int
    weak: tuple[str, ...] = ()
    expires: int = 0
    shown: str = ""
    name: str = ""
    """Of the cookie that carried it."""


def credential(column: str, value: str, guess: bool = True) -> Credential:
    """Read the value of an Authorization, API key or Cookie header."""
    if column == "api_key":
        return Credential(KEY_HEADER, shown=masked(value)) if value else Credential(NONE)
    if column == "cookie":
        session = SESSION_COOKIES.search(value)
        if session is None:
            return Credential(NONE)
        name = session[1]
        token = session[2].strip()
        found = _token(token, guess)
        keyed = re.search(r"(?i)jwt|token|key", name) is not None
        return Credential(KEY_COOKIE if keyed else SESSION, found.weak if found else (), found.expires if found else 0, found.shown if found else masked(token), name)
    scheme, _, rest = value.strip().partition(" ")
    rest = rest.strip()
    low = scheme.lower()
    if not rest:
        if not scheme or low in _SCHEME_OF or low == "bearer":
            return Credential(NONE)
        return _token(scheme, guess) or Credential(ANOTHER, shown=masked(scheme))
    if low.startswith(("aws4-", "hmac")):
        return Credential(SIGNATURE, shown=f"{scheme} •••")
    if low in ("bearer", "token", "jwt", "dpop"):
        return _token(rest, guess) or Credential(BEARER, shown=f"{scheme} {masked(rest)}")
    return Credential(_SCHEME_OF.get(low, ANOTHER), shown=f"{scheme[:24] if scheme.isascii() and scheme.replace('-', '').isalnum() else '•••'} •••")


def masked(value: str) -> str:
    """A credential that is recognisable as one and gives nothing away: its length, and what vendors put in front."""
    front = re.match(r"[A-Za-z]{2,5}[_-](?:(?:live|test)_)?(?=\w{12,})", value)
    return f"{front[0] if front else ''}••• ({len(value)} characters)"


def _token(value: str, guess: bool) -> Credential | None:
    """A JSON Web Token's faults (RFC 8725 says why they are some); None for what is none."""
    parts = _JWT(value)
    if parts is None:
        return None
    try:
        head = orjson.loads(_octets(parts[1]))
    except ValueError:
        return None
    try:
        claims = orjson.loads(_octets(parts[2]))
    except ValueError:
        claims = None  # encrypted, or torn: the head says the algorithm all the same
    if not isinstance(head, dict):
        return None
    algorithm = head.get("alg")
    algorithm = algorithm if isinstance(algorithm, str) and algorithm.isascii() and algorithm.isalnum() and len(algorithm) <= 16 else ""
    weak = []
    if algorithm.lower() == "none" or not parts[3]:
        weak.append("jwt_alg_none")
    if any(name in head for name in ("jwk", "jku", "x5u")) or (algorithm.startswith("HS") and "x5c" in head):
        weak.append("jwt_key_in_header")
    if guess and algorithm in ("HS256", "HS384", "HS512") and parts[3] and _guessed(algorithm, f"{parts[1]}.{parts[2]}".encode(), parts[3]):
        weak.append("jwt_guessable_secret")
    expires = 0
    if isinstance(claims, dict):
        until, since = claims.get("exp"), claims.get("iat", claims.get("nbf"))
        if not isinstance(until, int | float) or isinstance(until, bool) or not 0 < until < 9e9:
            weak.append("jwt_without_expiry")
        else:
            expires = int(until * 1_000_000_000)
            if isinstance(since, int | float) and not isinstance(since, bool) and until - since > LONG_LIVED:
                weak.append("jwt_long_lived")
    return Credential(BEARER_JWT, tuple(weak), expires, f"JWT alg {algorithm or '?'} ••• ({len(value)} characters)")


def _octets(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError) as error:
        raise ValueError("no base64url") from error


def _guessed(algorithm: str, signed: bytes, signature: str) -> bool:
    """Whether one of GUESSES signed the token."""
    try:
        wanted = _octets(signature)
    except ValueError:
        return False
    digest = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}[algorithm]
    if len(wanted) != hashlib.new(digest).digest_size:
        return False
    return any(hmac.compare_digest(hmac.digest(secret.encode(), signed, digest), wanted) for secret in GUESSES)


class Credentials:
    """The credentials of whole batches: each looked at once, then known by a keyed hash."""

    def __init__(self) -> None:
        self._known = {name: Remembered(KEPT) for name in ("authorization", "api_key", "cookie")}
        self._numbers: dict[Credential, int] = {Credential(NONE): 0}
        self.found: list[Credential] = [Credential(NONE)]
        self._guesses = GUESSED
        self._columns()

    def observe(self, batch: pa.RecordBatch) -> np.ndarray[Any, Any]:
        """The number of the credential that each call carries (an index into `found`); 0 where there is none in the columns."""
        names = batch.schema.names
        columns = {name: batch.column(name) for name in self._known if name in names}
        if len(self.found) + sum(len(column.dictionary) for column in columns.values()) > KEPT:
            self._forget()
        rows: np.ndarray[Any, Any] | None = None
        for name, column in columns.items():
            if column.null_count == len(column):
                continue
            numbers = self._numbers_of(name, self._known[name], hashes(batch, name), column.dictionary)
            found = np.append(numbers, np.int32(0))[codes(column)]
            rows = found if rows is None else np.where(rows == 0, found, rows)
        return np.zeros(batch.num_rows, np.int32) if rows is None else rows

    def _numbers_of(self, name: str, known: Remembered, marks: np.ndarray[Any, Any], values: pa.Array) -> np.ndarray[Any, Any]:
        numbers = np.zeros(len(values), np.int32)
        grown = False
        for i in known.look(marks, numbers):
            value = values[i].as_py() or ""
            guess = self._guesses > 0
            one = credential(name, value, guess)
            self._guesses -= guess and one.scheme == BEARER_JWT
            number = self._numbers.get(one)
            if number is None:
                number = self._numbers[one] = len(self.found)
                self.found.append(one)
                grown = True
            known.put(int(marks[i]), number)
            numbers[i] = number
        if grown:
            self._columns()
        return numbers

    def _columns(self) -> None:
        """What is known of every credential, by its number."""
        self.scheme = np.array([one.scheme for one in self.found], np.uint8)
        self.expires = np.array([one.expires or 2**63 - 1 for one in self.found], np.int64)
        self.faulty = np.array([bool(one.weak) for one in self.found], bool)
        self.any_faulty = bool(self.faulty.any())
        self.soonest = int(self.expires.min())

    def _forget(self) -> None:
        """Start again: what credentials are found anew."""
        del self.found[1:]
        self._numbers = {Credential(NONE): 0}
        for known in self._known.values():
            known.forget()
        self._columns()


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
