"""The single things people do, as the company's systems report them."""

from app.simulation import company
from app.simulation.journey import DAYS_LATER, SOON, Days, Journey


def visits(j: Journey, after: Days = SOON, *, kind: str = "blog", automated: bool = False) -> None:
    data = {
        "page_url": f"{company.WEBSITE}/{kind}",
        "session_id": f"{j.rng.getrandbits(48):012x}",
        "page_kind": kind,
    }
    j.then(after, "website.visited", company.WEBSITE, data, channel="web", automated=automated)


def signs_up(j: Journey, after: Days = SOON) -> None:
    data = {"email": j.person.email, "list_id": "insights", "consent": True}
    j.then(after, "newsletter.signed_up", company.FORMS, data, channel="web")


def downloads(j: Journey, after: Days = DAYS_LATER) -> None:
    content, kind = j.rng.choice(company.CONTENT)
    data = {"content_id": content, "content_type": kind}
    j.then(after, "content.downloaded", company.WEBSITE, data, channel="web")


def fills_form(j: Journey, after: Days = SOON, *, visitor: str | None = None) -> None:
    """`visitor`: whom the website had known without a name until then."""
    data = {"form_id": "contact", "fields": {"topic": "offer"}}
    if visitor is not None:
        data["visitor_id"] = visitor
    j.then(after, "form.submitted", company.FORMS, data, channel="web")


def follows(j: Journey, after: Days = SOON) -> None:
    network = j.rng.choice(company.NETWORKS)
    handle = f"@{j.person.name.split()[0].lower()}{j.rng.randrange(100)}"
    data = {"network": network, "handle": handle}
    j.then(after, "social.connected", f"https://{network}.example", data, channel="social")


def likes(j: Journey, after: Days = DAYS_LATER) -> None:
    network = j.rng.choice(company.NETWORKS)
    data = {"network": network, "handle": "@reader", "kind": "like"}
    j.then(after, "social.engaged", f"https://{network}.example", data, channel="social")


def asks(j: Journey, after: Days = DAYS_LATER) -> None:
    network = j.rng.choice(company.NETWORKS)
    data = {"network": network, "product_id": j.rng.choice(company.PRODUCTS)}
    j.then(after, "social.question_asked", f"https://{network}.example", data, channel="social")


def attends(j: Journey, after: Days = DAYS_LATER) -> None:
    data = {"webinar_id": "measure-what-sells", "minutes": j.rng.randrange(8, 60)}
    j.then(after, "webinar.attended", company.EVENTS, data, channel="webinar")


def opens(j: Journey, after: Days = DAYS_LATER, *, automated: bool = False) -> None:
    data = {"message_id": f"m-{j.rng.getrandbits(32):08x}"}
    j.then(after, "email.opened", company.MAIL, data, channel="email", automated=automated)


def clicks(j: Journey, after: Days = DAYS_LATER, *, automated: bool = False) -> None:
    data = {"message_id": f"m-{j.rng.getrandbits(32):08x}", "url": f"{company.WEBSITE}/guide"}
    j.then(after, "email.link_clicked", company.MAIL, data, channel="email", automated=automated)


def replies(j: Journey, after: Days = DAYS_LATER, *, by_itself: bool = False) -> None:
    data = {"message_id": f"m-{j.rng.getrandbits(32):08x}", "is_auto_reply": by_itself}
    j.then(after, "email.replied", company.MAIL, data, channel="email")


def is_called(j: Journey, after: Days = DAYS_LATER, *, outcome: str = "connected") -> None:
    data = {
        "direction": j.rng.choice(("inbound", "outbound")),
        "duration_s": j.rng.randrange(60, 900) if outcome == "connected" else 0,
        "outcome": outcome,
    }
    j.then(after, "phone.call_held", company.CALLS, data, channel="phone")


def meets_at_show(j: Journey, after: Days = SOON, *, talks: bool = True) -> None:
    data = {"show_id": j.rng.choice(company.SHOWS), "rep_id": "rep-7", "conversation": talks}
    j.then(after, "tradeshow.contact_made", company.EVENTS, data, channel="tradeshow")


def is_mailed(j: Journey, after: Days = SOON) -> None:
    data = {"campaign_id": j.campaign or "spring", "channel": "email"}
    j.then(after, "campaign.contacted", company.MAIL, data, channel="email")


def wants_demo(j: Journey, after: Days = DAYS_LATER) -> None:
    data = {"product_id": j.rng.choice(company.PRODUCTS)}
    j.then(after, "demo.requested", company.FORMS, data, channel="web")


def wants_prices(j: Journey, after: Days = DAYS_LATER) -> None:
    data = {"product_id": j.rng.choice(company.PRODUCTS)}
    j.then(after, "pricing.requested", company.FORMS, data, channel="web")


def tries(j: Journey, after: Days = DAYS_LATER) -> None:
    data = {"product_id": j.rng.choice(company.PRODUCTS), "trial_end": j.day_from_now(21)}
    j.then(after, "trial.started", company.SHOP, data, channel="web")


def states_deadline(j: Journey, after: Days = DAYS_LATER) -> None:
    data = {"deadline": j.day_from_now(45), "stated_by": "contact"}
    j.then(after, "decision_deadline.communicated", company.CRM, data, channel="phone")
