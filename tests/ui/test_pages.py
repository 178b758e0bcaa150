"""Each page's main task, from end to end, as people do it."""

import asyncio
import re
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from app.api.ui.contact_timeline import ROWS
from tests.scenario.conftest import Service
from tests.scenario.test_mission import DEMO, SIGN_UP, days_ago
from tests.ui.browser import PATIENCE_MS, Screen, screen
from tests.ui.conftest import Known, Served

expect.set_options(timeout=PATIENCE_MS)


def to(contact: str) -> str:
    """Links to it, whatever it is called."""
    return f"a[href='/contacts/{contact}']"


async def test_a_token_lets_in_and_leads_on_to_what_was_asked(
    browser: Browser, address: str
) -> None:
    async with screen(browser, address) as seen:
        page = seen.page
        await seen.go("/queue?temperature=hot")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        await page.get_by_label("Token").fill("wrong")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("not accepted")
        seen.complaints.clear()  # the browser tells of the 401
        await page.get_by_label("Token").fill("jo")
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/queue?temperature=hot")
        (cookie,) = await page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        assert "jo" not in cookie["value"]

        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/sign-in")
        assert await page.context.cookies() == []


async def test_a_stage_change_shows_without_a_reload(
    jo: Screen, service: Service, known: Known
) -> None:
    page, contact = jo.page, service.contact()
    await jo.go("/funnel")
    await expect(page.locator("[data-live=live]")).to_be_visible()
    leads = page.locator(".step.of-lead .count")
    before = int((await leads.inner_text()).replace(",", ""))
    await page.evaluate("window.isTheSame = true")
    await service.publish(contact, *SIGN_UP)
    await expect(page.locator("#feed").get_by_role("link", name=contact)).to_be_visible()
    await expect(leads).to_have_text(f"{before + 1:,}")
    assert await page.evaluate("window.isTheSame") is True


async def test_every_number_of_the_funnel_leads_to_its_list(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go("/funnel")
    await page.locator(".step.of-prospect").click()
    await page.wait_for_url("**/queue?stage=prospect")
    await expect(page.locator(to(known["prospect"]))).to_be_visible()
    await expect(page.locator(to(known["lead"]))).to_have_count(0)


async def test_the_queue_has_hot_ones_first_and_finds_a_contact(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go("/queue")
    first = page.locator("#rows tr").first
    await expect(first).to_contain_text("Hot")
    await expect(first.locator(".due")).to_contain_text("left")
    await page.get_by_label("Search").press_sequentially(known["lead"][:12])
    await expect(page.locator("#rows tr")).to_have_count(1)
    assert re.search(r"[?&]text=crm-", page.url)
    header, *rows = (await _downloaded(page, "As CSV")).splitlines()
    assert header.startswith("contact_id,")
    assert [row.partition(",")[0] for row in rows] == [known["lead"]]
    await page.locator(to(known["lead"])).click()
    await expect(page.locator(".reach code")).to_have_text(known["lead"])


async def test_a_periods_figures_lead_to_those_they_count(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go("/funnel?days=365")
    figures = page.locator(".passes .pass").first.get_by_role("link")
    for n, who in ((0, "opportunity"), (1, "lead")):
        count = int(re.sub(r"\D.*", "", (await figures.nth(n).inner_text()).replace(",", "")))
        await figures.nth(n).click()
        rows, more = page.locator("tbody tr:not(#following)"), page.locator("#following a")
        await expect(rows.first).to_be_visible()
        while await more.count():
            address = await more.get_attribute("href")
            await more.click()  # what follows may be nothing: the page before was just full
            await expect(page.locator(f'#following a[href="{address}"]')).to_have_count(0)
        await expect(rows).to_have_count(count)
        await expect(page.locator(to(known[who]))).to_have_count(1)
        assert await jo.violations() == []
        await page.go_back()


async def test_nobody_found_says_so(jo: Screen, known: Known) -> None:
    await jo.go("/queue?text=nobody-at-all")
    await expect(jo.page.get_by_text("Nobody is like that")).to_be_visible()
    await jo.page.get_by_role("link", name="Show everybody").click()
    await expect(jo.page.get_by_text("Nobody is like that")).to_have_count(0)
    await expect(jo.page.locator("#rows tr").first).to_contain_text("Hot")


async def test_earlier_interactions_come_when_asked_for(
    jo: Screen, browser: Browser, address: str, service: Service
) -> None:
    contact, opened = service.contact(), 45
    await service.publish(contact, *SIGN_UP, time=days_ago(20), ingestmode="backfill")
    for n in range(opened):
        when = {"time": days_ago(1 + n % 9), "ingestmode": "backfill"}
        await service.publish(contact, "email.opened", {"message_id": f"m{n}"}, **when)
    await service.publish(contact, *DEMO)
    await service.stages(contact, 3)
    rows = "#events > li:not(.earlier)"
    page = jo.page
    await jo.go(f"/contacts/{contact}")
    await expect(page.locator(rows)).to_have_count(ROWS)
    await page.get_by_role("link", name="Show earlier").click()
    await expect(page.locator(rows)).to_have_count(opened + 2)
    await expect(page.locator(rows).last).to_contain_text("Newsletter signed up")
    await expect(page.locator(rows).nth(ROWS)).to_be_focused()
    await expect(page.get_by_role("link", name="Show earlier")).to_have_count(0)
    async with screen(browser, address, java_script_enabled=False) as seen:
        await seen.sign_in("jo")
        await seen.go(f"/contacts/{contact}")
        await seen.page.get_by_role("link", name="Show earlier").click()
        await expect(seen.page.locator(".events > li")).to_have_count(opened + 2 - ROWS)
        await seen.page.get_by_role("link", name=contact).click()
        await expect(seen.page.locator(".reach code")).to_have_text(contact)


async def test_a_handoff_is_accepted_in_ones_name(jo: Screen, service: Service) -> None:
    page, contact = jo.page, service.contact()
    await service.publish(contact, *DEMO)
    await service.stages(contact, 3)
    await jo.go(f"/contacts/{contact}")
    await page.get_by_role("button", name="Accept").click()
    await expect(page.get_by_role("status").first).to_contain_text("The hand-off is accepted")
    await expect(page.get_by_role("button", name="Accept")).to_have_count(0)
    await expect(page.locator(".events").first).to_contain_text("Hand-off accepted")


async def test_a_handoff_is_rejected_with_a_reason(jo: Screen, service: Service) -> None:
    page, contact = jo.page, service.contact()
    await service.publish(contact, *DEMO)
    await service.stages(contact, 3)
    await jo.go(f"/contacts/{contact}")
    await page.get_by_role("button", name="Reject…").click()
    dialog = page.get_by_role("dialog", name="Reject the hand-off")
    await dialog.get_by_label("Reason").fill("no budget this year")
    await dialog.get_by_role("button", name="Reject").click()
    await expect(page.locator(".badges")).to_contain_text("Recycled")


async def test_calls_facts_and_owners_are_recorded(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go(f"/contacts/{known['lead']}")
    await page.get_by_role("button", name="Assign").click()
    await page.get_by_label("Who looks after this contact").fill("ann")
    await page.locator("#do-assign").get_by_role("button", name="Assign").click()
    await expect(page.locator(".facts").first).to_contain_text("ann")

    await page.get_by_role("button", name="Record a fact").click()
    dialog = page.get_by_role("dialog", name="Record a fact")
    await dialog.get_by_label("What").select_option("authority")
    await dialog.get_by_label("Role").select_option("decision_maker")
    await dialog.get_by_role("button", name="Record").click()
    await expect(page.get_by_role("region", name="What is known")).to_contain_text("Decision maker")

    await page.get_by_role("button", name="Log a call").click()
    dialog = page.get_by_role("dialog", name="Log a call")
    await dialog.get_by_label("Minutes").fill("12")
    await dialog.get_by_role("button", name="Log the call").click()
    await expect(page.locator(".events").first).to_contain_text("Phone call held")
    await expect(page.locator(".track")).to_contain_text("Prospect")


async def test_an_override_must_be_meant(jo: Screen, service: Service) -> None:
    page, contact = jo.page, service.contact()
    await service.publish(contact, *SIGN_UP)
    await service.stages(contact, 1)
    await jo.go(f"/contacts/{contact}")
    await page.get_by_role("button", name="Set stage…").click()
    dialog = page.get_by_role("dialog", name="Set the stage")
    await dialog.get_by_label("Stage").select_option("opportunity")
    await dialog.get_by_label("Reason").fill("met them")
    await dialog.get_by_role("button", name="Set the stage").click()
    await expect(dialog).to_be_visible()  # the browser asks for the tick
    await dialog.get_by_label("I mean it").check()
    await dialog.get_by_role("button", name="Set the stage").click()
    await expect(page.locator(".badges")).to_contain_text("Opportunity")
    await expect(page.locator(".track")).to_contain_text("jo")


async def test_why_not_is_answered_in_the_page(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go(f"/contacts/{known['prospect']}")
    await page.get_by_role("button", name="Find out").click()
    await expect(page.locator("#why-not")).to_contain_text("The least that would do it")
    await expect(page.locator("#why-not")).to_contain_text("Intent to buy")
    await expect(page.locator(".u-wrap")).to_be_visible()  # the course of the score


async def test_an_account_says_who_is_missing(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go("/accounts")
    await page.get_by_role("link", name=known["account"], exact=True).click()
    await expect(page.get_by_role("region", name="Buying committee")).to_contain_text(
        "A decision makerMissing"
    )
    await page.get_by_role("link", name=known["opportunity"]).first.click()
    await expect(page.locator(".reach code")).to_have_text(known["opportunity"])


async def test_a_model_is_drawn_compared_and_simulated(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go("/models")
    await expect(page.locator("svg.chart .stage-name")).to_have_count(7)
    await page.get_by_role("link", name="profile-first@1", exact=True).click()
    await expect(page.locator("#differences")).to_contain_text("icp_unknown")
    await page.get_by_label("from").select_option("strict@1")
    await expect(page.locator("#differences")).to_contain_text("budget_met")
    await page.get_by_role("button", name="Simulate on the real history").click()
    await page.wait_for_url("**/simulations/*")
    await expect(page.get_by_text("Would be elsewhere")).to_be_visible(timeout=60_000)
    moved = page.get_by_role("region", name="Why they would move")
    await expect(moved.get_by_role("link", name=known["prospect"])).to_be_visible()
    await page.get_by_role("region", name="Who moves").get_by_role("link").first.click()
    listed = page.get_by_role("region", name="Who would move")
    await expect(listed.locator("tbody tr").first).to_be_visible()
    assert await jo.violations() == []
    await listed.get_by_role("link", name="All", exact=True).click()
    await expect(listed.get_by_role("link", name=known["prospect"])).to_be_visible()
    assert f"{known['prospect']}," in await _downloaded(page, "As CSV")


async def _downloaded(page: Page, link: str) -> str:
    async with page.expect_download() as saving:
        await page.get_by_role("link", name=link).click()
    saved = Path(await (await saving.value).path())
    return await asyncio.to_thread(saved.read_text)


async def test_a_model_is_activated_when_it_is_meant(jo: Screen) -> None:
    """The one that decides anyway: nobody else's contacts move."""
    page = jo.page
    await jo.go("/models/b2b-default@1")
    card = page.get_by_role("region", name="Let it decide")
    await card.get_by_label("How").select_option("refold")
    await card.get_by_role("button", name="Activate b2b-default@1").click()
    await expect(card).to_be_visible()  # the browser asks for the tick
    await card.get_by_label("I mean it").check()
    assert await jo.violations() == []
    await card.get_by_role("button", name="Activate b2b-default@1").click()
    await page.wait_for_url("**/models?asked=*")
    await expect(page.get_by_role("status").first).to_contain_text("b2b-default@1 decides from")
    listed = page.get_by_role("region", name="Activations")
    await expect(listed).to_contain_text("refold · by jo")
    assert await jo.violations() == []


async def test_a_dead_letter_is_sent_again(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go("/operations")
    await expect(page.get_by_role("region", name="Partitions").locator("tbody tr")).to_have_count(
        24
    )
    await page.get_by_role("link", name="Schema violation").first.click()
    await page.get_by_role("button", name=re.compile("Redrive")).first.click()
    await expect(page.get_by_role("status").first).to_contain_text("Sent again")
    await expect(page.get_by_text("Sent again 1 ×").first).to_be_visible()


async def test_what_a_token_does_not_allow_is_not_shown_and_refused(
    browser: Browser, address: str, known: Known
) -> None:
    async with screen(browser, address) as seen:
        page = seen.page
        await seen.sign_in("reader")
        await expect(page.get_by_role("link", name="Operations")).to_have_count(0)
        await seen.go(f"/contacts/{known['lead']}")
        await expect(page.get_by_role("button", name="Log a call")).to_have_count(0)
        await seen.go("/models")
        await expect(page.get_by_role("button", name="Simulate")).to_have_count(0)
        assert await seen.go("/operations") == 403
        await expect(page.get_by_text("This is not yours to see")).to_be_visible()
        proof = await page.locator("input[name=proof]").first.get_attribute("value")
        for path in (
            f"/contacts/{known['lead']}/assign",
            "/models/strict@1/simulate",
            "/models/strict@1/activate",
        ):
            answer = await page.request.post(
                seen.base + path, form={"proof": proof or "", "user": "x"}
            )
            assert answer.status == 403
        seen.complaints.clear()  # the browser tells of the 403


async def test_open_access_says_so_on_every_page(
    browser: Browser, served: Served, known: Known
) -> None:
    async with screen(browser, await served(access="open")) as seen:
        for path in ("/", "/queue", "/models", "/operations", f"/contacts/{known['lead']}"):
            await seen.go(path)
            await expect(seen.page.get_by_text("Access is open")).to_be_visible()
        await expect(seen.page.get_by_role("button", name="Sign out")).to_have_count(0)


async def test_times_are_in_the_viewers_zone(
    browser: Browser, served: Served, address: str, known: Known
) -> None:
    shown = set()
    for zone in ("Asia/Kolkata", "America/New_York"):
        async with screen(browser, address, timezone_id=zone) as seen:
            await seen.sign_in("jo")
            await seen.go(f"/contacts/{known['lead']}")
            shown.add(await seen.page.locator(".track time").first.inner_text())
    assert len(shown) == 2
    async with screen(browser, address, java_script_enabled=False) as seen:
        await seen.sign_in("jo")
        await seen.go(f"/contacts/{known['lead']}")
        await expect(seen.page.locator(".track time").first).to_contain_text("UTC")
