"""The storm: runs are applied while the operator is killed again and again."""

import json
import random
import signal
import time
from collections.abc import Sequence

from tests.chaos.workload import Member
from tests.cluster.node import Cluster
from tests.support.operator import OperatorProcess
from tests.support.runs import Document

KILLS = 50
LONGEST_LIFE = 3.0
"""Seconds from the moment that the operator knows what is running until it is killed."""
HASTE = 0.2
"""Share of the lives that end at any moment, perhaps before that."""


class Storm:
    """An operator that is killed, and the runs of a workload."""

    def __init__(
        self, cluster: Cluster, namespace: str, operator: OperatorProcess, dice: random.Random
    ) -> None:
        self._cluster, self._namespace = cluster, namespace
        self._operator, self._dice = operator, dice

    def blow(self, members: Sequence[Member]) -> None:
        """Apply the runs bit by bit, kill the operator after each; then it is left in peace."""
        waiting = [*members]
        self._dice.shuffle(waiting)
        for life in range(KILLS):
            share = -(-len(waiting) // (KILLS - life))
            lives = self._operator.ready_times()
            self._operator.start()
            self._apply(waiting[:share])
            waiting = waiting[share:]
            if self._dice.random() >= HASTE:
                self._operator.wait_ready(lives + 1)
            time.sleep(self._dice.uniform(0, LONGEST_LIFE))
            self._operator.check_alive()  # it never ends by itself
            self._operator.stop(signal.SIGKILL)
            self._cancel_some(members)
        self._operator.start()
        for member in members:
            if member.ending == "cancel":
                self._cancel(member.name)

    def runs(self) -> dict[str, Document]:
        """All runs, by name."""
        items = self._cluster.get("pipelineruns", "-n", self._namespace)["items"]
        return {run["metadata"]["name"]: run for run in items}

    def statuses(self) -> dict[str, Document]:
        """Their statuses."""
        return {name: run.get("status", {}) for name, run in self.runs().items()}

    def _apply(self, members: Sequence[Member]) -> None:
        items = [member.manifest for member in members]
        if items:
            document = {"apiVersion": "v1", "kind": "List", "items": items}
            self._cluster.kubectl("create", "-f", "-", stdin=json.dumps(document))

    def _cancel_some(self, members: Sequence[Member]) -> None:
        """Tell runs to end that are at work."""
        statuses = self.statuses()
        for member in members:
            running = statuses.get(member.name, {}).get("phase") == "Running"
            if member.ending == "cancel" and running and self._dice.random() < 0.5:
                self._cancel(member.name)

    def _cancel(self, name: str) -> None:
        patch = '{"spec": {"shutdown": "Terminate"}}'
        arguments = ("patch", "prun", name, "-n", self._namespace, "--type=merge", "-p", patch)
        self._cluster.try_kubectl(*arguments)  # one that is over is refused
