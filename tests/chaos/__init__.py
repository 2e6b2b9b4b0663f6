"""Tests with kills and injected faults, on a real node."""
