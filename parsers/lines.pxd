# What `entry` has of a line. Eight numbers are one line of the processor's cache.
cdef enum:
    ENTRY = 8
    LENGTH = 0                              # its octets, CR LF included
    FOLLOWER = 1                            # the line that came after it the last time, -1 none
    MEANING = 2                             # which header, see parsers.http1; or that it is a status line
    VALUE_AT = 3                            # the span of its value, from the line's start; of a status line: its version
    VALUE_END = 4                           # and its status
    SERIAL = 5                              # its number, never given again
    BATCH = 6                               # in this batch,
    CODE = 7                                # its value's code

cdef class Lines:
    cdef bytearray texts
    cdef unsigned char* text                # where `texts` lie
    cdef long long[::1] entries             # by place, ENTRY numbers each,
    cdef long long* entry                   # and where they lie
    cdef unsigned int[::1] prints, once     # by place: of the line in it; of the line last met that would stand in it
    cdef long long serials
    cdef readonly int start
    cdef int place                          # of the line that was sought last; -1: such lines are not kept
    cdef unsigned int print
    cdef bint stands(self, int line, const unsigned char* data, Py_ssize_t at) noexcept
    cdef int find(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t length) except -2
    cdef int learn(self, const unsigned char* data, Py_ssize_t start, Py_ssize_t length, int meaning, Py_ssize_t value_at, Py_ssize_t value_end) except -2
    cdef int numbered(self, long long serial) noexcept
