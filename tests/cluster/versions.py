"""Versions of what is built; they belong to the names of the cache folders."""

KUBERNETES = "v1.35.4"
ETCD = "v3.6.5"
HELM = "v3.22.0"
PROMETHEUS = "v0.313.0"
KUBERAY = "v1.5.0"
COREDNS = "v1.15.0"
GO = "1.26.3"
"""Go toolchain that is installed when PATH has none; any from ``MINIMUM_GO`` on will do."""
MINIMUM_GO = (1, 25)
