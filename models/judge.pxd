from models.fields cimport FieldReader

cdef struct Outcome:            # what headers come to
    double squares              # of a block
    int names, fields           # their set of names; how many fields they have
    int group                   # 0 a block of lines, 1 a header line, 2 a cookie line
    int headers, cookies, longest, marks, unused
    float best[16]              # of a block those of headers and cookies, of a line its group's eight

cdef struct Piece:
    unsigned long long key, high # of a block the halves of its tag, of a line its hash and 0
    int at, size                # of a line its octets
    int outcome
    int block                   # 1 a block of lines, 0 a line

cdef struct Answer:
    unsigned long long type
    long long status
    int node, response, request # bins of lengths, 0 for unknown
    float length, value

cdef int *ints_in(int[::1] view) except? NULL
cdef long long *longs_in(long long[::1] view) except? NULL
cdef unsigned long long *hashes_in(unsigned long long[::1] view) except? NULL
cdef float *floats_in(float[::1] view) except? NULL
cdef unsigned char *octets_in(unsigned char[::1] view) except? NULL

cdef class Nats:
    cdef object shared
    cdef const float *steps
    cdef const long long *starts
    cdef const float *slopes
    cdef const float *less
    cdef const int *guide
    cdef const float *low
    cdef const float *each
    cdef readonly int measures
    cdef float last[64]
    cdef float last_square[64]
    cdef Py_ssize_t _place(self, int k, float y) noexcept
    cdef float of(self, int k, float x) noexcept
    cdef float squared(self, int k, float x) noexcept

cdef class Standard:
    cdef object shared
    cdef const int *how
    cdef const float *mean
    cdef const float *inverse
    cdef const float *place_mean
    cdef const float *place_inverse
    cdef readonly Py_ssize_t width
    cdef Py_ssize_t places
    cdef void into(self, float *counts, int node, float *x, float *out) noexcept
    cdef void scaled(self, float *x, int node, float *out) noexcept

cdef class Judge:
    cdef FieldReader reader
    cdef Nats to
    cdef bint squares_wanted
    cdef object shared
    cdef int measure_of[48]
    cdef int class_of_kind[12]
    cdef int group_of_kind[12]
    cdef int named[12]
    cdef float floor[48]
    # the profile
    cdef Py_ssize_t units, nodes
    cdef const unsigned long long *unit_keys
    cdef const int *unit_values
    cdef const float *by_length
    cdef const float *by_marks
    cdef const float *bit_set
    cdef const float *bit_gain
    cdef const float *bit_base
    cdef const float *new_shape
    cdef const float *new_value
    cdef const float *nats_mean
    cdef const float *nats_spread
    cdef const unsigned long long *shape_keys
    cdef const unsigned long long *value_keys
    cdef const float *value_cost
    cdef const unsigned long long *slot_keys
    cdef const unsigned long long *name_keys
    cdef const float *new_name
    cdef float fresh_name
    cdef const float *new_child
    cdef const unsigned long long *form_keys
    cdef const float *form_cost
    cdef const long long *form_total
    cdef const float *new_variant
    cdef const unsigned long long *expected_keys
    cdef const long long *expected_cost
    cdef const unsigned char *ended
    cdef Py_ssize_t unit_mask, shape_mask, value_mask, slot_mask, name_mask, form_mask, expected_mask
    # what a unit's numbers come to, once they were asked for
    cdef unsigned char *ready
    cdef float *rows
    cdef unsigned long long *character_masks
    cdef long long *character_units
    cdef float *character_totals
    cdef float *character_most
    # one call
    cdef float best[48]
    cdef int where[48]
    cdef long long *stamp
    cdef long long serial, missing
    cdef unsigned long long form_key
    cdef float endpoint, form
    cdef int block              # its headers' outcome, where they are known as a block; else -1
    cdef int row_lines[64]
    cdef unsigned long long row_slots[64]
    cdef int row_count
    # what is remembered of headers
    cdef unsigned long long secret
    cdef int *table
    cdef unsigned long long *once
    cdef Piece *pieces
    cdef Outcome *outcomes
    cdef int *outcome_table
    cdef Py_ssize_t outcome_count
    cdef int ahead[256]
    # the tags of the open batch's blocks, so many
    cdef object tags
    cdef Py_ssize_t tagged
    cdef const long long *begins
    cdef const unsigned long long *lows
    cdef const unsigned long long *highs
    cdef unsigned char *octets
    cdef Py_ssize_t piece_count, octets_used
    cdef unsigned long long *set_slots
    cdef int *set_at
    cdef int *set_table
    cdef Py_ssize_t set_count, slots_used
    cdef unsigned long long *lack_keys
    cdef long long *lacks
    # and of answers
    cdef Answer *answers
    cdef int _most(self, int k, float x, int field) noexcept
    cdef float _to(self, int k, float x) noexcept
    cdef int _ready(self, int u, int group) except -1
    cdef int _field(self, int f, int group, int base) except -1
    cdef int _characters(self, int u, int group, int base, unsigned long long mask, int f) noexcept
    cdef long long _present(self, unsigned long long slot) noexcept
    cdef long long _present_of(self, int names) noexcept
    cdef long long _remembered_of(self, Py_ssize_t form, int names) noexcept
    cdef int _call(self, Py_ssize_t r, Py_ssize_t ahead) except -1
    cdef int _start(self) except -1
    cdef int _judge(self, int node, int variant, int first, int last) except -1
    cdef double _group(self, int first, bint language) noexcept
    cdef int _look_ahead(self, Py_ssize_t first, Py_ssize_t last) except -1
    cdef int _answer(self, Py_ssize_t r) except -1
    cdef bint _head(self, Py_ssize_t r, Py_ssize_t ahead) except -1
    cdef Py_ssize_t _line_end(self, Py_ssize_t i, Py_ssize_t e) noexcept
    cdef unsigned long long _key(self, Py_ssize_t s, Py_ssize_t e) noexcept
    cdef int _recall(self, unsigned long long key, Py_ssize_t s, Py_ssize_t size) noexcept
    cdef int _block(self, unsigned long long key, unsigned long long high) noexcept
    cdef bint _is(self, int at, unsigned long long key, unsigned long long high) noexcept
    cdef bint _same(self, int at, Py_ssize_t s) noexcept
    cdef int _keep(self, unsigned long long key, unsigned long long high, Py_ssize_t s, Py_ssize_t size, int first, int group, int best, double squares) except -2
    cdef int _outcome(self, int first, int group, int best, double squares) except -2
    cdef int _learn_line(self, Py_ssize_t r, unsigned long long key, Py_ssize_t s, Py_ssize_t ve) except -2
    cdef int _learn_block(self, Py_ssize_t r, unsigned long long key, unsigned long long high) except -1
    cdef int _names(self, int first, int last) except -2
    cdef int _forget(self) except -1
