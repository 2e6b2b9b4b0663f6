"""Versions of what is built; they belong to the name of the cache folder."""

KUBERNETES = "v1.35.4"
ETCD = "v3.6.5"
GO = "1.26.3"
"""Go toolchain that is installed when PATH has none; any from ``MINIMUM_GO`` on will do."""
MINIMUM_GO = (1, 25)
