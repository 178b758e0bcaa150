"""An account is a function of the latest word of each contact, in whatever order they come."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.domain.account import AccountInput, AccountState, Role
from app.domain.account_rules import missing_roles, roles_of
from tests.unit.domain.accounts import Account, word

STAGES = ("none", "lead", "prospect", "opportunity", "customer", "lost", "recycled", "disqualified")


RANDOM = st.randoms(use_true_random=False)


@st.composite
def words(draw: st.DrawFn) -> list[AccountInput]:
    """Each contact's words, versions growing, no two alike."""
    told = []
    for contact in draw(st.sets(st.sampled_from(("ann", "bob", "cyd", "dan")), min_size=1)):
        for version in range(1, draw(st.integers(1, 4)) + 1):
            flags = {
                name: draw(st.booleans())
                for name in ("is_customer", "is_decision_maker", "has_intent", "has_open_deal")
            }
            stage, left = draw(st.sampled_from(STAGES)), draw(st.booleans())
            told.append(word(contact, version, stage=stage, left=left, **flags))
    return told


def standing(state: AccountState) -> tuple[object, ...]:
    """What an account is, its history aside."""
    roles = {role: (one.count, one.contacts) for role, one in sorted(state.roles.items())}
    return state.stage, roles, missing_roles(state)


@given(words(), RANDOM, st.data())
def test_order_and_repetition_make_no_difference(
    told: list[AccountInput],
    random: Random,
    data: st.DataObject,
) -> None:
    again = told + data.draw(st.lists(st.sampled_from(told)))
    random.shuffle(again)
    assert standing(Account(*again).state) == standing(Account(*told).state)


@given(words())
def test_roles_are_those_of_the_latest_words(told: list[AccountInput]) -> None:
    latest = {each.contact_id: each.member for each in told}
    state = Account(*told).state
    for role in Role:
        having = sorted(name for name, member in latest.items() if role in roles_of(member))
        assert (state.count(role), list(state.contacts(role))) == (len(having), having)


@given(words(), RANDOM)
def test_history_is_gapless_and_each_change_begins_where_the_last_ended(
    told: list[AccountInput],
    random: Random,
) -> None:
    random.shuffle(told)
    account = Account(*told, hands_off=True)
    stages = ["none", *(change.to_stage for change in account.changes)]
    assert [change.from_stage for change in account.changes] == stages[:-1]
    assert [change.seq for change in account.changes] == list(range(1, len(stages)))
    assert account.state.stage == stages[-1]


@given(words(), RANDOM)
def test_a_handoff_is_open_exactly_while_the_account_is_an_opportunity(
    told: list[AccountInput],
    random: Random,
) -> None:
    random.shuffle(told)
    account = Account(*told, hands_off=True)
    open_ = None
    for change in account.changes:
        if change.handoff is not None:
            is_requested = change.handoff.kind == "requested"
            assert (open_ is None) == is_requested
            open_ = change.handoff.transition_id if is_requested else None
        assert (open_ is not None) == (change.to_stage == "opportunity")
    assert account.state.handoff == open_
