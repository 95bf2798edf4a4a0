cdef class Decoder:
    # The segment last decoded. Addresses are 128 bits in two halves; an IPv4 address stands as ::ffff:a.b.c.d.
    cdef readonly unsigned long long src_hi, src_lo, dst_hi, dst_lo
    cdef readonly int src_port, dst_port
    cdef readonly unsigned int seq, ack, domain      # domain: VNI of the innermost VXLAN/GENEVE, else 0 (tenants reuse addresses)
    cdef readonly int flags, window, ip_id           # ip_id: -1 for IPv6; tells a mirror's duplicate from a retransmission
    cdef readonly Py_ssize_t payload, payload_end    # captured TCP payload: [payload, payload_end) of the buffer
    cdef readonly Py_ssize_t payload_length          # by the IP header: larger than what was captured when the snap length cut it
    cdef readonly const unsigned char[::1] assembled # where decode() returned 2
    cdef int decode(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t captured, Py_ssize_t length, int link, long long ts) except -1
