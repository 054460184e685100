"""AWS wire protocols: requests in wire names on one side, bytes on the other.

``router`` finds the operation, ``sigv4`` the caller, ``codec`` turns bodies into mappings and back.
"""
