cdef Py_ssize_t find(const unsigned char* data, Py_ssize_t start, Py_ssize_t end, unsigned char octet) noexcept
cdef int copy(unsigned char* to, Py_ssize_t room, Py_ssize_t at, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -1
cdef bint same(const unsigned char* a, Py_ssize_t at, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) noexcept
cpdef Py_ssize_t find_in(const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, unsigned char octet) except -2
cpdef int copy_in(unsigned char[::1] to, Py_ssize_t at, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
cpdef bint same_in(const unsigned char[::1] a, Py_ssize_t at, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
