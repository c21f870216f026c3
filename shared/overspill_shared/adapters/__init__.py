"""The only modules of this package that import an SDK: one a port, translating its errors into ours.

No decision is made here.
"""
