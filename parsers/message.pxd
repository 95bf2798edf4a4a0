cdef class Room:
    cdef public long long limit, held, most     # octets
    cdef public long long refused               # how often a buffer was not let grow
    cdef public long long taken                 # messages in use
    cdef int add(self, Py_ssize_t octets) except -1

cdef class Message:
    cdef Room room
    cdef public bint is_request, head_complete, body_complete, in_use, answered, damaged, chunked, closes
    cdef public int status, version, headers, content_codings, packet_file
    cdef public unsigned long long weirds
    # Stream positions: of the first octet, past the last; what the sender had received when it sent the first octet; where the reply must begin.
    cdef public long long start, end, ack, reply_at
    cdef public long long first_ts, last_ts, packet
    cdef public long long body_length               # entity octets seen or skipped exactly; -1 unknown
    cdef public long long content_length            # as declared, -1 none
    cdef public int transfer                        # bits: 1 chunked is the final coding, 2 some other coding, 4 declared at all
    cdef public Py_ssize_t head_length, body_kept
    # Spans in `head`, start and end; start -1: absent.
    cdef public Py_ssize_t method_at, method_end, target_at, target_end, path_at, path_end, query_at, query_end, authority_at, authority_end
    cdef public Py_ssize_t host_at, host_end, agent_at, agent_end, type_at, type_end, authorization_at, authorization_end
    cdef public Py_ssize_t cookie_at, cookie_end, key_at, key_end, forwarded_at, forwarded_end, coding_at, coding_end
    # The numbers of the lines that these stood on, among those known (parsers.lines); -1: none.
    cdef public long long host_line, agent_line, type_line, authorization_line, cookie_line, key_line, forwarded_line, coding_line
    cdef public bytearray head, body
    cdef unsigned char* h
    cdef unsigned char* b
    cdef Py_ssize_t head_room, body_room
    # The body's last octets where they came in: most bodies end in the segment that is being read, and go from there into the batch.
    cdef const unsigned char* lent
    cdef Py_ssize_t lent_at, lent_length
    cdef public Message request                     # of a response: the request it answers
    cdef public Message response                    # of a request: its response, once matched
    cdef public Message next                        # in the pool; of a request that waits: the one after it
    cdef public bint response_done, secure, unsure
    cdef public bint final                          # of an interim response: no other came, it is the answer
    cdef public bint answers                        # of a response: a request was waiting when it began
    cdef public bint clean                          # a whole head of lines that end with CR LF, and no other control character in it
    cdef public bint dirty                          # a control character was met inside a line
    cdef int reset(self) except -1
    cdef bint large(self) noexcept
    cdef int shrink(self) except -1
    cdef int widen_head(self, Py_ssize_t needed) except -1
    cdef int widen_body(self, Py_ssize_t needed) except -1
    cdef int keep(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, Py_ssize_t limit) except -1
    cdef int settle(self) except -1
    cdef int add_head(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -1
