"""The second try for one person: a question, its check if there is one, and all turns as they come."""
