cdef Py_ssize_t find(const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, unsigned char octet) except -2
cdef int copy(unsigned char[::1] to, Py_ssize_t at, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
cdef bint same(const unsigned char[::1] a, Py_ssize_t at, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
