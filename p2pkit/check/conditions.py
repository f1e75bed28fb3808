"""Conditions: what should hold, in the words of whoever wrote it.

A check is given a function, often a lambda. When it does not hold, its source is looked up, and its
parts are looked at once more: both sides of a comparison, the first part of an `and` that is wrong,
those for whom an `all(…)` is not true, or a `not any(…)`.

    check.always(net, lambda net: sum(node.coins for node in net) == 100)

says "sum(node.coins for node in net) is 97". This works in notebooks, too; where there is no
source, as at the prompt of Python, there is no explanation.
"""

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from types import CodeType
from typing import Any, NamedTuple

from p2pkit.check.words import listed, shown
from p2pkit.errors import shortened
from p2pkit.protocol import Protocol

Names = dict[str, Any]


class Source(NamedTuple):
    """How a function was written: the text of its file, and the one expression that it returns, or
    None if it does more than that."""

    file: str
    returned: ast.expr | None


class Condition:
    """A function that tells whether something holds, and its words.

    Raises TypeError for what is no function.
    """

    def __init__(self, function: Callable[[Any], object]) -> None:
        if not callable(function):
            raise TypeError(
                "a check takes a function, which it calls again and again, and was given "
                f"{function!r:.80}: write lambda net: … around the condition, or each=lambda node: …"
            )
        self.function = function

    def holds(self, what: Any) -> bool:
        """Tell whether it is true of a network, or of a node."""
        try:
            return bool(self.function(what))
        except AttributeError as error:
            if error.obj is what and not isinstance(what, Protocol):
                error.add_note("it was given the whole network: for each node, each=lambda node: …")
            raise

    @cached_property
    def text(self) -> str:
        """What it says, in one line: the text of a lambda, the name of another function."""
        name = getattr(self.function, "__name__", repr(self.function))
        if name != "<lambda>":
            return str(name)
        if self._source is None or self._source.returned is None:
            return "the condition"
        return shortened(self._words(self._source.returned), 200)

    def why(self, what: Any) -> list[str]:
        """Return lines that say why it is not true: the values of its parts, as they are now."""
        if self._source is None or self._source.returned is None:
            return []
        try:
            bound = inspect.signature(self.function).bind(what)
            bound.apply_defaults()
            closure = inspect.getclosurevars(self.function).nonlocals
            names = {**self.function.__globals__, **closure, **bound.arguments}
            return list(self._because(self._source.returned, names))
        except Exception:  # a student's code, run once more: an explanation is no place to fail
            return []

    @cached_property
    def _source(self) -> "Source | None":
        return source_of(self.function)

    def _words(self, part: ast.expr) -> str:
        assert self._source is not None
        return " ".join((ast.get_source_segment(self._source.file, part) or "").split())

    def _because(self, part: ast.expr, names: Names) -> Iterator[str]:
        """Yield why an expression is not true."""
        match part:
            case ast.BoolOp(op=ast.And(), values=values):
                wrong = next(value for value in values if not _value(value, names))
                yield f"not true: {self._words(wrong)}"
                yield from self._because(wrong, names)
            case ast.Call(func=ast.Name("all"), args=[ast.GeneratorExp() | ast.ListComp() as each]):
                wrong = ast.UnaryOp(ast.Not(), each.elt)
                yield from self._exceptions("not true", wrong, each, names)
            case ast.UnaryOp(
                op=ast.Not(),
                operand=ast.Call(
                    func=ast.Name("any"), args=[ast.GeneratorExp() | ast.ListComp() as each]
                ),
            ):
                yield from self._exceptions("true", each.elt, each, names)
            case ast.Compare(left=left, comparators=others):
                for side in filter(_varies, [left, *others]):
                    yield f"{self._words(side)} is {shown(_value(side, names))}"
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield f"{self._words(operand)} is {shown(_value(operand, names))}"
            case _ if not isinstance(value := _value(part, names), bool):
                yield f"{self._words(part)} is {shown(value)}"

    def _exceptions(
        self, say: str, wrong: ast.expr, each: ast.GeneratorExp | ast.ListComp, names: Names
    ) -> Iterator[str]:
        """Yield for whom something is wrong, and why for the first of them."""
        *outer, loop = each.generators
        target = ast.parse(ast.unparse(loop.target), mode="eval").body
        loop = ast.comprehension(loop.target, loop.iter, [*loop.ifs, wrong], loop.is_async)
        exceptions = _value(ast.ListComp(target, [*outer, loop]), names)
        yield f"{say} for {listed(map(shown, exceptions))}"
        if isinstance(target, ast.Name) and not outer:
            first = exceptions[0]
            for line in self._because(each.elt, {**names, target.id: first}):
                yield f"{shown(first, 30)}: {line}"


def _value(part: ast.expr, names: Names) -> Any:
    whole = ast.fix_missing_locations(ast.Expression(part))
    return eval(compile(whole, "<condition>", "eval"), dict(names))


def _varies(part: ast.expr) -> bool:
    """Tell whether a part refers to anything, so that its value is news."""
    called = {id(node.func) for node in ast.walk(part) if isinstance(node, ast.Call)}
    return any(isinstance(node, ast.Name) and id(node) not in called for node in ast.walk(part))


def source_of(function: Callable[..., object]) -> Source | None:
    """Find out how a function was written; None where nobody knows."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, CodeType):
        return None
    try:
        file = "".join(inspect.findsource(code)[0])
        tree = ast.parse(file)
    except (OSError, SyntaxError):
        return None
    definitions: list[Any] = [node for node in ast.walk(tree) if _is_of(node, code)]
    if not definitions:
        return None
    innermost = max(definitions, key=lambda node: (node.lineno, node.col_offset))
    return Source(file, _returned(innermost))


def _is_of(node: ast.AST, code: CodeType) -> bool:
    """Tell whether a piece of code may have been made from a definition: it lies inside of it."""
    if not isinstance(node, ast.Lambda | ast.FunctionDef):
        return False
    begin, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    spots = [
        ((line, column), (last, past))
        for line, last, column, past in code.co_positions()
        if None not in (line, last, column, past) and (line, column) < (last, past)
    ]
    return bool(spots) and all(begin <= start and stop <= end for start, stop in spots)


def _returned(definition: ast.Lambda | ast.FunctionDef) -> ast.expr | None:
    if isinstance(definition, ast.Lambda):
        return definition.body
    match definition.body:
        case [ast.Return(value=value)] | [ast.Expr(value=ast.Constant()), ast.Return(value=value)]:
            return value
    return None
