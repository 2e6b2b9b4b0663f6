"""Ray clusters of KubeRay: those that runs name, and those that are made for their attempts."""
