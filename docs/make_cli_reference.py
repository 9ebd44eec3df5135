"""Write docs/reference/cli.md from the command line itself.

python docs/make_cli_reference.py
"""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from typer.main import get_command
from typer.models import ArgumentInfo

from softlight.apps.cli import app

PAGE = Path(__file__).parent / "reference" / "cli.md"
HEADER = """\
# The command line

Made by `python docs/make_cli_reference.py`; the tests compare it with the program.

`softlight VERB --help` shows the same. A path may be relative. Results go to standard output,
progress and remarks to standard error. The exit code is 0 only if everything succeeded, 1 if
something failed (its reason is one sentence on standard error) and 2 if the command itself is
wrong. `SOFTLIGHT_DEBUG=1` in the environment shows the traceback as well.
"""
PROGRAM: Any = get_command(app)
UNITS = {"px": "pixels", "um": "µm", "min": "min", "minutes": "min"}
KINDS = {Path: "path", int: "whole number", float: "number", str: "text", bool: "switch"}
ASSIGNMENT = "KEY=VALUE"


def page() -> str:
    """The whole page: one section a verb, one row a flag."""
    return "\n".join([HEADER, *(_section(run) for run in _verbs())])


def _verbs() -> Iterator[Callable[..., None]]:
    for command in app.registered_commands:
        assert command.callback is not None
        yield command.callback


def _section(run: Callable[..., None]) -> str:
    options = {o.name: [*o.opts, *o.secondary_opts] for o in PROGRAM.commands[run.__name__].params}
    rows = [_row(*parameter, flags=options[parameter[0]]) for parameter in _parameters(run)]
    usage = ["softlight", run.__name__]
    for shown, _, default, _ in rows:
        if not shown.startswith("`-"):
            usage.append(shown.strip("`") if default == "required" else f"[{shown.strip('`')}]")
    lines = [f"## {run.__name__}", "", inspect.getdoc(run) or "", "", f"    {' '.join(usage)}"]
    lines[-1] += " [OPTIONS]" if rows else ""
    if rows:
        lines += ["", "| | value | default | meaning |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, ""])


def _parameters(run: Callable[..., None]) -> Iterator[tuple[str, Any, Any, Any]]:
    """The name, type, typer's own description and default of each parameter."""
    hints = get_type_hints(run, include_extras=True)
    for name, parameter in inspect.signature(run).parameters.items():
        if get_origin(hints[name]) is not Annotated:  # the context is typer's own
            continue
        kind, info = get_args(hints[name])[:2]
        missing = parameter.default in (inspect.Parameter.empty, ...)
        yield name, kind, info, ... if missing else parameter.default


def _row(
    name: str, kind: Any, info: Any, default: Any, flags: list[str]
) -> tuple[str, str, str, str]:
    kind, many = _plain(kind)
    if isinstance(info, ArgumentInfo):
        shown = f"`{name.upper()}{'…' if many else ''}`"
    else:
        shown = ", ".join(f"`{flag}`" for flag in flags)
    return shown, _value(name, kind, info), _default(kind, default), _escaped(info.help or "")


def _plain(kind: Any) -> tuple[Any, bool]:
    """The type without None and without its list, and whether there was a list."""
    if get_origin(kind) in (Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    if get_origin(kind) is list:
        return get_args(kind)[0], True
    return kind, False


def _value(name: str, kind: Any, info: Any) -> str:
    if info.metavar:
        return f"`{info.metavar}`, repeatable" if info.metavar == ASSIGNMENT else info.metavar
    if get_origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    unit = UNITS.get(name.rpartition("_")[2])
    return f"{KINDS[kind]}, {unit}" if unit else KINDS[kind]


def _default(kind: Any, default: Any) -> str:
    if default is ...:
        return "required"
    if kind is bool:
        return "on" if default else "off"
    return "–" if default in (None, "") else f"`{default}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
