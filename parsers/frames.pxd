cdef class FrameIndex:
    cdef readonly Py_ssize_t count      # frames of the run last indexed
    cdef readonly Py_ssize_t need       # octets wanted, counted from where the run stopped; 0 when it stopped for another reason
    cdef readonly Py_ssize_t first      # where the first frame or block of the file lies
    cdef readonly str damage            # what is wrong where the run stopped; empty when nothing is
    cdef readonly long long packets     # number of the packet last met
    cdef readonly long long backwards, over_snaplen
    cdef long long _last
    cdef object _arrays
    cdef long long[::1] _offset, _captured, _length, _ts, _packet
    cdef int[::1] _link
    cdef int _add(self, Py_ssize_t at, long long captured, long long length, long long ts, int link) except -1

cdef class PcapIndex(FrameIndex):
    cdef readonly int link
    cdef readonly unsigned int snaplen
    cdef readonly bint big, nano
    cdef int _lengths
    cpdef Py_ssize_t index(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t room) except -1

cdef class PcapngIndex(FrameIndex):
    cdef readonly long long sections, untimed, clamped, orphans, oversized, drops, secrets_left_out
    cdef readonly list secrets
    cdef readonly Py_ssize_t interfaces
    cdef Py_ssize_t _secret_octets
    cdef bint _big
    cdef long long[::1] _table
    cdef dict _dropped
    cpdef Py_ssize_t index(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t room) except -1
    cdef int _section(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t total) except -1
    cdef int _interface(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t total) except -1
    cdef int _enhanced(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t total, bint obsolete) except -1
    cdef int _simple(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t total) except -1
    cdef int _statistics(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t total) except -1
    cdef int _secret(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t total) except -1
    cdef Py_ssize_t _option(self, const unsigned char[::1] data, Py_ssize_t at, Py_ssize_t end, unsigned int code, unsigned int size) except -2
    cdef long long _time(self, Py_ssize_t row, unsigned long long units) except? -1

cdef unsigned int u16(const unsigned char[::1] data, Py_ssize_t at, bint big) except? 0xFFFF
cdef unsigned int u32(const unsigned char[::1] data, Py_ssize_t at, bint big) except? 0xFFFFFFFF
cdef unsigned long long u64(const unsigned char[::1] data, Py_ssize_t at, bint big) except? 0xFFFFFFFFFFFFFFFF
cdef long long _ten_to(int exponent) except -1
cpdef copy_frames(unsigned char[::1] to, const long long[::1] place, const unsigned char[::1] data, const long long[::1] offset, const long long[::1] captured)
cdef unsigned int _load(const unsigned char* p, bint big) noexcept
