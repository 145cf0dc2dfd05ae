"""Copies of this process that work side by side, each on a core of its own.

On a CPU, two processes with one thread each beat one process with two: operators of a small model
are too short to be shared between threads, and threads that wait for each other spin. The copies
are forked, so they share the weights, need no start-up and open no socket. Where nothing can be
forked (a GPU in use, another system than Linux) or one copy would do, the work is done here.

A copy has one thread, however many cores there are: the threads of OpenMP do not come along in a
fork, and a copy that asked for its share of them would wait for ever (pytorch issue 17199).
"""

import os
import pickle
import signal
import struct
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from typing import Any, BinaryIO, NamedTuple, TypeVar

import torch

from medtune.errors import MachineError

Request = TypeVar("Request")
Reply = TypeVar("Reply")
Ask = Callable[[Sequence[Request]], Iterator[tuple[int, Reply]]]
"""Hand out requests; yields the index of each with its reply, in the order of completion."""

_SIZE = struct.Struct("<Q")


class _Worker(NamedTuple):
    """One copy, seen from here."""

    pid: int
    requests: BinaryIO
    replies: BinaryIO


@contextmanager
def workers(work: Callable[[Request], Reply], n: int) -> Generator[Ask[Request, Reply]]:
    """Copy this process `n` times as it is now; each copy answers requests by `work`.

    A request goes to the first copy that is idle: with as many requests as copies, request i goes
    to copy i. Copies see no later change of memory here, unless it is shared. Requests and replies
    are pickled.

    Args:
        work: What a copy does with a request. It must not print.
        n: Copies. With 1 nothing is copied, and `work` runs in this process.

    Raises:
        MachineError: A copy died, as it does where memory runs out.
        Exception: Whatever `work` raised, from `Ask`.
    """
    if n == 1:
        yield lambda requests: ((i, work(request)) for i, request in enumerate(requests))
        return
    with ExitStack() as stack:
        team: list[_Worker] = []
        for _ in range(n):
            team.append(_fork(work, team))
            stack.callback(_end, team[-1])
        yield lambda requests: _share_out(team, requests)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _fork(work: Callable[[Request], Reply], others: Sequence[_Worker]) -> _Worker:
    to_read, requests = os.pipe()
    replies, to_write = os.pipe()
    with warnings.catch_warnings():
        # The copy uses none of the locks that another thread (the progress bar's) may hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        os.close(to_read)
        os.close(to_write)
        return _Worker(pid, os.fdopen(requests, "wb"), os.fdopen(replies, "rb"))
    # From here on this is the copy. It ends when its requests do, so also when we are killed.
    for other in others:
        other.requests.close()
        other.replies.close()
    os.close(requests)
    os.close(replies)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(1)
    _answer(work, os.fdopen(to_read, "rb"), os.fdopen(to_write, "wb"))
    os._exit(0)


def _answer(work: Callable[[Request], Reply], requests: BinaryIO, replies: BinaryIO) -> None:
    while (request := _read(requests)) is not None:
        try:
            reply: tuple[bool, object] = (True, work(pickle.loads(request)))  # noqa: S301  our own
        except Exception as error:  # noqa: BLE001  it is raised again on the other side
            reply = (False, error)
        _write(replies, reply)


def _share_out(team: Sequence[_Worker], requests: Sequence[object]) -> Iterator[tuple[int, Any]]:
    waiting = list(enumerate(requests))[::-1]
    with DefaultSelector() as selector:
        for worker in team[: len(waiting)]:
            index, request = waiting.pop()
            _write(worker.requests, request)
            selector.register(worker.replies, EVENT_READ, (worker, index))
        while selector.get_map():
            for key, _ in selector.select():
                worker, index = key.data
                reply = _received(worker)
                selector.unregister(worker.replies)
                if waiting:
                    following, request = waiting.pop()
                    _write(worker.requests, request)
                    selector.register(worker.replies, EVENT_READ, (worker, following))
                yield index, reply


def _received(worker: _Worker) -> object:
    content = _read(worker.replies)
    if content is None:
        raise MachineError(
            "a worker process died, most likely for want of memory; lower "
            "tune.micro_batch_tokens or evaluate.batch_tokens, or set model.processes to 1"
        )
    done, reply = pickle.loads(content)  # noqa: S301  written by our own copy
    if not done:
        raise reply
    return reply


def _read(stream: BinaryIO) -> bytes | None:
    """One message, or None at the end of the stream."""
    head = stream.read(_SIZE.size)
    if len(head) < _SIZE.size:
        return None
    (size,) = _SIZE.unpack(head)
    content = stream.read(size)
    return content if len(content) == size else None


def _write(stream: BinaryIO, message: object) -> None:
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    # A reader that died is found out when its reply is waited for.
    with suppress(BrokenPipeError):
        stream.write(_SIZE.pack(len(content)))
        stream.write(content)
        stream.flush()


def _end(worker: _Worker) -> None:
    """Let a copy go: at once if it is still at work, for then nobody wants its reply."""
    with suppress(BrokenPipeError):
        worker.requests.close()
    worker.replies.close()
    os.kill(worker.pid, signal.SIGKILL)
    os.waitpid(worker.pid, 0)
