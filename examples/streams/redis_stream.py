"""Messages of a Redis stream. A message counts as done when the sink has it."""

import json
from contextlib import suppress
from pathlib import Path

import redis

CONSUMER = "run"


def read(url, stream, group, context):
    """A source: one row per message; first those that were taken before and never done."""
    server = redis.Redis.from_url(url, decode_responses=True)
    with suppress(redis.ResponseError):  # the group is there already
        server.xgroup_create(stream, group, id="0", mkstream=True)
    last = "0"
    while not context.stopping:
        answer = server.xreadgroup(group, CONSUMER, {stream: last}, count=100, block=1000)
        messages = answer[0][1] if answer else []
        for name, fields in messages:
            yield {"id": name, **fields}
        if last != ">":
            last = messages[-1][0] if messages else ">"


class Keep:
    """A sink: writes the message, then tells Redis that it is done."""

    def __init__(self, url, stream, group, output):
        self.server = redis.Redis.from_url(url)
        self.stream, self.group = stream, group
        self.output = Path(output)
        self.output.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, row):
        with self.output.open("a") as lines:
            lines.write(json.dumps(row) + "\n")
        self.server.xack(self.stream, self.group, row["id"])
