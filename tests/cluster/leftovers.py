"""Removing what a container runtime leaves when it ends: processes, mounts, control groups."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_PODS = "kubepods"
_ROUNDS = 50


def remove(state: Path) -> None:
    """Kill what belongs to a node with its state in a folder, and unmount what is below it."""
    kill_all(state)
    for _ in range(_ROUNDS):
        places = list(mounts_below(state))
        if not places:
            break
        for place in reversed(places):
            subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    for group in sorted(_groups(), reverse=True):
        with suppress(OSError):
            group.rmdir()


def kill_all(state: Path) -> None:
    """Kill what belongs to a node, containers and all, and leave everything else as it is."""
    kill(lambda: {*_in_groups(_groups()), *_shims(state)})


def kill(processes: Callable[[], set[int]]) -> None:
    """Kill processes, and those that come after them."""
    for _ in range(_ROUNDS):
        found = processes()
        if not found:
            break
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def processes_of(pod_uid: str) -> set[int]:
    """Processes of a pod's containers, as long as there are any."""
    return {*_in_groups(group for group in _groups() if f"pod{pod_uid}" in str(group))}


def mounts_below(folder: Path) -> Iterator[str]:
    """Places that something is mounted on, in the order of mounting."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        place = line.split()[1]
        if place.startswith(f"{folder}/"):
            yield place


def _groups() -> Iterator[Path]:
    for top in (*_GROUPS.glob(f"*/{_PODS}"), *_GROUPS.glob(_PODS)):
        yield top
        yield from (path for path in top.rglob("*") if path.is_dir())


def _in_groups(groups: Iterable[Path]) -> Iterator[int]:
    for group in groups:
        with suppress(OSError):
            yield from map(int, (group / "cgroup.procs").read_text().split())


def _shims(state: Path) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_bytes().decode(errors="replace").split("\0")
            if "containerd-shim" in words[0] and any(str(state) in word for word in words):
                yield int(path.parent.name)
