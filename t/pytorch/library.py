"""libbncl through ctypes. Structs, enums and functions are read from the public headers, so that
they cannot come apart from the library that those headers were installed with."""
import ctypes
import pathlib
import re

PLAIN = {
    "bool": ctypes.c_bool,
    "char": ctypes.c_char,
    "double": ctypes.c_double,
    "float": ctypes.c_float,
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "size_t": ctypes.c_size_t,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
}

ENUM = re.compile(r"typedef enum (\w+) \{(.*?)\} \1;", re.S)
STRUCT = re.compile(r"typedef struct (\w+) \{(.*?)\} \1;", re.S)
ALIAS = re.compile(r"typedef (int) (\w+);")
NUMBER = re.compile(r"#define (BNCL_\w+) (\d+)$", re.M)
FIELDS = re.compile(r"(?:const )?(\w+) (.+)")  # of one type
FIELD = re.compile(r"((?:\*(?:const )?)*)(\w+)(?:\[(\w+)\])?")
FUNCTION = re.compile(r"BNCL_API ((?:const )?\w+ \*?)\s*(\w+)\(([^)]*)\);")


class Refused(Exception):
    """A call that did not return BNCL_OK: its status, as the enum spells it, and its text."""

    def __init__(self, status, text):
        super().__init__("%s: %s" % (status, text))
        self.status = status
        self.text = text


class Library:
    """The library's calls. `constants` has every enumerator and number of the headers, `structs`
    every struct as a ctypes class."""

    def __init__(self, path, headers):
        self._library = ctypes.CDLL(str(path))
        self.constants = {}
        self.structs = {}
        self.types = dict(PLAIN)
        text = "\n".join(
            header.read_text(encoding="utf-8")
            for header in sorted(pathlib.Path(headers, "bncl").glob("*.h"))
            if header.name != "opencl.h"  # which no other includes
        )
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        self._read_numbers(text)
        self._read_structs(text)
        self._read_functions(text)

    def _read_numbers(self, text):
        self.constants.update((name, int(value)) for name, value in NUMBER.findall(text))
        for name, body in ENUM.findall(text):
            self.types[name] = ctypes.c_int
            value = -1
            for item in filter(None, (part.strip() for part in body.split(","))):
                word, _, given = (part.strip() for part in item.partition("="))
                value = int(given) if given else value + 1
                self.constants[word] = value
        for target, name in ALIAS.findall(text):
            self.types[name] = self.types[target]
        self.statuses = {
            value: name
            for name, value in self.constants.items()
            if name == "BNCL_OK" or name.startswith("BNCL_ERROR_") and "SIZE" not in name
        }

    def _read_structs(self, text):
        """Headers are read by name, not in the order of their includes: what a struct holds may
        come later, so that those which can be made are made until all are."""
        waiting = dict(STRUCT.findall(text))
        while waiting:
            ready = [name for name in waiting if self._fields(waiting[name]) is not None]
            if not ready:
                raise RuntimeError("structs of unknown fields: %s" % ", ".join(waiting))
            for name in ready:
                fields = self._fields(waiting.pop(name))
                made = type(name, (ctypes.Structure,), {"_fields_": fields})
                self.structs[name] = self.types[name] = made

    def _fields(self, body):
        fields = []
        for line in filter(None, (" ".join(part.split()) for part in body.split(";"))):
            match = FIELDS.fullmatch(line)
            for declared in match.group(2).split(",") if match else [""]:
                field = FIELD.fullmatch(declared.strip())
                if field is None:
                    raise RuntimeError("a field that is not understood: %s" % line)
                stars, name, length = field.groups()
                made = ctypes.c_void_p if stars else self.types.get(match.group(1))
                if made is None:
                    return None
                if length:
                    made = made * (self.constants.get(length) or int(length))
                fields.append((name, made))
        return fields

    def _read_functions(self, text):
        self.functions = {}
        for result, name, arguments in FUNCTION.findall(text):
            function = getattr(self._library, name)
            if result.strip() == "const char *":
                function.restype = ctypes.c_char_p
            else:
                word = result.strip()
                function.restype = None if word == "void" else self.types[word]
            kinds = [] if arguments.strip() == "void" else arguments.split(",")
            function.argtypes = [self._argument(kind) for kind in kinds]
            self.functions[name] = (function, result.strip() == "bncl_status")

    def _argument(self, text):
        if "*" in text or "[" in text:
            return ctypes.c_void_p
        return self.types[text.split()[-2]]

    def has(self, name):
        return name in self.functions

    def new(self, struct, **fields):
        return self.structs[struct](**fields)

    def call(self, name, *arguments):
        """Calls a function of the headers. One that gives a status takes a bncl_error last, which
        is not passed here: anything but BNCL_OK raises Refused."""
        function, gives_status = self.functions[name]
        if not gives_status:
            return function(*arguments)
        error = self.new("bncl_error")
        status = function(*arguments, ctypes.byref(error))
        if status != self.constants["BNCL_OK"]:
            raise Refused(self.statuses[status], error.text.decode())
        return None
