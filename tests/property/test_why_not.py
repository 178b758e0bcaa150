"""Whatever the contact and the question: the answer, told for real, is true."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.log import encode
from app.domain.why_not import Suggested, WhyNot, why_not
from app.models import load_rules
from tests.property.late_stories import Arrival, stories
from tests.unit.domain.story import Story, interaction

MODELS = st.sampled_from(["b2b-default@1", "profile-first@1", "two-stage@1"])
TARGETS = st.sampled_from(
    ("lead", "prospect", "opportunity", "customer", "lost", "recycled", "disqualified")
)


def relaxed(test: object) -> object:
    return settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])(
        test
    )


def lived(model: str, arrivals: list[Arrival]) -> Story:
    one = Story(load_rules(model))
    for _, told in arrivals:
        one.hear(told)
    return one


def asked(one: Story, target: str, at: int) -> WhyNot:
    return why_not("crm-1", one.contact.fold, target, at, one.rules)


def stages_after(one: Story, answer: WhyNot, given: list[Suggested]) -> set[str]:
    """That the contact comes to when these are told for real, one microsecond after another."""
    since = answer.not_before or answer.at
    stages: set[str] = set()
    for n, each in enumerate(given):
        at = since + 1 + n
        told = interaction(each.type, 0, event_id=f"s{n}", source="/why-not")
        told = replace(told, data=each.data, time=at, arrived_at=at)
        stages |= {change.to_stage for change in one.hear(told).changes}
    return stages


@relaxed
@given(MODELS, stories(), TARGETS)
def test_what_is_suggested_leads_there(model: str, arrivals: list[Arrival], target: str) -> None:
    one = lived(model, arrivals)
    before = encode(one.contact.fold)
    answer = asked(one, target, arrivals[-1].at)
    assert encode(one.contact.fold) == before
    if answer.suggestion:
        assert target in stages_after(one, answer, list(answer.suggestion))
    elif answer.by_itself is None:
        assert answer.note


@relaxed
@given(MODELS, stories(), TARGETS)
def test_no_part_of_what_is_suggested_would_do(
    model: str, arrivals: list[Arrival], target: str
) -> None:
    answer = asked(lived(model, arrivals), target, arrivals[-1].at)
    for left_out in range(len(answer.suggestion)):
        part = [each for n, each in enumerate(answer.suggestion) if n != left_out]
        stages = stages_after(lived(model, arrivals), answer, part)
        waited = {move.to_stage for move in answer.by_itself.moves} if answer.by_itself else set()
        assert target not in stages - waited
