"""Small changes to the solutions, made automatically: what a check must not accept."""

import ast
import copy
import importlib
import inspect
import textwrap

SWAPPED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
}
"""An operator, and what takes its place."""


RENAMED = {"argmax": "argmin", "zeros_like": "ones_like", "zeros": "ones"}
RENAMED |= {"logaddexp": "maximum", "eye": "ones", "log": "log2", "sin": "cos", "exp": "expm1"}

RETURNED = {
    "twice": lambda value: ast.BinOp(ast.Constant(2), ast.Mult(), value),
    "half": lambda value: ast.BinOp(value, ast.Div(), ast.Constant(2)),
    "one more": lambda value: ast.BinOp(value, ast.Add(), ast.Constant(1)),
    "other sign": lambda value: ast.UnaryOp(ast.USub(), value),
    "nothing": lambda value: ast.Constant(None),
    "not": lambda value: ast.UnaryOp(ast.Not(), value),
}
"""What is returned in place of a value."""


def changes(node, names):
    """List functions that change a node of a syntax tree in place, with a word for each.

    Parameters
    ----------
    node : of the syntax tree of a function
    names : arguments of the function, of which one may be taken for another
    """
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPPED:
        yield "operator", lambda n: setattr(n, "op", SWAPPED[type(n.op)]())
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPPED:
        yield "comparison", lambda n: setattr(n, "ops", [SWAPPED[type(n.ops[0])]()])
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "constant + 1", lambda n: setattr(n, "value", n.value + 1)
        yield "constant - 1", lambda n: setattr(n, "value", n.value - 1)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", lambda n: setattr(n, "op", ast.UAdd())
    if isinstance(node, ast.BinOp):
        yield "left operand alone", lambda n: n.__dict__.update(op=ast.Add(), right=ast.Constant(0))
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Mult | ast.BitAnd):
        yield "sides exchanged", lambda n: n.__dict__.update(left=n.right, right=n.left)
    if isinstance(node, ast.Tuple | ast.List) and len(node.elts) > 1:
        yield "order", lambda n: setattr(n, "elts", [n.elts[1], n.elts[0], *n.elts[2:]])
    if isinstance(node, ast.Call) and len(node.args) == 1 and isinstance(node.func, ast.Name):
        yield "call left out", lambda n: n.__dict__.update(func=ast.Name("kept"))
    if isinstance(node, ast.Call) and len(node.args) > 1:
        yield "arguments", lambda n: setattr(n, "args", [n.args[1], n.args[0], *n.args[2:]])
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transpose", lambda n: setattr(n, "attr", "real")
    if isinstance(node, ast.Call) and getattr(node.func, "attr", None) in RENAMED:
        yield "another function", lambda n: setattr(n.func, "attr", RENAMED[n.func.attr])
    if isinstance(node, ast.Name) and node.id in names:
        other = names[(names.index(node.id) + 1) % len(names)]
        yield "another argument", lambda n: setattr(n, "id", other)
    if isinstance(node, ast.Return):
        for word, around in RETURNED.items():
            yield word, lambda n, around=around: setattr(n, "value", around(n.value))
    if isinstance(node, ast.For | ast.If | ast.FunctionDef):
        for at, statement in enumerate(node.body):
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.For | ast.If):
                yield (
                    f"statement {at} left out",
                    lambda n, at=at: n.body.__setitem__(at, ast.Pass()),
                )


def mutants(slug, name):
    """Yield what was changed, and the function, of every mutant of a solution."""
    module = importlib.import_module(f"solutions.{slug}")
    tree = ast.parse(textwrap.dedent(inspect.getsource(getattr(module, name))))
    body = tree.body[0].body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        del body[0]  # the docstring
    tree.body[0].returns = None
    for argument in tree.body[0].args.args:
        argument.annotation = None
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Name("object")
    short = len(body) == 1  # in longer ones a name often serves for its dtype or its keys only
    names = [argument.arg for argument in tree.body[0].args.args if short]
    for at, node in enumerate(ast.walk(tree)):
        for number, (word, _) in enumerate(changes(node, names)):
            changed = copy.deepcopy(tree)
            same = list(ast.walk(changed))[at]
            before = ast.unparse(same).splitlines()[0]
            list(changes(same, names))[number][1](same)
            if ast.unparse(changed) == ast.unparse(tree):
                continue
            scope = vars(module) | {"kept": lambda value, **_: value}
            source = ast.unparse(ast.fix_missing_locations(changed))
            exec(compile(source, f"<{name}>", "exec"), scope)
            yield f"{word}: {before}", scope[name]
