"""Who changed what: `acting` says who is at work, `triggers` has the database write it down."""
