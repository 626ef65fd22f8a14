"""How near is a check to failing? Writes down both sides of every comparison.

A check on a trained robot hangs on chance: another processor, another number of
threads or another version rounds differently, and the game enlarges that until it is
another robot. `make test-seeds` (benchmarks/variants.py) therefore runs such checks
under many variants, and this module notes by how much each comparison held. It rewrites
`assert a > b` into `assert compare("a > b", ">", a, b)`, in tests as in notebooks.

It reads three environment variables, which `tests/benchmarks/variants.py` sets:

    MARGINS_FILE    where the notes go, one line of JSON for each comparison
    MARGINS_SEED    added to every seed that is set with `keras.utils.set_random_seed`
    MARGINS_BROKEN  robots learn nothing, and a comparison that fails stops nobody
"""

import ast
import inspect
import json
import math
import operator
import os
import textwrap
import types

listens = True  # but not while a test runs that hangs on no trained robot
ORDER = {"Lt": operator.lt, "LtE": operator.le, "Gt": operator.gt, "GtE": operator.ge}


def broken():
    """Whether the robots are to learn nothing."""
    return bool(os.environ.get("MARGINS_BROKEN"))


def compare(text, names, *values):
    """What the comparison of `values` gives; and notes how far it is from failing."""
    holds = True
    for name, left, right in zip(names, values, values[1:], strict=False):
        holds = holds and (left == right if name == "Eq" else ORDER[name](left, right))
        note(text, name, left, right)
    return True if broken() else holds


def note(text, name, left, right):
    """Writes one comparison down, if it is one of single numbers."""
    try:
        if name == "Eq":  # left == pytest.approx(right)
            left, right = right.tolerance, abs(left - right.expected)
        elif name.startswith("L"):
            left, right = right, left
        slack = float(left) - float(right)
    except (AttributeError, TypeError, ValueError):
        return
    where = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    row = {"where": where, "text": text, "slack": slack}
    if listens and math.isfinite(slack):
        with open(os.environ["MARGINS_FILE"], "a") as notes:
            notes.write(json.dumps(row) + "\n")


class Comparisons(ast.NodeTransformer):
    """Turns the comparisons inside a condition into calls of `compare`."""

    def visit_Compare(self, node):
        names = [type(op).__name__ for op in node.ops]
        approx = names == ["Eq"] and "approx(" in ast.unparse(node.comparators)
        if not (approx or all(name in ORDER for name in names)):
            return node
        words = ast.Constant(ast.unparse(node)), ast.Constant(tuple(names))
        call = ast.Name("__compare__", ast.Load())
        return ast.Call(call, [*words, node.left, *node.comparators], [])


class Checks(ast.NodeTransformer):
    """Finds the conditions: those of `assert`, and of `checks.check(condition, …)`."""

    def visit_Assert(self, node):
        node.test = Comparisons().visit(node.test)
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if ast.unparse(node.func) in ("check", "checks.check"):
            node.args[0] = Comparisons().visit(node.args[0])
        return node

    def visit(self, node):
        node = super().visit(node)
        return ast.fix_missing_locations(node) if isinstance(node, ast.Module) else node


def rewritten(function):
    """The same function, whose comparisons are noted."""
    source, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(source)))
    ast.increment_lineno(tree, first - 1)  # a failure names the right line
    tree.body[0].decorator_list = []
    space = function.__globals__
    space["__compare__"] = compare
    code = compile(Checks().visit(tree), inspect.getsourcefile(function), "exec")
    (body,) = (x for x in code.co_consts if isinstance(x, types.CodeType))
    return types.FunctionType(body, space, function.__name__, function.__defaults__)


def start():
    """Shifts the seeds, or breaks the robots, as the environment says."""
    import mnistgan  # noqa: F401, before TensorFlow
    from mnistgan import checks
    from mnistgan.engine.machine import load_tensorflow

    keras = load_tensorflow().keras
    set_seed, shift = keras.utils.set_random_seed, int(os.environ["MARGINS_SEED"])
    keras.utils.set_random_seed = lambda seed: set_seed((seed + shift) % 2**31)
    checks.draws_digits.__code__ = rewritten(checks.draws_digits).__code__
    if broken():
        keras.optimizers.Optimizer.apply = learn_nothing


def learn_nothing(self, gradients, variables=None):
    """In the place of `Optimizer.apply`: counts the step, and changes nothing."""
    if not self.built:
        self.build(variables)
    self.iterations.assign_add(1)


def start_notebook(shell):
    """The same in a kernel; see the file that `variants.py` writes for it."""
    shell.ast_transformers.append(Checks())
    shell.user_ns_hidden["__compare__"] = shell.user_ns["__compare__"] = compare
    start()
