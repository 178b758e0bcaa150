"""Examples of answers, made of the very types that are answered."""

from collections.abc import Mapping
from typing import Final

import msgspec

from app.api.account_shapes import Account, AccountAnswer, AccountPage, Member
from app.api.activation_shapes import Activation, ActivationList, ActivationState
from app.api.command_shapes import Command, CommandMove, CommandPage
from app.api.contacts import History, Timer, TimersAnswer
from app.api.dead_letter_shapes import DeadLetter, DeadLetterDetail, DeadLetterPage
from app.api.dead_letters import RedrivenAnswer
from app.api.funnel_shapes import (
    FlowGroup,
    Forecast,
    ForecastItem,
    Moves,
    StageCount,
    StageFlow,
    Summary,
)
from app.api.lag import PartitionLag
from app.api.list_shapes import ContactItem, ContactPage, Profile
from app.api.live_counts import LiveAnswer, Span, TransitionCount, WindowCount
from app.api.model_shapes import (
    MODEL_EXAMPLE,
    Finding,
    LintAnswer,
    ModelAnswer,
    ModelEntry,
    ModelList,
)
from app.api.operations import Lag
from app.api.partitions import Halt, LanePartition, LanePartitions
from app.api.problems import FieldError
from app.api.publishing import Accepted
from app.api.shapes import ContactAnswer, StageChange
from app.api.simulated_movers import Elsewhere, MoverPage
from app.api.simulating import (
    SimulatedMove,
    SimulatedStage,
    SimulationAnswer,
    SimulationReport,
)
from app.api.timeline import Move, Timeline, TimelineItem
from app.api.webhook_shapes import (
    Delivery,
    DeliveryPage,
    RotatedSecret,
    Webhook,
    WebhookPage,
    WebhookWithSecret,
)
from app.domain.changes import Cause, GuardResult, Touch
from app.domain.command_outcome import CommandState
from app.domain.what_if_report import Month, PairCount
from app.outbound.payloads import Facets, Qualification

_AT, _ID, _SOURCE = "2026-03-02T09:14:05Z", "5b1f0c52", "https://shop.example/forms"
_TRANSITION = "0f8fad5bd9cb469fa16570867728950e"
_MODEL, _KEY, _ACCOUNT = "b2b-default@1", "crm-10231", "firm.example"

_CONTACT = ContactAnswer(
    tenant="default",
    contact_id=_KEY,
    at=_AT,
    seq=3,
    model=_MODEL,
    stage="opportunity",
    cycle=1,
    qualification=Qualification("met", "unknown", "unknown"),
    facets=Facets("strong", "high", in_pipeline=True, has_offer=False),
    temperature="hot",
    fit=50.0,
    engagement=61.3,
    priority=55.65,
    owner_team="sales",
    owner=None,
    is_customer=False,
    account_id=_ACCOUNT,
    first_touch=Touch("webinar", "spring"),
    last_touch=Touch("web", None),
    qualification_needed=False,
    linked_to=None,
)
_CHANGE = StageChange(
    kind="changed",
    seq=3,
    revision=0,
    transition_id=_TRANSITION,
    transition="T3",
    from_stage="prospect",
    to_stage="opportunity",
    stage="opportunity",
    cycle=1,
    effective_at=_AT,
    decided_at="2026-03-02T09:14:05.412Z",
    revoked_at=None,
    late=False,
    model=_MODEL,
    cause=Cause(_ID, _SOURCE, "demo.requested"),
    guards=[GuardResult("intent_active", True, "demo.requested 0 d ago", "<= 90 d")],
    evidence=[_ID],
    revokes=None,
    outcome=None,
)
_ITEM = TimelineItem(
    time=_AT,
    arrived_at=_AT,
    type="demo.requested",
    source=_SOURCE,
    id=_ID,
    channel="web",
    campaign_id=None,
    member=None,
    is_automated=False,
    is_backfill=False,
    is_retracted=False,
    fields={},
    moves=[Move(3, "T3", "prospect", "opportunity")],
)
_FIRM = Account(_ACCOUNT, "prospect", 1, False, 2, ["decision_maker"], _AT)

_COMMAND = Command(
    command_id="9c5d1f0b6a2e4c7d8e9f0a1b2c3d4e5f",
    state=CommandState.ACCEPTED,
    command="override",
    type="stage.override",
    contact_id=_KEY,
    actor="jo",
    scope="contacts:command",
    source="/funnel/api",
    received_at=_AT,
    decided_at="2026-03-02T09:14:05.412Z",
    reason=None,
    message=None,
    stage="opportunity",
    seq=3,
    moves=[CommandMove(3, "changed", _TRANSITION, "T17", "prospect", "opportunity")],
)
_REFUSED = msgspec.structs.replace(
    _COMMAND,
    state=CommandState.REFUSED,
    command="accept_handoff",
    type="handoff.accepted",
    reason="no_handoff_open",
    message="There is no open hand-off: the contact is prospect.",
    stage="prospect",
    moves=[],
)

_LETTER = DeadLetter(
    id=17,
    failed_at=_AT,
    reason="schema_violation",
    message="/data: product_id is required",
    lane="contacts",
    topic="funnel.interactions.v1",
    partition=4,
    offset=1024,
    type="demo.requested",
    source=_SOURCE,
    redriven=0,
    redriven_at=None,
    redriven_by=None,
)
_PARTITION = LanePartition(
    lane="contacts",
    partition=3,
    owner="funnel-0f8fad5bd9cb469fa16570867728950e",
    epoch=4,
    batch_seq=120,
    published_seq=120,
    next_offsets={"funnel.interactions.v1": 4012, "funnel.commands.v1": 17},
    halted=Halt("dead_letters", "partition 3: 1000 dead letters in a row. …", _AT, True),
)

_LISTED = ContactItem(
    contact_id=_KEY,
    profile=Profile("Ada Lind", "ada@firm.example", None, "Firm"),
    stage="opportunity",
    cycle=1,
    entered_at=_AT,
    is_customer=False,
    temperature="hot",
    follow_up_due="2026-03-02T13:14:05Z",
    fit=50.0,
    engagement=61.3,
    priority=55.65,
    owner_team="sales",
    owner=None,
    account_id=_ACCOUNT,
    first_touch=Touch("webinar", "spring"),
    updated_at="2026-03-02T09:14:05.412Z",
)
_FLOW = FlowGroup(
    "2026-03",
    [StageFlow("lead", 120, 40, 10, 0.3333, 0.0833, 4.2)],
    [Moves("none", "lead", 120, None), Moves("lead", "prospect", 40, 4.2)],
)
_WEBHOOK = Webhook(
    id="3f1c0a52d9c94f0e8a5b7c6d1e2f3a4b",
    url="https://crm.example/hooks/funnel",
    description="opportunities to the CRM",
    types=["funnel.contact.became_opportunity.v1"],
    filters={"owner_team": ["sales"]},
    is_enabled=True,
    disabled_reason=None,
    failing_since=None,
    paused_until=None,
    previous_secret_until=None,
    created_at=_AT,
    created_by="jo",
)
_DELIVERY = Delivery(
    id=17,
    event_id="9c5d1f0b6a2e4c7d8e9f0a1b2c3d4e5f",
    type="funnel.contact.became_opportunity.v1",
    state="pending",
    attempts=1,
    created_at=_AT,
    next_attempt_at="2026-03-02T09:14:10.2Z",
    tried_at="2026-03-02T09:14:05.2Z",
    done_at=None,
    status=503,
    failure="status",
    took_ms=12,
)
_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 - an example

_UPLOADED = ModelAnswer(
    "ours@1",
    str(MODEL_EXAMPLE["title"]),
    "1d" * 32,
    {"name": "ours", "version": 1, "knobs": {"icp_unknown": "hold"}, "…": "…"},
    "jo",
    _AT,
)
_SIMULATION = SimulationAnswer(
    "0f8fad5bd9cb469fa16570867728950e", "profile-first@1", "jo", _AT, "running", 0, 591, None, None
)
_ACTIVATION = Activation(
    activation_id="2f9a0c4d7b1e4f6a8c3d5e7f90a1b2c3",
    state=ActivationState.SWEEPING,
    model="ours@1",
    content_hash="1d" * 32,
    mode="refold",
    active_from="2026-03-02T09:15:06Z",
    actor="jo",
    partitions=12,
    heard=12,
    done=7,
    contacts_swept=411,
    contacts=591,
    done_at=None,
    message=None,
)
_REPORT = SimulationReport(
    current=_MODEL,
    candidate="profile-first@1",
    until=_AT,
    contacts=591,
    interactions=3194,
    movers=132,
    same_stage_other_history=4,
    handoffs=(15, 10),
    customers=(18, 18),
    pairs=[PairCount("prospect", "lead", 90)],
    stages=[SimulatedStage("lead", 214, 304)],
    moves=[SimulatedMove("T2", "lead", "prospect", 209, 119)],
    months=[Month("2026-03", (15, 10), (60, 46), (18, 18), (240, 160))],
    lacking=[],
    samples=[Elsewhere(_KEY, "prospect", "lead")],
    refused=0,
    refusal=None,
    notes=[],
)

ANSWERS: Final[Mapping[str, msgspec.Struct]] = {
    "publish": Accepted(
        2, 1, [FieldError("/data", "product_id is required", "schema_violation", 1)]
    ),
    "command": _COMMAND,
    "command_result": _REFUSED,
    "list_commands": CommandPage([_COMMAND, _REFUSED], None),
    "contact": _CONTACT,
    "history": History([_CHANGE], None),
    "timeline": Timeline([_ITEM], None),
    "timers": TimersAnswer(
        _KEY, "opportunity", [Timer("handoff_accept", "2026-03-03T09:14:05Z", "sla breached")]
    ),
    "contacts": ContactPage([_LISTED], None),
    "summary": Summary("2026-01-01", "2026-03-31", "month", [StageCount("lead", 214)], [_FLOW]),
    "forecast": Forecast(_AT, [ForecastItem("2026-04", "EUR", 12, 120000.0, 54000.0, 2)]),
    "accounts": AccountPage([_FIRM], None),
    "account": AccountAnswer(
        _FIRM, [Member(_KEY, "opportunity", False, False, True, False, _AT)], None, []
    ),
    "list_models": ModelList(
        [
            ModelEntry(_MODEL, False, True, "Lead, prospect, …", "8719d9a4…"),
            ModelEntry(
                "ours@1", True, False, "A prospect's sector …", "1d4c…", kept_by="jo", kept_at=_AT
            ),
        ]
    ),
    "upload_model": _UPLOADED,
    "show_model": _UPLOADED,
    "activate": msgspec.structs.replace(
        _ACTIVATION, state=ActivationState.WAITING, done=0, contacts_swept=0
    ),
    "activation": _ACTIVATION,
    "list_activations": ActivationList([_ACTIVATION]),
    "simulate": _SIMULATION,
    "simulation": msgspec.structs.replace(
        _SIMULATION, state="done", contacts_read=591, report=_REPORT
    ),
    "movers": MoverPage([Elsewhere(_KEY, "prospect", "lead")], None, False),
    "lint": LintAnswer("ours@1", [Finding("unreachable", "ours@1.yaml:12: no transition …")]),
    "list_webhooks": WebhookPage([_WEBHOOK], None),
    "create_webhook": WebhookWithSecret(_WEBHOOK, _SECRET),
    "webhook": _WEBHOOK,
    "change_webhook": _WEBHOOK,
    "rotate_secret": RotatedSecret(_SECRET, "2026-03-03T09:14:05Z"),
    "deliveries": DeliveryPage([_DELIVERY], None),
    "redeliver": _DELIVERY,
    "test_webhook": _DELIVERY,
    "dead_letters": DeadLetterPage([_LETTER], None),
    "dead_letter": DeadLetterDetail(
        **msgspec.structs.asdict(_LETTER),
        where="/data/product_id",
        exception="Poison",
        event_id=_ID,
        time=_AT,
        value_bytes=187,
        headers=["content-type"],
        shape={"specversion": "string", "type": "string", "data": {"*": "number"}},
        is_whole=True,
    ),
    "funnel_live": LiveAnswer(
        at=_AT,
        complete_since="2026-03-01T10:00:00Z",
        minutes=[WindowCount("2026-03-02T09:14:00Z", 3, 0)],
        hours=[WindowCount("2026-03-02T09:00:00Z", 41, 1)],
        last_hour=Span([TransitionCount("prospect", "opportunity", 3, 0)], {"opportunity": 3}),
        last_day=Span([TransitionCount("prospect", "opportunity", 41, 1)], {"opportunity": 41}),
        signals_last_hour={"funnel.contact.sla_breached.v1": 2},
        signals_since="2026-03-02T08:02:11Z",
    ),
    "redrive_one": msgspec.structs.replace(
        _LETTER, redriven=1, redriven_at="2026-03-02T10:00:00Z", redriven_by="jo"
    ),
    "redrive_some": RedrivenAnswer(
        dry_run=False, matched=240, redriven=100, skipped=2, remaining=138, ids=[17]
    ),
    "partitions": LanePartitions([_PARTITION]),
    "resume_partition": msgspec.structs.replace(_PARTITION, halted=None),
    "lag": Lag(2, [PartitionLag("funnel.interactions.v1", 0, 9, 7, 8, 2, 1, 0.3, "funnel-1")]),
}
"""By operation id."""
