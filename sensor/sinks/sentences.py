"""What a network's or a certificate's fault means, as a sentence that says what to do about it."""

from __future__ import annotations

import socket
import ssl
from typing import Final

# X.509 verification codes (OpenSSL, X509_V_ERR_*).
_CERTIFICATE: Final = {
    9: "the receiver's certificate is not valid yet; are the clocks right?",
    10: "the receiver's certificate has expired; it must be renewed there",
    18: "the receiver signed its certificate itself; give that certificate as ca=FILE, or its fingerprint=",
    19: "nobody we trust signed the receiver's certificate; give its authority's as ca=FILE",
    20: "nobody we trust signed the receiver's certificate; give its authority's as ca=FILE",
    21: "nobody we trust signed the receiver's certificate; give its authority's as ca=FILE",
    23: "the receiver's certificate has been revoked",
    62: "the receiver's certificate is for another name{host}; say which with name=, or use the name it is for",
    64: "the receiver's certificate is for another address{host}; use the name it is for, or say it with name=",
}
# What OpenSSL calls an alert that the other side sent, and what it calls a stream that is no TLS.
_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": "the receiver wants a client certificate: give cert=FILE and key=FILE",
    "CERTIFICATE_EXPIRED": "the receiver does not take our certificate: it has expired",
    "CERTIFICATE_REVOKED": "the receiver does not take our certificate: it has been revoked",
    "UNKNOWN_CA": "the receiver does not take our certificate: it does not trust who signed it",
    "BAD_CERTIFICATE": "the receiver does not take our certificate, or wants one and got none: see cert= and key=",
    "UNSUPPORTED_CERTIFICATE": "the receiver does not take certificates of this kind",
    "CERTIFICATE_UNKNOWN": "the receiver does not take our certificate; its log says why",
    "ACCESS_DENIED": "the receiver does not let our certificate in",
    "HANDSHAKE_FAILURE": "the receiver ended the handshake: no cipher in common, or it wants a client certificate (cert=, key=)",
    "PROTOCOL_VERSION": "the receiver speaks only versions of TLS older than 1.2",
    "UNSUPPORTED_PROTOCOL": "the receiver speaks only versions of TLS older than 1.2",
    "WRONG_VERSION_NUMBER": "what answers there speaks no TLS; is it the right port?",
    "EOF_OCCURRED": "the receiver closed the connection during the handshake",
    "UNEXPECTED_EOF": "the receiver closed the connection without a word",
}


def sentence(fault: OSError, host: str = "") -> str:
    """One sentence about `fault`, without a full stop; `host` is the receiver's name as the operator wrote it."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        said = _CERTIFICATE.get(getattr(fault, "verify_code", 0))
        if said is not None:
            return said.format(host=f" than {host}" if host else "")
        return getattr(fault, "verify_message", "") or str(fault.args[-1] if fault.args else fault)
    if isinstance(fault, ssl.SSLError):
        reason = fault.reason or str(fault)
        for name, said in _ALERTS.items():
            if name in reason.upper().replace(" ", "_"):
                return said
        return f"TLS: {reason.lower().replace('_', ' ')}"
    if isinstance(fault, socket.gaierror):
        what = "DNS does not answer" if fault.errno == socket.EAI_AGAIN else "it has no address"
        return f"{host or 'the receiver'} cannot be found: {what} ({fault.strerror})"
    if type(fault) is TimeoutError:
        return "no answer in time: a firewall, a half-open connection, or a receiver that is stuck"
    if isinstance(fault, ConnectionRefusedError):
        return "nothing listens at that port (connection refused)"
    if isinstance(fault, ConnectionResetError):
        return "the receiver broke the connection off"
    return fault.strerror or str(fault) or type(fault).__name__
