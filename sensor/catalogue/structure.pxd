cdef class Structure:
    cdef unsigned long long k0, k1, total
    cdef unsigned long long[::1] path, members
    cdef unsigned int[::1] keyed
    cdef unsigned char[::1] array
    cdef unsigned long long[::1] known
    cdef unsigned int[::1] known_in
    cdef unsigned int round
    cdef int found
    cdef public long long names
    cdef int note(self, unsigned long long part) except -1
    cpdef unsigned long long of(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, int kind) except? 1
    cdef unsigned long long json(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except? 1
    cdef unsigned long long form(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except? 1
    cdef unsigned long long xml(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except? 1

cdef class Sampler:
    cdef unsigned long long k0, k1
    cdef public Structure structure
    cdef public dict counters
    cdef public int slots, slots_kept, structures, structures_kept
    cdef unsigned long long[::1] table_key
    cdef int[::1] table_slot
    cdef unsigned long long[::1] structure_key
    cdef public long long[::1] seen, bodies, looked, incomplete
    cdef unsigned long long[::1] lengths, beginnings
    cdef public int[::1] shapes, owner, status
    cdef public long long[:, ::1] answered, refused
    cdef dict names
    cdef unsigned long long[::1] name_hash
    cdef unsigned char[::1] name_code
    cdef int slot(self, unsigned long long key, int owner, int status) except -2
    cdef bint known(self, unsigned long long key) except -1
    cdef int sample(self, int slot, unsigned long long chance) except -1
    cdef int judge(self, int slot, unsigned long long chance, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, int kind, unsigned long long extra) except -1
    cdef int named(self, unsigned long long name) except -1
    cdef int query_scheme(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int head_scheme(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
