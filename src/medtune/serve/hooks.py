"""CDS Hooks 2.0 in the server: discovery, and a call of each service of the application.

Nothing here asks the model: a card is computed. Each call is one row of the journal, as a chat
request is; without that row the cards are withheld. What is sent and what comes back are checked
against the standard's objects (`clinical.cds_hooks`), and no message quotes what was sent.
"""

import json
import time
import uuid
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from medtune.clinical import cds_hooks
from medtune.errors import ConfigError
from medtune.records import Hook, Json
from medtune.serve.body import read_body
from medtune.serve.journal import Row
from medtune.serve.record import Desk, masked, record, recorded_refusal
from medtune.serve.wire import Refusal

PRECONDITION_FAILED = 412
OK = 200
LEVELS = ("critical", "warning", "info")


def add_routes(app: FastAPI, desk: Desk, hooks: Sequence[Hook]) -> None:
    """Add the discovery and the services; none where the application has no hooks.

    Raises:
        ConfigError: An entry is not one of the standard.
    """
    entries = [_entry(one) for one in hooks]
    if not entries:
        return
    listed = cds_hooks.Services(services=tuple(entries)).as_json()
    app.add_api_route(
        "/cds-services", partial(_discover, listed), methods=["GET"], response_model=None
    )
    for hook, entry in zip(hooks, entries, strict=True):
        app.add_api_route(
            f"/cds-services/{entry.id}",
            partial(_call, desk, hook, entry),
            methods=["POST"],
            response_model=None,
        )
        app.add_api_route(
            f"/cds-services/{entry.id}/feedback",
            partial(_feedback, desk),
            methods=["POST"],
            response_model=None,
        )


def _entry(hook: Hook) -> cds_hooks.Service:
    try:
        return cds_hooks.Service.model_validate(hook.service)
    except ValidationError as error:
        raise ConfigError(f"CDS Hooks service: {error.error_count()} faults in its entry") from None


async def _discover(listed: str) -> Response:
    return Response(listed, media_type="application/json")


async def _call(desk: Desk, hook: Hook, entry: cds_hooks.Service, request: Request) -> Response:
    request_id, started = uuid.uuid4().hex, time.monotonic()
    headers = {"x-request-id": request_id, "x-medtune-release": desk.name}
    try:
        with masked(request_id):
            asked = await _read(entry, request)
            told = await run_in_threadpool(_answer, hook, entry, asked)
            seconds = time.monotonic() - started
            await record(desk, Row(request_id, told.status, seconds, answer=told.level))
            return Response(told.body, told.status, headers, media_type="application/json")
    except Refusal as refusal:
        refused = await recorded_refusal(desk, refusal, request_id, started)
        return JSONResponse(refused.as_json(), refused.status, headers)


async def _feedback(desk: Desk, request: Request) -> Response:
    """What people did with the cards: a row for each, without their words."""
    request_id, started = uuid.uuid4().hex, time.monotonic()
    try:
        with masked(request_id):
            try:
                told = cds_hooks.Feedback.model_validate_json(await read_body(request))
            except ValidationError:
                raise Refusal(400, "not CDS Hooks 2.0 feedback", "invalid_request") from None
            for one in told.feedback:
                seconds = time.monotonic() - started
                await record(desk, Row(request_id, OK, seconds, answer=one.outcome))
            return Response(status_code=OK)
    except Refusal as refusal:
        refused = await recorded_refusal(desk, refusal, request_id, started)
        return JSONResponse(refused.as_json(), refused.status)


async def _read(entry: cds_hooks.Service, request: Request) -> cds_hooks.Request:
    """The request, checked against the standard."""
    try:
        asked = cds_hooks.Request.model_validate_json(await read_body(request))
    except ValidationError as error:
        raise Refusal(400, _faults(error), "invalid_request") from None
    if asked.hook != entry.hook:
        raise Refusal(400, f"hook: this service is for {entry.hook}", "invalid_request")
    return asked


def _faults(error: ValidationError) -> str:
    """Where a request breaks the standard: names of the standard's fields, and nothing sent."""
    known = set(cds_hooks.Request.model_fields)
    places = {str(one["loc"][0]) for one in error.errors(include_input=False) if one["loc"]}
    named = ", ".join(sorted(places & known)) or "the body"
    return f"not a CDS Hooks 2.0 request: {named} is not as the standard says"


class Told(NamedTuple):
    """What is sent back."""

    status: int
    body: str
    level: str | None
    """The highest indicator of the cards, for the journal: how often does the service alarm?"""


def _answer(hook: Hook, entry: cds_hooks.Service, asked: cds_hooks.Request) -> Told:
    """The cards, or which data is lacking: a service never guesses what it was not given.

    Raises:
        DataError: What the standard leaves to FHIR, such as the draft orders, cannot be read.
    """
    missing = cds_hooks.missing_prefetch(entry, asked)
    lacking = [key for key in missing if key not in hook.may_lack]
    if lacking:
        return Told(PRECONDITION_FAILED, json.dumps(cds_hooks.precondition_failed(lacking)), None)
    prefetch: dict[str, Json] = {**(asked.prefetch or {})}
    made = cds_hooks.Cards.model_validate_json(hook.advise(asked.context, prefetch))
    cards = cds_hooks.Cards(cards=tuple(map(_named, made.cards)))
    shown = {card.indicator for card in cards.cards}
    level = next((one for one in LEVELS if one in shown), "no card")
    return Told(OK, cards.as_json(), level)


def _named(card: cds_hooks.Card) -> cds_hooks.Card:
    """The card with an id of its own, by which feedback names it."""
    return card.model_copy(update={"uuid": str(uuid.uuid4())})
