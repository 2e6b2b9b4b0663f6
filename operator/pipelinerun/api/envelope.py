"""Documents as text that is small enough for an annotation. Needs the standard library alone."""

import base64
import gzip
import zlib


def sealed(document: str) -> str:
    """A document, compressed."""
    return base64.b64encode(gzip.compress(document.encode(), mtime=0)).decode()


def opened(text: str) -> str:
    """The document that was sealed.

    Raises:
        ValueError: there is none in it.
    """
    try:
        return gzip.decompress(base64.b64decode(text)).decode()
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"not a sealed document: {error}") from None
