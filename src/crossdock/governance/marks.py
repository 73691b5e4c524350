"""YAML that remembers its lines: plain values for reading, and for every path the line it stands on."""

from typing import Any

import yaml

from crossdock.governance.faults import ConfigError, Fault

Path = tuple[str | int, ...]


class Marked:
    """A YAML document. ``value`` is made of dict, list, str, int, bool, None; numbers with a fraction stay text, so
    that no amount passes through a float. ``line(path)`` is where a value stands, or its nearest parent."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self._lines: dict[Path, int] = {}
        self.value = self._read(text)
        if self.faults:
            raise ConfigError(self.faults)

    def line(self, path: Path) -> int:
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _read(self, text: str) -> Any:
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            return {} if node is None else self._build(node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = mark.line + 1 if mark else 0
            what = " ".join(part for part in (error.context, error.problem) if part)
            raise ConfigError([Fault(self.file, where, f"This is not valid YAML: {what}.")]) from error
        except yaml.YAMLError as error:  # a character that YAML does not allow
            raise ConfigError([Fault(self.file, 0, f"This is not valid YAML: {error}.")]) from error
        except RecursionError as error:
            wrong, right = "This is nested too deeply, or contains itself.", "Is an alias, *name, inside what it names?"
            raise ConfigError([Fault(self.file, 0, wrong, right)]) from error

    def _build(self, node: yaml.Node, path: Path) -> Any:
        self._lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = str(key_node.value), key_node.start_mark.line + 1
            if key in built:
                first = self._lines[(*path, key)]
                self.faults.append(
                    Fault(self.file, line, f"'{key}' is given twice.", f"Line {first} has it already: keep one.")
                )
                continue
            built[key] = self._build(value_node, (*path, key))
            self._lines[(*path, key)] = line
        return built


def _scalar(node: yaml.Node) -> Any:
    tag, text = node.tag.rsplit(":", 1)[-1], str(node.value)
    if tag == "null":
        return None
    if tag == "bool":
        return text.lower() in ("true", "yes", "on")
    if tag == "int" and text.lstrip("+-").isdigit() and (text.lstrip("+-") == "0" or text.lstrip("+-")[0] != "0"):
        return int(text)
    return text  # fractions, dates and everything quoted: exactly as written
