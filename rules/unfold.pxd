cimport cython

cdef class Unfolder:
    cdef public object arena
    cdef public object segments
    cdef public object values
    cdef public object seg_rows
    cdef unsigned char[::1] out
    cdef long long[:, ::1] seg
    cdef long long[:, ::1] val
    cdef public Py_ssize_t used
    cdef public Py_ssize_t n_segments
    cdef public Py_ssize_t n_values
    cdef public Py_ssize_t overflow
    cdef public object plain
    cdef public object plain_rows
    cdef public object plain_ends
    cdef public object plain_levels
    cdef public Py_ssize_t plain_used
    cdef public Py_ssize_t n_plain
    cdef public Py_ssize_t n_inputs
    cdef unsigned char[::1] plain_out
    cdef long long[::1] plain_row
    cdef long long[::1] plain_end
    cdef unsigned char[::1] plain_level
    cdef Py_ssize_t row, row_values
    cdef int _plain_copy(self, Py_ssize_t at, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, bint pairs) except -2
    cdef int _raw_copy(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _plain_room(self, Py_ssize_t octets) except -1
    cdef int _plain_done(self, Py_ssize_t end, int level) except -1
    cdef int _room(self, Py_ssize_t octets) except -1
    cdef int _value(self, int place, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _segment(self, int place, Py_ssize_t start, Py_ssize_t a, Py_ssize_t b, Py_ssize_t end) except -1
    cdef Py_ssize_t _settle(self, Py_ssize_t start, Py_ssize_t end) except -1
    cdef Py_ssize_t _decode(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, bint plus) except -1
    cdef int _pairs(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, int name, int value, unsigned char between, bint plus) except -1
    cdef int _url(self, const unsigned char[::1] host, Py_ssize_t h0, Py_ssize_t h1, const unsigned char[::1] path, Py_ssize_t p0, Py_ssize_t p1, const unsigned char[::1] query, Py_ssize_t q0, Py_ssize_t q1, bint has_query) except -1
    cdef int _head(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _body(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, int kind) except -1
    cdef int _json(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _markup(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _plain_pairs(self, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _put(self, bytes text) except -1
    cdef int _parts(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1

cpdef Py_ssize_t percent(unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, bint plus) except -1
cpdef Py_ssize_t escapes(unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
cpdef Py_ssize_t entities(unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
cdef int hexadecimal(int octet) noexcept
