"""The pages for everybody: by keyboard, on a phone, light and dark, with a screen reader."""

import pytest
from playwright.async_api import Browser, expect

from tests.ui.browser import PHONE, WIDE, Screen, screen
from tests.ui.conftest import Known

PATHS = (
    "/funnel", "/queue", "/queue?text=nobody-at-all", "/contacts/{lead}", "/contacts/{opportunity}",
    "/accounts", "/accounts/{account}", "/models", "/models/strict@1", "/operations",
    "/operations/dead-letters", "/moves?stage=lead&way=entered",
)  # fmt: skip
TOO_WIDE = """Array.from(document.querySelectorAll("section.card table")).filter(function (each) {
  var card = each.closest("section.card").getBoundingClientRect();
  return !each.closest(".scroll") && each.getBoundingClientRect().right > card.right + 1.5;
}).map(function (each) { return each.className; })"""


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        pytest.param(WIDE, "light", id="wide-light"),
        pytest.param(PHONE, "dark", id="phone-dark"),
        pytest.param(WIDE, "dark", id="wide-dark", marks=pytest.mark.thorough),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.thorough),
    ],
)
async def test_no_page_shuts_anybody_out(
    browser: Browser, address: str, known: Known, size: tuple[int, int], theme: str
) -> None:
    async with screen(browser, address, size, color_scheme=theme) as seen:
        await seen.go("/sign-in")
        assert await seen.violations() == []
        await seen.sign_in("jo")
        for path in PATHS:
            assert await seen.go(path.format(**known)) == 200, path
            assert await seen.violations() == [], path
            assert await seen.width() <= size[0], path


async def test_no_table_is_wider_than_its_card(jo: Screen, known: Known) -> None:
    """Also between a phone's width and a wide screen's: what is cut off is nobody's to see."""
    for path in PATHS:
        await jo.go(path.format(**known))
        for width in (600, 900, 1160, 1161, 1280, 1341):
            await jo.page.set_viewport_size({"width": width, "height": 800})
            assert await jo.page.evaluate(TOO_WIDE) == [], (width, path)


async def test_dialogs_shut_nobody_out(jo: Screen, known: Known) -> None:
    await jo.go(f"/contacts/{known['opportunity']}")
    for name in ("Log a call", "Record a fact", "Assign", "Set stage…", "Disqualify…"):
        await jo.page.get_by_role("button", name=name).click()
        assert await jo.violations() == [], name
        await jo.page.keyboard.press("Escape")


async def test_everything_is_reached_by_keyboard(jo: Screen, known: Known) -> None:
    page = jo.page
    await jo.go(f"/contacts/{known['lead']}")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    opener = page.get_by_role("button", name="Log a call")
    for _ in range(12):
        await page.keyboard.press("Tab")
        if await opener.evaluate("each => each === document.activeElement"):
            break
    await expect(opener).to_be_focused()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Log a call")
    await expect(dialog.get_by_label("Who called")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_the_theme_that_was_chosen_stays(jo: Screen) -> None:
    page = jo.page
    await jo.go("/funnel")
    await page.get_by_role("button", name="Dark theme").last.click()
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = await page.evaluate(ground)
    await jo.go("/queue")
    assert await page.evaluate(ground) == dark
    await expect(page.get_by_role("button", name="Dark theme").last).to_have_attribute(
        "aria-pressed", "true"
    )
