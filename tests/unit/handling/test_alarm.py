"""Who sleeps until the next timer is woken by an earlier one."""

import asyncio

import pytest

from app.handling.alarm import Alarm

FOREVER_SECONDS = 3600.0


@pytest.fixture
def alarm() -> Alarm:
    made = Alarm()
    made.set(1000)
    return made


async def test_an_earlier_check_wakes(alarm: Alarm) -> None:
    sleeping = asyncio.create_task(alarm.wait(FOREVER_SECONDS))
    await asyncio.sleep(0)
    alarm.stored(999)
    await sleeping


async def test_what_is_stored_between_setting_and_sleeping_is_not_missed(alarm: Alarm) -> None:
    alarm.stored(5)
    await alarm.wait(FOREVER_SECONDS)


@pytest.mark.parametrize("check_at", [1000, 2**63 - 1])
async def test_a_later_check_does_not(alarm: Alarm, check_at: int) -> None:
    sleeping = asyncio.create_task(alarm.wait(FOREVER_SECONDS))
    await asyncio.sleep(0)
    alarm.stored(check_at)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not sleeping.done()
    sleeping.cancel()


async def test_setting_it_anew_forgets_what_rang(alarm: Alarm) -> None:
    alarm.stored(5)
    alarm.set(2000)
    await alarm.wait(0.0)
    sleeping = asyncio.create_task(alarm.wait(FOREVER_SECONDS))
    await asyncio.sleep(0)
    assert not sleeping.done()
    sleeping.cancel()
