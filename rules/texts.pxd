cimport cython

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define api_sensor_touch(p) __builtin_prefetch(p)
    #else
    #define api_sensor_touch(p) ((void)(p))
    #endif
    """
    void touch "api_sensor_touch"(const void *p)

cdef class Seen:
    cdef unsigned long long[::1] slots
    cdef const unsigned long long[::1] lows
    cdef const unsigned long long[::1] highs
    cdef Py_ssize_t sets, shortest
    cdef Py_ssize_t _place(self, unsigned long long low) noexcept
    cdef bint _holds(self, Py_ssize_t number) except -1

cdef class Shelf:
    cdef public object octets

cdef unsigned long long digest(const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except? 0
