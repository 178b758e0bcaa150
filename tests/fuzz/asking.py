"""All operations, asked by schemathesis: what was answered, and what was wrong with it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import schemathesis
from schemathesis.config import ChecksConfig, SchemathesisConfig
from schemathesis.engine import events, from_schema

from tests.fuzz.generating import LEFT_OUT, UNMADE, Identity, Plan, configuration, write_identities
from tests.fuzz.refusals import is_expected
from tests.fuzz.traffic import Values

POSITIVE = "positive_data_acceptance"


class Fault(NamedTuple):
    """One case of it."""

    check: str
    operation: str
    what: str
    told: str
    request: str
    """For a shell."""
    answer: str


class Fuzzed:
    def __init__(self, operations: list[str]) -> None:
        self.operations = operations
        """All that were to be asked, by method and path."""
        self.statuses: dict[str, Counter[int | None]] = defaultdict(Counter)
        """Of each; None: there was no answer."""
        self.checks: Counter[str] = Counter()
        self.phases: Counter[str] = Counter()
        self.faults: dict[tuple[str, str, str], Fault] = {}
        self.errors: list[str] = []
        """The fuzzer's own."""

    @property
    def cases(self) -> int:
        return sum(map(Counter.total, self.statuses.values()))

    @property
    def never_asked(self) -> list[str]:
        return [each for each in self.operations if not self.statuses[each]]

    @property
    def never_done(self) -> list[str]:
        """They refused whatever they were asked."""
        return [
            each
            for each in self.operations
            if not any(status and 200 <= status < 300 for status in self.statuses[each])
        ]

    def add(self, event: Any) -> None:
        match event:
            case events.ScenarioFinished(recorder=recorder, phase=phase):
                self._count(recorder, str(phase.value))
            case events.NonFatalError():
                self.errors.append(f"{event.label}: {event.info.title}: {event.info.message}")
            case events.FatalError():
                raise event.exception
            case events.EngineFinished(failures=failures):
                self.errors.extend(str(each) for each in failures)

    def _count(self, recorder: Any, phase: str) -> None:
        for id_, node in recorder.cases.items():
            done = recorder.interactions.get(id_)
            answer = None if done is None else done.response
            label = node.value.operation.label
            self.statuses[label][None if answer is None else answer.status_code] += 1
            self.phases[phase] += 1
            for made in recorder.checks.get(id_, ()):
                self.checks[made.name] += 1
                if made.failure_info is not None:
                    self._note(made, label, answer)

    def _note(self, made: Any, label: str, answer: Any) -> None:
        failure = made.failure_info.failure
        fault = Fault(
            made.name,
            label,
            failure.title,
            failure.message,
            made.failure_info.code_sample,
            "" if answer is None else f"{answer.status_code} {answer.content[:500]!r}",
        )
        self.faults.setdefault(fault[:3], fault)


def fuzz(
    url: str,
    plan: Plan,
    directory: Path,
    identities: tuple[Identity, Identity],
    known: Sequence[Values],
) -> Fuzzed:
    """Blocks until it is through. `directory`: for its files; `known`: see `configuration`."""
    file = directory / "identities.json"
    write_identities(file, *identities)
    given = configuration(plan, url, file, [each.tenant for each in identities], known)
    schema = schemathesis.openapi.from_url(
        f"{url}/schema/openapi.json", config=SchemathesisConfig.from_dict(given)
    )
    schema.hook(filter_failure)
    schema.config.checks.update(excluded_check_names=list(UNMADE))
    asked = schema.exclude(operation_id=list(LEFT_OUT))
    found = Fuzzed([each.label for each in _operations(asked)])
    for event in from_schema(asked).execute():
        found.add(event)
    return found


def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """A hook, which schemathesis knows by its name. False: it is none."""
    is_of_schema = type(failure).__name__ == "RejectedPositiveData"
    return not (is_of_schema and response.status_code == 422 and is_expected(response.content))


def is_made(check: str) -> bool:
    """Whether there is such a check, which is made unless it is left out."""
    return check in {each.name for each in fields(ChecksConfig)}


def _operations(schema: Any) -> Iterator[Any]:
    for each in schema.get_all_operations():
        yield each.ok()
