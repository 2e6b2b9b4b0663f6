"""Tests of what is pure: tables, properties and explored state machines."""
