cdef extern from *:
    """
    typedef unsigned __int128 api_sensor_wide;
    """
    ctypedef unsigned long long wide "api_sensor_wide"

cdef int _tag(const unsigned char* data, Py_ssize_t start, Py_ssize_t end, unsigned long long *both) except -1
