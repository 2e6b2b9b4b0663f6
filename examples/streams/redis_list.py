"""Messages of a Redis list. What is taken waits in a second list until the sink has it."""

import json
from pathlib import Path

import redis

TAKEN = "taken from "


def read(url, queue, context):
    """A source: one row per message; first those that were taken before and never done."""
    server = redis.Redis.from_url(url, decode_responses=True)
    for message in server.lrange(TAKEN + queue, 0, -1):
        yield {"message": message}
    while not context.stopping:
        message = server.blmove(queue, TAKEN + queue, timeout=1, src="LEFT", dest="RIGHT")
        if message is not None:
            yield {"message": message}


class Keep:
    """A sink: writes the message, then takes it off the second list."""

    def __init__(self, url, queue, output):
        self.server = redis.Redis.from_url(url)
        self.taken = TAKEN + queue
        self.output = Path(output)
        self.output.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, row):
        with self.output.open("a") as lines:
            lines.write(json.dumps(row) + "\n")
        self.server.lrem(self.taken, 1, row["message"])
