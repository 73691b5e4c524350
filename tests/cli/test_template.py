"""What `crossdock init` writes names every setting there is; whatever is uncommented in it is right as it stands."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from crossdock import app
from crossdock.cli.template import write
from crossdock.governance.schema import config_schema


@pytest.fixture
def text(tmp_path: Path) -> str:
    write(tmp_path)
    return (tmp_path / "crossdock.yaml").read_text("utf-8")


def names(schema: Mapping[str, Any]) -> Iterator[str]:
    """Every key that a section of the schema knows, with those below it."""
    for name, field in schema.get("properties", {}).items():
        yield name
        for inner in (field, *field.get("anyOf", ())):
            yield from names(inner)


@pytest.mark.parametrize("section", ["routes", "holds", "serve", "keep", "reconcile"])
def test_every_setting_of_a_section_is_named(text: str, section: str) -> None:
    schema = config_schema(app.Manifests())["properties"][section]
    part = text.partition(f"\n{section}:\n")[2]
    part = re.split(r"^[a-z]+:$", part, maxsplit=1, flags=re.MULTILINE)[0]
    said = set(re.findall(r"^[ #-]*([a-z_]+):", part, re.MULTILINE))
    assert set(names(schema.get("items", schema))) - said == set()
    for name in schema.get("items", schema)["properties"]:  # its own, not one of the same name further in
        assert re.search(rf"^(?:  - |    (?:# )?|  (?:# )?){name}:", part, re.MULTILINE), name


def test_every_setting_of_a_connection_is_named(text: str) -> None:
    for manifest in app.Manifests().values():
        for setting in manifest.settings:
            assert re.search(rf"^[ #]*{setting.name}:", text, re.MULTILINE), f"{manifest.system} {setting.name}"
    assert "region: " in text
    assert "quota: " in text


def uncommented(text: str) -> str:
    """Every commented setting taken into use; the sentences about them stay comments."""
    lines = []
    for line in text.splitlines():
        bare = re.sub(r"^( *)# ", r"\1", line)
        if re.match(r"^ *# +#", line):  # a commented-out connection's own comments
            again = re.sub(r"^( *)# ", r"\1", bare)
            lines.append(again if is_setting(again) else bare)
        else:
            lines.append(bare if line.lstrip().startswith("# ") and is_setting(bare) else line)
    return "\n".join(lines) + "\n"


def is_setting(line: str) -> bool:
    return re.match(r"^ +(?:- )?[\w\"-]+:(?: |$)", line) is not None


def test_what_is_uncommented_is_right_as_it_stands(tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / "crossdock.yaml"
    file.write_text(uncommented(file.read_text("utf-8")), "utf-8")
    found = app.configuration(tmp_path)
    assert set(found.connections) == {"amazon", "businesscentral", "netsuite1", "portal", "shiphero1", "shop1"}
    assert found.connections["businesscentral"].settings["order_prefixes"] == ["shop1"]
    assert isinstance(found.connections["amazon"].settings["marketplace_ids"], list)
    route = found.policies["shop1"]
    assert route.stock is not None
    assert route.promise is not None
    assert route.returns is not None


@pytest.mark.parametrize("line", ["warehouse_id", "callback_url", "tracking_days"])
def test_one_setting_alone_can_be_uncommented(tmp_path: Path, line: str) -> None:
    write(tmp_path)
    file = tmp_path / "crossdock.yaml"
    text = file.read_text("utf-8")
    # a connection that is commented out is uncommented whole first
    text = re.sub(r"(?m)^  # (.*)$", r"  \1", text.partition("\nroutes:")[0])
    changed = re.sub(rf"(?m)^( *)# ({line}: .*)$", r"\1\2", text)
    assert changed != text
    assert line in str(yaml.safe_load(changed))
