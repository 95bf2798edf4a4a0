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
    cdef unsigned char[::1] store
    cdef unsigned char* octets
    cdef public Py_ssize_t room
    cdef public Py_ssize_t longest
    cdef Py_ssize_t sets, turns
    cdef public long long written
    cdef unsigned long long[::1] slots
    cdef unsigned long long[::1] once
    cdef unsigned long long[64] block
    cdef int _said(self, unsigned long long key, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _fetch_set(self, unsigned long long key) except -1
    cdef int _fetch_text(self, unsigned long long key) except -1
    cdef bint _holds(self, unsigned long long key, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -1
    cdef int _keep(self, unsigned long long key, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except -1

cdef class Shelf:
    cdef public object octets

cdef unsigned long long digest(const unsigned char* data, Py_ssize_t start, Py_ssize_t end) except? 0
