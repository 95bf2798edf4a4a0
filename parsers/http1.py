"""HTTP/1.0 and 1.1 (and 0.9) on one connection, read as servers and browsers really read it (RFC 9110, RFC 9112).

Octets of both directions come in causal order (`parsers.reassembly` sees to it): when a response is read, the octets of the requests that its
sender had received have been read, or are known to be lost. So a response is matched with its request the moment its head is read.

How requests and responses pair
    Nothing lost: in order, as RFC 9112 9.3.2 asks, and only if the server had received the request's first octet.
    Octets lost where a message may have begun: order proves nothing any more. A response then belongs to the request whose sender had received
    exactly what stands before that response (`response.start == request.ack`). A client that pipelines breaks this rule, so on a connection seen
    to pipeline, or where a lost request may have gone unanswered, nothing is paired after such a loss. A pair that is made puts the order right again.

After a loss
    Inside a body or chunk of known length, that many octets are skipped. Elsewhere the message is given up, and the next segment that opens
    with a start line is the next message. Malformed text is not loss: there the next *line* that is a start line goes on (so that how the
    stream was cut into segments changes nothing).
"""

from __future__ import annotations

try:
    import cython
except ModuleNotFoundError:
    from parsers import _cython as cython

from parsers import preface
from parsers.weird import bit

if cython.compiled:
    from cython.cimports.cpython.bytearray import PyByteArray_AS_STRING
    from cython.cimports.libc.string import memchr, memcmp
    from cython.cimports.parsers.lines import ENTRY, FOLLOWER, LENGTH, MEANING, SERIAL, VALUE_AT, VALUE_END, Lines
    from cython.cimports.parsers.message import Message
    from cython.cimports.parsers.octets import copy, find, same
else:
    from parsers.lines import ENTRY, FOLLOWER, LENGTH, MEANING, SERIAL, VALUE_AT, VALUE_END, Lines
    from parsers.message import Message
    from parsers.octets import copy, find, same

COMPILED = cython.compiled

# What a side is reading. START: between messages. RESYNC: after a loss, a segment that opens with a start line ends it. JUNK: after malformed
# text, a line that is a start line ends it. ASIDE: nothing more is read (tunnels, upgrades, other protocols). SIMPLE: after a request line without
# a version. PREFACE: what stands before HTTP on a connection through a proxy (`parsers.preface`).
START = cython.declare(cython.int, 0)
HEAD = cython.declare(cython.int, 1)
BODY = cython.declare(cython.int, 2)
CHUNK_SIZE = cython.declare(cython.int, 3)
CHUNK_EXTENSION = cython.declare(cython.int, 4)
CHUNK_DATA = cython.declare(cython.int, 5)
CHUNK_END = cython.declare(cython.int, 6)
TRAILER = cython.declare(cython.int, 7)
UNTIL_CLOSE = cython.declare(cython.int, 8)
RESYNC = cython.declare(cython.int, 9)
JUNK = cython.declare(cython.int, 10)
ASIDE = cython.declare(cython.int, 11)
SIMPLE = cython.declare(cython.int, 12)
PREFACE = cython.declare(cython.int, 13)

HEAD_GAP = cython.declare(cython.ulonglong, bit("head_gap"))
BODY_GAP = cython.declare(cython.ulonglong, bit("body_gap"))
BARE_LF = cython.declare(cython.ulonglong, bit("bare_lf"))
BARE_CR = cython.declare(cython.ulonglong, bit("bare_cr"))
OBS_FOLD = cython.declare(cython.ulonglong, bit("obs_fold"))
SPACE_BEFORE_COLON = cython.declare(cython.ulonglong, bit("space_before_colon"))
HEADER_WITHOUT_COLON = cython.declare(cython.ulonglong, bit("header_without_colon"))
HEADER_NAME_INVALID = cython.declare(cython.ulonglong, bit("header_name_invalid"))
NUL_IN_HEAD = cython.declare(cython.ulonglong, bit("nul_in_head"))
CONTROL_IN_HEAD = cython.declare(cython.ulonglong, bit("control_in_head"))
HEAD_TOO_LONG = cython.declare(cython.ulonglong, bit("head_too_long"))
TOO_MANY_HEADERS = cython.declare(cython.ulonglong, bit("too_many_headers"))
LENGTH_REPEATED = cython.declare(cython.ulonglong, bit("content_length_repeated"))
LENGTH_CONFLICT = cython.declare(cython.ulonglong, bit("content_length_conflict"))
LENGTH_INVALID = cython.declare(cython.ulonglong, bit("content_length_invalid"))
LENGTH_AND_TRANSFER = cython.declare(cython.ulonglong, bit("content_length_and_transfer_encoding"))
TRANSFER_UNKNOWN = cython.declare(cython.ulonglong, bit("transfer_encoding_unknown"))
TRANSFER_OBFUSCATED = cython.declare(cython.ulonglong, bit("transfer_encoding_obfuscated"))
TRANSFER_NOT_FINAL = cython.declare(cython.ulonglong, bit("transfer_encoding_not_final"))
TRANSFER_IN_10 = cython.declare(cython.ulonglong, bit("transfer_encoding_in_http10"))
TRANSFER_REPEATED = cython.declare(cython.ulonglong, bit("transfer_encoding_repeated"))
CHUNK_SIZE_INVALID = cython.declare(cython.ulonglong, bit("chunk_size_invalid"))
CHUNK_SIZE_SPACE = cython.declare(cython.ulonglong, bit("chunk_size_whitespace"))
CHUNK_EXTENDED = cython.declare(cython.ulonglong, bit("chunk_extension"))
CHUNK_BARE_LF = cython.declare(cython.ulonglong, bit("chunk_bare_lf"))
CHUNK_END_MISSING = cython.declare(cython.ulonglong, bit("chunk_end_missing"))
CHUNK_TRAILER = cython.declare(cython.ulonglong, bit("chunk_trailer"))
HOST_MISSING = cython.declare(cython.ulonglong, bit("host_missing"))
HOST_REPEATED = cython.declare(cython.ulonglong, bit("host_repeated"))
HOST_DIFFERS = cython.declare(cython.ulonglong, bit("host_differs_from_target"))
METHOD_UNKNOWN = cython.declare(cython.ulonglong, bit("method_unknown"))
REQUEST_LINE_SPACE = cython.declare(cython.ulonglong, bit("request_line_whitespace"))
REQUEST_LINE_MALFORMED = cython.declare(cython.ulonglong, bit("request_line_malformed"))
TARGET_CONTROL = cython.declare(cython.ulonglong, bit("target_control"))
VERSION_UNKNOWN = cython.declare(cython.ulonglong, bit("version_unknown"))
HTTP_0_9 = cython.declare(cython.ulonglong, bit("http_0_9"))
BLANK_LINE = cython.declare(cython.ulonglong, bit("blank_line_before_message"))
BODY_ON_GET = cython.declare(cython.ulonglong, bit("body_on_get"))
STATUS_MALFORMED = cython.declare(cython.ulonglong, bit("status_line_malformed"))
NOT_HTTP = cython.declare(cython.ulonglong, bit("response_not_http"))
UNSOLICITED = cython.declare(cython.ulonglong, bit("response_unsolicited"))
EARLY = cython.declare(cython.ulonglong, bit("response_before_request_end"))
PIPELINED = cython.declare(cython.ulonglong, bit("requests_pipelined"))
JUNK_BETWEEN = cython.declare(cython.ulonglong, bit("junk_between_messages"))
CLOSED_EARLY = cython.declare(cython.ulonglong, bit("connection_closed_early"))
UPGRADED = cython.declare(cython.ulonglong, bit("upgraded"))
TUNNEL = cython.declare(cython.ulonglong, bit("tunnel"))
TOO_MANY_WAITING = cython.declare(cython.ulonglong, bit("too_many_waiting"))

HEADLESS = cython.declare(cython.longlong, 4096)  # octets of a response without a head in which one may come yet
SLOP = cython.declare(cython.int, 4)  # octets before `HTTP/` in a status line that browsers look past
LONG_ENOUGH = cython.declare(cython.longlong, 100_000_000_000_000_000)  # octets of a body that nobody sends
SIZE_FULL = cython.declare(cython.longlong, 0x00FF_FFFF_FFFF_FFFF)  # a chunk's size that one digit more would make too large for 64 bits
SMALLEST_REQUEST = cython.declare(cython.longlong, 16)  # octets of `GET / HTTP/1.0` and two line ends: fewer lost octets hide no request

# Header names that this module reads, lower case, one after another; NAME_HIGH and NAME_LOW are where each stands.
_NAMES = (
    "host", "cookie", "user-agent", "connection", "content-type", "authorization", "content-length", "x-forwarded-for", "content-encoding",
    "transfer-encoding", "x-api-key", "forwarded", "x-real-ip", "api-key", "x-auth-token", "apikey", "x-access-token", "http/", "get", "head",
    "post", "put", "delete", "options", "patch", "trace", "connect", "propfind", "proppatch", "mkcol", "copy", "move", "report", "search", "query",
    "chunked", "identity", "close", "rtsp/", "icy ",
)  # fmt: skip
_text = "".join(_NAMES).encode()
_at = [sum(map(len, _NAMES[:k])) for k in range(len(_NAMES) + 1)]
NAME_TEXT = cython.declare(cython.const[cython.uchar][::1], _text)
if max(_at) > 65_535:
    raise AssertionError("NAME_HIGH and NAME_LOW hold one octet each")
NAME_HIGH = cython.declare(cython.const[cython.uchar][::1], bytes(at >> 8 for at in _at))
NAME_LOW = cython.declare(cython.const[cython.uchar][::1], bytes(at & 255 for at in _at))
HOST = cython.declare(cython.int, 0)
COOKIE = cython.declare(cython.int, 1)
USER_AGENT = cython.declare(cython.int, 2)
CONNECTION = cython.declare(cython.int, 3)
CONTENT_TYPE = cython.declare(cython.int, 4)
AUTHORIZATION = cython.declare(cython.int, 5)
CONTENT_LENGTH = cython.declare(cython.int, 6)
X_FORWARDED_FOR = cython.declare(cython.int, 7)
CONTENT_ENCODING = cython.declare(cython.int, 8)
TRANSFER_ENCODING = cython.declare(cython.int, 9)
X_API_KEY = cython.declare(cython.int, 10)
FORWARDED = cython.declare(cython.int, 11)
X_REAL_IP = cython.declare(cython.int, 12)
API_KEY = cython.declare(cython.int, 13)
X_AUTH_TOKEN = cython.declare(cython.int, 14)
APIKEY = cython.declare(cython.int, 15)
X_ACCESS_TOKEN = cython.declare(cython.int, 16)
HTTP_SLASH = cython.declare(cython.int, 17)
GET = cython.declare(cython.int, 18)
HEAD_METHOD = cython.declare(cython.int, 19)
CONNECT = cython.declare(cython.int, 26)
QUERY = cython.declare(cython.int, 34)
CHUNKED = cython.declare(cython.int, 35)
IDENTITY = cython.declare(cython.int, 36)
CLOSE = cython.declare(cython.int, 37)
RTSP_SLASH = cython.declare(cython.int, 38)
ICY = cython.declare(cython.int, 39)
NOTHING = cython.declare(cython.int, 255)  # a header that this module does not read
STATUS_LINE = cython.declare(cython.int, 254)  # what Lines has for one

# RFC 9110 5.6.2: the octets of a token.
_tchar = bytes(chr(c).isalnum() and c < 128 or chr(c) in "!#$%&'*+-.^_`|~" for c in range(256))
TCHAR = cython.declare(cython.const[cython.uchar][::1], _tchar)


def is_token(c):
    return TCHAR[c] != 0


def is_name(data, s, n, name):
    """Whether data[s:s+n] is that name, whatever its case."""
    at: cython.int = NAME_HIGH[name] * 256 + NAME_LOW[name]
    end: cython.int = NAME_HIGH[name + 1] * 256 + NAME_LOW[name + 1]
    k: cython.Py_ssize_t
    if end - at != n:
        return False
    for k in range(n):
        # `| 32` lowers letters and leaves `-` and `/` alone.
        if (data[s + k] | 32) != NAME_TEXT[at + k]:
            return False
    return True


def version_of(data, s, e):
    """10 times major plus minor of `HTTP/x.y` at data[s:e]; 0 for another HTTP version; -1 when it is no HTTP version."""
    if e - s < 5 or not is_name(data, s, 5, HTTP_SLASH):
        return -1
    if e - s == 8 and data[s + 6] == 46 and 48 <= data[s + 5] <= 57 and 48 <= data[s + 7] <= 57:
        return (data[s + 5] - 48) * 10 + data[s + 7] - 48
    return 0


def begins(data, s, e):
    """What data[s:e], the start of a segment or line, opens with: 1 a request line, 2 a status line, 0 neither. Strict, since it decides where
    a message begins amid octets that may be anything."""
    i: cython.Py_ssize_t = s
    k: cython.Py_ssize_t
    if e - s < 12:
        return 0
    if data[s] == 72 and data[s + 1] == 84 and data[s + 2] == 84 and data[s + 3] == 80:  # HTTP
        if data[s + 4] == 47 and data[s + 5] == 49 and data[s + 6] == 46 and 48 <= data[s + 7] <= 49 and data[s + 8] == 32:
            if 49 <= data[s + 9] <= 57 and 48 <= data[s + 10] <= 57 and 48 <= data[s + 11] <= 57:
                if e - s > 12 and (data[s + 12] == 32 or data[s + 12] == 13 or data[s + 12] == 10):
                    return 2
        return 0
    while i < e and i - s < 24 and 65 <= data[i] <= 90:
        i += 1
    if i - s < 3 or i >= e or data[i] != 32:
        return 0
    i += 1
    if i >= e or not (data[i] == 47 or data[i] == 42 or is_token(data[i])):
        return 0
    k = i
    while k < e and data[k] > 32 and data[k] != 127:
        k += 1
    if k == e:
        # The target runs to the end of what was captured of this segment: a long one, or nothing.
        return 1 if data[i] == 47 and e - s >= 200 else 0
    if data[k] != 32 or k == i:
        return 0
    # The first version ends the line. Spaces in the target before it (scanners send them, and servers read them) make no other line of it.
    while k + 9 < e and data[k] != 13 and data[k] != 10:
        if data[k] == 32 and is_name(data, k + 1, 5, HTTP_SLASH):
            return 1 if version_of(data, k + 1, k + 9) // 10 == 1 and (data[k + 9] == 13 or data[k + 9] == 10) else 0
        k += 1
    return 0


def method_of(data, s, e):
    """Where the capitals that data[s:e] opens with end."""
    while s < e and 65 <= data[s] <= 90:
        s += 1
    return s


def is_spaced(data, s, e):
    """Whether the target of the request line that data[s:e] opens with has a space in it."""
    k: cython.Py_ssize_t = find(data, s, e, 32)
    k = find(data, k + 1, e, 32)
    return k >= 0 and not (e - k > 5 and is_name(data, k + 1, 5, HTTP_SLASH))


def may_begin(data, s, e):
    """Whether data[s:e] may be the first octets of a start line, too few to tell."""
    k: cython.Py_ssize_t = method_of(data, s, e)
    if k < e and (k - s < 3 or not (data[k] == 32 or opens(data, s, e, HTTP_SLASH))):
        return False
    while k < e and data[k] >= 32:
        k += 1
    return k == e and e - s < 256


def request_line(m, data, base, s, e):
    """Read a request line: 0 it is none, 1 it is one, 2 it has no version (an HTTP/0.9 simple request, or what servers take for one)."""
    i: cython.Py_ssize_t = s
    k: cython.Py_ssize_t
    v: cython.longlong
    while i < e and (data[i] == 32 or data[i] == 9):
        i += 1
    if i > s:
        m.weirds |= REQUEST_LINE_SPACE
    k = i
    while i < e and is_token(data[i]):
        i += 1
    if i == k or i - k > 64 or i >= e or (data[i] != 32 and data[i] != 9):
        return 0
    m.method_at = k - base
    m.method_end = i - base
    if i + 1 < e and (data[i] == 9 or data[i + 1] == 32 or data[i + 1] == 9):
        m.weirds |= REQUEST_LINE_SPACE
    while i < e and (data[i] == 32 or data[i] == 9):
        i += 1
    while e > i and (data[e - 1] == 32 or data[e - 1] == 9):
        e -= 1
        m.weirds |= REQUEST_LINE_SPACE
    if i >= e:
        return 0
    k = e
    while k > i and data[k - 1] != 32 and data[k - 1] != 9:
        k -= 1
    v = version_of(data, k, e)
    if v < 0:
        m.target_at = i - base
        m.target_end = e - base
        if data[i] == 47 and k > i and is_protocol(data, k, e):
            if data[k] == 82 or data[k] == 83:
                return 0  # RTSP and SIP: other protocols of the same looks
            v = 0  # Icecast's `ICE/1.0`, a misspelt version: a request all the same
            m.weirds |= REQUEST_LINE_MALFORMED
        else:
            # RFC 1945 4.1: Simple-Request = "GET" SP Request-URI CRLF. Servers that read it mostly read other methods, and spaces in the target, too.
            if k == i and m.method_end - m.method_at == 3 and is_name(data, base + m.method_at, 3, GET):
                if data[i] != 47 and not (e - i > 7 and data[i] | 32 == 104 and data[i + 4] == 58):
                    return 0
            elif data[i] == 47 and known_method(data, base + m.method_at, base + m.method_end, CONNECT):
                m.weirds |= REQUEST_LINE_MALFORMED
            else:
                return 0
            m.version = 9
            m.weirds |= HTTP_0_9
            return 2
    m.version = v
    if v != 11 and v != 10:
        m.weirds |= VERSION_UNKNOWN
        if v >= 20 and v < 40:
            return 0  # the preface of HTTP/2 and the like
    e = k
    while e > i and (data[e - 1] == 32 or data[e - 1] == 9):
        e -= 1
    if k - e > 1:
        m.weirds |= REQUEST_LINE_SPACE
    if e <= i:
        m.weirds |= REQUEST_LINE_MALFORMED  # `GET HTTP/1.1`: no target
    m.target_at = i - base
    m.target_end = e - base
    return 1


def is_protocol(data, s, e):
    """Whether data[s:e] looks like a protocol and its version: capitals, a slash, a digit."""
    i: cython.Py_ssize_t = s
    while i < e and 65 <= data[i] <= 90:
        i += 1
    return i > s and i + 1 < e and data[i] == 47 and 48 <= data[i + 1] <= 57


def status_line(m, data, base, s, e):
    """Read a status line: 1 it is one, 0 it is none."""
    i: cython.Py_ssize_t = s
    k: cython.Py_ssize_t
    code: cython.int = 0
    if e - i < 5 or not is_name(data, i, 5, HTTP_SLASH):
        # Clients look past white space, and past a few octets of anything. An answer may also name another protocol: RTSP's servers answer HTTP
        # requests so, and SHOUTcast's.
        while i < e and (data[i] == 32 or data[i] == 9 or data[i] == 13):
            i += 1
        k = i
        while k < e and k - i <= SLOP and not (e - k >= 5 and is_name(data, k, 5, HTTP_SLASH)):
            k += 1
        if k < e and k - i <= SLOP:
            i = k
        elif not m.answers or not (e - i >= 8 and (opens(data, i, e, RTSP_SLASH) or opens(data, i, e, ICY))):
            return 0
        m.weirds |= STATUS_MALFORMED
    k = i
    while i < e and data[i] != 32 and data[i] != 9:
        i += 1
    m.version = version_of(data, k, i)
    if m.version != 11 and m.version != 10:
        m.weirds |= VERSION_UNKNOWN
        if m.version < 0:
            m.version = 0
    if not (data[k] == 72 and data[k + 1] == 84 and data[k + 2] == 84 and data[k + 3] == 80):
        m.weirds |= STATUS_MALFORMED
    k = i
    while i < e and (data[i] == 32 or data[i] == 9):
        i += 1
    if i - k != 1 and i < e:
        m.weirds |= STATUS_MALFORMED
    k = i
    while i < e and 48 <= data[i] <= 57 and i - k < 4:
        code = code * 10 + data[i] - 48
        i += 1
    if i - k != 3 or (i < e and data[i] != 32):
        m.weirds |= STATUS_MALFORMED
    m.status = code if i > k else 0
    return 1


def content_length(m, data, s, e):
    """Take a Content-Length value (RFC 9110 8.6; a list of equal values is one value, RFC 9112 6.3)."""
    value: cython.longlong = -1
    i: cython.Py_ssize_t = s
    if i >= e:
        m.weirds |= LENGTH_INVALID
        return 0
    if data[i] == 43:  # some servers take "+5"
        m.weirds |= LENGTH_INVALID
        i += 1
    while i < e:
        if 48 <= data[i] <= 57:
            if value < 0:
                value = 0
            if value > LONG_ENOUGH:
                m.weirds |= LENGTH_INVALID
                return 0
            value = value * 10 + data[i] - 48
        elif data[i] == 44 and value >= 0:
            m.weirds |= LENGTH_REPEATED
            content_length(m, data, s, i)
            i += 1
            while i < e and (data[i] == 32 or data[i] == 9):
                i += 1
            return content_length(m, data, i, e)
        else:
            # As lenient servers and browsers do: the digits in front count, what follows is an oddity.
            m.weirds |= LENGTH_INVALID
            break
        i += 1
    if value < 0:
        return 0
    if m.content_length >= 0:
        if m.content_length != value:
            m.weirds |= LENGTH_CONFLICT
            return 0
        m.weirds |= LENGTH_REPEATED
        return 0
    m.content_length = value
    return 0


def transfer_encoding(m, data, s, e):
    """Take a Transfer-Encoding value: a list of codings, the last of which frames the body (RFC 9112 6.1)."""
    i: cython.Py_ssize_t = s
    k: cython.Py_ssize_t
    stop: cython.Py_ssize_t
    if m.transfer & 4:
        m.weirds |= TRANSFER_REPEATED
    m.transfer |= 4
    while i < e:
        while i < e and (data[i] == 32 or data[i] == 9 or data[i] == 44 or data[i] == 13 or data[i] == 10 or data[i] == 11 or data[i] == 12):
            if data[i] == 11 or data[i] == 12:
                m.weirds |= TRANSFER_OBFUSCATED
            i += 1
        k = i
        while i < e and data[i] != 44:
            i += 1
        stop = i
        while stop > k and (data[stop - 1] == 32 or data[stop - 1] == 9 or data[stop - 1] == 11 or data[stop - 1] == 12 or data[stop - 1] == 0):
            stop -= 1
            if data[stop] < 32 and data[stop] != 9:
                m.weirds |= TRANSFER_OBFUSCATED
        if stop == k:
            continue
        if m.transfer & 1:
            m.weirds |= TRANSFER_NOT_FINAL
        if is_name(data, k, stop - k, CHUNKED):
            m.transfer |= 1
        elif is_name(data, k, stop - k, IDENTITY):
            m.transfer |= 8
        else:
            m.transfer |= 2
            m.weirds |= TRANSFER_UNKNOWN
            # `chunked` with something around it (quotes, parameters, odd spaces, a prefix): some reader takes it for chunked, and the body shows.
            while k + 7 <= stop:
                if is_name(data, k, 7, CHUNKED):
                    m.weirds |= TRANSFER_OBFUSCATED
                    m.transfer |= 1
                    break
                k += 1
    return 0


@cython.cclass
class Names:
    """Header names as they were met last, each with its meaning here.

    Clients and servers write the same few names over and over. What stands here was read the long way once (`meaning_of`), octet for octet as it
    is compared, so the table saves time and can change no answer.
    """

    def __init__(self):
        self.texts = bytearray(128 * 32)
        self.lengths = bytearray(128)
        self.meanings = bytearray(128)
        if cython.compiled:
            self.text = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(self.texts))
            self.length = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(self.lengths))
            self.meaning = cython.cast(cython.pointer(cython.uchar), PyByteArray_AS_STRING(self.meanings))
        else:
            self.text, self.length, self.meaning = self.texts, self.lengths, self.meanings

    def of(self, data, s, n):
        """The meaning of the name data[s:s+n], of one octet at least."""
        slot: cython.int
        known: cython.int
        if n > 32:
            return meaning_of(data, s, n)
        slot = (data[s] * 5 + data[s + n - 1] * 3 + n * 17) & 127
        if self.length[slot] == n:
            if cython.compiled:
                if memcmp(self.text + slot * 32, data + s, n) == 0:
                    return self.meaning[slot]
            elif same(self.text, slot * 32, data, s, s + n):
                return self.meaning[slot]
        known = meaning_of(data, s, n)
        self.length[slot] = n
        self.meaning[slot] = known
        copy(self.text, 128 * 32, slot * 32, data, s, s + n)
        return known


NAMES = cython.declare(Names, Names())


def meaning_of(data, s, n):
    """Which of the names that matter data[s:s+n] is; NOTHING for another."""
    c: cython.int = data[s] | 32
    if c == 99:  # c
        if n == 14 and is_name(data, s, n, CONTENT_LENGTH):
            return CONTENT_LENGTH
        if n == 12 and is_name(data, s, n, CONTENT_TYPE):
            return CONTENT_TYPE
        if n == 10 and is_name(data, s, n, CONNECTION):
            return CONNECTION
        if n == 6 and is_name(data, s, n, COOKIE):
            return COOKIE
        if n == 16 and is_name(data, s, n, CONTENT_ENCODING):
            return CONTENT_ENCODING
    elif c == 104:  # h
        if n == 4 and is_name(data, s, n, HOST):
            return HOST
    elif c == 116:  # t
        if n == 17 and is_name(data, s, n, TRANSFER_ENCODING):
            return TRANSFER_ENCODING
    elif c == 117:  # u
        if n == 10 and is_name(data, s, n, USER_AGENT):
            return USER_AGENT
    elif c == 97:  # a
        if n == 13 and is_name(data, s, n, AUTHORIZATION):
            return AUTHORIZATION
        if (n == 7 and is_name(data, s, n, API_KEY)) or (n == 6 and is_name(data, s, n, APIKEY)):
            return API_KEY
    elif c == 120:  # x
        if n == 15 and is_name(data, s, n, X_FORWARDED_FOR):
            return X_FORWARDED_FOR
        if (n == 9 and is_name(data, s, n, X_API_KEY)) or (n == 12 and is_name(data, s, n, X_AUTH_TOKEN)) or (n == 14 and is_name(data, s, n, X_ACCESS_TOKEN)):
            return API_KEY
        if n == 9 and is_name(data, s, n, X_REAL_IP):
            return FORWARDED
    elif c == 102:  # f
        if n == 9 and is_name(data, s, n, FORWARDED):
            return FORWARDED
    return NOTHING


def header_line(m, data, base, s, e, known, length):
    """Read one header line, data[s:e] without its line end; known names leave their span in the message. Where the line is an ordinary one of
    `length` octets with its end (0: do not), it is taken into `known`, and returned; else -1."""
    i: cython.Py_ssize_t = find(data, s, e, 58)
    n: cython.Py_ssize_t
    v: cython.Py_ssize_t
    name: cython.int
    line: cython.int = -1
    if i < 0:
        m.weirds |= HEADER_WITHOUT_COLON
        return -1
    n = i - s
    while n > 0 and data[s + n - 1] <= 32:
        n -= 1
    if n != i - s:
        m.weirds |= SPACE_BEFORE_COLON
        length = 0
    if n == 0:
        m.weirds |= HEADER_NAME_INVALID
        return -1
    name = NAMES.of(data, s, n)
    v = i + 1
    while v < e and data[v] <= 32:
        v += 1
    while e > v and data[e - 1] <= 32:
        e -= 1
    if length > 0:
        line = known.learn(data, s, length, name, v - s, e - s)
    if name != NOTHING:
        header(m, name, data, base, v, e, -1 if line < 0 else known.entry[line * ENTRY + SERIAL])
    return line


def header(m, name, data, base, v, e, serial):
    """Take the value data[v:e] of a header of that name. `serial` is the number of its line among the known ones, or -1."""
    if name == CONTENT_LENGTH:
        content_length(m, data, v, e)
    elif name == CONTENT_TYPE:
        if m.type_at < 0:
            m.type_at = v - base
            m.type_end = e - base
            m.type_line = serial
    elif name == CONNECTION:
        if e - v == 5 and is_name(data, v, 5, CLOSE):
            m.closes = True
    elif name == HOST:
        if m.host_at >= 0:
            m.weirds |= HOST_REPEATED
        else:
            m.host_at = v - base
            m.host_end = e - base
            m.host_line = serial
    elif name == USER_AGENT:
        if m.agent_at < 0:
            m.agent_at = v - base
            m.agent_end = e - base
            m.agent_line = serial
    elif name == AUTHORIZATION:
        if m.authorization_at < 0:
            m.authorization_at = v - base
            m.authorization_end = e - base
            m.authorization_line = serial
    elif name == X_FORWARDED_FOR:
        m.forwarded_at = v - base
        m.forwarded_end = e - base
        m.forwarded_line = serial
    elif name == COOKIE:
        if m.cookie_at < 0:
            m.cookie_at = v - base
            m.cookie_end = e - base
            m.cookie_line = serial
    elif name == CONTENT_ENCODING:
        m.content_codings += 1
        m.coding_line = serial
        if m.coding_at < 0:
            m.coding_at = v - base
        else:
            m.coding_line = -1  # the span is that of several lines
        m.coding_end = e - base
    elif name == TRANSFER_ENCODING:
        transfer_encoding(m, data, v, e)
    elif name == API_KEY:
        m.key_at = v - base
        m.key_end = e - base
        m.key_line = serial
    elif m.forwarded_at < 0:  # FORWARDED
        m.forwarded_at = v - base
        m.forwarded_end = e - base
        m.forwarded_line = serial
    return 0


def recall(m, known, line, data, base, at):
    """Take a known line, a status line or a header, that stands at data[at:]."""
    k: cython.int = line * ENTRY
    if known.entry[k + MEANING] == STATUS_LINE:
        m.version = known.entry[k + VALUE_AT]
        m.status = known.entry[k + VALUE_END]
    elif known.entry[k + MEANING] != NOTHING:
        header(m, known.entry[k + MEANING], data, base, at + known.entry[k + VALUE_AT], at + known.entry[k + VALUE_END], known.entry[k + SERIAL])
    return 0


def has_controls(data, s, e):
    """Whether a control character is in data[s:e]."""
    some: cython.uchar = 0
    k: cython.Py_ssize_t
    for k in range(s, e):
        some |= data[k] < 32  # in octets, of which a compiler takes many at a time
    return some != 0


def is_blank(m, data, s, e):
    """Whether a line that is not empty may end the head all the same: CRs alone, or, of a response, white space alone."""
    k: cython.Py_ssize_t
    for k in range(s, e):
        if data[k] != 13 and (m.is_request or (data[k] != 32 and data[k] != 9)):
            return False
    return True


def goes_on(data, s, e):
    """Whether a head goes on at data[s:e], after a line that ends it for some readers only: 1 it does, with a header or with the empty line that
    ends it for all; 0 it does not; -1 what is here does not tell."""
    k: cython.Py_ssize_t = s
    while k < e and k - s < 64 and is_token(data[k]):
        k += 1
    if k == e:
        return -1
    if k == s:
        return data[k] == 13 or data[k] == 10 or data[k] == 32 or data[k] == 9
    return data[k] == 58


def lines(m, data, base, side, end, headers_limit, known):
    """Read the lines of a head from data[base + side.line_at : end]; `known` has those of this direction that were met before.

    Returns -1 when the head goes on past `end` (side.line_at is then where the unread line starts), -2 when its first line is no start line, -3
    when there are too many lines, -4 after an HTTP/0.9 simple request, and 0 at the head's end; `side.line_at` is then how long the head is.
    """
    at: cython.Py_ssize_t = base + side.line_at
    nl: cython.Py_ssize_t
    e: cython.Py_ssize_t
    fold: cython.Py_ssize_t
    k: cython.Py_ssize_t
    kind: cython.int
    before: cython.int = known.start if side.line_at == 0 else -1  # the known line that the next one follows
    line: cython.int
    expected: cython.int
    meaning: cython.int
    length: cython.Py_ssize_t
    if side.line_at < 0 or at > end:
        raise IndexError("http1.lines: the next line starts outside what was given")
    while at < end:
        line = expected = known.entry[before * ENTRY + FOLLOWER] if before >= 0 else -1
        if line >= 0 and m.version != 9:
            # The line that stood here the last time, and nothing after it that could belong to it.
            if data[at] == 13 and at + 1 < end and data[at + 1] == 10 and m.headers > 0:
                side.line_at = at + 2 - base
                return 0
            length = known.entry[line * ENTRY + LENGTH]
            meaning = known.entry[line * ENTRY + MEANING]
            if (
                length < end - at
                and (m.headers == 0) == (meaning == STATUS_LINE) and not (side.strict and m.headers == 0)
                and (data[at + length] > 32 or data[at + length] == 13)
                and known.stands(line, data, at)
            ):  # fmt: skip
                recall(m, known, line, data, base, at)
                m.headers += 1
                if m.headers > headers_limit:
                    return -3
                at += length
                before = line
                continue
        if cython.compiled:
            first: cython.pointer(cython.const[cython.uchar]) = data + at
            hit: cython.pointer(cython.const[cython.uchar]) = cython.cast(cython.pointer(cython.const[cython.uchar]), memchr(first, 10, end - at))
            if hit == cython.NULL:
                side.line_at = at - base
                return -1
            nl = at + (hit - first)
        else:
            nl = at
            while nl < end and data[nl] != 10:
                nl += 1
            if nl == end:
                side.line_at = at - base
                return -1
        e = nl
        if e > at and data[e - 1] == 13:
            e -= 1
        else:
            m.weirds |= BARE_LF
        line = -1
        if m.headers == 0:
            m.dirty = has_controls(data, at, e)
            if m.is_request:
                kind = request_line(m, data, base, at, e)
                line = known.start
            else:
                line = known.find(data, at, nl + 1 - at)
                if line >= 0 and known.entry[line * ENTRY + MEANING] == STATUS_LINE:
                    recall(m, known, line, data, base, at)
                    kind = 1
                else:
                    kind = status_line(m, data, base, at, e)
                    line = known.learn(data, at, nl + 1 - at, STATUS_LINE, m.version, m.status) if kind == 1 and m.weirds == 0 and not m.dirty else -1
                if line >= 0:
                    known.entry[known.start * ENTRY + FOLLOWER] = line
            if kind == 0 or (side.strict and begins(data, at, nl + 1) != (1 if m.is_request else 2)):
                return -2
            if kind == 2:
                m.headers = 1
                side.line_at = nl + 1 - base
                return -4
        elif e == at or (m.version == 9 and m.is_request and begins(data, at, nl + 1) == 1):
            side.line_at = (nl + 1 if e == at else at) - base
            return 0
        elif data[at] <= 32 and is_blank(m, data, at, e):
            kind = goes_on(data, nl + 1, end)
            if kind < 0 and not side.ending:
                side.line_at = at - base
                return -1
            m.weirds |= BARE_CR if data[at] == 13 else OBS_FOLD
            if kind <= 0:
                side.line_at = nl + 1 - base
                return 0
        else:
            # RFC 9112 5.2: a line that begins with white space continues the header before it. Whether one follows shows only in the next line.
            # Some clients take a NUL for white space here.
            if nl + 1 >= end and not side.ending:
                side.line_at = at - base
                return -1
            fold = nl
            while fold + 1 < end and (data[fold + 1] == 32 or data[fold + 1] == 9 or (data[fold + 1] == 0 and not m.is_request)):
                k = fold + 1
                while k < end and data[k] != 10:
                    k += 1
                kind = 1
                if k + 1 < end and is_blank(m, data, fold + 1, k):
                    kind = goes_on(data, k + 1, end)
                if (k + 1 >= end or kind < 0) and not side.ending:
                    side.line_at = at - base
                    return -1
                if kind <= 0 or k == end:
                    break
                m.weirds |= OBS_FOLD
                fold = k
            if fold > nl:
                nl = fold
                e = nl
                if data[e - 1] == 13:
                    e -= 1
                m.dirty = True
                header_line(m, data, base, at, e, known, 0)
            elif e == nl or data[at] <= 32:
                m.dirty = m.dirty or has_controls(data, at, e)
                header_line(m, data, base, at, e, known, 0)
            else:
                line = known.find(data, at, nl + 1 - at)
                if line >= 0 and known.entry[line * ENTRY + MEANING] != STATUS_LINE:
                    recall(m, known, line, data, base, at)
                elif has_controls(data, at, e):
                    m.dirty = True
                    line = header_line(m, data, base, at, e, known, 0)
                else:
                    line = header_line(m, data, base, at, e, known, nl + 1 - at)
                if line < 0:
                    line = expected  # another value of the same header, as a rule: what follows is what followed then
                elif before >= 0:
                    known.entry[before * ENTRY + FOLLOWER] = line
        before = line
        m.headers += 1
        if m.headers > headers_limit:
            return -3
        at = nl + 1
    side.line_at = at - base
    return -1


def census(m):
    """Look over a whole head for control characters and for CRs that end no line."""
    n: cython.Py_ssize_t = m.head_length
    k: cython.Py_ssize_t
    controls: cython.uint = 0
    cr: cython.uint = 0
    lf: cython.uint = 0
    tab: cython.uint = 0
    c: cython.uchar
    head: cython.pointer(cython.uchar) = m.h
    if n == 0:
        return 0
    if m.head_complete and not m.dirty and m.weirds & (BARE_LF | BARE_CR | OBS_FOLD) == 0:
        m.clean = True  # no control character but the CR LF at the end of every line
        return 0
    for k in range(n):
        c = head[k]
        controls += c < 32
        cr += c == 13
        lf += c == 10
        tab += c == 9
    if controls != cr + lf + tab or cr > lf or (cr < lf and m.weirds & BARE_LF == 0):
        for k in range(n):
            c = head[k]
            if c == 0:
                m.weirds |= NUL_IN_HEAD
            elif c == 13:
                if k + 1 < n and head[k + 1] != 10:
                    m.weirds |= BARE_CR
            elif c < 32 and c != 10 and c != 9:
                m.weirds |= CONTROL_IN_HEAD
    elif m.weirds & BARE_LF:
        for k in range(n):
            if head[k] == 13 and k + 1 < n and head[k + 1] != 10:
                m.weirds |= BARE_CR
    if not m.is_request and m.weirds & (BARE_CR | OBS_FOLD | NUL_IN_HEAD):
        hidden_lines(m)
    return 0


def hidden_lines(m):
    """Headers of a response that only some readers see: after a CR that ends no line for others, on a line that continues the one before, or with
    NULs in their name."""
    head: cython.pointer(cython.uchar) = m.h
    n: cython.Py_ssize_t = m.head_length
    k: cython.Py_ssize_t = 0
    s: cython.Py_ssize_t
    text: bytes
    while k < n:
        if (head[k] == 13 and k + 1 < n and head[k + 1] != 10) or (head[k] == 10 and k + 1 < n and (head[k + 1] == 32 or head[k + 1] == 9)):
            s = k + 1
            while s < n and (head[s] == 32 or head[s] == 9):
                s += 1
            k = s
            while k < n and head[k] != 13 and head[k] != 10:
                k += 1
            if m.transfer & 4 == 0 or m.coding_at < 0:
                header_line(m, head, 0, s, k, None, 0)
        else:
            k += 1
    if m.weirds & NUL_IN_HEAD:
        k = 0
        text = bytes(head[:n])
        for line in text.split(b"\n"):
            name, _, _ = line.partition(b":")
            if b"\0" in name:
                name = name.replace(b"\0", b"").strip().lower()
                s = k + line.find(b":") + 1
                if name == b"transfer-encoding":
                    transfer_encoding(m, head, s, k + len(line))
                elif name == b"content-encoding" and m.coding_at < 0:
                    m.coding_at = s
                    m.coding_end = k + len(line)
            k += len(line) + 1
    return 0


def target(m):
    """Split a request target (RFC 9112 3.2) into authority, path and query."""
    head: cython.pointer(cython.uchar) = m.h
    s: cython.Py_ssize_t = m.target_at
    e: cython.Py_ssize_t = m.target_end
    i: cython.Py_ssize_t = s
    k: cython.Py_ssize_t
    if m.method_end - m.method_at == 7 and is_name(head, m.method_at, 7, CONNECT):
        m.authority_at = s
        m.authority_end = e
        return 0
    if s < e and head[s] != 47:
        while i < e and (97 <= (head[i] | 32) <= 122 or head[i] == 43 or head[i] == 45 or head[i] == 46 or 48 <= head[i] <= 57):
            i += 1
        if i > s and i + 2 < e and head[i] == 58 and head[i + 1] == 47 and head[i + 2] == 47:
            m.secure = i - s == 5 and head[i - 1] | 32 == 115
            i += 3
            m.authority_at = i
            while i < e and head[i] != 47 and head[i] != 63 and head[i] != 35:
                i += 1
            m.authority_end = i
            for k in range(m.authority_at, i):
                if head[k] == 64:
                    m.authority_at = k + 1
            s = i
    m.path_at = s
    i = find(head, s, e, 63)
    if i < 0:
        i = e
    if not m.clean:
        for k in range(s, i):
            if head[k] < 32:
                m.weirds |= TARGET_CONTROL
    m.path_end = i
    if i < e:
        m.query_at = i + 1
        m.query_end = e
    return 0


@cython.no_gc
@cython.cclass
class Side:
    """What one direction is reading."""

    def begin(self):
        self.state = START
        self.fresh = True
        self.message = None
        self.remaining = 0
        self.line_at = 0
        self.digits = self.line_octets = 0
        self.spaced = self.strict = self.ending = self.ended = False
        self.partial = None
        self.position = self.ack = self.ts = self.packet = 0
        self.packet_file = 0
        return 0


@cython.no_gc
@cython.cclass
class Http1:
    """The two directions of one connection, and the requests that wait for their response.

    `client` is the side known (by the handshake) to send requests, or -1. `synchronised` says whether the first octets were seen; when they were
    not, the first segment that opens with a start line begins, and tells who is who.
    """

    def begin(self, calls, connection, client, synchronised):
        self.calls = calls
        self.connection = connection
        self.side0 = Side.__new__(Side)
        self.side0.begin()
        self.side1 = Side.__new__(Side)
        self.side1.begin()
        self.client = client
        self.dead = self.pipelined = self.lost_request = False
        self.lost_ack = self.server_start = -1
        self.lost_end = 0
        self.unexplained = 0
        self.unsure = None
        self.interim = None
        self.simple = None
        self.preface = None
        self.foreign = False
        self.order_lost = not synchronised
        self.oldest = self.newest = None
        self.waiting = 0
        self.pending_weird = 0
        self.head_limit = calls.head_limit
        self.body_limit = calls.body_limit
        self.headers_limit = calls.headers_limit
        self.waiting_limit = calls.waiting_limit
        if not synchronised or client < 0:
            self.side0.state = self.side1.state = RESYNC
        if client >= 0:
            connection.client = client
        return 0

    def _side(self, who):
        return self.side0 if who == 0 else self.side1

    def feed(self, who, data, start, end, pos, ack, ts, packet_file, packet):
        """Octets data[start:end] of side `who`, which stand at `pos` of its stream; `ack` is the other stream's position its sender had received.
        Times in ns. Nothing in the octets can raise out of here."""
        side: Side = self.side0 if who == 0 else self.side1
        m: Message
        kind: cython.int
        base: cython.longlong = pos - start
        follows: cython.bint = side.position == pos
        text: bytes
        side.position = pos + (end - start)
        if self.dead or side.state == ASIDE:
            return 0
        side.ack = ack
        side.ts = ts
        side.packet = packet
        side.packet_file = packet_file
        if side.state == RESYNC:
            kind = begins(data, start, end)
            if kind == 1 and not side.fresh and is_spaced(data, start, end):
                kind = 0  # after a loss, `GET /a "}GET /b HTTP/1.1` quotes a request, more likely than that it has spaces in its target
            if kind == 1 and not known_method(data, start, method_of(data, start, end), QUERY):
                kind = 3  # `EAD /`: its first octets may stand in another segment
            if kind == 3 or kind == 0:
                text = side.partial
                side.partial = None
                if text is not None and follows:
                    text += bytes(data[start:end])
                    if begins(text, 0, len(text)) == 2 or known_method(text, 0, method_of(text, 0, len(text)), QUERY) and begins(text, 0, len(text)):
                        if who == self.client and self.lost_end > side.position - len(text):
                            self.lost_end = side.position - len(text)  # these octets were not lost after all
                        return self.feed(who, text, 0, len(text), side.position - len(text), ack, ts, packet_file, packet)
                    if may_begin(text, 0, len(text)):
                        side.partial = text
                elif may_begin(data, start, end):
                    side.partial = bytes(data[start:end])
                if kind == 0 or not side.fresh:
                    if who == self.client and end - start >= SMALLEST_REQUEST:
                        # A whole request may be in it.
                        self.lost_request = True
                        self.lost_end = side.position
                    return 0
                kind = 1
            side.partial = None
            if self.client < 0:
                self.client = who if kind == 1 else 1 - who
                self.connection.client = self.client
            if (kind == 1) != (who == self.client):
                return 0
            side.state = START
            side.fresh = False
        m = side.message
        if m is not None:
            m.last_ts = ts
        self._feed(who, side, data, start, end, base)
        side.position = pos + (end - start)
        return 0

    def _feed(self, who, side, data, i, end, base):
        """Read data[i:end], whose index 0 is stream position `base`, as the side's state has it."""
        m: Message
        n: cython.Py_ssize_t
        while i < end:
            side.position = base + i
            if side.state == BODY:
                m = side.message
                n = end - i
                if n > side.remaining:
                    n = side.remaining
                self.calls.lend(m, data, i, i + n)
                m.body_length += n
                side.remaining -= n
                i += n
                if side.remaining == 0:
                    side.position = base + i
                    self._done(who, side)
            elif side.state == START:
                i = self._start(who, side, data, i, end)
            elif side.state == HEAD:
                i = self._head(who, side, data, i, end)
            elif side.state == UNTIL_CLOSE:
                m = side.message
                m.keep(data, i, end, self.body_limit)
                m.body_length += end - i
                i = end
                side.position = base + i
                if m.head_length == 0 and m.body_length <= HEADLESS and m.body_kept == m.body_length:
                    self._late_head(who, side, m)
            elif side.state == JUNK:
                i = self._junk(who, side, data, i, end)
            elif side.state == SIMPLE:
                i = self._simple(who, side, data, i, end)
            elif side.state == PREFACE:
                i = self._prefaced(who, side, data, i, end)
            elif side.state == ASIDE or side.state == RESYNC or self.dead:
                break
            else:
                i = self._chunked(who, side, data, i, end)
        self.calls.settle()  # whose buffer `data` is may let it go now
        return 0

    def _reread(self, who, side, text, i, base):
        """Read text[i:], octets that were kept and turn out to be something else."""
        self._feed(who, side, text, i, len(text), base)
        self.calls.settle()  # `text` goes
        return 0

    def _start(self, who, side, data, i, end):
        """Between messages: skip blank lines (RFC 9112 2.2), then begin a message."""
        m: Message
        first: cython.Py_ssize_t = i
        while i < end and (data[i] == 13 or data[i] == 10):
            i += 1
        if i > first:
            side.spaced = True
        if i == end:
            return i
        m = self.calls.take()
        m.is_request = who == self.client
        m.start = side.position + (i - first)
        m.ack = side.ack
        m.first_ts = m.last_ts = side.ts
        m.packet = side.packet
        m.packet_file = side.packet_file
        m.answers = self.waiting > 0
        if side.spaced and not side.fresh:
            m.weirds |= BLANK_LINE
        side.spaced = False
        side.message = m
        side.line_at = 0
        side.state = HEAD
        return i

    def _head(self, who, side, data, i, end):
        """Read on in a head; returns how far data was used."""
        m: Message = side.message
        known: Lines = self.calls.request_lines if m.is_request else self.calls.response_lines
        got: cython.int
        before: cython.Py_ssize_t = m.head_length
        stop: cython.Py_ssize_t = end
        limit: cython.Py_ssize_t = self._head_limit(m, end - i)
        if stop - i > limit - before:
            stop = i + limit - before
        if before == 0:
            # The whole head is mostly in one segment: read it where it lies, copy it once.
            got = lines(m, data, i, side, stop, self.headers_limit, known)
            m.add_head(data, i, i + side.line_at if got == 0 or got == -4 else stop)
        else:
            m.add_head(data, i, stop)
            got = lines(m, m.h, 0, side, m.head_length, self.headers_limit, known)
            if got == 0 or got == -4:
                m.head_length = side.line_at
        if got == 0 or got == -4:
            side.position = m.start + side.line_at
            i += side.line_at - before
            self._head_whole(who, side, m)
            return i
        if got == -2 or (got == -1 and m.headers == 0 and hopeless(m)):
            return self._refuse(who, side, data, i, end)
        if got == -1 and m.head_length < limit:
            return stop
        # More head than we read. What was read is a call; a later line that is a start line goes on.
        m.weirds |= HEAD_TOO_LONG if got == -1 else TOO_MANY_HEADERS
        if m.headers == 0:
            return self._refuse(who, side, data, i, end)
        side.position = m.start + m.head_length
        self._cut(who, side)
        side.state = JUNK
        return stop

    def _head_limit(self, m, n):
        """How long a head may be that now goes on for n octets."""
        if m.head_length + n > m.head_room and self.calls.room.held >= self.calls.room.limit:
            self.calls.room.refused += 1
            return m.head_room
        return self.head_limit

    def _refuse(self, who, side, data, i, end):
        """The line that should open a message is no start line. Returns how far data was used."""
        m: Message = side.message
        q: Message
        at: cython.Py_ssize_t = i + (m.start + m.head_length - side.position)  # past what the head took of data
        text: bytes
        here: cython.bint = m.start == side.position  # all of it lies in data
        if at < i or at > end:
            raise IndexError("http1._refuse: head outside the stream")
        if who == self.client:
            if side.fresh:
                if self._preface_begins(who, side, m):
                    return i if here else at
                side.message = None
                self.calls.give(m)
                self._unreadable(side, self._side(1 - who))
                return end
        elif self.interim is not None:
            # What follows an interim response that announced a body is no response, so this is that body, and the response was final.
            text = bytes(m.head[: m.head_length])
            side.message = self.interim
            self.interim = None
            side.position = m.start
            self.calls.give(m)
            m = side.message
            m.final = True
            self._response_head(side, m)
            if here:
                return i
            self._reread(who, side, text, 0, side.position)
            return at
        elif side.fresh and not self.order_lost:
            if self.waiting == 0 and (self.foreign or not self._unended()):
                # A server that speaks first, and not HTTP: mail, SSH, a database.
                self._not_http()
                return end
            # An answer without a head: HTTP/0.9, or what browsers take for it.
            q = self.oldest
            if q.version != 9:
                m.weirds |= NOT_HTTP
            m.weirds &= ~(STATUS_MALFORMED | VERSION_UNKNOWN | BARE_LF)
            m.status = -1
            self._match(m)
            if m.request is not None:
                m.keep(m.h, 0, m.head_length, self.body_limit)
                m.body_length = m.head_length
                m.head_length = 0
                m.head_complete = True
                m.headers = 1
                side.fresh = False
                side.state = UNTIL_CLOSE
                # A first line longer than a head may be: what add_head() did not take is body all the same.
                m.keep(data, at, end, self.body_limit)
                m.body_length += end - at
                side.position = m.start + m.body_length
                if m.body_length <= HEADLESS and m.body_kept == m.body_length:
                    self._late_head(who, side, m)
                return end
        self.pending_weird |= JUNK_BETWEEN
        side.message = None
        self.calls.give(m)
        side.state = JUNK
        side.strict = True
        return self._junk(who, side, data, i, end)

    def _unended(self):
        """The client stopped, or was answered, inside its request line. What stands of the line is all that the server got: a request, if it can
        be read. Returns whether it was."""
        side: Side = self._side(self.client)
        m: Message = side.message
        end: cython.Py_ssize_t
        if m is None or side.state != HEAD or side.strict or m.headers > 0 or m.head_length == 0:
            return False
        end = m.head_length
        while end > 0 and m.h[end - 1] == 13:
            end -= 1
        if request_line(m, m.h, 0, 0, end) == 0:
            return False
        m.headers = 1
        m.weirds |= CLOSED_EARLY
        self._cut(self.client, side)
        side.state = JUNK
        return True

    def _simple(self, who, side, data, i, end):
        """After a request line without a version. Lines up to an empty one are its headers: HTTP/0.9 has none, but servers that read such requests
        leniently read them. Nothing but a whole request line begins another request."""
        m: Message = self.simple
        got: cython.int
        before: cython.Py_ssize_t
        text: bytes
        if m is None or m.head_length + (end - i) > self._head_limit(m, end - i):
            # It was answered, or is more than we read.
            self.simple = None
            side.state = JUNK if side.digits else START
            side.strict = True
            return i
        before = m.head_length
        m.add_head(data, i, end)
        got = lines(m, m.h, 0, side, m.head_length, self.headers_limit, self.calls.request_lines)
        if got == -1:
            side.digits = data[end - 1] != 10
            return end
        text = bytes(m.head[side.line_at : m.head_length])
        m.head_length = side.line_at
        census(m)
        self.simple = None
        side.state = JUNK if got == -3 else START
        side.strict = True
        if side.line_at >= before:
            return i + side.line_at - before  # no nested reading where it can be helped: a stranger chooses how deep
        self._reread(who, side, text, 0, side.position + (end - i) - len(text))
        return end

    def _preface_begins(self, who, side, m):
        """Whether the first octets of a connection open what may stand before HTTP (`parsers.preface`); they are read then."""
        text: bytes = bytes(m.head[: m.head_length])
        here: cython.bint = m.start == side.position
        other: Side = self._side(1 - who)
        if other.state != START or not other.fresh:
            return False
        self.preface = preface.begin(text)
        if self.preface is None:
            return False
        side.message = None
        side.position = m.start
        self.calls.give(m)
        self.side0.state = self.side1.state = PREFACE
        if not here:
            self._reread(who, side, text, 0, side.position)
        return True

    def _unreadable(self, side, other):
        """The client's first octets are no request as we read them. Whether the server takes them for one shows in its answer."""
        side.state = ASIDE
        if self.foreign or other.state != START or not other.fresh:
            self._not_http()
        self.foreign = True
        other.strict = True
        return 0

    def _prefaced(self, who, side, data, i, end):
        """Read on in what stands before HTTP."""
        used: cython.Py_ssize_t = self.preface.feed(who == self.client, bytes(data[i:end]))
        other: Side = self._side(1 - who)
        if used < 0:
            if who == self.client and not self.preface.tunnel and other.fresh:
                # Only the first octets were those of a PROXY header.
                other.state = START
                self._unreadable(side, other)
            else:
                self._not_http()
            return end
        if self.preface.over(who == self.client):
            side.state = START
            side.fresh = True
            if self.preface.tunnel:
                self.pending_weird |= TUNNEL
        return i + used

    def _late_head(self, who, side, m):
        """A response that began with lines of something else: its head may come yet (browsers look for it)."""
        text: bytes = bytes(m.body[: m.body_kept])
        k: cython.Py_ssize_t = 0
        i: cython.Py_ssize_t = 0
        n: cython.Py_ssize_t = len(text)
        while True:
            k = text.find(b"\n", k) + 1
            if k == 0:
                return 0
            if text.find(b"\n", k) > 0 and begins(text, k, n) == 2:
                break
        m.weirds = (m.weirds & ~NOT_HTTP) | JUNK_BETWEEN
        m.body_kept = 0
        m.body_length = -1
        m.headers = 0
        m.head_complete = False
        side.state = HEAD
        side.line_at = 0
        side.position -= n - k
        i = k
        m.start = side.position
        self._reread(who, side, text, i, side.position - i)
        return 0

    def _junk(self, who, side, data, i, end):
        """Skip to the next line."""
        nl: cython.Py_ssize_t = find(data, i, end, 10)
        if nl < 0:
            return end
        side.state = START
        side.strict = True
        return nl + 1

    def _not_http(self):
        """This connection speaks something else."""
        self.dead = True
        self.finish(False)
        return 0

    def _head_whole(self, who, side, m):
        side.fresh = False
        side.strict = False
        m.head_complete = True
        census(m)
        if m.is_request:
            self._request_head(side, m)
        else:
            self._response_head(side, m)
        return 0

    def _request_head(self, side, m):
        server: Side = self.side1 if self.client == 0 else self.side0
        q: Message
        response: Message
        chunked: cython.bint = m.transfer & 1 != 0
        target(m)
        if m.host_at < 0 and m.version == 11:
            m.weirds |= HOST_MISSING
        if m.authority_at >= 0 and m.host_at >= 0 and m.host_end - m.host_at != m.authority_end - m.authority_at:
            m.weirds |= HOST_DIFFERS
        if not known_method(m.h, m.method_at, m.method_end, CONNECT):
            m.weirds |= METHOD_UNKNOWN
        response = server.message
        if response is not None and server.state != HEAD and server.position == m.ack:
            # The client had received all that its peer had sent when it asked again: the body that seemed to go on was over. (A response without
            # length, or one to a request we did not see, which may have been a HEAD.)
            if server.state == UNTIL_CLOSE or response.request is None:
                self._cut(1 - self.client, server)
                server.state = START
                response = None
        if self.unsure is not None:
            self._confirm(m.ack == self.unsure.end)
        if self.lost_ack >= 0:
            # A request was lost, and yet the client asked again before its peer sent anything that could have answered the lost one.
            if self.unexplained <= self.lost_ack:
                self.pipelined = True
            self.lost_ack = -1
        if self.waiting > 0:
            q = self.newest
            if q.ack == m.ack and not q.damaged:
                self.pipelined = True
                m.weirds |= PIPELINED
        elif response is not None and response.request is not None and server.state != HEAD and server.state != UNTIL_CLOSE:
            self.pipelined = True
            m.weirds |= PIPELINED
        if server.state == JUNK and server.position == m.ack:
            server.state = START
            server.strict = False
        m.reply_at = m.ack
        if self.waiting > 0:
            self.newest.next = m
        else:
            self.oldest = m
        self.newest = m
        self.waiting += 1
        if self.waiting > self.waiting_limit or (self.waiting > 1 and self.calls.room.held >= self.calls.room.limit):
            q = self.oldest
            q.weirds |= TOO_MANY_WAITING
            self._unanswered(1)
        if not m.head_complete:
            return 0
        if m.transfer & 4:
            if m.content_length >= 0:
                m.weirds |= LENGTH_AND_TRANSFER
            if m.version < 11:
                m.weirds |= TRANSFER_IN_10
        if m.authority_at >= 0 and m.path_at < 0:
            m.content_length = 0  # CONNECT
            chunked = False
        if (chunked or m.content_length > 0) and (
            is_name(m.h, m.method_at, m.method_end - m.method_at, GET) or is_name(m.h, m.method_at, m.method_end - m.method_at, HEAD_METHOD)
        ):
            m.weirds |= BODY_ON_GET
        m.body_length = 0
        if m.version == 9:
            self.simple = m
            self._done(self.client, side)
            side.state = SIMPLE
            side.digits = 0
        elif chunked:
            side.state = CHUNK_SIZE
            side.remaining = 0
            side.digits = 0
        elif m.content_length > 0:
            side.state = BODY
            side.remaining = m.content_length
        else:
            self._done(self.client, side)
        return 0

    def _response_head(self, side, m):
        server: cython.int = 1 - self.client
        q: Message
        bodiless: cython.bint = False
        tunnel: cython.bint = False
        if self.interim is not None:
            self.calls.give(self.interim)
            self.interim = None
        if 100 <= m.status < 200 and m.status != 101 and not m.final:
            # Interim (RFC 9110 15.2): the final response comes after it.
            if self.waiting > 0:
                q = self.oldest
                if q.reply_at == m.start or not self.order_lost:
                    q.reply_at = m.start + m.head_length
            side.message = None
            side.state = START
            if m.request is not None:
                # It came behind other lines, which had been taken for the answer: that is yet to come.
                q = m.request
                m.request = None
                q.next = self.oldest
                self.oldest = q
                if self.waiting == 0:
                    self.newest = q
                self.waiting += 1
            if m.head_complete and not self.order_lost and (m.content_length > 0 or m.transfer & 1):
                self.interim = m
            else:
                self.calls.give(m)
            return 0
        if m.request is None:
            if self.unsure is not None:
                self._confirm(m.ack > self.unsure.request.end)
            self._match(m)
        if not m.head_complete:
            return 0
        q = m.request
        if q is not None:
            bodiless = is_name(q.h, q.method_at, q.method_end - q.method_at, HEAD_METHOD)
            tunnel = m.status // 100 == 2 and q.authority_at >= 0 and q.path_at < 0
        m.body_length = 0
        if m.status == 101 or tunnel:
            m.weirds |= TUNNEL if tunnel else UPGRADED
            self._done(server, side)
            self._unanswered(self.waiting)
            self._hand_over(tunnel)
            return 0
        if m.status == 204 or m.status == 304 or bodiless:
            self._done(server, side)
            return 0
        if m.transfer & 4:
            if m.content_length >= 0:
                m.weirds |= LENGTH_AND_TRANSFER
            if m.version < 11:
                m.weirds |= TRANSFER_IN_10
        if m.transfer & 1:
            side.state = CHUNK_SIZE
            side.remaining = 0
            side.digits = 0
        elif m.weirds & LENGTH_INVALID and m.closes:
            # RFC 9112 6.3 rule 5: no length at all. Clients differ; all that comes is what the most of them get.
            side.state = UNTIL_CLOSE
        elif m.content_length > 0:
            side.state = BODY
            side.remaining = m.content_length
        elif m.content_length == 0:
            self._done(server, side)
        else:
            side.state = UNTIL_CLOSE
        return 0

    def _hand_over(self, tunnel):
        """After an upgrade or a CONNECT the octets are somebody else's; a tunnel may carry HTTP again."""
        side: Side
        who: cython.int
        for who in range(2):
            side = self.side0 if who == 0 else self.side1
            if side.message is not None:
                self._cut(who, side)
            if tunnel:
                side.state = START
                side.fresh = True
                side.strict = False
            else:
                side.state = ASIDE
        return 0

    def _match(self, m):
        """Find the request that a response answers; see the module's text."""
        q: Message
        side: Side
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = self.waiting
        if self.order_lost:
            if not self.pipelined:
                q = self.oldest
                for k in range(n):
                    if q.reply_at == m.start and m.ack > q.start:
                        self._unanswered(k)
                        self._shift()
                        q.answered = True
                        m.request = q
                        if q.start >= self.lost_end:
                            # Nothing was lost between this request and the next.
                            self.order_lost = False
                            m.unsure = self.lost_request
                            self.lost_request = False
                        return 0
                    q = q.next
            self.unexplained = m.start + 1
            return 0
        if n == 0 and not self.foreign:
            # An answer to a request whose head goes on: too long, too slow, or malformed in the server's eyes.
            side = self._side(self.client)
            q = side.message
            if q is not None and side.state == HEAD and m.ack > q.start and (q.headers > 0 or self._unended()):
                if q.headers > 0 and side.message is q:
                    self._cut(self.client, side)
                    side.state = JUNK
                m.weirds |= EARLY
                n = self.waiting
        if n > 0:
            q = self.oldest
            if m.ack > q.start:
                self._shift()
                q.answered = True
                m.request = q
                if not q.body_complete and not q.damaged:
                    m.weirds |= EARLY
                return 0
        if self.foreign:
            # The request that it answers was none that we could read; the next one may be.
            self.foreign = False
            m.weirds |= REQUEST_LINE_MALFORMED
            side = self._side(self.client)
            if side.state == ASIDE:
                side.state = START
                side.fresh = False
                side.strict = True
            return 0
        m.weirds |= UNSOLICITED
        return 0

    def _chunked(self, who, side, data, i, end):
        """Read on in a chunked body (RFC 9112 7.1), as far as data or the body goes."""
        m: Message = side.message
        c: cython.int
        n: cython.Py_ssize_t
        first: cython.Py_ssize_t = i
        while i < end:
            if side.state == CHUNK_DATA:
                n = end - i
                if n > side.remaining:
                    n = side.remaining
                m.keep(data, i, i + n, self.body_limit)
                m.body_length += n
                side.remaining -= n
                i += n
                if side.remaining == 0:
                    side.state = CHUNK_END
                continue
            c = data[i]
            i += 1
            if side.state == CHUNK_SIZE:
                if m.body_length == 0 and not m.chunked:
                    # Until the first size is read this may turn out to be no chunked body at all.
                    m.keep(data, i - 1, i, self.body_limit)
                if 48 <= c <= 57:
                    n = c - 48
                elif 97 <= c | 32 <= 102:
                    n = (c | 32) - 87
                else:
                    n = -1
                if n >= 0:
                    side.digits += 1
                    if side.remaining > SIZE_FULL:
                        m.weirds |= CHUNK_SIZE_INVALID
                        return self._broken(who, side, data, first, i, end)
                    side.remaining = side.remaining * 16 + n
                elif side.digits == 0:
                    if c > 32:
                        m.weirds |= CHUNK_SIZE_INVALID
                        return self._broken(who, side, data, first, i, end)
                    m.weirds |= CHUNK_SIZE_SPACE
                elif c == 10:
                    m.weirds |= CHUNK_BARE_LF
                    self._chunk_begins(side, m)
                elif c == 13:
                    side.state = CHUNK_EXTENSION
                    side.line_octets = 1  # the line's end is due
                else:
                    # RFC 9112 7.1.1: an extension begins with a semicolon; readers pass over whatever else stands there too.
                    m.weirds |= CHUNK_EXTENDED if c == 59 else CHUNK_SIZE_SPACE if c == 32 or c == 9 else CHUNK_SIZE_INVALID
                    side.state = CHUNK_EXTENSION
                    side.line_octets = 0
            elif side.state == CHUNK_EXTENSION:
                if c == 10:
                    if side.line_octets == 0:
                        m.weirds |= CHUNK_BARE_LF
                    self._chunk_begins(side, m)
                else:
                    if side.line_octets and c != 13:
                        m.weirds |= BARE_CR
                    side.line_octets = 1 if c == 13 else 0
            elif side.state == CHUNK_END:
                if c == 10:
                    if side.line_octets == 0:
                        m.weirds |= CHUNK_BARE_LF
                    side.state = CHUNK_SIZE
                    side.digits = 0
                    side.remaining = 0
                    side.line_octets = 0
                elif c == 13 and side.line_octets == 0:
                    side.line_octets = 1
                else:
                    m.weirds |= CHUNK_END_MISSING
                    return self._broken(who, side, data, first, i, end)
            else:  # TRAILER: lines until a blank one
                if c == 10:
                    if side.digits == 0:
                        side.position += i - first
                        self._done(who, side)
                        return i
                    m.weirds |= CHUNK_TRAILER
                    side.digits = 0
                elif c != 13:
                    side.digits = 1
                    side.line_octets += 1
                    if side.line_octets > self.head_limit:
                        m.weirds |= HEAD_TOO_LONG
                        return self._broken(who, side, data, first, i, end)
        return i

    def _chunk_begins(self, side, m):
        if not m.chunked:
            m.chunked = True
            m.body_kept = 0
        side.line_octets = 0
        if side.remaining == 0:
            side.state = TRAILER
            side.digits = 0
        else:
            side.state = CHUNK_DATA
        return 0

    def _broken(self, who, side, data, first, i, end):
        """Chunked coding that cannot be followed. A response that was never chunked is what it is, up to the connection's end; another body ends
        here, unknown in length."""
        m: Message = side.message
        if not m.chunked and not m.is_request:
            side.state = UNTIL_CLOSE
            m.body_length = m.body_kept
            return i
        side.position += i - first
        self._cut(who, side)
        side.state = JUNK
        return i

    def _done(self, who, side):
        """The message that `side` reads is whole (but for what BODY_GAP says)."""
        m: Message = side.message
        side.message = None
        side.state = START
        m.body_complete = True
        m.end = side.position
        m.last_ts = side.ts
        if not m.is_request:
            self._response_over(m)
        elif m.response_done:
            self._emit(m, m.response)
        return 0

    def _cut(self, who, side):
        """Give up the message that `side` reads; what was seen of it is kept as a call that says what is missing."""
        m: Message = side.message
        side.message = None
        if m is None:
            return 0
        m.damaged = True
        if m.headers == 0 and not self._named(side, m):
            self.calls.give(m)
            return 0
        m.body_length = -1
        m.end = side.position
        if m.is_request:
            if not m.head_complete:
                census(m)
                self._request_head(side, m)
            elif m.response_done:
                self._emit(m, m.response)
        else:
            if not m.head_complete:
                census(m)
                if 100 <= m.status < 200:
                    self.calls.give(m)
                    return 0
                self._response_head(side, m)
            self._response_over(m)
        return 0

    def _named(self, side, m):
        """Whether what stands of a request line, whose end was lost or cut off, names its request: its target is whole when a space and the version,
        or the first of it, follow. Then it is taken for read."""
        weirds: cython.ulonglong = m.weirds
        end: cython.Py_ssize_t = m.head_length
        if not m.is_request or side.strict:
            return False
        while end > 0 and m.h[end - 1] != 32:
            end -= 1
        if end == 0 or not opens(m.h, end, m.head_length, HTTP_SLASH) or request_line(m, m.h, 0, 0, end - 1) == 0:
            m.weirds = weirds
            return False
        if m.version == 9:
            m.version = -1
            m.weirds = weirds
        m.headers = 1
        return True

    def _response_over(self, m):
        q: Message = m.request
        if q is None:
            self._emit(None, m)
            return 0
        q.response = m
        q.response_done = True
        if m.unsure and (q.body_complete or q.damaged):
            self.unsure = m
        elif q.body_complete or q.damaged:
            self._emit(q, m)
        return 0

    def _confirm(self, right):
        """A pair made after a request was lost holds if nothing but that response came before the next request. A second response shows that the
        client pipelines: then the first one answered the request that was lost."""
        m: Message = self.unsure
        if right:
            self.unsure = None
            self._emit(m.request, m)
        else:
            self.pipelined = True
            self._separate()
        return 0

    def _separate(self):
        """Undo the pair that could not be confirmed."""
        m: Message = self.unsure
        q: Message = m.request
        self.unsure = None
        self.order_lost = True
        m.request = None
        self._emit(q, None)
        self._emit(None, m)
        return 0

    def _shift(self):
        """Take the oldest waiting request off the queue."""
        q: Message = self.oldest
        self.oldest = q.next
        q.next = None
        self.waiting -= 1
        if self.waiting == 0:
            self.newest = None
        return q

    def _unanswered(self, n):
        """The first n waiting requests get no response any more."""
        q: Message
        k: cython.Py_ssize_t
        for k in range(n):
            q = self._shift()
            q.response_done = True
            if q.body_complete or q.damaged:
                self._emit(q, None)
        return 0

    def _emit(self, request, response):
        weirds: cython.ulonglong = self.pending_weird
        if request is None and response.status < 0:
            # Octets of a server that answer nothing and carry no status are no call.
            self.pending_weird |= JUNK_BETWEEN
            self.calls.give(response)
            return 0
        self.pending_weird = 0
        try:
            self.calls.add(self.connection, request, response, weirds)
        finally:
            if request is not None:
                if request is self.simple:
                    self.simple = None
                request.response = None
                self.calls.give(request)
            if response is not None:
                response.request = None
                self.calls.give(response)
        return 0

    def odd(self, who, weird):
        """Something odd was met in this connection's segments: it goes with the message being read, or else with the next call."""
        side: Side = self.side0 if who == 0 else self.side1
        if side.message is not None:
            side.message.weirds |= weird
        else:
            self.pending_weird |= weird
        return 0

    def gap(self, who, n, pos):
        """The next n octets of side `who`, from `pos` on, will never come."""
        side: Side = self.side0 if who == 0 else self.side1
        m: Message = side.message
        # Whether the loss took the start of a message for certain, if it is long enough to hold one.
        boundary: cython.bint = m is None or (m.headers == 0 and not self._named(side, m))
        side.position = pos + n
        side.partial = None
        if self.dead or side.state == ASIDE:
            return 0
        if side.state == BODY or side.state == CHUNK_DATA:
            m.weirds |= BODY_GAP
            if n < side.remaining or (n == side.remaining and side.state == BODY) or side.state == CHUNK_DATA and n == side.remaining:
                m.body_length += n
                side.remaining -= n
                if side.remaining == 0:
                    if side.state == BODY:
                        self._done(who, side)
                    else:
                        side.state = CHUNK_END
                return 0
            if side.state == BODY:
                # The rest of this body and then n octets at and after a boundary.
                m.body_length += side.remaining
                n -= side.remaining
                side.position -= n
                self._done(who, side)
                side.position += n
                boundary = True
        elif side.state == UNTIL_CLOSE:
            m.weirds |= BODY_GAP
            m.body_length += n
            return 0
        elif m is not None:
            m.weirds |= BODY_GAP if m.head_complete else HEAD_GAP
        if side.message is not None:
            side.position -= n
            self._cut(who, side)
            side.position += n
        if self.dead or side.state == ASIDE:
            return 0
        if self.preface is not None:
            self.preface = None
            self.side0.state = self.side1.state = RESYNC
        side.state = RESYNC
        side.fresh = False
        side.strict = False
        side.spaced = False
        self.order_lost = True
        if who == self.client:
            if n >= SMALLEST_REQUEST:
                self.lost_request = True
                self.lost_end = side.position
                if boundary and self.lost_ack < 0:
                    self.lost_ack = side.ack if side.ack > 0 else self.server_start
        else:
            self.unexplained = side.position
            if self.unsure is not None:
                if self._side(self.client).position > self.unsure.request.end:
                    self._confirm(True)
                else:
                    # Nothing that the client sent after it asks for what is lost here: it answered a request that was lost before.
                    self._separate()
        return 0

    def close(self, who):
        """Side `who` sends no more (FIN)."""
        side: Side = self.side0 if who == 0 else self.side1
        self._ending(who, side)
        if side.message is not None:
            if side.state == UNTIL_CLOSE:
                self._done(who, side)
            else:
                side.message.weirds |= CLOSED_EARLY
                self._cut(who, side)
        if side.state != RESYNC and side.state != ASIDE:
            side.state = ASIDE
            side.ended = True
        return 0

    def reopen(self, who):
        """Side `who` sends on after all."""
        side: Side = self.side0 if who == 0 else self.side1
        if side.ended:
            side.ended = False
            side.state = START
        return 0

    def _ending(self, who, side):
        """Side `who` sends no more: what waited for the octets after it can be read now."""
        m: Message = side.message
        text: bytes = b""
        side.ending = True
        if side.state == SIMPLE and self.simple is not None:
            lines(self.simple, self.simple.h, 0, side, self.simple.head_length, self.headers_limit, self.calls.request_lines)
        elif side.state == HEAD and m.headers > 0:
            if lines(m, m.h, 0, side, m.head_length, self.headers_limit, self.calls.request_lines if m.is_request else self.calls.response_lines) == 0:
                text = bytes(m.head[side.line_at : m.head_length])
                m.head_length = side.line_at
                side.position -= len(text)
                self._head_whole(who, side, m)
                self._reread(who, side, text, 0, side.position)
        elif side.state == HEAD and who == self.client:
            self._unended()
        elif side.state == HEAD and not side.strict:
            self._refuse(who, side, text, 0, 0)
        side.ending = False
        return 0

    def finish(self, reset):
        """The connection is over, by a reset or else, or forgotten: everything still waiting becomes a call as it is."""
        if self.unsure is not None:
            self._confirm(True)
        if self.client >= 0:
            if reset:
                self._ending(self.client, self._side(self.client))
                self._ending(1 - self.client, self._side(1 - self.client))
            self._cut(self.client, self._side(self.client))
            self._cut(1 - self.client, self._side(1 - self.client))
        if self.unsure is not None:
            self._confirm(True)  # a response that ended with the connection
        self._unanswered(self.waiting)
        if self.interim is not None:
            self.calls.give(self.interim)
            self.interim = None
        self.side0.state = self.side1.state = ASIDE
        return 0


    def abandon(self):
        """Give back all that is held, as nothing of it will be read any more."""
        q: Message
        self._release(self.side0.message)
        self._release(self.side1.message)
        self._release(self.interim)
        self._release(self.unsure)
        self._release(self.simple)
        while self.oldest is not None:
            q = self.oldest
            self.oldest = q.next
            q.next = None
            self._release(q)
        self.side0.message = self.side1.message = self.interim = self.unsure = self.simple = self.newest = None
        self.waiting = 0
        self.dead = True
        return 0

    def _release(self, m):
        request: Message
        response: Message
        if m is None or not m.in_use:
            return 0
        request = m.request
        response = m.response
        m.request = m.response = None
        self.calls.give(m)
        self._release(request)
        return self._release(response)


def hopeless(m):
    """Whether the octets so far cannot become a start line."""
    head: cython.pointer(cython.uchar) = m.h
    n: cython.Py_ssize_t = m.head_length
    i: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    while i < n and (head[i] == 32 or head[i] == 9 or (head[i] == 13 and not m.is_request)):
        i += 1
    if m.is_request:
        k = i
        while i < n and is_token(head[i]):
            i += 1
        return i - k > 64 or (i < n and (i == k or (head[i] != 32 and head[i] != 9)))
    for k in range(i, i + SLOP + 1):
        if k >= n or opens(head, k, n, HTTP_SLASH):
            return False
    return not (m.answers and (opens(head, i, n, RTSP_SLASH) or opens(head, i, n, ICY)))


def opens(data, s, e, name):
    """Whether data[s:e] is that name, or may become it, or goes on after it."""
    n: cython.Py_ssize_t = NAME_HIGH[name + 1] * 256 + NAME_LOW[name + 1] - NAME_HIGH[name] * 256 - NAME_LOW[name]
    at: cython.int = NAME_HIGH[name] * 256 + NAME_LOW[name]
    k: cython.Py_ssize_t
    for k in range(n if n < e - s else e - s):
        if (data[s + k] | 32) != NAME_TEXT[at + k]:
            return False
    return True


def known_method(data, s, e, last):
    """Whether data[s:e] is, in capitals, a method between GET and `last`: CONNECT for those of RFC 9110 and RFC 5789, QUERY for WebDAV's and their
    like too."""
    k: cython.Py_ssize_t
    name: cython.int
    if e - s == 3 and data[s] == 71 and data[s + 1] == 69 and data[s + 2] == 84:
        return True  # GET, as most are
    for k in range(s, e):
        if data[k] >= 97:
            return False
    for name in range(GET, last + 1):
        if is_name(data, s, e - s, name):
            return True
    return False
