"""What no file of the package or the scripts may do: unpickle, run text as code, import what a string says."""

from __future__ import annotations

import ast


# Modules that build any object a file says, and so run what it says.
PICKLES = {"cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "pickle", "shelve"}
# By the name that a module is imported as; None: any name.
FORBIDDEN_CALLS = {
    ("torch", "save"): "safetensors hold tensors and nothing else",
    ("torch.hub", "load"): "runs code of the network",
    ("os", "system"): "runs a shell",
    ("os", "popen"): "runs a shell",
    ("yaml", "load"): "builds any object: `yaml.safe_load`",
    ("yaml", "full_load"): "builds objects: `yaml.safe_load`",
    ("yaml", "unsafe_load"): "builds any object: `yaml.safe_load`",
    (None, "read_pickle"): "unpickles",
    (None, "to_pickle"): "pickles",
    (None, "spec_from_file_location"): "imports a file",
    (None, "SourceFileLoader"): "imports a file",
}
BUILTINS = {"eval", "exec", "compile", "__import__"}


def dotted(node: ast.expr) -> str | None:
    """`torch.hub.load` of that expression, `?.load` of an attribute of something else; None of what has no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value) or '?'}.{node.attr}"
    return None


def _is_constant(call: ast.Call, keyword: str, value: object) -> bool:
    return any(
        each.arg == keyword and isinstance(each.value, ast.Constant) and each.value.value is value
        for each in call.keywords
    )


def _of_call(call: ast.Call, aliases: dict[str, str], may_import: bool, may_trust: bool) -> str | None:
    named = dotted(call.func)
    found = None
    if named is None:
        return None
    first, _, rest = named.partition(".")
    name = ".".join(filter(None, (aliases.get(first, first), rest)))
    module, _, function = name.rpartition(".")
    for (of_module, forbidden), reason in FORBIDDEN_CALLS.items():
        if function == forbidden and of_module in (None, module):
            found = f"{name}: {reason}"
    if name in BUILTINS:
        found = f"{name}: runs text as code"
    elif name == "torch.load" and not _is_constant(call, "weights_only", True):
        found = "torch.load without weights_only=True"
    elif name == "numpy.load" and any(each.arg in ("allow_pickle", None) for each in call.keywords):
        found = None if _is_constant(call, "allow_pickle", False) else "numpy.load with allow_pickle"
    elif name == "importlib.import_module" and not may_import and not isinstance(call.args[0], ast.Constant):
        found = "importlib.import_module of a name that is found at run time"
    elif any(each.arg == "shell" for each in call.keywords):
        found = f"{name} with shell"
    elif not may_trust and _is_constant(call, "trust_remote_code", True):
        found = f"{name} trusts remote code without being asked to"
    return found


def violations(source: str, may_import: bool = False, may_trust: bool = False) -> list[str]:
    """The forbidden things in the source of a module, each with its line.

    Args:
        may_import: Whether it may import a module whose name is found at run time.
        may_trust: Whether it may run the code of a folder.
    """
    tree = ast.parse(source)
    aliases: dict[str, str] = {}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {each.asname or each.name.partition(".")[0]: each.name for each in node.names if each.asname}
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            aliases |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
            names = [f"{node.module}.{each.name}" for each in node.names] if node.level == 0 else []
        else:
            continue
        found += [f"line {node.lineno}: imports {name}" for name in names if name.partition(".")[0] in PICKLES]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            what = _of_call(node, aliases, may_import, may_trust)
            found += [f"line {node.lineno}: {what}"] if what else []
    return found
