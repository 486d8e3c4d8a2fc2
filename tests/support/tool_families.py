"""Chat templates that write tools and calls in the form of well-known families, one for each dialect with marks."""

from chat_families import family_tokenizer

_TURN = "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}"
_ASK = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
_CALL = "{% set f = c.function %}"

QWEN25 = (
    "{% set system = messages[0].content if messages[0].role == 'system' else 'You are helpful.' %}"
    "{{ '<|im_start|>system\n' + system }}{% if tools %}{{ '\n\n# Tools\n<tools>' }}"
    "{% for tool in tools %}{{ '\n' + tool | tojson }}{% endfor %}{{ '\n</tools>' }}{% endif %}{{ '<|im_end|>\n' }}"
    "{% for m in messages %}{% if m.role == 'assistant' and m.tool_calls %}{{ '<|im_start|>assistant' }}"
    "{% if m.content %}{{ '\n' + m.content }}{% endif %}{% for c in m.tool_calls %}" + _CALL + "{{ '\n<tool_call>\n"
    '{"name": "\' + f.name + \'", "arguments": \' + f.arguments | tojson + \'}\n</tool_call>\' }}{% endfor %}'
    "{{ '<|im_end|>\n' }}{% elif not (m.role == 'system' and loop.first) %}" + _TURN + "{% endif %}{% endfor %}" + _ASK
)
QWEN35 = (
    "{% if tools %}{{ '<|im_start|>system\n<tools>' }}{% for tool in tools %}{{ '\n' + tool | tojson }}{% endfor %}"
    "{{ '\n</tools><|im_end|>\n' }}{% endif %}"
    "{% for m in messages %}{% if m.role == 'assistant' and m.tool_calls %}{{ '<|im_start|>assistant\n' }}"
    "{% for c in m.tool_calls %}" + _CALL + "{% if not loop.first %}{{ '\n' }}{% endif %}"
    "{{ '<tool_call>\n<function=' + f.name + '>\n' }}{% for k, v in f.arguments | items %}"
    "{{ '<parameter=' + k + '>\n' }}"
    "{{ v | tojson if v is mapping or (v is sequence and v is not string) else v | string }}"
    "{{ '\n</parameter>\n' }}{% endfor %}{{ '</function>\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\n' }}"
    "{% else %}" + _TURN + "{% endif %}{% endfor %}" + _ASK
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' }}"
    "{% if tools and loop.first %}{{ 'Given these functions:\n' }}{% for tool in tools %}"
    "{{ tool | tojson(indent=4) + '\n\n' }}{% endfor %}{% endif %}"
    "{% if m.tool_calls %}{% for c in m.tool_calls %}" + _CALL + "{% if not loop.first %}{{ '; ' }}{% endif %}"
    "{{ '{\"name\": \"' + f.name + '\", \"parameters\": ' + f.arguments | tojson + '}' }}{% endfor %}"
    "{% else %}{{ m.content }}{% endif %}{{ '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
PHI4 = (
    "{% for m in messages %}{{ '<|' + m.role + '|>' + (m.content or '') }}"
    "{% if m.tool_calls %}{{ '<|tool_call|>' + m.tool_calls | map(attribute='function') | list | tojson"
    " + '<|/tool_call|>' }}{% endif %}"
    "{% if m.role == 'system' and m.tools %}{{ '<|tool|>' + m.tools + '<|/tool|>' }}{% endif %}{{ '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
"""Tools are a text in a field of the system message: without one there is no place for them."""
PHI4_VARIABLE = PHI4.replace("m.tools %}", "tools %}").replace("+ m.tools +", "+ tools | tojson +")
"""The same with the variable that others have."""
MISTRAL = (
    "{{ bos_token }}{% set ns = namespace(last=0) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% if tools and loop.index0 == ns.last %}"
    "{{ '[AVAILABLE_TOOLS]' + tools | tojson + '[/AVAILABLE_TOOLS]' }}{% endif %}{{ '[INST]' + m.content + '[/INST]' }}"
    "{% elif m.tool_calls %}{{ '[TOOL_CALLS][' }}{% for c in m.tool_calls %}"
    + _CALL
    + "{% if not loop.first %}{{ ', ' }}"
    "{% endif %}{{ (f | tojson)[:-1] + ', \"id\": \"' + c.id + '\"}' }}{% endfor %}{{ ']' + eos_token }}"
    "{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}"
)
MISTRAL_NAMED = (
    MISTRAL.partition("{{ '[TOOL_CALLS]['")[0] + "{% for c in m.tool_calls %}" + _CALL + "{{ '[TOOL_CALLS]' + f.name"
    " + '[ARGS]' + f.arguments | tojson }}{% endfor %}{{ eos_token }}{% else %}{{ m.content + eos_token }}{% endif %}"
    "{% endfor %}"
)
GRANITE3 = (
    "{% if tools %}{{ '<|start_of_role|>tools<|end_of_role|>' + tools | tojson(indent=4) + '<|end_of_text|>\n' }}"
    "{% endif %}"
    "{% for m in messages %}{{ '<|start_of_role|>' + m.role + '<|end_of_role|>' }}{% if m.tool_calls %}"
    "{{ '<|tool_call|>' + m.tool_calls | map(attribute='function') | list | tojson }}"
    "{% else %}{{ m.content }}{% endif %}"
    "{{ '<|end_of_text|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_of_role|>assistant<|end_of_role|>' }}{% endif %}"
)
FUNCTIONGEMMA = (
    "{% macro value(v) %}{% if v is string %}{{ '<escape>' + v + '<escape>' }}{% elif v is mapping %}{{ '{' }}"
    "{% for k, x in v | items %}{{ (',' if not loop.first else '') + k + ':' }}{{ value(x) }}{% endfor %}{{ '}' }}"
    "{% elif v is sequence %}{{ '[' }}{% for x in v %}{{ ',' if not loop.first else '' }}{{ value(x) }}{% endfor %}"
    "{{ ']' }}"
    "{% else %}{{ v | tojson }}{% endif %}{% endmacro %}"
    "{{ bos_token }}{% if tools %}{{ '<start_of_turn>developer\n' }}{% for t in tools %}"
    "{{ '<start_function_declaration>declaration:' + t.function.name + value(t.function.parameters) }}"
    "{{ '<end_function_declaration>' }}{% endfor %}{{ '<end_of_turn>\n' }}{% endif %}"
    "{% for m in messages %}{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\n' }}"
    "{% if m.tool_calls %}{% for c in m.tool_calls %}" + _CALL + "{{ '<start_function_call>call:' + f.name }}"
    "{{ value(f.arguments) + '<end_function_call>' }}{% endfor %}{% else %}{{ m.content }}{% endif %}"
    "{{ '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
TOOL_FAMILIES = {
    "tool_call": (QWEN25, "chatml", ("<tool_call>", "</tool_call>"), False),
    "qwen3.5": (QWEN35, "chatml", ("<tool_call>", "</tool_call>"), False),
    "llama3": (LLAMA3, "llama3", ("<|python_tag|>", "<|eom_id|>"), True),
    "phi4": (PHI4, "phi3", ("<|tool|>", "<|/tool|>", "<|tool_call|>", "<|/tool_call|>"), True),
    "mistral": (MISTRAL, "mistral", ("[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_CALLS]"), True),
    "mistral-named": (MISTRAL_NAMED, "mistral", ("[AVAILABLE_TOOLS]", "[TOOL_CALLS]", "[ARGS]"), True),
    "granite3": (GRANITE3, "granite", ("<|tool_call|>",), True),
    "functiongemma": (FUNCTIONGEMMA, "gemma", ("<start_function_call>", "<end_function_call>", "<escape>"), True),
}
"""Template, the family whose control tokens it has, tokens of its calls, and whether these are special."""


def tool_tokenizer(dialect):
    """A byte tokenizer of the family that speaks a dialect, with the tokens of its calls."""
    template, family, tokens, special = TOOL_FAMILIES[dialect]
    made = family_tokenizer(family)
    made.add_tokens([*tokens], special_tokens=special)
    made.chat_template = template
    return made
