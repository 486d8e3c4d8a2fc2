"""Numbers of a report are read from run directories here; no markup."""
