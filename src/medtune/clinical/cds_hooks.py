"""CDS Hooks 2.0: services, requests, cards and feedback, exactly as specified.

Source: HL7 CDS Hooks 2.0 (STU 2), https://cds-hooks.hl7.org/2.0/, as in HL7/cds-hooks @fb10ca7
(2026-06-24). An optional field that has no value is left out: null and "" are refused, and empty
lists and objects too, but for a list of services or cards and a prefetch key whose value is null.
`systemActions` are not modelled: a person accepts each suggestion. Names are the standard's.
"""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

Text = Annotated[str, Field(min_length=1)]
Object = Annotated[dict[str, JsonValue], Field(min_length=1)]
Hook = Literal[
    "patient-view", "encounter-start", "encounter-discharge", "order-select", "order-sign"
]
CONTEXTS: dict[str, tuple[str, ...]] = {
    "patient-view": ("userId", "patientId"),
    "encounter-start": ("userId", "patientId", "encounterId"),
    "encounter-discharge": ("userId", "patientId", "encounterId"),
    "order-select": ("userId", "patientId", "selections", "draftOrders"),
    "order-sign": ("userId", "patientId", "draftOrders"),
}
"""What the context of a hook must hold."""
SUMMARY = 139
"""Characters at most: the standard says fewer than 140."""


class _Strict(BaseModel):
    """A part of the standard: no unknown field, no coercion, no null for an optional field."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="after")
    def _refuse_null(self) -> Self:
        null = [name for name, value in self if name in self.model_fields_set and value is None]
        if null:
            raise ValueError(f"{', '.join(null)}: null is not allowed; leave the field out")
        return self

    def as_json(self) -> str:
        """The object as it is sent."""
        return self.model_dump_json(exclude_unset=True)


class Coding(_Strict):
    """A code of a code system."""

    code: Text
    system: Text
    display: Text | None = None


class Reason(_Strict):
    """A reason for not taking advice: a coding that must be readable."""

    code: Text
    system: Text
    display: Text


class Service(_Strict):
    """One entry of `GET {base}/cds-services`."""

    hook: Hook
    id: Text
    description: Text
    title: Text | None = None
    prefetch: Annotated[dict[Text, Text], Field(min_length=1)] | None = None
    """FHIR query by key, with tokens such as {{context.patientId}}."""
    usageRequirements: Text | None = None


class Services(_Strict):
    """The answer of `GET {base}/cds-services`."""

    services: tuple[Service, ...]


class Authorization(_Strict):
    """How the service may read from the FHIR server."""

    access_token: Text = Field(repr=False)
    token_type: Literal["Bearer"]
    expires_in: int
    scope: Text
    subject: Text
    patient: Text | None = None


class Request(_Strict):
    """The body of `POST {base}/cds-services/{id}`. Its `repr` shows nothing of a patient."""

    hook: Hook
    hookInstance: UUID
    context: Object = Field(repr=False)
    fhirServer: Text | None = None
    fhirAuthorization: Authorization | None = None
    prefetch: dict[Text, Object | None] | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        lacking = [name for name in CONTEXTS[self.hook] if not self.context.get(name)]
        if lacking:
            raise ValueError(f"context: {self.hook} needs {', '.join(lacking)}")
        if self.fhirAuthorization is not None and self.fhirServer is None:
            raise ValueError("fhirServer is required with fhirAuthorization")
        return self


class Source(_Strict):
    """Where the advice of a card comes from."""

    label: Text
    url: Text | None = None
    icon: Text | None = None
    """Address of a PNG of 100 by 100 pixels."""
    topic: Coding | None = None


class Action(_Strict):
    """One change that a suggestion makes when it is accepted."""

    type: Literal["create", "update", "delete"]
    description: Text
    resource: Object | None = Field(default=None, repr=False)
    resourceId: Text | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        needs, other = (
            (self.resourceId, self.resource)
            if self.type == "delete"
            else (self.resource, self.resourceId)
        )
        if needs is None or other is not None:
            raise ValueError("create and update need a resource; delete needs a resourceId alone")
        return self


class Suggestion(_Strict):
    """Changes that a person may accept."""

    label: Text
    uuid: Text | None = None
    isRecommended: bool | None = None
    actions: Annotated[tuple[Action, ...], Field(min_length=1)] | None = None


class Link(_Strict):
    """A page or a SMART app to open."""

    label: Text
    url: Text
    type: Literal["absolute", "smart"]
    appContext: Text | None = None
    autolaunchable: bool | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.type == "absolute" and self.appContext is not None:
            raise ValueError("appContext is for links of type smart")
        return self


class Card(_Strict):
    """One piece of advice."""

    summary: Annotated[str, Field(min_length=1, max_length=SUMMARY)]
    indicator: Literal["info", "warning", "critical"]
    source: Source
    uuid: Text | None = None
    detail: Text | None = None
    """GitHub-flavoured Markdown."""
    suggestions: Annotated[tuple[Suggestion, ...], Field(min_length=1)] | None = None
    selectionBehavior: Literal["at-most-one", "any"] | None = None
    overrideReasons: Annotated[tuple[Reason, ...], Field(min_length=1)] | None = None
    links: Annotated[tuple[Link, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _says_how_to_choose(self) -> Self:
        if self.suggestions is not None and self.selectionBehavior is None:
            raise ValueError("selectionBehavior is required with suggestions")
        return self


class Cards(_Strict):
    """The answer of a service; no cards if it has no advice."""

    cards: tuple[Card, ...]


class Accepted(_Strict):
    """A suggestion that was taken."""

    id: Text


class Override(_Strict):
    """Why a card was not followed."""

    reason: Reason | None = None
    userComment: Text | None = Field(default=None, repr=False)


class Outcome(_Strict):
    """What a person did with one card."""

    card: Text
    outcome: Literal["accepted", "overridden"]
    acceptedSuggestions: Annotated[tuple[Accepted, ...], Field(min_length=1)] | None = None
    overrideReason: Override | None = None
    outcomeTimestamp: AwareDatetime

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.outcome == "accepted" and self.acceptedSuggestions is None:
            raise ValueError("acceptedSuggestions are required where the outcome is accepted")
        if self.outcome == "overridden" and self.acceptedSuggestions is not None:
            raise ValueError("an overridden card has no acceptedSuggestions")
        return self


class Feedback(_Strict):
    """The body of `POST {base}/cds-services/{id}/feedback`."""

    feedback: Annotated[tuple[Outcome, ...], Field(min_length=1)]


def missing_prefetch(service: Service, request: Request) -> list[str]:
    """The prefetch keys of the service that the request lacks: HTTP 412 unless it is empty.

    Null means that there is no such data; an OperationOutcome, that it could not be read.
    """
    given = request.prefetch or {}
    return [
        key
        for key in service.prefetch or {}
        if key not in given or (given[key] or {}).get("resourceType") == "OperationOutcome"
    ]


def precondition_failed(lacking: list[str]) -> dict[str, JsonValue]:
    """The OperationOutcome (FHIR R4) that goes with HTTP 412: which data is lacking."""
    return {
        "resourceType": "OperationOutcome",
        "issue": [
            {"severity": "error", "code": "required", "diagnostics": f"prefetch lacks {key}"}
            for key in lacking
        ],
    }
