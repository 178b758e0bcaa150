"""The course of the scores ends where the contact's view is, and goes as the view went."""

from app.domain.identity import whole_log
from app.domain.score_course import ScoreParts, ScorePoint, score_course
from tests.unit.domain.story import B2B, Story, moment


def course(story: Story, day: float) -> tuple[list[ScorePoint], ScoreParts]:
    return score_course(reversed(list(whole_log(story.contact))), moment(day), B2B)


def test_it_ends_where_the_view_is_and_its_parts_add_up() -> None:
    story = Story().play(
        ("newsletter.signed_up", 0, {}),
        ("qualification.recorded", 3, {}),
        ("demo.requested", 5, {}),
    )
    story.wait(20)
    points, parts = course(story, 20)
    last, now = points[-1], story.view(20)
    assert (last.fit, last.engagement, last.stage) == (now.fit, now.engagement, now.stage)
    assert last.temperature == now.temperature
    assert sum(parts.fit.values()) * 1000 == now.fit
    assert abs(sum(parts.engagement.values()) - now.engagement) <= len(parts.engagement)


def test_it_jumps_at_an_interaction_and_fades_between_them() -> None:
    story = Story().play(("newsletter.signed_up", 0, {}), ("demo.requested", 10, {}))
    points, _ = course(story, 30)
    assert [each.at for each in points] == sorted({each.at for each in points})
    before = next(each for each in points if each.at == moment(10) - 1)
    after = next(each for each in points if each.at == moment(10))
    assert after.engagement > before.engagement
    assert points[-1].engagement < after.engagement


def test_nothing_has_no_course() -> None:
    assert score_course([], moment(1), B2B)[0] == []
