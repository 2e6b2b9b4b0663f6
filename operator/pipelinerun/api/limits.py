"""Sizes that the texts of a status keep to, in characters. Apart: it takes no time to load."""

MESSAGE_LIMIT = 1024
TAIL_LIMIT = 2048
