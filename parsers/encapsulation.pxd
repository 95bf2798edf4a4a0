cdef class Cursor:
    # Where the next header starts, where the captured octets of its packet end, and where the packet ended on the wire. end <= limit always.
    cdef public Py_ssize_t at, end, limit
    cdef public int tunnels                 # encapsulations entered so far in this frame
    cdef public unsigned int domain         # VNI of the innermost VXLAN or GENEVE, else 0

cdef int lack(Cursor cur, Py_ssize_t n) noexcept
cdef int u16(const unsigned char[::1] data, Py_ssize_t at) except -1
cdef unsigned int u32(const unsigned char[::1] data, Py_ssize_t at) except? 0xFFFFFFFF
cdef int step(Cursor cur, const unsigned char[::1] data, int kind) except -100
