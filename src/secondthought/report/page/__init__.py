"""The HTML page of a report: tables, charts, marked texts and the browser of episodes."""
