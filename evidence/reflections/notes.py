"""Writes the rows of `configs/notes-study.toml`: a note in plain words is to be told in JSON that fits a schema.

    python evidence/reflections/notes.py data/notes.jsonl              # as many of each kind
    python evidence/reflections/notes.py data/payments.jsonl payment   # of this kind alone

Four kinds of notes (booking, payment, delivery, shift) with a schema each. What a schema wants is seldom written as the
note has it: dates as 2025-03-07, times by the 24-hour clock, money in cents, one of a few words. All of it stands in
the schema that the model sees.
"""

from __future__ import annotations

import calendar
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROWS = 480
NAMES = (
    "Ana Ruiz",
    "Tom Becker",
    "Mei Lin",
    "Omar Haddad",
    "Ida Novak",
    "Raj Patel",
    "Eva Costa",
    "Leo Brandt",
    "Zoe Martin",
)
THINGS = ["lamp", "chair", "desk", "stool", "mirror", "rug"]
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
DATE = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
TIME = {"type": "string", "pattern": r"^\d{2}:\d{2}$"}
CENTS = {"type": "integer", "description": "in cents"}
COUNT = {"type": "integer"}


def schema_of(**properties: Any) -> dict[str, Any]:
    """Describe an object that has just these properties."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def a_date(draw: random.Random) -> tuple[str, str]:
    """Draw a date: as people write it, and as the schema wants it."""
    month, day, year = draw.randrange(1, 13), draw.randrange(1, 29), draw.randrange(2023, 2027)
    told = draw.choice([f"{day} {calendar.month_name[month]} {year}", f"{calendar.month_name[month]} {day}, {year}"])
    return told, f"{year}-{month:02d}-{day:02d}"


def a_time(draw: random.Random) -> tuple[str, str]:
    """Draw a time: by the 12-hour clock, and by the 24-hour clock."""
    hour, minute = draw.randrange(8, 21), draw.choice([0, 15, 30, 45])
    told = f"{(hour - 1) % 12 + 1}:{minute:02d} {'am' if hour < 12 else 'pm'}"
    return told, f"{hour:02d}:{minute:02d}"


def an_amount(draw: random.Random) -> tuple[str, int]:
    """Draw an amount of money: in dollars, and in cents."""
    cents = draw.randrange(105, 9999)
    return f"${cents / 100:.2f}", cents


def booking(draw: random.Random) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Draw a booking of a table: note, schema and answer."""
    name, guests = draw.choice(NAMES), draw.randrange(2, 10)
    (date, day), (time, clock) = a_date(draw), a_time(draw)
    told, place = draw.choice([("inside", "indoor"), ("outside", "terrace")])
    note = f"{name} would like a table for {NUMBERS[guests]} on {date} at {time}, {told}."
    places = {"enum": ["indoor", "terrace"]}
    schema = schema_of(name={"type": "string"}, guests=COUNT, date=DATE, time=TIME, place=places)
    return note, schema, {"name": name, "guests": guests, "date": day, "time": clock, "place": place}


def payment(draw: random.Random) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Draw a payment: note, schema and answer."""
    name, invoice, late = draw.choice(NAMES), draw.randrange(100, 999), draw.choice([True, False])
    (date, day), (amount, cents) = a_date(draw), an_amount(draw)
    note = f"Invoice {invoice}: {name} paid {amount} on {date}, {'after' if late else 'before'} it was due."
    schema = schema_of(invoice=COUNT, payer={"type": "string"}, amount=CENTS, date=DATE, late={"type": "boolean"})
    return note, schema, {"invoice": invoice, "payer": name, "amount": cents, "date": day, "late": late}


def delivery(draw: random.Random) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Draw a delivery: note, schema and answer."""
    things = draw.sample(THINGS, 2)
    counts = [draw.randrange(2, 10) for _ in things]
    (date, day), (time, clock) = a_date(draw), a_time(draw)
    told = " and ".join(f"{NUMBERS[count]} {thing}s" for count, thing in zip(counts, things, strict=True))
    note = f"{told.capitalize()} arrive on {date}, not before {time}."
    item = schema_of(thing={"enum": THINGS}, count=COUNT)
    schema = schema_of(items={"type": "array", "items": item}, date=DATE, earliest=TIME)
    items = [{"thing": thing, "count": count} for thing, count in zip(things, counts, strict=True)]
    return note, schema, {"items": items, "date": day, "earliest": clock}


def shift(draw: random.Random) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Draw a shift at work: note, schema and answer."""
    name, hours = draw.choice(NAMES), draw.randrange(4, 9)
    (date, day), (time, clock), (amount, cents) = a_date(draw), a_time(draw), an_amount(draw)
    note = f"On {date} {name} works {NUMBERS[hours]} hours from {time} and earns {amount}."
    schema = schema_of(worker={"type": "string"}, date=DATE, start=TIME, minutes=COUNT, pay=CENTS)
    return note, schema, {"worker": name, "date": day, "start": clock, "minutes": 60 * hours, "pay": cents}


KINDS: tuple[Callable[[random.Random], tuple[str, dict[str, Any], dict[str, Any]]], ...] = (
    booking,
    payment,
    delivery,
    shift,
)


def main(out: Path, *names: str) -> None:
    """Write as many rows of each kind that is named, or of all."""
    kinds = [kind for kind in KINDS if not names or kind.__name__ in names]
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            note, schema, answer = kinds[number % len(kinds)](random.Random(number))
            file.write(f"{json.dumps({'question': f'Note: {note}', 'schema': schema, 'answer': answer})}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
