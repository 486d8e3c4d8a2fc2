"""What a report says in numbers, read from run directories; no markup."""
