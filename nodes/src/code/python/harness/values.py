# Values: JSON with {"$bytes": ...} and {"$array": ...} to Python objects and back.
import array
import binascii
import json
import sys


class NotJson(Exception):
    """A value that has no JSON form; the message names its place."""


ARRAY_CODES = {}  # "f64", "i32", ... -> type code of the array module
for _code in "bBhHiIqQlLfd":
    _kind = "f" if _code in "fd" else "i" if _code.islower() else "u"
    ARRAY_CODES.setdefault(_kind + str(array.array(_code).itemsize * 8), _code)


def numpy_if_there():
    try:
        import numpy
    except ImportError:
        return None
    return numpy


def decode(raw):
    """The inputs of a call: the names and values of one JSON object."""
    hook = revive if b'"$' in raw else None
    try:
        inputs = json.loads(raw.decode("utf-8"), object_hook=hook)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotJson("inputs: %s" % error) from None
    if type(inputs) is not dict:
        raise NotJson("inputs: not a JSON object")
    return inputs


def revive(pairs):
    if len(pairs) != 1:
        return pairs
    if "$bytes" in pairs:
        return binascii.a2b_base64(pairs["$bytes"])
    if "$array" in pairs:
        return revive_array(**pairs["$array"])
    return pairs


def revive_array(dtype, data):
    if dtype not in ARRAY_CODES:
        raise ValueError("unknown array dtype %r" % (dtype,))
    raw = binascii.a2b_base64(data)
    numpy = numpy_if_there()
    if numpy is not None:
        little = "<%s%d" % (dtype[0], int(dtype[1:]) // 8)
        return numpy.frombuffer(bytearray(raw), dtype=little)
    values = array.array(ARRAY_CODES[dtype])
    values.frombytes(raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def base64_of(raw):
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def plain(value):
    """What JSON cannot hold by itself, one step closer to JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"$bytes": base64_of(value)}
    if isinstance(value, (set, frozenset)):
        try:
            return sorted(value)
        except Exception:
            return list(value)
    if isinstance(value, array.array):
        return plain_array(value)
    modules = sys.modules
    known = modules.get("datetime")
    if known and isinstance(value, (known.date, known.time)):
        return None if type(value).__name__ == "NaTType" else value.isoformat()
    known = modules.get("decimal")
    if known and isinstance(value, known.Decimal):
        return float(value)
    known = modules.get("numpy")
    if known and isinstance(value, known.ndarray):
        return plain_ndarray(value)
    if known and isinstance(value, known.generic):
        return plain_scalar(value)
    known = modules.get("pandas")
    if known and isinstance(value, known.DataFrame):
        return value.to_dict("records")
    if known and isinstance(value, (known.Series, known.Index)):
        return value.tolist()
    raise TypeError("of type %s, which cannot be returned" % type(value).__name__)


def plain_array(value):
    name = ("f" if value.typecode in "fd" else "i" if value.typecode.islower() else "u")
    name += str(value.itemsize * 8)
    if value.typecode in "uw" or name not in ARRAY_CODES:
        return value.tolist()
    if sys.byteorder == "big":
        value = value[:]
        value.byteswap()
    return {"$array": {"dtype": name, "data": base64_of(value.tobytes())}}


def plain_ndarray(value):
    name = value.dtype.kind + str(value.dtype.itemsize * 8)
    if value.ndim != 1 or name not in ARRAY_CODES:
        return value.tolist()
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return {"$array": {"dtype": name, "data": base64_of(little.tobytes())}}


def plain_scalar(value):
    inner = value.item()
    if type(inner) is type(value):  # such as a long double, which has no exact Python number
        return float(value)
    return inner


_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=plain
).encode


def encode(value):
    """The value as UTF-8 JSON; NotJson names the place of what does not fit."""
    try:
        return _encode(value).encode("utf-8")
    except MemoryError:
        raise
    except Exception as error:
        raise NotJson(misfit(value, "result", ()) or "result: %s" % error) from None


def misfit(value, place, above):
    """Why `value` is not JSON, or None; `above` holds the ids of the containers around it."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return "%s holds half a surrogate pair, which is not text" % place
        return None
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return "%s is %r, which JSON cannot hold" % (place, float(value))
        return None
    if isinstance(value, int):
        try:
            int.__repr__(value)
        except ValueError:
            return "%s is an integer of too many digits" % place
        return None
    if id(value) in above:
        return "%s contains itself" % place
    if len(above) >= 200:
        return "%s is nested too deeply" % place[:80]
    above = above + (id(value),)
    if isinstance(value, dict):
        for key, item in value.items():
            if not (key is None or isinstance(key, (str, int, float))):
                return "%s has a key of type %s" % (place, type(key).__name__)
            found = misfit(key, "a key of " + place, above)
            found = found or misfit(item, "%s[%r]" % (place, key), above)
            if found:
                return found
        return None
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            found = misfit(item, "%s[%d]" % (place, index), above)
            if found:
                return found
        return None
    try:
        closer = plain(value)
    except Exception as error:
        return "%s is %s" % (place, error)
    return misfit(closer, place, above)
