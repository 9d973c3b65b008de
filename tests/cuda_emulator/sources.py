"""Kernels in a preprocessed source text: their names, and launchers for them to be appended."""

import re

# What device.h makes of __global__.
MARK = r"__attribute__\s*\(\(__used__\)\)"
KERNEL = re.compile(rf"(?:{MARK}\s*void|void\s*{MARK})\s+(\w+)\s*\(")
TEMPLATE = re.compile(r"template\s*<[^;{}]*>\s*(?:static\s+|inline\s+)*$")

LAUNCHER = """
extern "C" __attribute__((visibility("default"))) void emulator_launch_{name}(void **arguments) {{
    emulator::invoke({name}, arguments);
}}
extern "C" __attribute__((visibility("default")))
int emulator_describe_{name}(emulator::Parameter *parameters) {{
    return emulator::describe({name}, parameters);
}}
"""


def kernels(preprocessed):
    """{name: names of its parameters}."""
    text = re.sub(r"^#.*$", "", preprocessed, flags=re.MULTILINE)
    return {
        match[1]: parameter_names(text[match.end() :])
        for match in KERNEL.finditer(text)
        if not TEMPLATE.search(text[: match.start()][-500:])
    }


def parameter_names(text):
    """Of a list whose opening parenthesis has been read."""
    depth, parts = 0, [""]
    for character in text:
        if character in "([{<":
            depth += 1
        elif character in ")]}>":
            depth -= 1
        if depth < 0:
            break
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    words = (re.findall(r"\w+", re.sub(r"\[.*?\]", "", part)) for part in parts)
    return [found[-1] for found in words if found]


def launchers(names):
    return '\n# 1 "launchers of the emulator"\n' + "".join(
        LAUNCHER.format(name=name) for name in names
    )
