from parsers.batch cimport Calls, Connection
from parsers.http1 cimport Http1

cdef class Counts:
    cdef public long long segments, payload_octets, retransmissions, duplicates, retransmissions_differ, gaps, gap_octets, held_most, held_now, held_limited, out_of_window, connections, reused, evicted, expired, snapped_octets, faults

cdef class Block:
    cdef const unsigned char[::1] view
    cdef const unsigned char* octets        # where `view` lies
    cdef long long last                     # `seen` at its end

cdef class Recent:
    cdef bytearray ring
    cdef unsigned char* octets              # where `ring` lies
    cdef long long[::1] entries             # ENTRY numbers each
    cdef long long next, written
    cdef public long long seen              # octets of frames so far
    cdef list blocks                        # those remembered; the first is number first_block, the last is `here`
    cdef long long first_block
    cdef Block here
    cdef int open(self, const unsigned char[::1] data) except -1
    cdef long long put(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, long long pos, long long before) except -2
    cdef int differs(self, long long last, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, long long pos) except -1

cdef class Held:
    cdef public long long pos, ack, ts, packet, arrival
    cdef public Py_ssize_t length
    cdef public int packet_file
    cdef public bytes data

cdef class Half:
    cdef public bint begun                  # `expected` is known
    cdef public long long expected          # stream position of the next octet to deliver
    cdef public long long first             # position of the first octet, when the handshake told it; else -1
    cdef public long long acked             # as far as the other side has acknowledged this one
    cdef public long long fin               # where this side's stream ends, -1 while unknown
    cdef public bint closed, reset
    cdef public long long packets
    cdef public list held                   # early segments, by position
    cdef public Py_ssize_t held_octets
    cdef public long long mark, mark_packet, mark_ts   # octets up to `mark` were acknowledged but not seen; since when
    cdef public long long recent            # newest entry of this half in Recent, -1 none
    cdef public long long last_seq, last_id
    cdef int begin(self) except -1

cdef class Flow(Connection):
    cdef public Half half0, half1
    cdef public Http1 http
    cdef public bint over, reset
    cdef public int syn_side                # who opened the connection: 0, 1, -1 unknown
    cdef public unsigned int syn_seq
    cdef public int asked                   # the side that sent a SYN while the connection was open, which its peer has not answered; else -1
    cdef public long long asked_ts          # and when
    cdef public long long packets, last_ts
    cdef public long long last_segment      # number of its last segment, of all connections
    cdef public long long touched           # time of the packet that last moved it in the table's order
    cdef int begin(self) except -1
    cdef int segment(self, int who, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, Py_ssize_t length, unsigned int seq, unsigned int ack, int flags, int ip_id, long long ts, int packet_file, long long packet, Streams streams) except -1
    cdef int _deliver(self, int who, Half half, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, Py_ssize_t length, long long ack, long long ts, int packet_file, long long packet, Streams streams) except -1
    cdef int _hold(self, Half half, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, Py_ssize_t length, long long pos, long long ack, long long ts, int packet_file, long long packet, Streams streams) except -1
    cdef int _advance(self, long long ts, bint last, Streams streams) except -1
    cdef int _open(self, Streams streams) except -1
    cdef long long _lost(self, Half half, Half other, long long ts, bint last, Streams streams) except -2
    cdef int _again(self, int who, Half half, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, long long pos, int ip_id, Streams streams) except -1
    cdef int _closing(self, int who, Half half) except -1
    cdef bint _circular(self) except -1
    cdef int _reopen(self, int who, Half half) except -1
    cdef bint _settled(self, Half other, long long ack) except -1
    cdef bint _lacks(self, Half half) except -1
    cdef int finish(self, Streams streams) except -1
    cdef int abandon(self, Streams streams) except -1

cdef class Streams:
    # What all connections share.
    cdef public Counts counts
    cdef public Recent recent
    cdef public Calls calls
    cdef public object limits
    cdef long long reorder_packets, reorder_time
    cdef Py_ssize_t reorder_octets, reorder_total
