cdef unsigned long long flow_hash(unsigned long long k0, unsigned long long k1, unsigned long long a_hi, unsigned long long a_lo, unsigned long long b_hi, unsigned long long b_lo, unsigned long long ports) noexcept
cdef unsigned long long bytes_hash(unsigned long long k0, unsigned long long k1, const unsigned char[::1] data, Py_ssize_t start, Py_ssize_t end) except? 0xFFFFFFFFFFFFFFFF
cdef unsigned long long octets_hash(unsigned long long k0, unsigned long long k1, const unsigned char* data, Py_ssize_t start, Py_ssize_t end) noexcept
cdef unsigned long long siphash(unsigned long long k0, unsigned long long k1, const unsigned char* data, Py_ssize_t start, Py_ssize_t end, int per_word, int at_end) noexcept
cdef unsigned long long pair_hash(unsigned long long k0, unsigned long long k1, unsigned long long a, unsigned long long b) noexcept
