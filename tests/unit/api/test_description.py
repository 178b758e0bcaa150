"""The published description: OpenAPI 3.1, complete and with examples that are true."""

from typing import Any

import jsonschema_rs
import pytest

from app.api.command_types import COMMANDS
from app.api.examples import ANSWERS
from app.inbound.validation import load_schemas
from tests.unit.api.asking import api, writing


@pytest.fixture(scope="module")
async def description() -> Any:
    async with api() as client:
        return (await client.get("/schema")).json()


def operations(description: Any) -> list[tuple[str, str, Any]]:
    return [
        (method, path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


async def test_it_is_openapi_3_1_and_stands_at_both_addresses(description: Any) -> None:
    async with api() as client:
        assert (await client.get("/schema/openapi.json")).json() == description
    assert description["openapi"].startswith("3.1")


async def test_every_operation_has_a_name_of_its_own_a_summary_and_a_tag(description: Any) -> None:
    every = [operation for _, _, operation in operations(description)]
    assert len({each["operationId"] for each in every}) == len(every)
    tags = {tag["name"] for tag in description["tags"]}
    for each in every:
        assert each["summary"]
        assert set(each["tags"]) <= tags


async def test_every_error_is_described_as_a_problem(description: Any) -> None:
    problem = {"$ref": "#/components/schemas/ProblemDetails"}
    for _, path, operation in operations(description):
        statuses = operation["responses"]
        assert "400" not in statuses
        if path.startswith("/v1/"):
            assert {"401", "403", "404", "422", "500", "503", "504"} <= set(statuses)
        for status, answer in statuses.items():
            if not status.startswith("2"):
                assert answer["content"]["application/problem+json"]["schema"] == problem


async def test_every_reference_leads_somewhere(description: Any) -> None:
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                found.append(node["$ref"])
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(description)
    schemas = description["components"]["schemas"]
    assert found
    assert {ref.removeprefix("#/components/schemas/") for ref in found} <= set(schemas)


async def test_answers_have_examples_that_fit_their_schemas(description: Any) -> None:
    shown: set[str] = set()
    for _, _, operation in operations(description):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                for example in content.get("examples", {}).values():
                    assert status in ("200", "201", "202")
                    shown.add(operation["operationId"])
                    schema = {**content["schema"], "components": description["components"]}
                    jsonschema_rs.Draft202012Validator(schema).validate(example["value"])
    assert shown == set(ANSWERS)


async def test_the_examples_of_what_is_sent_are_accepted(description: Any) -> None:
    contents = description["paths"]["/v1/interactions"]["post"]["requestBody"]["content"]
    assert len(contents) == 3
    async with writing() as (client, _):
        for media_type, content in contents.items():
            answer = await client.post(
                "/v1/interactions",
                json=content["examples"]["example"]["value"],
                headers={"content-type": media_type},
            )
            assert answer.status_code == 202


async def test_every_command_is_described_by_its_interactions_schema(description: Any) -> None:
    body = description["paths"]["/v1/contacts/{contact_id}/commands"]["post"]["requestBody"]
    alternatives = body["content"]["application/json"]["schema"]["oneOf"]
    assert [each["title"] for each in alternatives] == list(COMMANDS)
    for each in alternatives:
        data = each["properties"]["data"]
        original = load_schemas()[COMMANDS[each["title"]].type]
        assert data["description"] == original["description"]
        assert set(data["properties"]) == set(original["properties"]) - {"actor"}
        assert set(data["required"]) == set(original["required"]) - {"actor"}
