"""A model's state chart as a Mermaid diagram, drawn from the machine's own events."""

from app.domain.chart import Arrow, machine_of, table_of
from app.domain.rules import Rules
from app.domain.state import NONE

_START = "[*]"


def drawing_of(rules: Rules, *, with_overrides: bool = False) -> str:
    """A `stateDiagram-v2`. An override leads from anywhere to anywhere: left out if not asked for.

    Arrows carry the transition's id and what sets it off; guards are in the glossary.
    """
    shown = [each for each in rules.transitions if with_overrides or not each.is_override]
    arrows = [
        Arrow(each.id, trigger, each.from_stage, each.to_stage, each.guards)
        for each in shown
        for trigger in each.on
    ]
    through = {(each.id, each.from_stage) for each in shown if len(each.hops) > 1}
    labels: dict[tuple[str, str, str], list[str]] = {}
    for (stage, trigger), ways in table_of(machine_of((NONE, *rules.stages), arrows)).items():
        for way in ways:
            on = labels.setdefault((stage, way.to_stage, way.id), [])
            if trigger not in on:
                on.append(trigger)
    lines = ["stateDiagram-v2", f"    %% {rules.ref}: {rules.title}"]
    lines += [f"    state {_quoted(name)} as {_key(name)}" for name in rules.stages]
    lines += [
        f"    {_key(stage)} --> {_key(to_stage)}: {_plain(f'{name} on ' + ', '.join(on))}"
        + (" through the stages between" if (name, stage) in through else "")
        for (stage, to_stage, name), on in sorted(labels.items(), key=_by_name)
    ]
    lines += [
        f"    {_key(stage.name)} --> {_START}"
        for stage in rules.stages.values()
        if stage.kind == "terminal"
    ]
    hidden = sorted({each.id for each in rules.transitions} - {each.id for each in shown})
    lines += [f"    %% {name} leads from anywhere to anywhere" for name in hidden]
    return "\n".join(lines)


def _by_name(item: tuple[tuple[str, str, str], list[str]]) -> tuple[int, str]:
    """T9 before T10."""
    name = item[0][2]
    return len(name), name


def _key(stage: str) -> str:
    """Mermaid takes letters, digits and underscores for a state's id."""
    if stage == NONE:
        return _START
    return "".join(char if char.isalnum() or char == "_" else "_" for char in stage)


def _quoted(stage: str) -> str:
    return '"' + _plain(stage).replace('"', "'") + '"'


def _plain(text: str) -> str:
    """A colon or a semicolon ends a Mermaid label, `%%` begins a comment."""
    return text.replace(":", " ").replace(";", ",").replace("%%", "%").replace("\n", " ")
