"""What lists of contacts answer, as JSON and as rows of a table."""

import msgspec

from app.domain.changes import Touch
from app.domain.rules import Rules
from app.domain.timestamps import format_rfc3339
from app.storage.list_queries import ListedContact


class Profile(msgspec.Struct, frozen=True):
    """Personal data, as last told."""

    name: str | None
    email: str | None
    phone: str | None
    company: str | None


class ContactItem(msgspec.Struct, frozen=True):
    """A contact in a list."""

    contact_id: str
    profile: Profile | None
    """null: nothing is known of it."""
    stage: str
    cycle: int
    entered_at: str
    """When it came into its stage."""
    is_customer: bool
    temperature: str
    follow_up_due: str | None
    """Until then somebody has to follow up: in the past, it is overdue; null: nobody waits."""
    fit: float
    engagement: float
    priority: float
    """Scores are as of `updated_at`: they fade since."""
    owner_team: str | None
    owner: str | None
    account_id: str | None
    first_touch: Touch | None
    updated_at: str
    """When something of this, scores aside, changed last."""


class ContactPage(msgspec.Struct, frozen=True):
    items: list[ContactItem]
    next: str | None
    is_cut: bool = False
    """Of a search: more match than are looked at; ask for more of the text."""


CONTACT_COLUMNS = (
    "contact_id", "name", "email", "phone", "company", "stage", "cycle", "entered_at",
    "is_customer", "temperature", "follow_up_due", "fit", "engagement", "priority", "owner_team",
    "owner", "account_id", "first_channel", "first_campaign", "updated_at",
)  # fmt: skip


def contact_item(row: ListedContact, rules: Rules) -> ContactItem:
    stage = rules.stages.get(row.stage)
    told = (row.name, row.email, row.phone, row.company)
    touch = (row.first_channel, row.first_campaign)
    due = row.follow_up_due
    return ContactItem(
        contact_id=row.contact_id,
        profile=Profile(*told) if any(told) else None,
        stage=row.stage,
        cycle=row.cycle,
        entered_at=format_rfc3339(row.entered_at),
        is_customer=row.is_customer,
        temperature=row.temperature,
        follow_up_due=None if due is None else format_rfc3339(due),
        fit=row.fit / 1000,
        engagement=row.engagement / 1000,
        priority=row.priority / 1000,
        owner_team=None if stage is None else stage.owner,
        owner=row.owner,
        account_id=row.account_id,
        first_touch=Touch(*touch) if any(touch) else None,
        updated_at=format_rfc3339(row.updated_at),
    )


def contact_row(item: ContactItem) -> list[object]:
    """By CONTACT_COLUMNS."""
    told = item.profile or Profile(None, None, None, None)
    touch = item.first_touch or Touch(None, None)
    return [
        item.contact_id, told.name, told.email, told.phone, told.company, item.stage, item.cycle,
        item.entered_at, item.is_customer, item.temperature, item.follow_up_due, item.fit,
        item.engagement, item.priority, item.owner_team, item.owner, item.account_id,
        touch.channel, touch.campaign_id, item.updated_at,
    ]  # fmt: skip
