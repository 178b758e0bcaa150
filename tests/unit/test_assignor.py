"""The assignor's plan: whole, even, sticky."""

from hypothesis import given
from hypothesis import strategies as st

from app.inbound.assignor import spread

members = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.lists(st.integers(-2, 40), max_size=30),
    min_size=1,
    max_size=8,
)


@given(st.integers(0, 36), members)
def test_every_partition_has_exactly_one_member(
    partitions: int, wishes: dict[str, list[int]]
) -> None:
    plan = spread(partitions, wishes)
    assert sorted(p for mine in plan.values() for p in mine) == list(range(partitions))
    assert set(plan) == set(wishes)


@given(st.integers(0, 36), members)
def test_counts_differ_by_at_most_one(partitions: int, wishes: dict[str, list[int]]) -> None:
    counts = [len(mine) for mine in spread(partitions, wishes).values()]
    assert max(counts) - min(counts) <= 1


@given(st.integers(0, 36), members)
def test_a_second_rebalance_moves_nothing(partitions: int, wishes: dict[str, list[int]]) -> None:
    plan = spread(partitions, wishes)
    assert spread(partitions, plan) == plan


@given(st.integers(1, 36), st.integers(1, 6))
def test_a_member_that_joins_takes_only_its_share(partitions: int, count: int) -> None:
    before = spread(partitions, {f"m{n}": [] for n in range(count)})
    after = spread(partitions, {**before, "new": []})
    moved = sum(len(set(before[m]) - set(after[m])) for m in before)
    assert moved == len(after["new"])


def test_of_two_that_claim_a_partition_one_keeps_it() -> None:
    plan = spread(4, {"a": [0, 1], "b": [1, 2]})
    assert plan == {"a": [0, 1], "b": [2, 3]}
