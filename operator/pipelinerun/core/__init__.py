"""Deciding: what to do about a run, given what was observed of it. No I/O, no clock."""
