"""Where the published contract lies, and how its generated files are written and read."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

SCHEMAS: Final = Path(__file__).resolve().parents[2] / "schemas"
ASYNCAPI: Final = "asyncapi.yaml"
OPENAPI: Final = "openapi.json"

Document = Mapping[str, Any]


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        """Parts that are alike are written out: references are the contract's own business."""
        return True


def text_of(name: str, document: Document) -> str:
    if name.endswith(".json"):
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    head = "# Generated from schemas/ and the code by `funnel schemas write`: do not edit.\n"
    return head + yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100)


def read(path: Path) -> Any:
    """A JSON or YAML file; None where there is none."""
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
