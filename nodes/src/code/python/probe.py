# Tells, as one line of JSON, which interpreter this is and which paths it lives from.
import json
import os
import sys

lacking = []
for name in ("ctypes", "fcntl"):
    try:
        __import__(name)
    except ImportError:
        lacking.append(name)

paths = [entry for entry in sys.path if os.path.isabs(entry)]
for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix):
    paths += [os.path.join(prefix, part) for part in ("lib", "lib64", "pyvenv.cfg")]
paths.append(os.path.join(os.path.dirname(sys.executable), "pyvenv.cfg"))
try:
    with open("/proc/self/maps") as maps:
        mapped = {line.split(None, 5)[5].strip() for line in maps if line.count("/") > 1}
    paths += [name for name in mapped if name.startswith("/") and ".so" in name]
except OSError:
    pass

real = {os.path.realpath(path) for path in paths if os.path.exists(path)} - {"/"}
readable = []
for path in sorted(real):
    if not any(path.startswith(above + "/") for above in readable):
        readable.append(path)
print(
    json.dumps(
        {
            "executable": sys.executable,
            "version": list(sys.version_info[:2]),
            "readable": readable,
            "lacking": lacking,
        }
    )
)
