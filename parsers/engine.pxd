from parsers.batch cimport Calls
from parsers.packet cimport Decoder
from parsers.reassembly cimport Flow, Recent, Streams

cdef class FlowTable:
    cdef unsigned long long k0, k1
    cdef list flows                        # by slot; None where free
    cdef list free
    cdef unsigned long long[::1] table     # hash table: hash << 32 | slot + 1, 0 empty
    cdef unsigned int[::1] hashes          # by slot
    cdef int[::1] newer, older             # by slot: order of last packet, in the list the slot is on
    cdef unsigned char[::1] queue          # by slot: which list it is on
    cdef int newest0, oldest0, newest1, oldest1
    cdef unsigned int mask
    cdef public int count
    cdef int limit
    cdef int find(self, Decoder d, unsigned int h, bint forward) except -2
    cdef int add(self, Flow flow, unsigned int h) except -1
    cdef int remove(self, int slot) except -1
    cdef int touch(self, int slot, int queue) except -1
    cdef int _unlink(self, int slot) except -1
    cdef int _link(self, int slot, int queue) except -1
    cdef int _widen(self) except -1
    cdef int _enter(self, int slot) except -1
    cdef int oldest(self, int queue) except -2

cdef class Engine:
    cdef public object limits
    cdef public Calls calls
    cdef public Streams streams
    cdef public Decoder decoder
    cdef public FlowTable table
    cdef public long long clock
    cdef int reading                        # slot of the connection whose segment is being read, else -1
    cdef public str fault
    cdef int _packet(self, long long ts, int packet_file, long long packet) except -1
    cdef int _file(self, str name) except -1
    cdef int _expire(self) except -1
    cdef int _forget(self, int slot) except -1
    cdef int _give_up(self, object fault) except -1
    cdef list _take(self)
