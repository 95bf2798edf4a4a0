cdef class Room:
    cdef public long long nodes
    cdef public dict counters

cdef class Schema:
    cdef public str hint
    cdef public long long seen, nulls, booleans, integers, numbers, strings, arrays, objects, cut, loose
    cdef public object least, most
    cdef public long long shortest, longest, fewest, largest
    cdef public dict formats, values, classes
    cdef public bint crowded
    cdef public dict properties
    cdef public Schema additional, items
    cdef public bint folded, text, partial

cpdef learn(Schema schema, object value, int depth, Room room)
