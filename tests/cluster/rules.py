"""Packet filter rules that the kubelet and kube-proxy leave."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_MARK = "KUBE-"


@contextmanager
def removed() -> Iterator[None]:
    """Remove them after a block, unless there were some before: those are somebody else's."""
    foreign = {family for family in ("iptables", "ip6tables") if _MARK in _saved(family)}
    try:
        yield
    finally:
        for family in {"iptables", "ip6tables"} - foreign:
            kept = [line for line in _saved(family).splitlines() if _MARK not in line]
            text = "\n".join(kept) + "\n"
            subprocess.run(
                [f"{family}-restore"], input=text, text=True, check=False, capture_output=True
            )


def _saved(family: str) -> str:
    command = [f"{family}-save"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
