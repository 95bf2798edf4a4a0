cdef class FieldReader:
    cdef public int n, first, room
    # columns of fields
    cdef int[::1] row
    cdef unsigned char[::1] kind
    cdef unsigned long long[::1] slot, pool
    cdef int[::1] length, marks
    cdef unsigned long long[::1] mask, shape, value
    cdef float[::1] nats
    cdef unsigned char[::1] source
    cdef int[::1] name_at, name_end, at, end
    cdef dict arrays
    # one call's running sums, and where its path ended
    cdef int hist[64]
    cdef int params, longest, escapes, headers, longest_header, header_marks, cookies, depth, nats_len, table, node, segments
    cdef float nats_sum
    cdef unsigned long long place
    cdef public int node_of, variant
    cdef float counts[28]
    cdef bint spans                 # whether fields say where they stand, which only explanations need
    # what all calls share
    cdef unsigned char mark_of[256]
    cdef unsigned char symbol_of[256]
    cdef unsigned char objects[25]
    cdef unsigned long long stack[25]
    cdef unsigned long long skipped[4]
    cdef unsigned long long answer_pools[4]
    cdef unsigned long long[::1] keys
    cdef float[:, ::1] clock
    cdef float[::1] bigrams
    cdef double n_log_n[1025]
    cdef int[::1] children
    # the open batch
    cdef const unsigned char[::1] paths, queries, heads, bodies, kinds, tables
    cdef const int[::1] path_at, query_at, head_at, body_at, roots, type_codes
    cdef const long long[::1] ts, status, request_bytes, response_bytes, duration, ttfb
    cdef const unsigned long long[::1] type_hashes
    cdef int _child(self, int node, unsigned long long segment) except? -1
    cdef unsigned long long _name(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, bint fold) except? -1
    cdef int _field(self, const unsigned char[::1] data, int source, int row, int kind, unsigned long long slot, unsigned long long pool, Py_ssize_t name_at, Py_ssize_t name_end, Py_ssize_t start, Py_ssize_t end, int escaped) except? -1
    cdef int _pairs(self, const unsigned char[::1] data, int source, int row, int kind, Py_ssize_t start, Py_ssize_t end) except? -1
    cdef int _json(self, const unsigned char[::1] data, int source, int row, Py_ssize_t start, Py_ssize_t end) except? -1
    cdef int _path(self, const unsigned char[::1] data, int row, int root, Py_ssize_t start, Py_ssize_t end) except? -1
    cdef int _opaque(self, int row, Py_ssize_t start, Py_ssize_t end) except? -1
    cdef int add_answer(self, int row, int kind, int length, unsigned long long value) except? -1
    cdef int request(self, Py_ssize_t r) except? -1
    cdef int head(self, Py_ssize_t r) except? -1
    cdef int line(self, int row, Py_ssize_t s, Py_ssize_t ve) except? -1
    cdef int answer(self, Py_ssize_t r) except? -1
    cdef int count(self, Py_ssize_t r) except? -1
