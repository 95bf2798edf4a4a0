from parsers.lines cimport Lines
from parsers.message cimport Message, Room

cdef class Connection:
    # Sides a and b of a connection in the order of the flow table; `client` names the one that sends requests (0: a, 1: b).
    cdef public unsigned long long a_hi, a_lo, b_hi, b_lo
    cdef public int a_port, b_port, client
    cdef public unsigned int domain
    cdef public long long first_ts
    cdef public long long batch            # the batch in which `row` is its index
    cdef public int row
    cdef bint named                         # whether `names`, uid and Community ID, were made
    cdef unsigned char names[51]
    cdef int name(self) except -1

cdef class Words:
    cdef unsigned long long k0, k1
    cdef unsigned char[::1] arena
    cdef unsigned char* octets              # where `arena` lies,
    cdef Py_ssize_t room, used              # how large it is, how much of it is used
    cdef bytearray scratch
    cdef unsigned char* sent                # in scratch: what `lowered` was last given,
    cdef Py_ssize_t sent_length             # its length, -1 when there is none
    cdef int sent_code                      # and its code
    cdef int[::1] offsets
    cdef int[::1] slots
    cdef unsigned int[::1] hashes
    cdef int count, last
    cdef unsigned int mask
    cdef int code(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -2
    cdef int lowered(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, int stop) except -2
    cdef int start(self, arena) except -1
    cdef int _grow(self) except -1
    cdef int _use(self, arena) except -1

cdef class Text:
    cdef unsigned char[::1] arena
    cdef unsigned char* place               # where `arena` lies
    cdef Py_ssize_t room, used
    cdef int[::1] offsets
    cdef unsigned char[::1] present
    cdef bint any_null
    cdef int _use(self, arena) except -1
    cdef int add(self, int row, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int extend(self, int row, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int null(self, int row) except -1

cdef class Calls:
    cdef public object limits, decode_body, counters
    cdef public list ready, files
    cdef public long long batch_number, total
    cdef int rows, capacity
    cdef Py_ssize_t budget, body_limit, head_limit
    cdef int headers_limit, waiting_limit   # what the parsers are held to, at hand
    cdef list arenas, rooms
    cdef int ends                           # connections with a call in this batch
    cdef bytearray scratch
    cdef Lines request_lines, response_lines # of heads, as they were met last
    cdef Message borrower                   # whose body ends in the segment being read
    cdef public Room room
    cdef Message pool                       # messages to reuse, linked by `next`
    cdef int pooled, large
    cdef long long[::1] ts, packet, duration, ttfb, request_bytes, response_bytes
    cdef int[::1] conn, status, file, weird_at
    cdef int[::1] client_ip, client_port, server_ip, server_port, community   # of connections, in the order of uid
    cdef unsigned char[::1] complete, protocol
    cdef signed char[::1] weird
    cdef Py_ssize_t weird_used
    cdef Words ip, communities, method, host, request_type, response_type, user_agent, authorization, cookie, api_key, forwarded_for, request_encoding, response_encoding
    cdef int[::1] c_method, c_host, c_request_type, c_response_type, c_user_agent, c_authorization, c_cookie, c_api_key, c_forwarded_for, c_request_encoding, c_response_encoding
    cdef Text uid, path, query, request_head, response_head, request_body, response_body
    cdef Message take(self)
    cdef int give(self, Message m) except -1
    cdef int add(self, Connection connection, Message request, Message response, unsigned long long weird) except -1
    cdef int lend(self, Message m, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int settle(self) except -1
    cdef int tidy(self) except -1
    cdef int _place(self, Connection connection) except -1
    cdef int _address(self, unsigned long long hi, unsigned long long lo) except -2
    cdef int _dotted(self, unsigned long long lo) except -2
    cdef int _open(self) except -1
    cdef int _value(self, Words words, Message m, Py_ssize_t at, Py_ssize_t end, long long serial, int stop) except -2
    cdef int _body(self, Text text, int row, Message m) except -1

cdef int _write(unsigned char* out, int at, unsigned long long number, int octets) noexcept
cdef int _end(unsigned char* out, int at, unsigned long long hi, unsigned long long lo) noexcept
cdef int _digits(unsigned char* out, int at, const unsigned char* octets, int count, int width, const unsigned char* alphabet) noexcept
