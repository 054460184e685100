"""What runs inside worker processes: fork server, sandbox, runtime clients.

Imports nothing of the house but its own files, and only the standard library, because any
interpreter from Python 3.9 on may run it beside code that we did not write.
"""
