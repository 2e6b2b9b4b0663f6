"""Gives a child process a file descriptor whose output reaches any kind of stream."""

import codecs
import io
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pipelinerun.execution.options import Stream

_CHUNK = 1 << 16
_DRAIN_SECONDS = 5.0


@contextmanager
def descriptor_for(stream: Stream | None) -> Iterator[int]:
    """A descriptor for ``Popen``: the stream's own, a pipe into it, or the null device.

    Leave the context once the child is gone; what it has written is in the stream then.
    """
    if stream is None:
        yield subprocess.DEVNULL
        return
    descriptor = _own_descriptor(stream)
    if descriptor is not None:
        stream.flush()
        yield descriptor
        return
    source, sink = os.pipe()
    pump = threading.Thread(target=_pump, args=(source, stream), name="output", daemon=True)
    pump.start()
    try:
        yield sink
    finally:
        os.close(sink)
        # A process that has escaped from every group may hold the pipe for as long as it likes.
        pump.join(_DRAIN_SECONDS)


def _own_descriptor(stream: Stream) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return None


def _pump(source: int, stream: Stream) -> None:
    """Copy in chunks, so that a line of any length costs no memory here.

    Reads on when the stream is closed: the writer must neither block nor get SIGPIPE.
    """
    write = writer_of(stream)
    with os.fdopen(source, "rb", buffering=0) as pipe:
        while chunk := pipe.read(_CHUNK):
            with suppress(OSError, ValueError):
                write(chunk)
        with suppress(OSError, ValueError):
            write(b"")
            stream.flush()


def writer_of(stream: Stream) -> Callable[[bytes], object]:
    """Writes bytes to a stream of any kind; no bytes are the end of the text."""
    if isinstance(stream, io.RawIOBase | io.BufferedIOBase) or "b" in _mode(stream):
        return stream.write
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return lambda chunk: stream.write(decoder.decode(chunk, final=not chunk))


def _mode(stream: Stream) -> str:
    return str(getattr(stream, "mode", ""))
