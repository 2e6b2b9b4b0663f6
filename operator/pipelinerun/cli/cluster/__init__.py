"""Commands about runs on a cluster."""
