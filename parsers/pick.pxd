from parsers.packet cimport Decoder

cdef long long _given_up(Decoder d) except -1
