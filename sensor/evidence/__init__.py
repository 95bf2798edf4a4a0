"""Evidence: from an alert, a bundle that lets another person check it (`api-sensor evidence`).

`gather` reads the calls, `cut` takes out the packets, `inplace` masks what they carry, `har` and `pcapng` write formats others read, `bundle` puts it
together; `ring` remembers recent frames where there is no file to go back to.
"""
