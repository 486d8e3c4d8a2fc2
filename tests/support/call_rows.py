"""Rows in the shapes of the public sets, made up here."""

WEATHER = {
    "name": "get_weather",
    "description": "Get the weather.",
    "parameters": {
        "city": {"type": "str", "description": "The city."},
        "days": {"type": "int", "description": "Days ahead.", "default": 1},
    },
}
TIME = {"name": "get_time", "description": "Get the time.", "parameters": {"city": {"type": "str", "description": ""}}}
XLAM = {
    "query": "Weather in Oslo for 3 days?",
    "tools": [WEATHER, TIME],
    "answers": [{"name": "get_weather", "arguments": {"city": "Oslo", "days": 3}}],
}
BFCL = {
    "id": "multiple_0",
    "question": [[{"role": "user", "content": "Weather in Oslo, and where is (3, 4.5)?"}]],
    "function": [
        {
            "name": "weather.get",
            "description": "Get the weather.",
            "parameters": {
                "type": "dict",
                "properties": {
                    "city": {"type": "string", "description": "The city."},
                    "days": {"type": "integer", "description": "Days ahead."},
                    "at": {"type": "tuple", "items": {"type": "float"}},
                    "where": {"type": "dict", "properties": {"floor": {"type": "integer"}}},
                    "any": {"type": "any"},
                },
                "required": ["city"],
            },
        }
    ],
    "ground_truth": [
        {
            "weather.get": {
                "city": ["Oslo", "Oslo, Norway"],
                "days": ["", 3],
                "at": [[3.0, 4.5]],
                "where": [{"floor": [2], "room": ["", "B-7"]}],
            }
        }
    ],
}
SEAL_TOOL = {
    "api_name": "getSongs",
    "api_description": "List songs.",
    "field": "Music",
    "parameters": {
        "genre": {"type": "str", "description": "Genre."},
        "limit": {"type": "int", "description": "How many."},
    },
    "required": ["genre"],
    "responses": {},
}
SEAL = {
    "id": "easy-1",
    "query": "List five jazz songs.",
    "calling": [{"api": "getSongs", "parameters": {"genre": "jazz", "limit": 5}, "responses": ["API_call_0"]}],
}
TOOLALPACA = {
    "Name": "Holidays",
    "Function_Description": {
        "isHoliday": "Is it one?\n"
        'Parameters: {"country": "Required. string. The code.", "day": "integer. The day."}\nOutput: x',
        "components": "",
    },
    "Instructions": ["Is today a holiday in Chile?", "And there?", "And?"],
    "Golden_Answers": [
        [{"Action": "isHoliday", "Action_Input": '{"country": "CL"}'}],
        [{"Action": "isHoliday", "Action_Input": '{"country": ${country from search}}'}],
        [{"Action": "getDetails", "Action_Input": "{}"}],
    ],
}
