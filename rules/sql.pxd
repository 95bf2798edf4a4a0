cdef class SqlReader:
    cdef unsigned char[600] kind
    cdef Py_ssize_t[600] at
    cdef Py_ssize_t[600] to
    cdef int count, inline_comments, executable_comments
    cdef Py_ssize_t comment_from, comment_to
    cdef const unsigned char[::1] data
    cpdef bint injected(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _tokens(self, Py_ssize_t start, Py_ssize_t end, bint quoted) except -1
    cdef int _add(self, int kind, Py_ssize_t start, Py_ssize_t end) except -1
    cdef Py_ssize_t _word(self, Py_ssize_t i, Py_ssize_t end) except -1
    cdef int _k(self, int i) except -1
    cdef bint _is(self, int i, bytes word) except -1
    cdef int _operand(self, int i) except? -1
    cdef int _sum(self, int i) except? -1
    cdef bint _same_text(self, int i, int j) except -1
    cdef bint _judge(self, bint quoted, Py_ssize_t start, Py_ssize_t end) except -1
    cdef bint _logic(self, int i, bint quoted) except -1
    cdef bint _union(self, int i, bint quoted) except -1
    cdef bint _select(self, int i, bint quoted) except -1
    cdef bint _statement(self, int i, bint strict) except -1
    cdef bint _after_quote(self, int i, Py_ssize_t end) except -1
    cdef bint _tail(self, int i) except -1
    cdef bint _argument(self, int i) except -1
