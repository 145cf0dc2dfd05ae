"""Ctrl-C and SIGTERM end a training between two steps, not in the middle of one."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_requested() -> Generator[Callable[[], bool]]:
    """Give a function that says whether SIGTERM or SIGINT came since the block began.

    A second signal interrupts at once. Outside the main thread, where Python allows no signal
    handlers, the answer is always no. The handlers found are put back at the end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if received:
            raise KeyboardInterrupt
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
