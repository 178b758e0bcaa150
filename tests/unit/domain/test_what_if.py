"""What a what-if tells of evidence that was logged before the model in force."""

from typing import Any

from app.domain.model import compile_model, extended
from app.domain.timeline import Timeline
from app.domain.what_if import WhatIf
from app.models import load_definition
from tests.property.arrivals import START
from tests.property.lives import DAY, Row
from tests.unit.cli.test_model_simulate import intent


def model(name: str, *reads: str) -> Any:
    """A demo request keeps these fields."""
    shipped, _ = load_definition("b2b-default@1")
    changes = {"demo.requested": {"reads": list(reads)}}
    return compile_model(extended(shipped, {"name": name, "interactions": changes}))


def test_fields_count_as_lacking_where_the_model_of_their_time_did_not_keep_them() -> None:
    old, new, candidate = model("old"), model("new", "budget"), model("candidate", "budget")
    row = Row(old)
    row.tell(intent())
    found = {}
    for name, start in (("before", START + DAY), ("after", START - DAY)):
        ruling = Timeline.of(old).activated(new, "forward", start)
        what_if = WhatIf(ruling, candidate, START + 2 * DAY)
        what_if.weigh(row.evidence())
        found[name] = dict(what_if.tally.lacking)
    assert found == {"before": {("demo.requested", "budget"): 1}, "after": {}}
