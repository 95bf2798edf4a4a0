cdef class Windows:
    cdef public object kind
    cdef public long long span, slice
    cdef public int count, mode, words
    cdef public Py_ssize_t sets
    cdef public Py_ssize_t evicted
    cdef long long epoch, since, until
    cdef unsigned long long[::1] keys
    cdef long long[:, ::1] groups
    cdef unsigned long long[:, :, ::1] bits
    cdef unsigned long long[::1] pairs
    cdef long long[::1] pair_epochs
    cdef long long[::1] pair_places
    cdef Py_ssize_t _place(self, unsigned long long key, long long ts) except -1
    cdef int _one(self, unsigned long long key, unsigned long long value, long long ts) except -1
    cdef int _fetch_set(self, unsigned long long key) except -1
    cdef int _fetch_group(self, unsigned long long key, unsigned long long value) except -1
