"""What the journal is told of each request, and what happens when it cannot be told."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool

from medtune.answers import find_label
from medtune.artifacts import Release
from medtune.config import Run
from medtune.errors import MedtuneError
from medtune.features import last_user_text, text_features
from medtune.records import Message
from medtune.serve.envelope import Envelope
from medtune.serve.journal import Journal, JournalError, Row
from medtune.serve.rails import Rails
from medtune.serve.voice import Spoken, Voice
from medtune.serve.wire import Ask, Refusal, from_ours
from medtune.ways import Put

Hear = Callable[[Sequence[Message]], Put]
"""Puts a conversation to the model as it was trained and evaluated."""
LOG = logging.getLogger("medtune.serve")
CLIENT_GONE = 499


@dataclass(frozen=True, slots=True)
class Desk:
    """What answers a request, and where it is written down."""

    name: str
    """The release; without a model, the rules."""
    journal: Journal


@dataclass(frozen=True, slots=True)
class Service(Desk):
    """What all requests of a released model share."""

    run: Run
    release: Release
    voice: Voice
    labels: Sequence[str]
    hear: Hear
    rails: Rails
    turn: asyncio.Lock
    """Held by the request that uses the model."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request that may be answered."""

    ask: Ask
    judged: Sequence[Message]
    """The messages of the request, or what the rails made of them: as the application puts a
    record, so that the monitor can compare them with the records that the release was tested on."""
    heard: Sequence[Message]
    """What the model reads: those, as the release puts them."""
    n_prompt: int
    limit: int
    """Most tokens of the reply."""
    head: Envelope
    started: float
    """Reading of the monotonic clock."""
    fixed: str | None = None
    """The reply of the rails, told instead of the model's."""
    notes: Sequence[str] = ()
    """What must be said of the images; told before the reply."""


async def record(desk: Desk, row: Row) -> None:
    """Write one row.

    Raises:
        JournalError: The journal cannot be written.
    """
    await run_in_threadpool(desk.journal.write, row)


async def record_gone(service: Service, job: Job, text: str) -> None:
    """Note what was told to a client that left before the end."""
    row = row_of(service, job, CLIENT_GONE, Spoken(text, 0, stopped=False))
    try:
        await record(service, replace(row, n_reply=None, answer=None))
    except JournalError as error:
        LOG.warning("request %s: the client left and the journal failed: %s", row.request_id, error)


async def recorded_refusal(
    desk: Desk, refusal: Refusal, request_id: str, started: float
) -> Refusal:
    """The refusal to tell: the given one, or that even it could not be recorded."""
    try:
        await record(desk, Row(request_id, refusal.status, time.monotonic() - started))
    except JournalError as error:
        return journal_refusal(request_id, error)
    return refusal


def row_of(service: Service, job: Job, status: int, spoken: Spoken) -> Row:
    """What the journal keeps of an answer: no text, unless the run asks for it."""
    keep = service.run.serve.keep_text
    return Row(
        request_id=job.head.request_id,
        status=status,
        seconds=time.monotonic() - job.started,
        n_prompt=job.n_prompt,
        n_reply=spoken.n_new,
        answer=find_label(spoken.text, service.labels) if service.labels else None,
        features=text_features(last_user_text(job.judged)),
        found=job.head.found,
        prompt_text=_as_text(job.ask.messages) if keep else None,
        reply_text=spoken.text if keep else None,
    )


def _as_text(messages: Sequence[Message]) -> str:
    return json.dumps(
        [{"role": m.role, "content": m.content} for m in messages], ensure_ascii=False
    )


def journal_refusal(request_id: str, error: JournalError) -> Refusal:
    """What a client is told when its row could not be written."""
    LOG.error("request %s: the journal could not be written: %s", request_id, error)
    return Refusal(
        503,
        "the journal cannot be written, so the answer is withheld; free the disk or the database "
        f"of serve.journal and ask again (request {request_id})",
        "journal_unavailable",
    )


@contextmanager
def masked(request_id: str) -> Generator[None]:
    """Turn every fault into a refusal that quotes nothing; what is not ours becomes a 500."""
    try:
        yield
    except Refusal:
        raise
    except MedtuneError as error:
        raise from_ours(error) from None
    except JournalError as error:
        raise journal_refusal(request_id, error) from None
    except Exception as error:  # noqa: BLE001  the one place: the server must live, and say no text
        # not LOG.exception: a traceback may quote the prompt
        LOG.error("request %s: %s", request_id, _where(error))  # noqa: TRY400
        raise Refusal(
            500, f"internal error; the server's log names request {request_id}", "internal_error"
        ) from None


def _where(error: Exception) -> str:
    """The kind and the line of an error, without its message, which may quote a prompt."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
    return f"{type(error).__name__} at {place}"
