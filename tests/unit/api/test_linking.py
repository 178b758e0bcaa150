"""Every operation is reached from another's answer, by what that really holds."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from app.api.linking import GIVEN, link
from tests.unit.api.asking import api

Document = dict[str, Any]


@pytest.fixture(scope="module")
async def description() -> Document:
    async with api() as client:
        found: Document = (await client.get("/schema")).json()
        return found


def operations(document: Document) -> dict[str, Document]:
    return {
        operation["operationId"]: operation
        for methods in document["paths"].values()
        for operation in methods.values()
    }


def links(document: Document) -> Iterator[tuple[Document, Document, Mapping[str, str]]]:
    """(answer, target, parameters)"""
    every = operations(document)
    for source in every.values():
        for answer in source["responses"].values():
            for found in answer.get("links", {}).values():
                yield answer, every[found["operationId"]], found["parameters"]


def test_all_that_give_something_are_there(description: Document) -> None:
    assert {each.operation_id for each in GIVEN} <= set(operations(description))


def test_who_needs_a_part_of_the_path_is_linked_to(description: Document) -> None:
    reached = {target["operationId"] for _, target, _ in links(description)}
    needing = {
        name
        for name, operation in operations(description).items()
        if any(each["in"] == "path" for each in operation.get("parameters", ()))
    }
    assert needing <= reached


def test_a_link_fills_the_whole_path_and_nothing_that_is_unknown(description: Document) -> None:
    for _, target, parameters in links(description):
        known = {each["name"]: each["in"] for each in target["parameters"]}
        assert set(parameters) <= set(known)
        assert {name for name, place in known.items() if place == "path"} <= set(parameters)


def test_what_is_taken_from_an_answer_stands_in_its_schema(description: Document) -> None:
    taken = 0
    for answer, _, parameters in links(description):
        for expression in parameters.values():
            if expression.startswith("$response.body#/"):
                schema = answer["content"]["application/json"]["schema"]
                assert_holds(description, schema, expression.removeprefix("$response.body#/"))
                taken += 1
    assert taken > 30


def assert_holds(document: Document, schema: Document, pointer: str) -> None:
    for part in pointer.split("/"):
        schema = resolved(document, schema)
        schema = schema["items"] if part.isdigit() else schema["properties"][part]


def resolved(document: Document, schema: Document) -> Document:
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/components/schemas/")
        found: Document = document["components"]["schemas"][name]
        return found
    return schema


def test_a_new_operation_is_linked_by_what_its_path_needs() -> None:
    def answering(name: str, *path: str) -> Document:
        parameters = [{"name": each, "in": "path"} for each in path]
        return {"operationId": name, "parameters": parameters, "responses": {"200": {}, "404": {}}}

    listing, new = answering("list_models"), answering("paint", "model")
    other = answering("wash", "model", "car")
    link({"paths": {"/a": {"get": listing}, "/b": {"post": new}, "/c": {"post": other}}})
    assert set(listing["responses"]["200"]["links"]) == {"paint"}
    assert "links" not in listing["responses"]["404"]


def test_a_paged_list_leads_to_its_next_page(description: Document) -> None:
    found = operations(description)["contacts"]["responses"]["200"]["links"]["next_page"]
    assert found == {"operationId": "contacts", "parameters": {"after": "$response.body#/next"}}
