"""Ways to execute a pipeline: here, in a child that never outlives this process, or on a cluster.

Nothing here loads Ray before a pipeline runs, so that a process that only supervises stays small.
"""
