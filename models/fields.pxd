cdef struct Field:
    unsigned long long slot, pool, mask, shape, value
    int row, length, marks, name_at, name_end, at, end
    float nats
    unsigned char kind, source

cdef unsigned long long run_hash(const unsigned char *data, Py_ssize_t start, Py_ssize_t end) noexcept
cdef const unsigned char *octets_at(const unsigned char[::1] view) except? NULL
cdef const int *ints_at(const int[::1] view) except? NULL
cdef const long long *numbers_at(const long long[::1] view) except? NULL
cdef const unsigned long long *hashes_at(const unsigned long long[::1] view) except? NULL
cdef const float *floats_at(const float[::1] view) except? NULL

cdef class FieldReader:
    cdef public int n, first, room
    # `fields` points into `records`, which is as long as `room`.
    cdef Field *fields
    cdef object records
    cdef bint many                  # whether calls have tables of characters of their own
    cdef bint spans                 # whether fields say where they stand, which only explanations need
    # one call's running sums, and where its path ended
    cdef int hist[64]
    cdef int params, longest, escapes, headers, longest_header, header_marks, cookies, depth, nats_len, node, segments
    cdef int letters, digits, punctuation, spaces, characters
    cdef double disorder            # sum of n log n over the symbols
    cdef float nats_sum
    cdef unsigned long long place, found
    cdef public int node_of, variant
    cdef float counts[28]
    # what all calls share
    cdef unsigned char mark_of[256]
    cdef unsigned char symbol_of[256]
    cdef unsigned long long tally_of[256]
    cdef unsigned char scratch[4104]
    cdef unsigned char objects[25]
    cdef unsigned long long stack[25]
    cdef unsigned long long skipped[4]
    cdef unsigned long long answer_pools[4]
    cdef double n_log_n[1025]
    cdef double more[1024]
    # where beginnings of paths lead
    cdef unsigned char prefixes[16384]
    cdef int prefix_root[256]
    cdef int prefix_length[256]
    cdef int prefix_node[256]
    cdef int prefix_segments[256]
    cdef object shared
    cdef const float *clock
    cdef const float *bigrams
    cdef const float *bigram            # of the open call
    cdef Py_ssize_t bigram_tables, key_count
    cdef const unsigned long long *keys
    cdef const int *children
    cdef readonly int nodes
    # the open batch
    cdef object batch
    cdef readonly Py_ssize_t rows
    cdef Py_ssize_t path_size, query_size, head_size, body_size, type_count
    cdef const unsigned char *paths
    cdef const unsigned char *queries
    cdef const unsigned char *heads
    cdef const unsigned char *bodies
    cdef const unsigned char *kinds
    cdef const unsigned char *tables
    cdef const int *path_at
    cdef const int *query_at
    cdef const int *head_at
    cdef const int *body_at
    cdef const int *roots
    cdef const int *type_codes
    cdef const long long *ts
    cdef const long long *status
    cdef const long long *request_bytes
    cdef const long long *response_bytes
    cdef const long long *duration
    cdef const long long *ttfb
    cdef const unsigned long long *type_hashes
    cdef int _child(self, int node, unsigned long long segment) noexcept
    cdef unsigned long long _header_name(self, Py_ssize_t start, Py_ssize_t end) noexcept
    cdef Py_ssize_t _decode(self, const unsigned char *data, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t end, int escaped) noexcept
    cdef int _field(self, const unsigned char *data, int source, int row, int kind, unsigned long long slot, unsigned long long pool, Py_ssize_t name_at, Py_ssize_t name_end, Py_ssize_t start, Py_ssize_t end, int escaped) except -1
    cdef int _pairs(self, const unsigned char *data, int source, int row, int kind, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _json(self, const unsigned char *data, int source, int row, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _path(self, int row, int root, Py_ssize_t start, Py_ssize_t end) except? -1
    cdef bint _same_prefix(self, Py_ssize_t place, Py_ssize_t start, Py_ssize_t end) noexcept
    cdef int _know_prefix(self, Py_ssize_t place, int root, Py_ssize_t start, Py_ssize_t end, int node, int segments) noexcept
    cdef int _opaque(self, int row, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _answer_field(self, int row, int kind, int length, unsigned long long value) except -1
    cdef int request(self, Py_ssize_t r) except -1
    cdef int head(self, Py_ssize_t r) except -1
    cdef int line(self, int row, Py_ssize_t s, Py_ssize_t ve) except -1
    cdef int answer(self, Py_ssize_t r) except -1
    cdef bint _copied(self, FieldReader earlier, int first, int last) except -1
    cdef int count(self, Py_ssize_t r) except -1
