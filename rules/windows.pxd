cdef class Windows:
    cdef public object kind
    cdef public long long span, slice
    cdef public int count, mode, words
    cdef public Py_ssize_t sets
    cdef public Py_ssize_t evicted
    cdef object _keys, _last, _slices, _counts, _bits, _fired, _value
    cdef unsigned long long[::1] keys
    cdef long long[::1] last
    cdef long long[::1] fired
    cdef long long[::1] value
    cdef long long[:, ::1] epochs
    cdef long long[:, ::1] counts
    cdef unsigned long long[:, :, ::1] bits
    cdef Py_ssize_t _place(self, unsigned long long key, long long ts) except -1
    cdef int _one(self, unsigned long long key, unsigned long long value, long long ts) except -1
