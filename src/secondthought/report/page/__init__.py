"""The page of a report is HTML: tables, charts, marked texts and the browser of episodes."""
