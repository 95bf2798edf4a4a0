cdef class Remembered:
    cdef public int kept, count
    cdef unsigned long long[::1] key
    cdef int[::1] value
    cdef int place(self, unsigned long long key, int number) except -1
