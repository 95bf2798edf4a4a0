cdef class Windows:
    cdef public object kind
    cdef public long long span, slice
    cdef public int count, mode
    cdef public Py_ssize_t words, sets, evicted
    cdef unsigned long long mask
    cdef long long epoch, since, until
    cdef unsigned long long[::1] keys
    cdef unsigned long long[::1] groups
    cdef unsigned short[::1] lists
    cdef unsigned long long[::1] bits
    cdef unsigned long long[::1] pairs
    cdef unsigned long long[::1] union
    cdef Py_ssize_t _set(self, unsigned long long key) noexcept
    cdef Py_ssize_t _pair(self, unsigned long long pair) noexcept
    cdef int _fetch(self, unsigned long long key) except -1
    cdef int _seen(self, Py_ssize_t entry, long long ts) except -1
    cdef Py_ssize_t _place(self, unsigned long long key, long long ts) except -1
    cdef unsigned long long _listed(self, Py_ssize_t entry, Py_ssize_t slot) except? 0xFFFFFFFFFFFFFFFF
    cdef int _list(self, Py_ssize_t entry, Py_ssize_t slot, unsigned long long count) except -1
    cdef int _set_bit(self, Py_ssize_t entry, Py_ssize_t slot, Py_ssize_t bit) except -1
    cdef int _bits_set(self, Py_ssize_t entry, long long epoch) except -1
    cdef Py_ssize_t _one(self, unsigned long long key, unsigned long long value, long long ts) except -1
    cdef Py_ssize_t _counted(self, Py_ssize_t at, Py_ssize_t slot) except -1
    cdef int _count(self, Py_ssize_t at, Py_ssize_t slot, long long count) except -1
