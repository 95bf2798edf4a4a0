from parsers.encapsulation cimport Cursor

cdef class Decoder:
    # The segment last decoded. Addresses are 128 bits in two halves; an IPv4 address stands as ::ffff:a.b.c.d.
    cdef readonly unsigned long long src_hi, src_lo, dst_hi, dst_lo
    cdef readonly int src_port, dst_port
    cdef readonly unsigned int seq, ack, domain      # domain: VNI of the innermost VXLAN/GENEVE, else 0 (tenants reuse addresses)
    cdef readonly int flags, window, ip_id           # ip_id: -1 for IPv6; tells a mirror's duplicate from a retransmission
    cdef readonly Py_ssize_t payload, payload_end    # captured TCP payload: [payload, payload_end) of the buffer
    cdef readonly Py_ssize_t payload_length          # by the IP header: larger than what was captured when the snap length cut it
    cdef readonly const unsigned char[::1] assembled # where decode_at() returned 2
    # What became of the frames (see Decoder.counters).
    cdef readonly long long frames, segments, not_ip, not_tcp, truncated, malformed, unknown_link, link_protected, link_split
    cdef readonly long long bad_checksum, encapsulated, too_deep, snapped
    cdef const unsigned char* segment_octets         # what `payload` is an index of
    cdef const unsigned char[::1] view                # the open buffer,
    cdef const unsigned char* octets                 # where it lies
    cdef Py_ssize_t size                             # and its size
    cdef object limits, fragments
    cdef bint verify, six, routed, inside
    cdef int tunnels, nested
    cdef Cursor cursor
    cdef int open(self, const unsigned char[::1] data) except -1
    cpdef int decode(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t captured, Py_ssize_t length, int link, long long ts) except -1
    cdef int decode_at(self, Py_ssize_t start, Py_ssize_t captured, Py_ssize_t length, int link, long long ts) except -1
    cdef int _tcp(self, const unsigned char* data, Py_ssize_t at, int header, Py_ssize_t end, Py_ssize_t limit) except -1
    cdef int _give_up(self, int reason) except -1
    cdef int _fragment(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t limit, long long ident, int protocol, int offset, bint more, long long ts) except -1
    cdef int _checksum_holds(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, unsigned long long total) except -1
