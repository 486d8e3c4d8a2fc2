"""A chat template is Jinja text that came with a tokenizer: rendered in a sandbox, by a clock that stands still.

It sees what `transformers` lets it see, and nothing else: an immutable sandbox, the special tokens, and the messages.
Whatever goes wrong in it becomes one sentence that names where the template stands. A base model has none and gets a
plain one.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from secondthought.config.play import PINNED_DATE
from secondthought.errors import PolicyError
from secondthought.tools.wrapping import wrapped

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message.role | capitalize }}: {{ message.content }}"
    "{% if message.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}Assistant:{% endif %}"
)
"""Template of base models that have none: `User: ...`, blank line, `Assistant:`; the eos token ends a turn."""

FILE = "chat_template.jinja"
FOLDER = "additional_chat_templates"
CONFIG = "tokenizer_config.json"
_PROBE = "variable7f3v"
REMEDY = "mend it, or give another one with model.chat_template"


class Template:
    """A `Template` renders messages as its tokenizer's chat template writes them, today as tomorrow."""

    def __init__(
        self, tokenizer: Any, *, date: datetime.date = PINNED_DATE, options: Mapping[str, Any] | None = None
    ) -> None:
        """Compile the template.

        Args:
            tokenizer: has the template, and special tokens that it may name.
            date: what the template's clock shows, at midnight.
            options: variables that the template knows, such as Qwen3's `enable_thinking`.

        Raises:
            PolicyError: there are several templates and none is the default one, or it is not Jinja.
        """
        self.place = place_of(tokenizer)
        text = _chosen(tokenizer.chat_template, self.place)
        self.is_plain = text is None
        self.text = PLAIN_TEMPLATE if text is None else text
        self.settings = (*((str(date),) if date != PINNED_DATE else ()), *sorted((options or {}).items()))
        """What of the template's surroundings is not as usual: prompts differ where this does."""
        self.date = date
        self._given = {**tokenizer.special_tokens_map, "date_string": date.strftime("%d %b %Y"), **(options or {})}
        clock = datetime.datetime.combine(date, datetime.time())
        try:
            self._compiled = _environment(clock).from_string(self.text)
        except jinja2.TemplateSyntaxError as error:
            raise PolicyError(
                f"{self.place}: the chat template does not parse, line {error.lineno}: {error.message}; {REMEDY}"
            ) from None

    def render(
        self, messages: Sequence[Mapping[str, str]], *, header: bool, tools: Sequence[Mapping[str, Any]] = ()
    ) -> str:
        """Return the text of a conversation; `header` asks for what the next answer follows.

        `tools` are functions that may be called, as JSON schemas.

        Raises:
            PolicyError: the template refuses these messages, or fails.
        """
        return self._render(messages, header, {"tools": [wrapped(tool) for tool in tools]} if tools else {})

    @property
    def asks_for_the_date(self) -> bool:
        """Return whether the template names a clock."""
        return "date_string" in self.text or "strftime_now" in self.text

    def writes(self, name: str) -> bool:
        """Tell whether answers hold a variable of this name, whether or not it is given."""
        turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "?"}]
        return _PROBE in self._render(turns, False, {name: _PROBE})

    def _render(self, messages: Sequence[Mapping[str, str]], header: bool, more: Mapping[str, Any]) -> str:
        if not messages:
            raise PolicyError("a conversation without a message has no prompt; give the problem one message or more")
        try:
            return self._compiled.render(
                messages=[dict(message) for message in messages],
                documents=None,
                add_generation_prompt=header,
                **{"tools": None, **self._given, **more},
            )
        except Exception as error:  # whatever a template does wrong, it is the template's
            roles = ", ".join(str(message["role"]) for message in messages)
            said = str(error).strip() or type(error).__name__
            raise PolicyError(
                f"{self.place}: the chat template refuses a conversation of {roles}: {said}; write the task's messages "
                f"in roles that it takes (a system message can open the user's), or {REMEDY}"
            ) from None


def place_of(tokenizer: Any) -> str:
    """Name where a tokenizer's template stands: a file, or the field of one."""
    directory = Path(str(getattr(tokenizer, "name_or_path", "") or "."))
    if isinstance(tokenizer.chat_template, dict) and (directory / FOLDER).is_dir():
        return str(directory / FOLDER)
    if (directory / FILE).is_file():
        return str(directory / FILE)
    return f"{directory / CONFIG if (directory / CONFIG).is_file() else CONFIG}, field 'chat_template'"


def choose(tokenizer: Any, wanted: str | None) -> None:
    """Give the tokenizer the template that `model.chat_template` names: a Jinja file, or one of its own by name.

    Raises:
        PolicyError: there is neither such a file nor a template of this name.
    """
    if wanted is None:
        return
    own = tokenizer.chat_template if isinstance(tokenizer.chat_template, dict) else {}
    if wanted in own:
        tokenizer.chat_template = own[wanted]
        return
    try:
        tokenizer.chat_template = Path(wanted).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError):
        names = f"; the tokenizer's own are {', '.join(own)}" if own else ""
        raise PolicyError(f"model.chat_template: {wanted!r} is no file of a Jinja template in UTF-8{names}") from None


def _chosen(templates: Any, place: str) -> str | None:
    """Return the one template, or of several the one called `default`."""
    if not isinstance(templates, dict):
        return str(templates) if templates else None
    if "default" not in templates:
        names = ", ".join(map(repr, templates))
        raise PolicyError(
            f"{place}: holds several chat templates ({names}) and none is called 'default'; name one of them with "
            "model.chat_template"
        )
    return str(templates["default"])


class _Generation(Extension):
    """`{% generation %}` marks what the assistant said; here it writes its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 reads it from the class

    def parse(self, parser: Any) -> Any:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def _environment(clock: datetime.datetime) -> ImmutableSandboxedEnvironment:
    """Return the sandbox in which `transformers` renders templates, without chance and with a clock that stands."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    made.filters["tojson"] = _tojson
    made.filters["random"] = _by_chance
    made.globals["lipsum"] = _by_chance
    made.globals["raise_exception"] = _raise
    made.globals["strftime_now"] = _stands_at(clock)
    return made


def _stands_at(clock: datetime.datetime) -> Callable[[str], str]:
    return lambda form: clock.strftime(form)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Write JSON as it is: Jinja's own filter would escape what HTML reserves."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _by_chance(*_: Any, **__: Any) -> NoReturn:
    raise jinja2.TemplateError("it draws at random, so that no prompt would be the same twice")
