"""Measurements, always next to the same thing without the operator in the same run."""
