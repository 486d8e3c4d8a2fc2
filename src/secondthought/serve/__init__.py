"""The second try served: `thinking` plays it in text, `ask` to one person, `proxy` to any client of a chat server."""
