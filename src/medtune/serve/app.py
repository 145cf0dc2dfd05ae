"""The HTTP server of one release: `/v1/chat/completions`, `/v1/models`, `/health`, CDS Hooks.

The model answers one request at a time; others wait. Every chat request is one row of the journal.
If that row cannot be written the request fails with 503, and a stream ends with an error event and
no [DONE], because an answer that nobody can trace must not be used. Nothing is logged but ids.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TypeVar

import anyio
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from medtune import __version__
from medtune.artifacts import Release
from medtune.config import Run
from medtune.errors import GateError
from medtune.records import Hook
from medtune.serve.body import read_body
from medtune.serve.envelope import DONE, Finish, envelope, event, usage
from medtune.serve.hooks import add_routes
from medtune.serve.journal import open_journal
from medtune.serve.rails import Rails, judged_after, judged_before, judged_images
from medtune.serve.record import (
    Desk,
    Hear,
    Job,
    Service,
    masked,
    record,
    record_gone,
    recorded_refusal,
    row_of,
)
from medtune.serve.voice import Spoken, Voice
from medtune.serve.wire import Ask, Refusal, plainly, read_ask, too_long

HOSTS = ["127.0.0.1", "localhost"]
"""Other names in the Host header are refused: a web page could point its own name at us."""
T = TypeVar("T")


def create_app(
    run: Run,
    release: Release,
    voice: Voice,
    *,
    labels: Sequence[str] = (),
    hear: Hear | None = None,
    rails: Rails | None = None,
) -> FastAPI:
    """The application that answers for `release`, with its journal open.

    `labels` are the answers of a task that has few; the journal then keeps the label of a reply.
    `hear` puts a conversation to the model as it was trained and evaluated; None puts it as it is.
    `rails` judge each conversation before the model and each reply after it.
    Its `hooks` are the CDS Hooks services beside the chat.

    Raises:
        GateError: The release was refused.
        ConfigError, MachineError, DataError: The journal cannot be opened.
    """
    if not release.released:
        raise GateError(
            f"{run.out / Release.file}: release {release.id} was refused, so it is not served; "
            "`medtune release` says why"
        )
    journal = open_journal(run.journal_url, release.id)
    rails = rails or Rails()
    hear = hear or partial(plainly, None)
    service = Service(release.id, journal, run, release, voice, labels, hear, rails, asyncio.Lock())

    app = _bare(service, rails.hooks)
    app.add_api_route("/health", partial(_health, service), methods=["GET"])
    app.add_api_route("/v1/models", partial(_models, service), methods=["GET"])
    app.add_api_route(
        "/v1/chat/completions", partial(_chat, service), methods=["POST"], response_model=None
    )
    return app


def create_rules_app(run: Run, hooks: Sequence[Hook]) -> FastAPI:
    """The CDS Hooks services alone, without a model and so without a release.

    Raises:
        ConfigError, MachineError, DataError: The journal cannot be opened.
    """
    name = f"rules-{__version__}"
    app = _bare(Desk(name, open_journal(run.journal_url, name)), hooks)

    async def health() -> dict[str, str]:
        return {"status": "ok", "release": name, "scope": "computed by rules, no model"}

    app.add_api_route("/health", health, methods=["GET"])
    return app


def _bare(desk: Desk, hooks: Sequence[Hook]) -> FastAPI:
    """What both have: the hosts, the shape of errors, the hooks, and the journal's end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        for hook in hooks:
            await run_in_threadpool(hook.prepare)
        yield
        desk.journal.close()

    app = FastAPI(title="medtune", lifespan=lifespan, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    app.add_exception_handler(HTTPException, _plain_error)
    add_routes(app, desk, hooks)
    return app


def _names(service: Service) -> list[str]:
    return [service.release.id, service.run.app]


async def _health(service: Service) -> dict[str, str]:
    return {"status": "ok", "release": service.release.id, "scope": service.release.scope}


async def _models(service: Service) -> dict[str, object]:
    models = [
        {"id": name, "object": "model", "created": 0, "owned_by": "medtune"}
        for name in _names(service)
    ]
    return {"object": "list", "data": models}


async def _plain_error(_: Request, error: Exception) -> Response:
    """Unknown paths and methods, in the shape of all other errors."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = error.detail if isinstance(error, HTTPException) else "internal error"
    return JSONResponse(Refusal(status, str(text), "invalid_request").as_json(), status)


async def _chat(service: Service, request: Request) -> Response:
    request_id, started = uuid.uuid4().hex, time.monotonic()
    headers = {"x-request-id": request_id, "x-medtune-release": service.release.id}
    try:
        with masked(request_id):
            asked = read_ask(await read_body(request))
            job = await _admit(service, asked, request_id, started)
            if job.ask.stream:
                events = _events(service, job)
                return StreamingResponse(
                    events,
                    headers={**headers, "cache-control": "no-store"},
                    media_type="text/event-stream",
                    # closes the stream when the client has gone, which frees the model
                    background=BackgroundTask(events.aclose),
                )
            spoken = await _spoken(service, job)
            await record(service, row_of(service, job, 200, spoken))
            body = job.head.whole(spoken.text, usage(job.n_prompt, spoken.n_new), _finish(spoken))
            return JSONResponse(body, headers=headers)
    except Refusal as refusal:
        told = await recorded_refusal(service, refusal, request_id, started)
        return JSONResponse(told.as_json(), told.status, headers)


async def _admit(service: Service, ask: Ask, request_id: str, started: float) -> Job:
    """The request, judged by the rails, and checked against the release and the model's context.

    What the rails answer needs no room in the context: it is told however long the request is.
    """
    names = _names(service)
    if ask.model not in names:
        known = " or ".join(map(repr, names))
        raise Refusal(404, f"model: unknown here; this server has {known}", "model_not_found")
    head = envelope(request_id, service.release.id, ask.model)
    judged = await run_in_threadpool(judged_before, service.rails, ask.messages)
    if isinstance(judged, str):
        return Job(ask, ask.messages, (), 0, 0, head, started, fixed=judged)
    notes = await _look(service, ask) if ask.images else []
    heard, found = await _in_turn(service, partial(service.hear, judged))
    n_prompt = await _in_turn(service, partial(service.voice.count, heard))
    room = service.run.model.context_tokens - n_prompt
    limit = ask.max_tokens or min(service.run.evaluate.max_new_tokens, max(room, 1))
    if limit > room:
        raise too_long(n_prompt, limit, service.run.model.context_tokens)
    told = replace(head, found=found)
    return Job(ask, judged, heard, n_prompt, limit, told, started, notes=notes)


async def _look(service: Service, ask: Ask) -> list[str]:
    """Show the model the images of a request, if it may read them; what is to be said of them."""
    if service.voice.look is None:
        raise Refusal(400, "messages: this model sees no images; send text", "invalid_request")
    notes = await run_in_threadpool(judged_images, service.rails, ask.images.values())
    pixels = {name: one.pixels_RC for name, one in ask.images.items()}
    await _in_turn(service, partial(service.voice.look, pixels))
    return notes


async def _spoken(service: Service, job: Job) -> Spoken:
    """The whole reply that may be told: the rails' own, or the model's as the rails judge it."""
    if job.fixed is not None:
        return Spoken(job.fixed, 0, stopped=True)
    spoken = await _in_turn(service, partial(service.voice.answer, job.heard, job.limit))
    text = await run_in_threadpool(judged_after, service.rails, job.ask.messages, spoken.text)
    return spoken._replace(text="\n\n".join([*job.notes, text]))


async def _pieces(service: Service, job: Job) -> AsyncGenerator[str | Spoken]:
    """The pieces of a reply, and at last the whole: one piece where it must be judged whole."""
    if job.fixed is not None or job.notes or service.rails.after is not None:
        spoken = await _spoken(service, job)
        yield spoken.text
        yield spoken
        return
    async with service.turn:
        pieces = service.voice.stream(job.heard, job.limit)
        while isinstance(piece := await run_in_threadpool(_next, pieces), str):
            yield piece
    yield piece


async def _events(service: Service, job: Job) -> AsyncGenerator[str]:
    """The stream of one reply: its pieces, its end, and [DONE] once the journal has its row."""
    said: list[str] = []
    is_over = False
    try:
        with masked(job.head.request_id):
            yield job.head.chunk({"role": "assistant", "content": ""})
            async with aclosing(_pieces(service, job)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, str):
                        said.append(piece)
                        yield job.head.chunk({"content": piece})
                        continue
                    is_over = True
                    await record(service, row_of(service, job, 200, piece))
                    yield job.head.chunk({}, _finish(piece))
                    if job.ask.with_usage:
                        yield job.head.usage_chunk(usage(job.n_prompt, piece.n_new))
            yield DONE
    except Refusal as refusal:
        is_over = True
        told = await recorded_refusal(service, refusal, job.head.request_id, job.started)
        yield event(told.as_json())
    finally:
        if not is_over:
            with anyio.CancelScope(shield=True):
                await record_gone(service, job, "".join(said))


def _next(pieces: Generator[str, None, Spoken]) -> str | Spoken:
    """The next piece, or the whole reply after the last."""
    try:
        return next(pieces)
    except StopIteration as end:
        return end.value


async def _in_turn(service: Service, function: Callable[[], T]) -> T:
    async with service.turn:
        return await run_in_threadpool(function)


def _finish(spoken: Spoken) -> Finish:
    return "stop" if spoken.stopped else "length"
