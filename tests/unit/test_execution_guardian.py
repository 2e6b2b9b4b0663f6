"""Recognising the processes of a workspace in a listing."""

import os

from pipelinerun.execution.guardian import parse_listing

DIRECTORY = "/tmp/prun-1"
MARK = b"PIPELINERUN_WORKSPACE=/tmp/prun-1"
LISTING = """\
    {own} Ss   python steps.py HOME=/root PIPELINERUN_WORKSPACE=/tmp/prun-1 PATH=/bin
    {own} S+   raylet --session_dir=/private/tmp/prun-1/session_2026
    {own} S    tail -f /tmp/prun-1/file
    {own} S    python PIPELINERUN_WORKSPACE=/tmp/prun-12
    {own} S    python /tmp/prun-12/session_1
    {own} Z    (python)
999999999 S    gone
"""


def test_a_process_belongs_by_its_environment_or_by_a_session_of_ray() -> None:
    listing = LISTING.format(own=os.getpid()).encode()
    processes = list(parse_listing(listing, DIRECTORY))
    assert [MARK in it.marks for it in processes] == [True, True, False, False, False]
    assert {(it.pid, it.session) for it in processes} == {(os.getpid(), os.getsid(0))}
