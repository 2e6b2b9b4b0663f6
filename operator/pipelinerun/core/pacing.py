"""How often what is shown of a run is written anew, and what failed is tried again."""

PROGRESS_INTERVAL = 10.0
"""Seconds between two writes of progress."""
RUNNING_AFTER = 1.0
"""Seconds for which a run stays Starting at least: one that ends before saves a write."""
RETRY_REFUSED = 30.0
"""Seconds after which a pod that was refused is tried again."""
CLUSTER_INTERVAL = 5.0
"""Seconds between two looks at a RayCluster that is not ready: nobody tells when it is."""
LEFTOVER_INTERVAL = 1.0
"""Seconds between two deletions of a RayCluster that may still come."""
