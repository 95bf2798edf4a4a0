from parsers.lines cimport Lines
from parsers.message cimport Message
from parsers.batch cimport Calls, Connection

cdef class Side:
    cdef public int state
    cdef public bint fresh                  # nothing read yet: the first octets decide whether this is HTTP
    cdef public Message message
    cdef public long long remaining         # octets left of a body or a chunk
    cdef public Py_ssize_t line_at          # start of the first line of a partial head that is not read yet
    cdef public int digits, line_octets     # of a chunk size line; of a trailer line
    cdef public bint spaced, strict, ending, ended # white space was skipped; only a strict start line is taken; nothing comes after what is here; came
    cdef public long long position          # stream position of the next octet
    cdef public long long ack, ts, packet
    cdef public int packet_file
    cdef public bytes partial               # after a loss: what may be the first octets of a start line
    cdef int begin(self) except -1

cdef class Names:
    # By a hash of the name: its text, its length (0: none) and its meaning.
    cdef bytearray texts, lengths, meanings
    cdef unsigned char* text
    cdef unsigned char* length
    cdef unsigned char* meaning
    cdef int of(self, const unsigned char* data, Py_ssize_t s, Py_ssize_t n) except -1

cdef class Http1:
    cdef public Side side0, side1
    cdef public int client                  # which side sends requests: 0, 1, or -1 while unknown
    cdef public bint dead, order_lost, pipelined, lost_request
    cdef public long long lost_ack          # what the client had received when it sent the last octets before a lost request; -1 none was lost
    cdef public long long server_start      # position of the server's first octet, -1 when the handshake did not tell it
    cdef public long long lost_end          # end of the last client octets in which a whole request may be lost
    cdef public long long unexplained       # end of the last server octets that no request we know explains
    cdef public Message interim             # a 1xx response that announced a body, until what follows tells whether it has one
    cdef public Message simple              # a request without a version, whose headers may follow
    cdef public object preface              # what stands before HTTP, while it is read
    cdef public bint foreign                # the client opened with something else: a response may still answer it
    cdef public Message unsure              # a response paired after a request was lost: the next message confirms or refutes the pair
    cdef public Message oldest, newest      # requests waiting for their response, linked by `next`
    cdef public int waiting                 # how many
    cdef public unsigned long long pending_weird
    cdef Calls calls
    cdef Connection connection
    cdef Py_ssize_t head_limit, body_limit
    cdef int headers_limit, waiting_limit
    cdef int begin(self, Calls calls, Connection connection, int client, bint synchronised) except -1
    cdef int feed(self, int who, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, long long pos, long long ack, long long ts, int packet_file, long long packet) except -1
    cdef int gap(self, int who, long long n, long long pos) except -1
    cdef int close(self, int who) except -1
    cdef int reopen(self, int who) except -1
    cdef int finish(self, bint reset) except -1
    cdef int abandon(self) except -1
    cdef int _release(self, Message m) except -1
    cdef int odd(self, int who, unsigned long long weird) except -1
    cdef Py_ssize_t _start(self, int who, Side side, const unsigned char* data, Py_ssize_t i, Py_ssize_t end) except -2
    cdef Py_ssize_t _head(self, int who, Side side, const unsigned char* data, Py_ssize_t i, Py_ssize_t end) except -2
    cdef Py_ssize_t _chunked(self, int who, Side side, const unsigned char* data, Py_ssize_t i, Py_ssize_t end) except -2
    cdef Py_ssize_t _junk(self, int who, Side side, const unsigned char* data, Py_ssize_t i, Py_ssize_t end) except -2
    cdef Py_ssize_t _refuse(self, int who, Side side, const unsigned char* data, Py_ssize_t i, Py_ssize_t end) except -2
    cdef int _unreadable(self, Side side, Side other) except -1
    cdef Py_ssize_t _simple(self, int who, Side side, const unsigned char* data, Py_ssize_t i, Py_ssize_t end) except -2
    cdef Py_ssize_t _prefaced(self, int who, Side side, const unsigned char* data, Py_ssize_t i, Py_ssize_t end) except -2
    cdef bint _preface_begins(self, int who, Side side, Message m) except -1
    cdef int _reread(self, int who, Side side, bytes text, Py_ssize_t i, long long base) except -1
    cdef bint _unended(self) except -1
    cdef Py_ssize_t _head_limit(self, Message m, Py_ssize_t n) except -2
    cdef Py_ssize_t _broken(self, int who, Side side, const unsigned char* data, Py_ssize_t first, Py_ssize_t i, Py_ssize_t end) except -2
    cdef int _feed(self, int who, Side side, const unsigned char* data, Py_ssize_t i, Py_ssize_t end, long long base) except -1
    cdef int _late_head(self, int who, Side side, Message m) except -1
    cdef int _chunk_begins(self, Side side, Message m) except -1
    cdef int _hand_over(self, bint tunnel) except -1
    cdef int _not_http(self) except -1
    cdef int _head_whole(self, int who, Side side, Message m) except -1
    cdef int _ending(self, int who, Side side) except -1
    cdef int _request_head(self, Side side, Message m) except -1
    cdef int _response_head(self, Side side, Message m) except -1
    cdef int _match(self, Message m) except -1
    cdef int _done(self, int who, Side side) except -1
    cdef int _cut(self, int who, Side side) except -1
    cdef bint _named(self, Side side, Message m) except -1
    cdef int _response_over(self, Message m) except -1
    cdef int _emit(self, Message request, Message response) except -1
    cdef int _confirm(self, bint right) except -1
    cdef int _separate(self) except -1
    cdef int _unanswered(self, int n) except -1
    cdef Message _shift(self)
    cdef Side _side(self, int who)

cdef int lines(Message m, const unsigned char* data, Py_ssize_t base, Side side, Py_ssize_t end, int headers_limit, Lines known) except -5
cdef int request_line(Message m, const unsigned char* data, Py_ssize_t base, Py_ssize_t s, Py_ssize_t e) except -1
cdef int status_line(Message m, const unsigned char* data, Py_ssize_t base, Py_ssize_t s, Py_ssize_t e) except -1
cdef int header_line(Message m, const unsigned char* data, Py_ssize_t base, Py_ssize_t s, Py_ssize_t e, Lines known, Py_ssize_t length) except -2
cdef int recall(Message m, Lines known, int line, const unsigned char* data, Py_ssize_t base, Py_ssize_t at) except -1
cdef int header(Message m, int name, const unsigned char* data, Py_ssize_t base, Py_ssize_t v, Py_ssize_t e, long long serial) except -1
cdef bint has_controls(const unsigned char* data, Py_ssize_t s, Py_ssize_t e) noexcept
cdef int meaning_of(const unsigned char* data, Py_ssize_t s, Py_ssize_t n) except -1
cdef bint is_name(const unsigned char* data, Py_ssize_t s, Py_ssize_t n, int name) except -1
cdef int content_length(Message m, const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -1
cdef int transfer_encoding(Message m, const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -1
cdef int census(Message m) except -1
cdef int target(Message m) except -1
cdef int begins(const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -1
cdef bint is_token(unsigned char c)
cdef long long version_of(const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -2
cdef bint hopeless(Message m) except -1
cdef bint known_method(const unsigned char* data, Py_ssize_t s, Py_ssize_t e, int last) except -1
cdef Py_ssize_t method_of(const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -1
cdef bint is_spaced(const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -1
cdef bint may_begin(const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -1
cdef bint is_protocol(const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -1
cdef bint opens(const unsigned char* data, Py_ssize_t s, Py_ssize_t e, int name) except -1
cdef int goes_on(const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -2
cdef bint is_blank(Message m, const unsigned char* data, Py_ssize_t s, Py_ssize_t e) except -1
cdef int hidden_lines(Message m) except -1
