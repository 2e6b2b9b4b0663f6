"""In-process runs: drivers on a warm Ray, reached through a gateway process.

The operator's own process never loads Ray nor user code: a Ray that dies takes its clients with it.
"""
