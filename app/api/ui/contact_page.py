"""One contact: who it is, where it stands and why, what is due, and what people may decide."""

import json
from secrets import token_urlsafe
from typing import Annotated, Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.di import NamedDependency as Given
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from app.api.command_shapes import Command
from app.api.contact_reading import ContactReading
from app.api.cursor import After
from app.api.principal import Principal, Scope
from app.api.problems import not_found
from app.api.ui.contact_actions import ACTIONS, CRITERIA, SAID
from app.api.ui.contact_story import Story, read_story, read_why_not
from app.api.ui.contact_timeline import read_timeline
from app.api.ui.decisions import SentDecisions
from app.api.ui.forms import BODY_MAX_BYTES, KEY_BYTES, Form, key_of
from app.api.ui.guarding import page
from app.api.ui.rendering import Renderer, link
from app.api.ui.stored_lists import StoredLists
from app.api.ui.words import DAY
from app.domain.explanation import UNKNOWABLE

FIT_PARTS: Final = {
    "name_and_company": "Name and company known",
    "unwanted_domain": "Unwanted domain",
    "company_size": "Company size in range",
}

Done = Annotated[str | None, QueryParameter(max_length=64)]
Stage = Annotated[str | None, QueryParameter(max_length=64)]


@get("/contacts/{contact_id:str}", **page(Scope.CONTACTS_READ))
async def contact_page(
    request: Request[Any, Any, Any],
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
    lists: Given[StoredLists],
    decisions: Given[SentDecisions],
    renderer: Given[Renderer],
    done: Done = None,
) -> Response[Any]:
    story = await read_story(contacts, principal.tenant, key)
    profile = await lists.profile(principal.tenant, key)
    decided = await decisions.outcome(principal, done) if done else None
    return renderer.page(
        request,
        "contact.html",
        here="queue",
        story=story,
        profile=profile,
        decided=decided,
        said=_said(decided),
        criteria=CRITERIA,
        key=token_urlsafe(KEY_BYTES),
        course=_course(story),
        fit_parts=_fit_parts(story),
        engagement_parts=_engagement_parts(story),
        unknowable=UNKNOWABLE,
    )


@get("/contacts/{contact_id:str}/why-not", **page(Scope.CONTACTS_READ))
async def why_not_part(
    request: Request[Any, Any, Any],
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
    renderer: Given[Renderer],
    stage: Stage = None,
) -> Response[Any]:
    """As a part of the page, or alone where there are no scripts."""
    answer = await read_why_not(contacts, principal.tenant, key, stage or "")
    return renderer.page(request, "why_not.html", here="queue", answer=answer, contact_id=key)


@get("/contacts/{contact_id:str}/timeline", **page(Scope.CONTACTS_READ))
async def timeline_part(
    request: Request[Any, Any, Any],
    key: Given[str],
    principal: Given[Principal],
    contacts: Given[ContactReading],
    renderer: Given[Renderer],
    after: After = None,
) -> Response[Any]:
    """What is older: below what is shown, or as a page of its own where there are no scripts."""
    told = await read_timeline(contacts, principal.tenant, key, after)
    address = f"/contacts/{quote(key, safe='')}"
    return renderer.page(
        request, "timeline.html", here="queue", told=told, address=address, contact_id=key
    )


@post(
    "/contacts/{contact_id:str}/{action:str}",
    request_max_body_size=BODY_MAX_BYTES,
    status_code=303,
    **page(Scope.CONTACTS_COMMAND),
)
async def decide(
    key: Given[str],
    action: FromPath[str],
    principal: Given[Principal],
    decisions: Given[SentDecisions],
    form: Given[Form],
) -> Response[Any]:
    """The form's own key: sent twice, it counts once."""
    asked = ACTIONS.get(action)
    if asked is None:
        raise not_found("action")
    decided = await decisions.decide(principal, key, key_of(form), asked.command, asked.data(form))
    address = f"/contacts/{quote(key, safe='')}"
    return Redirect(link(address, done=decided.command_id), status_code=303)


def _said(decided: Command | None) -> str:
    return "" if decided is None else SAID.get(decided.command or "", "Done")


def _course(story: Story) -> str | None:
    """As the chart library has it: times, then one list for each line."""
    if len(story.course) < 2:
        return None
    times = [point.at / 1_000_000 for point in story.course]
    lines = (
        [point.engagement / 1000 for point in story.course],
        [point.fit / 1000 for point in story.course],
        [point.priority / 1000 for point in story.course],
    )
    return json.dumps([times, *lines])


def _fit_parts(story: Story) -> list[tuple[str, str]]:
    return [
        (FIT_PARTS.get(name, name.replace("_", " ").capitalize()), f"{points:+d}")
        for name, points in story.parts.fit.items()
    ]


def _engagement_parts(story: Story) -> list[tuple[str, str]]:
    return [
        (f"From what halves in {seconds / DAY:g} days", f"+{points / 1000:.1f}")
        for seconds, points in story.parts.engagement.items()
        if points >= 50
    ]


CONTACT_PAGES: list[HTTPRouteHandler] = [
    contact_page, why_not_part, timeline_part, decide,
]  # fmt: skip
