"""Text of others, made safe for a terminal. Pure."""

from rich.control import strip_control_codes
from rich.text import Text

_CONTROLS = {code: None for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"}


def cleaned(text: str) -> str:
    """Without escape sequences and control characters, but for ends of lines and tabs."""
    return strip_control_codes(Text.from_ansi(text).plain).translate(_CONTROLS)


def one_line(text: str) -> str:
    """The same on a single line."""
    return " ".join(cleaned(text).split())
