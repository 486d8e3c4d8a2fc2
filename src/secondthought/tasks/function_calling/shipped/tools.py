"""The tools of the shipped problems, the wordings of requests for them, and the values that these may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def _tool(name: str, description: str, required: str, **parameters: tuple[str, str]) -> dict[str, Any]:
    """Declare a tool; a parameter is its type and what it says, `array` holds integers."""
    properties: dict[str, Any] = {}
    for key, (kind, says) in parameters.items():
        items = {"items": {"type": "integer"}} if kind == "array" else {}
        properties[key] = {"type": kind, **items, "description": says}
    schema = {"type": "object", "properties": properties, "required": required.split()}
    return {"name": name, "description": description, "parameters": schema}


_DECLARED = (
    _tool(
        "get_weather",
        "Get the weather forecast of a city.",
        "city",
        city=("string", "Name of the city."),
        days=("integer", "Days ahead; 1 if left out."),
    ),
    _tool(
        "convert_currency",
        "Convert an amount of money.",
        "amount source target",
        amount=("number", "The amount."),
        source=("string", "Code of the currency that is given, such as EUR."),
        target=("string", "Code of the currency that is wanted."),
    ),
    _tool(
        "set_alarm",
        "Set an alarm on this device.",
        "time",
        time=("string", "Time of day, HH:MM."),
        label=("string", "What the alarm is called."),
    ),
    _tool(
        "book_table",
        "Book a table in a restaurant.",
        "restaurant guests time",
        restaurant=("string", "Name of the restaurant."),
        guests=("integer", "How many people come."),
        time=("string", "Time of day, HH:MM."),
    ),
    _tool(
        "sort_numbers",
        "Sort a list of numbers.",
        "numbers",
        numbers=("array", "The numbers, in the order given."),
        descending=("boolean", "Whether the largest comes first; false if left out."),
    ),
    _tool(
        "find_trains",
        "Find trains between two cities.",
        "origin destination",
        origin=("string", "City where the trip begins."),
        destination=("string", "City where the trip ends."),
        passengers=("integer", "How many people travel; 1 if left out."),
    ),
    _tool(
        "triangle_area",
        "Compute the area of a triangle.",
        "base height",
        base=("integer", "Length of the base."),
        height=("integer", "Height over the base."),
    ),
    _tool(
        "play_song",
        "Play a song.",
        "title",
        title=("string", "Title of the song."),
        volume=("integer", "Volume in percent."),
    ),
    _tool(
        "translate_word",
        "Translate one word.",
        "word language",
        word=("string", "The word, as it was given."),
        language=("string", "Language to translate into."),
    ),
    _tool(
        "loan_payment",
        "Compute the monthly payment of a loan.",
        "principal rate years",
        principal=("integer", "Amount that is borrowed."),
        rate=("number", "Interest a year in percent."),
        years=("integer", "How many years it takes to pay back."),
    ),
)
TOOLS: Mapping[str, dict[str, Any]] = {tool["name"]: tool for tool in _DECLARED}

REQUESTS: Mapping[str, Sequence[str]] = {
    "get_weather": (
        "What will the weather be like in {city} for the next {days} days?",
        "Give me the forecast for {city}.",
    ),
    "convert_currency": ("How much is {amount} {source} in {target}?", "Convert {amount} {source} to {target}."),
    "set_alarm": ("Wake me up at {time}.", "Set an alarm at {time} and call it {label}."),
    "book_table": (
        "Book a table at {restaurant} for {guests} people at {time}.",
        "We are {guests} and want to eat at {restaurant}; reserve for {time}.",
    ),
    "sort_numbers": ("Sort the numbers {numbers}.", "Put these numbers in ascending order: {numbers}."),
    "find_trains": (
        "Which trains go from {origin} to {destination}?",
        "Find a train from {origin} to {destination} for {passengers} people.",
    ),
    "triangle_area": ("What is the area of a triangle with base {base} and height {height}?",),
    "play_song": ("Play the song {title}.", "Play {title} at {volume} percent volume."),
    "translate_word": ("How do you say {word} in {language}?", "Translate the word {word} into {language}."),
    "loan_payment": (
        "What is the monthly payment for a loan of {principal} at {rate} percent over {years} years?",
        "I borrow {principal} for {years} years at {rate} percent interest. What do I pay each month?",
    ),
}
"""Templates of requests; an argument that a template does not name is left out of the call."""

_CITIES = ("Lisbon", "Oslo", "Nairobi", "Kyoto", "Lima", "Perth", "Riga", "Bergen", "Turin", "Quito", "Ghent", "Pune")
VALUES: Mapping[str, Sequence[Any]] = {
    "city": _CITIES,
    "origin": _CITIES[:6],
    "destination": _CITIES[6:],
    "days": (2, 3, 4, 5, 6, 7, 9, 10),
    "amount": (12.5, 40.25, 99.5, 150.75, 310.4, 18.2),
    "source": ("EUR", "USD", "GBP", "CHF"),
    "target": ("JPY", "SEK", "INR", "BRL"),
    "time": ("06:15", "07:30", "18:45", "19:00", "20:10", "05:50"),
    "label": ("gym", "bread", "train", "call home"),
    "restaurant": ("Blue Door", "Casa Verde", "The Anchor", "Lotus", "Old Mill"),
    "guests": (2, 3, 4, 5, 6, 8),
    "numbers": ([3, 1, 2], [9, 4, 7, 1], [12, 5, 30], [8, 6], [21, 3, 14, 7, 2], [40, 11, 25], [5, 50, 15], [7, 1, 19]),
    "passengers": (2, 3, 4, 5),
    "base": (3, 4, 6, 8, 10, 14, 17),
    "height": (2, 5, 7, 9, 12, 16),
    "title": ("Moonlit Road", "Paper Boats", "Slow River", "Winter Bees", "Northern Line", "Glass Garden"),
    "volume": (20, 35, 50, 65, 80),
    "word": ("bridge", "lantern", "apple", "harbour", "pencil", "cloud", "thread"),
    "language": ("Spanish", "Finnish", "Swahili", "Korean", "Polish"),
    "principal": (8000, 12000, 25000, 90000),
    "rate": (2.5, 3.1, 4.75, 5.2),
    "years": (5, 10, 15, 20),
}
