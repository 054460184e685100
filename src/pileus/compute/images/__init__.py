"""Container images: a registry's contents on Blobs and State, layers unpacked, formats, builds."""
