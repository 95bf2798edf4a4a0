# The text of spread.py for compiled modules: only what stands here is inlined in each of them.
cdef inline unsigned long long spread(unsigned long long x) noexcept:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL
    return x ^ (x >> 31)
