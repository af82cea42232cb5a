# Failures: what is told about an exception, with the frames of the user's code only.
LONGEST_MESSAGE = 8192
MOST_FRAMES = 60
OUT_OF_MEMORY = b'{"kind":"memory"}'


def failure_of(error, code):
    """The failure as a dict, the `kind` field as the worker's Rust side knows it."""
    if isinstance(error, NotJson):
        return {"kind": "not_json", "message": cut(str(error))}
    if isinstance(error, BadSyntax):
        message, line = error.args
        return {"kind": "syntax", "message": cut(message), "line": line}
    if isinstance(error, NoResult):
        return {"kind": "no_result"}
    frames, line = user_frames(error, code)
    name, message = type(error).__name__, message_of(error)
    last = "%s: %s" % (name, message) if message else name
    return {
        "kind": "raised",
        "exception": name,
        "message": message,
        "line": line,
        "traceback": cut(frames, 4 * LONGEST_MESSAGE) + last,
    }


def message_of(error):
    try:
        return cut(str(error))
    except BaseException:
        return "(its message cannot be made)"


def cut(text, longest=LONGEST_MESSAGE):
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= longest else text[:longest] + "..."


def user_frames(error, code):
    """The traceback's text without its last line, and the line of the innermost user frame."""
    import traceback

    own = [(f, l) for f, l in traceback.walk_tb(error.__traceback__) if is_user_file(f)]
    if not own:
        return "", None
    line = own[-1][1]
    if len(own) > MOST_FRAMES:
        own = own[: MOST_FRAMES // 2] + own[-MOST_FRAMES // 2 :]
    remember_lines(code)
    stack = traceback.StackSummary.extract(iter(own))
    return "Traceback (most recent call last):\n" + "".join(stack.format()), line


def is_user_file(frame):
    name = frame.f_code.co_filename
    return name == "<python>" or name.startswith("<transform ")


def remember_lines(code):
    """Lets the traceback quote the user's lines."""
    import linecache

    sources = [("<python>", code)]
    if code.startswith("["):
        try:
            parts = enumerate(json.loads(code), 1)
            sources += [("<transform %d>" % index, part) for index, part in parts]
        except (ValueError, TypeError):
            pass
    for name, text in sources:
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
