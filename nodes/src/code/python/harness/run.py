# Running: user code in fresh globals, by mode, with a cache of compiled sources.
import _ast
import builtins
import contextvars
import sys

EXEC, ASYNC_EXEC, TRANSFORM = 0, 1, 2
CO_COROUTINE = 0x80
CACHE_SIZE = 256
FUNCTION = type(lambda: None)
MODULE = type(sys)
RECURSION_LIMIT = sys.getrecursionlimit()

CACHE = {}  # (mode, file name, source) -> what was compiled, the oldest use first


class BadSyntax(Exception):
    """Source that does not compile: (message, line)."""


class NoResult(Exception):
    """Code that ended without setting `result`."""


def cached(mode, name, source, build):
    key = (mode, name, source)
    made = CACHE.pop(key, None)
    if made is None:
        try:
            made = build(source, name)
        except SyntaxError as error:
            raise BadSyntax(str(error.msg), error.lineno) from None
        except (ValueError, OverflowError, RecursionError) as error:
            raise BadSyntax(str(error), None) from None
        if len(CACHE) >= CACHE_SIZE:
            del CACHE[next(iter(CACHE))]
    CACHE[key] = made
    return made


def build_exec(source, name):
    return compile(source, name, "exec", 0, True)


def build_async(source, name):
    return compile(source, name, "exec", _ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)


def build_transform(source, name):
    """(kind, code, name of the function or None) of one source of a transform."""
    body = source.lstrip()
    lines_before = source[: len(source) - len(body)].count("\n")
    text = "\n" * lines_before + body.rstrip()
    try:
        return ("value", compile(text, name, "eval", 0, True), None)
    except SyntaxError:
        pass
    tree = compile(source, name, "exec", _ast.PyCF_ONLY_AST, True)
    code = compile(source, name, "exec", 0, True)
    if len(tree.body) == 1 and isinstance(tree.body[0], _ast.FunctionDef):
        return ("function", code, tree.body[0].name)
    return ("statements", code, None)


def globals_of(inputs):
    """Fresh globals with the inputs as names, living in a fresh `__main__` module."""
    module = MODULE("__main__")
    names = module.__dict__
    names.update(inputs)
    names["__name__"] = "__main__"
    names["__builtins__"] = builtins
    sys.modules["__main__"] = module
    return names


def run_exec(source, inputs):
    code = cached(EXEC, "<python>", source, build_exec)
    names = globals_of(inputs)
    exec(code, names)
    return result_of(names)


def run_async(source, inputs):
    code = cached(ASYNC_EXEC, "<python>", source, build_async)
    names = globals_of(inputs)
    started = eval(code, names)
    if code.co_flags & CO_COROUTINE:
        import asyncio

        asyncio.run(started)
    return result_of(names)


def result_of(names):
    if "result" not in names:
        raise NoResult
    return names["result"]


def run_transform(sources, inputs):
    value = inputs.get("data")
    try:
        sources = json.loads(sources)
    except ValueError:
        sources = None
    if type(sources) is not list or not all(type(source) is str for source in sources):
        raise BadSyntax("the code of a transform is not a JSON list of sources", None)
    for index, source in enumerate(sources, 1):
        value = transform(source, "<transform %d>" % index, dict(inputs, data=value, x=value), value)
    return value


def transform(source, name, inputs, value):
    kind, code, function = cached(TRANSFORM, name, source, build_transform)
    names = globals_of(inputs)
    if kind == "statements":
        # Reading `result` gives the value so far; only setting it makes a result.
        names["__builtins__"] = dict(builtins.__dict__, result=value)
        exec(code, names)
        return result_of(names)
    if kind == "function":
        exec(code, names)
        made = names[function]
    else:
        made = eval(code, names)
    return apply(made, value) if callable(made) else made


def apply(function, value):
    if isinstance(value, list) and isinstance(function, FUNCTION):
        shape = function.__code__
        if shape.co_argcount == 1 and not shape.co_flags & 0x04:  # no *args
            return [function(item) for item in value]
    return function(value)


RUNNERS = {EXEC: run_exec, ASYNC_EXEC: run_async, TRANSFORM: run_transform}
CONTEXT = contextvars.copy_context()


def run(mode, code, raw_inputs):
    """Runs one call and gives its value as JSON; whatever the code raises comes out."""
    inputs = decode(raw_inputs)
    own = sys.modules["__main__"]
    sys.setrecursionlimit(RECURSION_LIMIT)
    try:
        return CONTEXT.copy().run(run_and_encode, mode, code, inputs)
    finally:
        used, sys.modules["__main__"] = sys.modules.get("__main__"), own
        if used is not own and type(used) is MODULE:
            used.__dict__.clear()


def run_and_encode(mode, code, inputs):
    return encode(RUNNERS[mode](code, inputs))
