"""Run data pipelines on Ray, from the command line or as a Kubernetes resource."""
