"""The worker: entrypoint of the pod that runs one attempt."""
