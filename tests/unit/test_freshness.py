"""Comparing what a watch has shown with what there is."""

import asyncio
from collections.abc import Mapping

from pipelinerun.controller.freshness import Freshness, Version, Versions, compare, lasting


def versions(**numbers: int) -> Versions:
    return {uid: Version(("default", uid), number) for uid, number in numbers.items()}


def body(uid: str, number: int) -> Mapping[str, object]:
    metadata = {"uid": uid, "namespace": "default", "name": uid, "resourceVersion": str(number)}
    return {"metadata": metadata}


def test_what_is_older_than_the_server_has_it_is_unseen() -> None:
    difference = compare(versions(a=2, b=1, c=1), versions(a=1, b=1))
    assert difference.unseen == versions(a=2, c=1)
    assert difference.gone == {}


def test_a_watch_that_is_ahead_of_the_listing_is_fine() -> None:
    assert compare(versions(a=1), versions(a=2)).unseen == {}


def test_only_what_was_asked_for_before_lasts() -> None:
    before = compare(versions(a=2, b=2), versions(a=1, b=1, c=1, d=1))
    now = lasting(before, versions(a=3, b=2, d=1), versions(a=2, b=1, c=1, d=1))
    assert now.unseen == versions(b=2)
    assert now.gone == versions(c=1)


class Server:
    """A listing that the test sets, and what was reported as deleted."""

    def __init__(self) -> None:
        self.versions: Versions = {}
        self.deleted: list[str] = []
        self.watch = Freshness("runs", self.list, lambda uid, _key: self.deleted.append(uid))

    async def list(self) -> Versions:
        return self.versions

    def check(self) -> None:
        asyncio.run(self.watch.check())


def test_a_watch_that_shows_everything_late_is_never_stalled() -> None:
    server = Server()
    for number in range(1, 6):
        server.versions = versions(a=number)
        server.check()
        assert server.watch.stalled == 0
        server.watch.see("MODIFIED", body("a", number))


def test_a_watch_that_shows_nothing_any_more_is_stalled_until_it_does() -> None:
    server = Server()
    server.check()
    assert server.watch.complete
    server.versions = versions(a=1)
    server.check()
    assert server.watch.stalled == 0
    server.check()
    assert server.watch.stalled == 1
    server.watch.see("ADDED", body("a", 1))
    server.check()
    assert server.watch.stalled == 0


def test_a_deletion_that_was_not_shown_is_made_good_once() -> None:
    server = Server()
    server.watch.see("ADDED", body("a", 1))
    for _ in range(4):
        server.check()
    assert server.deleted == ["a"]


def test_the_first_listing_is_complete_when_all_of_it_was_shown() -> None:
    server = Server()
    server.versions = versions(a=1, b=1)
    server.watch.see(None, body("a", 1))
    server.check()
    assert not server.watch.complete
    server.versions = versions(a=2, b=1, c=1)  # there is always something new
    server.watch.see(None, body("b", 1))
    server.check()
    assert server.watch.complete
