"""Flow health: its board, its charts, its budgets, and what they are compared with."""
