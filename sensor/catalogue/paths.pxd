cdef class Segment:
    cdef public int kind
    cdef public Py_ssize_t stem_at, stem_end, frame_at, frame_end
    cdef int read(self, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1

cdef class PathTable:
    cdef public unsigned long long k0, k1
    cdef public int values_kept, words_kept, callers_kept, nodes_kept, depth_kept
    cdef public dict dropped
    # Edges: open addressing, key 0 is empty.
    cdef unsigned long long[::1] slot_key
    cdef int[::1] slot_node
    cdef Py_ssize_t slots, slots_used
    # Nodes.
    cdef public list parents, kinds, texts, frames, children, cells_of, value_texts, codes_of
    cdef public dict siblings, roots, methods
    cdef public list method_names
    cdef unsigned int[::1] folded
    cdef int[::1] sketch_of
    cdef public long long[::1] passed
    cdef public int nodes
    # Value sketches of folded nodes: the smallest hashes.
    cdef unsigned long long[:, ::1] value_hash
    cdef int[::1] value_n
    cdef int sketches
    # Cells: a method at a node.
    cdef unsigned long long[::1] cell_key
    cdef int[::1] cell_slot
    cdef Py_ssize_t cell_slots
    cdef public int cells
    cdef public int[::1] cell_node, cell_method
    cdef public long long[::1] cell_calls, cell_first, cell_last
    cdef public unsigned long long[:, ::1] caller_hash
    cdef public int[::1] caller_n
    cdef unsigned long long[::1] last_caller
    # Statuses of cells.
    cdef unsigned long long[::1] status_key
    cdef public long long[::1] status_calls
    cdef Py_ssize_t status_slots, status_used
    cdef Segment segment
    cdef unsigned char[::1] sighted
    # Whole paths seen lately, and the cell each leads to.
    cdef unsigned long long[::1] path_key
    cdef int[::1] path_cell
    cdef unsigned long long[::1] prefix_key
    cdef int[::1] prefix_node, prefix_depth
    cdef bint unsure
    # Texts that never fold: an operator pinned them.
    cdef public set kept
    # By node: the matrix parameters that it has always, None where it was not met yet.
    cdef public list matrix
    cdef public bint matrix_seen
    cdef int edge(self, unsigned long long key) except -2
    cdef unsigned long long word_key(self, int node, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except? 0
    cdef unsigned long long frame_key(self, int node, int kind, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t stem_at, Py_ssize_t stem_end, Py_ssize_t end) except? 0
    cdef int note_value(self, int node, unsigned long long value, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int note_caller(self, int cell, unsigned long long caller) except -1
    cdef int note_status(self, int cell, int status, long long calls) except -1
    cdef int crowded_word(self, int node, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end, unsigned long long key) except -2
    cdef int find_cell(self, int node, int method) except -2
    cdef int walk(self, int root, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -2

cdef class Matcher:
    cdef public unsigned long long k0, k1
    cdef unsigned long long[::1] slot_key
    cdef int[::1] slot_node
    cdef Py_ssize_t slots, slots_used
    cdef public int nodes, depth_kept
    cdef public unsigned char[::1] literals
    cdef unsigned long long[::1] path_key
    cdef int[::1] path_leaf
    cdef public int[::1] first_param, next_param
    cdef public unsigned int[::1] param_kinds
    cdef unsigned long long[::1] param_frame
    cdef public int[::1] leaf
    cdef Segment segment
    cdef int edge(self, unsigned long long key) except -2
    cdef unsigned long long word_key(self, int node, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except? 0
    cdef int walk(self, int root, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except -2
