"""Ways to execute a pipeline: in this process, or in a child process that never outlives it.

Nothing here loads Ray before a pipeline runs, so that a process that only supervises stays small.
"""
