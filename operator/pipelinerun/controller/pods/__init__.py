"""Attempts in worker pods."""
